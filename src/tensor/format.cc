// The table of storage formats and their plain decoders. Every decoder does the float32 operations
// of the format's definition in its order (scale times quant, then plus or minus the offset, each
// rounded), so its result is the reference for kernels and converters, bit for bit. Speed is not
// its business.
#include "tensor/format.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/check.h"

namespace fathom {
namespace {

static_assert(std::endian::native == std::endian::little,
              "blocks are read in place, and GGUF fields are little-endian");

constexpr int kSmallBlock = 32;   // values in a block of Q4_0, Q4_1, Q5_0, Q5_1, Q8_0
constexpr int kSuperBlock = 256;  // values in a block of the K formats
constexpr int kScaleBytes = 12;   // packed 6-bit scales and minimums of Q4_K and Q5_K

template <class T>
T Load(const std::byte* source) {
  T value;
  std::memcpy(&value, source, sizeof(T));
  return value;
}

float LoadHalf(const std::byte* source) { return HalfToFloat(Load<uint16_t>(source)); }

int LoadByte(const std::byte* source) { return std::to_integer<int>(*source); }

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

// Quant number `i` of 32 four-bit ones: the first 16 are low nibbles, the others high ones.
int Nibble(const std::byte* quants, int i) {
  return i < 16 ? LoadByte(quants + i) & 15 : LoadByte(quants + i - 16) >> 4;
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

struct ScaleAndMinimum {
  int scale;
  int minimum;
};

// Number `i` of the eight 6-bit pairs in 12 bytes. The first four scales are the low six bits of
// bytes 0-3, the first four minimums those of bytes 4-7. The other pairs have their low four bits
// in the nibbles of bytes 8-11 and their high two bits atop bytes 0-3 and 4-7.
ScaleAndMinimum UnpackScale(const std::byte* packed, int i) {
  if (i < 4) return {LoadByte(packed + i) & 63, LoadByte(packed + i + 4) & 63};
  const int low = LoadByte(packed + i + 4);
  return {(low & 15) | (LoadByte(packed + i - 4) >> 6 << 4),
          (low >> 4) | (LoadByte(packed + i) >> 6 << 4)};
}

// Group `g` of 32 four-bit quants in a super-block: 32 bytes hold an even group in their low
// nibbles and the next odd one in their high nibbles.
int GroupNibble(const std::byte* quants, int g, int i) {
  return LoadByte(quants + g / 2 * 32 + i) >> (g % 2 * 4) & 15;
}

// { half d; half dmin; 12 bytes of scales; 128 bytes of nibbles }: (d * scale) * q - (dmin *
// minimum)
void DecodeQ4_K(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSuperBlock; ++b, source += 144) {
    const float d = LoadHalf(source);
    const float dmin = LoadHalf(source + 2);
    for (int g = 0; g < 8; ++g) {
      const ScaleAndMinimum pair = UnpackScale(source + 4, g);
      const float scale = d * static_cast<float>(pair.scale);
      const float minimum = dmin * static_cast<float>(pair.minimum);
      for (int i = 0; i < 32; ++i) {
        const int quant = GroupNibble(source + 4 + kScaleBytes, g, i);
        *destination++ = scale * static_cast<float>(quant) - minimum;
      }
    }
  }
}

// As Q4_K with 32 bytes of fifth bits before the nibbles: bit g of byte i belongs to value i of
// group g.
void DecodeQ5_K(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSuperBlock; ++b, source += 176) {
    const float d = LoadHalf(source);
    const float dmin = LoadHalf(source + 2);
    const std::byte* high = source + 4 + kScaleBytes;
    const std::byte* low = high + 32;
    for (int g = 0; g < 8; ++g) {
      const ScaleAndMinimum pair = UnpackScale(source + 4, g);
      const float scale = d * static_cast<float>(pair.scale);
      const float minimum = dmin * static_cast<float>(pair.minimum);
      for (int i = 0; i < 32; ++i) {
        const int quant = GroupNibble(low, g, i) | (LoadByte(high + i) >> g & 1) << 4;
        *destination++ = scale * static_cast<float>(quant) - minimum;
      }
    }
  }
}

// { 128 bytes of low nibbles; 64 bytes of high bit pairs; 16 int8 scales; half d }:
// (d * scale) * (q - 32). Each half of the block has four groups of 32; groups k and k + 2 share 32
// bytes of nibbles, and bit pair k of byte i belongs to value i of group k. Scales cover 16 values.
void DecodeQ6_K(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSuperBlock; ++b, source += 210) {
    const float d = LoadHalf(source + 208);
    for (int g = 0; g < 8; ++g) {
      const int half = g / 4;
      const int k = g % 4;
      const std::byte* low = source + half * 64 + k % 2 * 32;
      const std::byte* high = source + 128 + half * 32;
      for (int i = 0; i < 32; ++i) {
        const float scale = d * static_cast<float>(Load<int8_t>(source + 192 + g * 2 + i / 16));
        const int quant =
            (LoadByte(low + i) >> (k / 2 * 4) & 15) | (LoadByte(high + i) >> (k * 2) & 3) << 4;
        *destination++ = scale * static_cast<float>(quant - 32);
      }
    }
  }
}

