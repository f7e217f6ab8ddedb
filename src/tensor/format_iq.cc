// Decoders of the IQ formats, whose quants index tables: a codebook of eight or four magnitudes
// (grids.h) with signs stored beside it, or 16 levels; and of MXFP4, which has levels as well.
// Scale times quant is exact in float32 for all of them, so the order of the factors does not
// matter.
#include <array>
#include <bit>

#include "tensor/format_decoders.h"
#include "tensor/grids.h"

namespace fathom {
namespace {

// The offset that IQ1_S and IQ1_M add to a codebook value or take from it.
constexpr float kDelta = 0.125F;

int GridByte(uint64_t entry, int i) { return static_cast<int>(entry >> (8 * i) & 255); }

float Level(const std::array<int8_t, 16>& levels, int nibble) {
  return levels[static_cast<std::size_t>(nibble)];
}

float SignOf(uint32_t bits, int i) { return (bits >> i & 1) != 0 ? -1.0F : 1.0F; }

// Eight signs from seven: the eighth makes the number of minus signs even.
uint32_t EvenSigns(uint32_t seven) {
  return seven | static_cast<uint32_t>(std::popcount(seven) & 1) << 7;
}

// `count` values: scale * magnitude, with the signs' bits.
float* WriteSigned(float* to, float scale, uint64_t magnitudes, uint32_t signs, int first,
                   int count) {
  for (int i = 0; i < count; ++i) {
    const auto magnitude = static_cast<float>(GridByte(magnitudes, i));
    *to++ = scale * magnitude * SignOf(signs, first + i);
  }
  return to;
}

}  // namespace

// { half d; 8 groups of { 4 grid indices of 8 bits; 4 times 7 bits of signs, 4 bits of scale } }:
// d * (scale + 1/2) / 4 * magnitude
void DecodeIQ2_XXS(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSuperBlock; ++b, source += 66) {
    const float d = LoadHalf(source);
    for (int g = 0; g < 8; ++g) {
      const std::byte* group = source + 2 + 8 * g;
      const auto packed = Load<uint32_t>(group + 4);
      const float scale = d * (0.5F + static_cast<float>(packed >> 28)) * 0.25F;
      for (int k = 0; k < 4; ++k) {
        const uint64_t grid = kGridIQ2_XXS[Load<uint8_t>(group + k)];
        destination =
            WriteSigned(destination, scale, grid, EvenSigns(packed >> (7 * k) & 127), 0, 8);
      }
    }
  }
}

// { half d; 32 times { 9 bits of grid index, 7 bits of signs }; 16 scales of 4 bits }: as IQ2_XXS,
// but scales cover 16 values.
void DecodeIQ2_XS(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSuperBlock; ++b, source += 74) {
    const float d = LoadHalf(source);
    for (int k = 0; k < 32; ++k) {
      const int packed_scale = LoadByte(source + 66 + k / 4) >> (k / 2 % 2 * 4) & 15;
      const float scale = d * (0.5F + static_cast<float>(packed_scale)) * 0.25F;
      const uint32_t packed = Load<uint16_t>(source + 2 + 2 * k);
      destination =
          WriteSigned(destination, scale, kGridIQ2_XS[packed & 511], EvenSigns(packed >> 9), 0, 8);
    }
  }
}

// { half d; 32 low bytes of grid indices; 32 bytes of signs; 8 bytes of 2 high bits per index; 16
// scales of 4 bits }: as IQ2_XS.
void DecodeIQ2_S(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSuperBlock; ++b, source += 82) {
    const float d = LoadHalf(source);
    for (int k = 0; k < 32; ++k) {
      const int packed_scale = LoadByte(source + 74 + k / 4) >> (k / 2 % 2 * 4) & 15;
      const float scale = d * (0.5F + static_cast<float>(packed_scale)) * 0.25F;
      const int high = LoadByte(source + 66 + k / 4) >> (k % 4 * 2) & 3;
      const auto index = static_cast<std::size_t>(LoadByte(source + 2 + k) | high << 8);
      destination =
          WriteSigned(destination, scale, kGridIQ2_S[index], Load<uint8_t>(source + 34 + k), 0, 8);
    }
  }
}

// { half d; 64 grid indices of 8 bits; 8 times { 4 times 7 bits of signs, 4 bits of scale } }:
// d * (scale + 1/2) / 2 * magnitude; an index has four magnitudes.
void DecodeIQ3_XXS(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSuperBlock; ++b, source += 98) {
    const float d = LoadHalf(source);
    for (int g = 0; g < 8; ++g) {
      const auto packed = Load<uint32_t>(source + 66 + 4 * g);
      const float scale = d * (0.5F + static_cast<float>(packed >> 28)) * 0.5F;
      for (int k = 0; k < 8; ++k) {
        const uint32_t grid = kGridIQ3_XXS[Load<uint8_t>(source + 2 + 8 * g + k)];
        destination = WriteSigned(destination, scale, grid,
                                  EvenSigns(packed >> (7 * (k / 2)) & 127), k % 2 * 4, 4);
      }
    }
  }
}

