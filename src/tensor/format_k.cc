// Decoders of the K formats and of the ternary ones: super-blocks of 256 values whose groups have
// small integer scales of their own.
#include "tensor/format_decoders.h"

namespace fathom {
namespace {

constexpr int kScaleBytes =
    12;  // packed 6-bit scales of Q3_K, and scales and minimums of Q4_K, Q5_K

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

// Bit pair of value `i` of group `g` of 32: each 32 bytes hold four groups, the first in the lowest
// pairs.
int GroupPair(const std::byte* quants, int g, int i) {
  return LoadByte(quants + g / 4 * 32 + i) >> (g % 4 * 2) & 3;
}

// Number `j` of the sixteen 6-bit scales in 12 bytes, each stored 32 off: the low four bits of
// 0..7 are the low nibbles of bytes 0-7, those of 8..15 the high nibbles; the high two bits of 4k..
// 4k + 3 are pair k of bytes 8-11.
int UnpackScaleQ3(const std::byte* packed, int j) {
  const int low = LoadByte(packed + j % 8) >> (j / 8 * 4) & 15;
  const int high = LoadByte(packed + 8 + j % 4) >> (j / 4 * 2) & 3;
  return (low | high << 4) - 32;
}

}  // namespace

// { 16 bytes of scales (low nibbles) and minimums (high nibbles); 64 bytes of bit pairs; half d;
// half dmin }: (d * scale) * q - (dmin * minimum). Scales cover 16 values.
void DecodeQ2_K(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSuperBlock; ++b, source += 84) {
    const float d = LoadHalf(source + 80);
    const float dmin = LoadHalf(source + 82);
    for (int g = 0; g < 8; ++g) {
      for (int i = 0; i < 32; ++i) {
        const int packed = LoadByte(source + g * 2 + i / 16);
        const float scale = d * static_cast<float>(packed & 15);
        const float minimum = dmin * static_cast<float>(packed >> 4);
        *destination++ = scale * static_cast<float>(GroupPair(source + 16, g, i)) - minimum;
      }
    }
  }
}

// { 32 bytes of third bits; 64 bytes of bit pairs; 12 bytes of scales; half d }:
// (d * scale) * (q - 4). Bit g of byte i of the third bits belongs to value i of group g; scales
// cover 16 values.
void DecodeQ3_K(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSuperBlock; ++b, source += 110) {
    const float d = LoadHalf(source + 108);
    for (int g = 0; g < 8; ++g) {
      for (int i = 0; i < 32; ++i) {
        const float scale = d * static_cast<float>(UnpackScaleQ3(source + 96, g * 2 + i / 16));
        const int quant = GroupPair(source + 32, g, i) | (LoadByte(source + i) >> g & 1) << 2;
        *destination++ = scale * static_cast<float>(quant - 4);
      }
    }
  }
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

// { 48 bytes of five base-3 digits each; 4 bytes of four digits; half d }: d * (digit - 1). A byte
// is the digits' fraction of 243 (3^5) scaled to 256: times 3, what reaches 256 is the first digit,
// and the rest, modulo 256, holds the others. Digit n of bytes 0-31 is a value of group n of 32,
// digit n of bytes 32-47 one of the five groups of 16 after them, digit n of the last four bytes
// one of the four groups of 4.
void DecodeTQ1_0(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSuperBlock; ++b, source += 54) {
    const float d = LoadHalf(source + 52);
    const auto decode = [&](int first, int bytes, int digits) {
      for (int n = 0; n < digits; ++n) {
        for (int i = 0; i < bytes; ++i) {
          int rest = LoadByte(source + first + i);
          for (int skip = 0; skip < n; ++skip) rest = rest * 3 & 255;
          *destination++ = d * static_cast<float>((rest * 3 >> 8) - 1);
        }
      }
    };
    decode(0, 32, 5);
    decode(32, 16, 5);
    decode(48, 4, 4);
  }
}

// { 64 bytes of bit pairs; half d }: d * (q - 1).
void DecodeTQ2_0(const std::byte* source, float* destination, int64_t count) noexcept {
  for (int64_t b = 0; b < count / kSuperBlock; ++b, source += 66) {
    const float d = LoadHalf(source + 64);
    for (int g = 0; g < 8; ++g) {
      for (int i = 0; i < 32; ++i) {
        *destination++ = d * static_cast<float>(GroupPair(source, g, i) - 1);
      }
    }
  }
}

}  // namespace fathom