constexpr std::array<FormatRow, kFormatCount> kRows = {{
    {Format::kF32, "F32", 0, 1, 4, DecodeF32},
    {Format::kF16, "F16", 1, 1, 2, DecodeF16},
    {Format::kBF16, "BF16", 30, 1, 2, DecodeBF16},
    {Format::kQ4_0, "Q4_0", 2, kSmallBlock, 18, DecodeQ4_0},
    {Format::kQ4_1, "Q4_1", 3, kSmallBlock, 20, DecodeQ4_1},
    {Format::kQ5_0, "Q5_0", 6, kSmallBlock, 22, DecodeQ5_0},
    {Format::kQ5_1, "Q5_1", 7, kSmallBlock, 24, DecodeQ5_1},
    {Format::kQ8_0, "Q8_0", 8, kSmallBlock, 34, DecodeQ8_0},
    {Format::kQ4_K, "Q4_K", 12, kSuperBlock, 144, DecodeQ4_K},
    {Format::kQ5_K, "Q5_K", 13, kSuperBlock, 176, DecodeQ5_K},
    {Format::kQ6_K, "Q6_K", 14, kSuperBlock, 210, DecodeQ6_K},
}};

constexpr bool RowsAreInEnumOrder() {
  for (int i = 0; i < kFormatCount; ++i) {
    if (kRows[i].format != static_cast<Format>(i)) return false;
  }
  return true;
}
static_assert(RowsAreInEnumOrder());

// Every type number GGUF has assigned, those since withdrawn (4, 5, 31-33, 36-38) included.
constexpr std::array<std::string_view, 42> kGgufTypeNames = {
    "F32",   "F16",        "Q4_0",       "Q4_1",       "Q4_2",     "Q4_3",     "Q5_0",
    "Q5_1",  "Q8_0",       "Q8_1",       "Q2_K",       "Q3_K",     "Q4_K",     "Q5_K",
    "Q6_K",  "Q8_K",       "IQ2_XXS",    "IQ2_XS",     "IQ3_XXS",  "IQ1_S",    "IQ4_NL",
    "IQ3_S", "IQ2_S",      "IQ4_XS",     "I8",         "I16",      "I32",      "I64",
    "F64",   "IQ1_M",      "BF16",       "Q4_0_4_4",   "Q4_0_4_8", "Q4_0_8_8", "TQ1_0",
    "TQ2_0", "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4",    "NVFP4",    "Q1_0",
};

}  // namespace

const FormatRow& RowOf(Format format) {
  const auto index = static_cast<std::size_t>(format);
  DCHECK(index < kRows.size());
  return kRows[index];
}

std::optional<Format> FormatFromGguf(uint32_t gguf_type) {
  for (const FormatRow& row : kRows) {
    if (row.gguf_type == gguf_type) return row.format;
  }
  return std::nullopt;
}

std::string_view GgufTypeName(uint32_t gguf_type) {
  return gguf_type < kGgufTypeNames.size() ? kGgufTypeNames[gguf_type] : "unknown";
}

float HalfToFloat(uint16_t half) {
  // A half's exponent and fraction, moved into float32 position, read as the value times 2^-112
  // (the difference of the biases, 127 - 15); the product with 2^112 is exact, subnormals included.
  const uint32_t magnitude = half & 0x7fffU;
  const uint32_t sign = (half & 0x8000U) << 16;
  if (magnitude >= 0x7c00U) {  // infinity and NaN keep an all-ones exponent
    return std::bit_cast<float>(sign | 0x7f800000U | (magnitude & 0x3ffU) << 13);
  }
  const float value = std::bit_cast<float>(magnitude << 13) * 0x1p112F;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(value));
}

float BFloat16ToFloat(uint16_t value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16);
}

uint16_t FloatToHalf(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000U);
  const uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) {  // NaN: the top of its payload, made quiet
    return static_cast<uint16_t>(sign | 0x7e00U | (magnitude >> 13 & 0x3ffU));
  }
  if (magnitude >= 0x47800000U) return sign | 0x7c00U;  // 2^16 and more
  if (magnitude < 0x38800000U) {
    // Below 2^-14 a half is a multiple of 2^-24. Adding 2^-1 makes that the unit in the last place
    // of the sum, so the addition itself rounds to nearest even.
    const float sum = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(sum) - 0x3f000000U));
  }
  // Rebias by 127 - 15 and round the 13 bits that go to nearest even; a carry may reach infinity.
  const uint32_t odd = magnitude >> 13 & 1;
  return static_cast<uint16_t>(sign | ((magnitude - (112U << 23) + 0xfffU + odd) >> 13));
}

}  // namespace fathom