// { half d; 64 low bytes of grid indices; 8 bytes of a high bit per index; 32 bytes of signs; 8
// scales of 4 bits }: d * (2 * scale + 1) * magnitude
void DecodeIQ3_S(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSuperBlock; ++b, source += 110) {
    const float d = LoadHalf(source);
    for (int g = 0; g < 8; ++g) {
      const int packed_scale = LoadByte(source + 106 + g / 2) >> (g % 2 * 4) & 15;
      const float scale = d * static_cast<float>(1 + 2 * packed_scale);
      for (int k = 0; k < 8; ++k) {
        const int high = LoadByte(source + 66 + g) >> k & 1;
        const auto index = static_cast<std::size_t>(LoadByte(source + 2 + 8 * g + k) | high << 8);
        const uint32_t signs = Load<uint8_t>(source + 74 + 4 * g + k / 2);
        destination = WriteSigned(destination, scale, kGridIQ3_S[index], signs, k % 2 * 4, 4);
      }
    }
  }
}

// { half d; 32 low bytes of grid indices; 8 times { 4 times 3 high bits, 3 bits of scale, a bit for
// the sign of the offset } }: d * (2 * scale + 1) * (value +- 1/8), value in -1, 0, 1
void DecodeIQ1_S(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSuperBlock; ++b, source += 50) {
    const float d = LoadHalf(source);
    for (int g = 0; g < 8; ++g) {
      const int packed = Load<uint16_t>(source + 34 + 2 * g);
      const float scale = d * static_cast<float>(2 * (packed >> 12 & 7) + 1);
      const float delta = (packed & 0x8000) != 0 ? -kDelta : kDelta;
      for (int k = 0; k < 4; ++k) {
        const int high = packed >> (3 * k) & 7;
        const uint64_t grid =
            kGridIQ1[static_cast<std::size_t>(LoadByte(source + 2 + 4 * g + k) | high << 8)];
        for (int i = 0; i < 8; ++i) {
          *destination++ = scale * (static_cast<float>(GridByte(grid, i) - 1) + delta);
        }
      }
    }
  }
}

// { 32 low bytes of grid indices; 32 nibbles of { 3 high bits, the sign of the offset }; 4 times {
// 4 scales of 3 bits, 4 bits of half d, the lowest first } }: as IQ1_S, but scales cover 16 values
// and offsets 8.
void DecodeIQ1_M(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSuperBlock; ++b, source += 56) {
    uint16_t half = 0;
    for (int i = 0; i < 4; ++i) {
      half |= static_cast<uint16_t>(Load<uint16_t>(source + 48 + 2 * i) >> 12 << (4 * i));
    }
    const float d = HalfToFloat(half);
    for (int k = 0; k < 32; ++k) {
      const int packed_scale = Load<uint16_t>(source + 48 + k / 8 * 2) >> (k / 2 % 4 * 3) & 7;
      const float scale = d * static_cast<float>(2 * packed_scale + 1);
      const int high = LoadByte(source + 32 + k / 2) >> (k % 2 * 4) & 15;
      const float delta = (high & 8) != 0 ? -kDelta : kDelta;
      const uint64_t grid =
          kGridIQ1[static_cast<std::size_t>(LoadByte(source + k) | (high & 7) << 8)];
      for (int i = 0; i < 8; ++i) {
        *destination++ = scale * (static_cast<float>(GridByte(grid, i) - 1) + delta);
      }
    }
  }
}

// { half scale; 16 bytes of nibbles }: scale * level
void DecodeIQ4_NL(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSmallBlock; ++b, source += 18) {
    const float scale = LoadHalf(source);
    for (int i = 0; i < kSmallBlock; ++i) {
      *destination++ = scale * Level(kLevelsIQ4, Nibble(source + 2, i));
    }
  }
}

// { half d; 8 high bit pairs of scales; 8 low nibbles of scales; 8 times 16 bytes of nibbles }:
// d * (scale - 32) * level
void DecodeIQ4_XS(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSuperBlock; ++b, source += 136) {
    const float d = LoadHalf(source);
    const int high = Load<uint16_t>(source + 2);
    for (int g = 0; g < 8; ++g) {
      const int low = LoadByte(source + 4 + g / 2) >> (g % 2 * 4) & 15;
      const float scale = d * static_cast<float>((low | (high >> (2 * g) & 3) << 4) - 32);
      for (int i = 0; i < 32; ++i) {
        *destination++ = scale * Level(kLevelsIQ4, Nibble(source + 8 + 16 * g, i));
      }
    }
  }
}

// { an exponent (E8M0: 2^(e - 127)); 16 bytes of nibbles }: half of 2^(e - 127) * doubled level
void DecodeMXFP4(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSmallBlock; ++b, source += 17) {
    // 2^(e - 128): a float with the exponent field e - 1, subnormal for the two smallest.
    const auto e = Load<uint8_t>(source);
    const float scale =
        std::bit_cast<float>(e < 2 ? 0x00200000U << e : static_cast<uint32_t>(e - 1) << 23);
    for (int i = 0; i < kSmallBlock; ++i) {
      *destination++ = scale * Level(kLevelsE2M1, Nibble(source + 1, i));
    }
  }
}

}  // namespace fathom
