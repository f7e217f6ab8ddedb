// Decoders of the formats without super-blocks: plain numbers, and blocks of 32 with half-precision
// scales.
#include "tensor/format_decoders.h"

namespace fathom {

void DecodeF32(const std::byte* source, float* destination, int64_t count) noexcept {
  std::memcpy(destination, source, static_cast<std::size_t>(count) * sizeof(float));
}

void DecodeF16(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t i = 0; i < count; ++i) destination[i] = LoadHalf(source + 2 * i);
}

void DecodeBF16(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t i = 0; i < count; ++i) {
    destination[i] = BFloat16ToFloat(Load<uint16_t>(source + 2 * i));
  }
}

// { half scale; 16 bytes of nibbles }: scale * (q - 8)
void DecodeQ4_0(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSmallBlock; ++b, source += 18) {
    const float scale = LoadHalf(source);
    for (int i = 0; i < kSmallBlock; ++i) {
      *destination++ = scale * static_cast<float>(Nibble(source + 2, i) - 8);
    }
  }
}

// { half scale; half minimum; 16 bytes of nibbles }: scale * q + minimum
void DecodeQ4_1(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSmallBlock; ++b, source += 20) {
    const float scale = LoadHalf(source);
    const float minimum = LoadHalf(source + 2);
    for (int i = 0; i < kSmallBlock; ++i) {
      *destination++ = scale * static_cast<float>(Nibble(source + 4, i)) + minimum;
    }
  }
}

// { half scale; 32 fifth bits; 16 bytes of nibbles }: scale * (q - 16)
void DecodeQ5_0(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSmallBlock; ++b, source += 22) {
    const float scale = LoadHalf(source);
    const auto high = Load<uint32_t>(source + 2);
    for (int i = 0; i < kSmallBlock; ++i) {
      const int quant = Nibble(source + 6, i) | static_cast<int>((high >> i & 1) << 4);
      *destination++ = scale * static_cast<float>(quant - 16);
    }
  }
}

// { half scale; half minimum; 32 fifth bits; 16 bytes of nibbles }: scale * q + minimum
void DecodeQ5_1(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSmallBlock; ++b, source += 24) {
    const float scale = LoadHalf(source);
    const float minimum = LoadHalf(source + 2);
    const auto high = Load<uint32_t>(source + 4);
    for (int i = 0; i < kSmallBlock; ++i) {
      const int quant = Nibble(source + 8, i) | static_cast<int>((high >> i & 1) << 4);
      *destination++ = scale * static_cast<float>(quant) + minimum;
    }
  }
}

// { half scale; 32 int8 }: scale * q
void DecodeQ8_0(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSmallBlock; ++b, source += 34) {
    const float scale = LoadHalf(source);
    for (int i = 0; i < kSmallBlock; ++i) {
      *destination++ = scale * static_cast<float>(Load<int8_t>(source + 2 + i));
    }
  }
}

// A value a byte.
void DecodeF8_E4M3(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t i = 0; i < count; ++i) destination[i] = Float8ToFloat(Load<uint8_t>(source + i));
}

}  // namespace fathom
