// The decoders behind the rows of format.cc, one translation unit per family, and what they share.
// Every decoder does the float32 operations of the format's definition in its order (scale times
// quant, then plus or minus the offset, each rounded), so its result is the reference for kernels
// and converters, bit for bit. Speed is not its business. Nothing outside this room includes this.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tensor/format.h"

namespace fathom {

static_assert(std::endian::native == std::endian::little,
              "blocks are read in place, and GGUF fields are little-endian");

inline constexpr int kSmallBlock = 32;   // values in a block of Q4_0 .. Q8_0, IQ4_NL, MXFP4
inline constexpr int kSuperBlock = 256;  // values in a block of the other block formats

template <class T>
T Load(const std::byte* source) {
  T value;
  std::memcpy(&value, source, sizeof(T));
  return value;
}

inline float LoadHalf(const std::byte* source) { return HalfToFloat(Load<uint16_t>(source)); }

inline int LoadByte(const std::byte* source) { return std::to_integer<int>(*source); }

// Quant number `i` of 32 four-bit ones: the first 16 are low nibbles, the others high ones.
inline int Nibble(const std::byte* quants, int i) {
  return i < 16 ? LoadByte(quants + i) & 15 : LoadByte(quants + i - 16) >> 4;
}

// format_plain.cc
void DecodeF32(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeF16(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeBF16(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeQ4_0(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeQ4_1(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeQ5_0(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeQ5_1(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeQ8_0(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeF8_E4M3(const std::byte* source, float* destination, int64_t count) noexcept;

// format_k.cc
void DecodeQ2_K(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeQ3_K(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeQ4_K(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeQ5_K(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeQ6_K(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeTQ1_0(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeTQ2_0(const std::byte* source, float* destination, int64_t count) noexcept;

// format_iq.cc
void DecodeIQ1_S(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeIQ1_M(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeIQ2_XXS(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeIQ2_XS(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeIQ2_S(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeIQ3_XXS(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeIQ3_S(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeIQ4_NL(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeIQ4_XS(const std::byte* source, float* destination, int64_t count) noexcept;
void DecodeMXFP4(const std::byte* source, float* destination, int64_t count) noexcept;

}  // namespace fathom
