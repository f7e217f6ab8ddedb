// The encoders behind quantizer.h, one translation unit per family, and what they share. Nothing
// outside this room includes this.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tensor/format.h"

namespace fathom {

inline constexpr int kSmallBlock = 32;
inline constexpr int kSuperBlock = 256;

inline void PutHalf(std::byte* to, uint16_t half) { std::memcpy(to, &half, sizeof half); }
// Writes the half nearest to the value and returns what it is.
inline float PutNearestHalf(std::byte* to, float value) {
  const uint16_t half = FloatToHalf(value);
  PutHalf(to, half);
  return HalfToFloat(half);
}
inline float NearestHalf(float value) { return HalfToFloat(FloatToHalf(value)); }

// The nearest integer of a value below 2^22, ties to even, without a call: adding 1.5 * 2^23 leaves
// no bits for a fraction.
inline int NearestInteger(float value) {
  constexpr float kShift = 12582912.0F;
  const float shifted = value + kShift;
  int32_t bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  return (bits & 0x007fffff) - 0x00400000;
}

// The byte with further bits set.
inline std::byte Or(std::byte byte, int bits) { return byte | static_cast<std::byte>(bits); }

inline float InverseOrZero(float value) {
  const float inverse = 1.0F / value;
  return value == 0.0F || !std::isfinite(inverse) ? 0.0F : inverse;
}

// encode_plain.cc
void EncodeF32(const float* values, const float* importance, std::byte* blocks,
               int64_t count) noexcept;
void EncodeF16(const float* values, const float* importance, std::byte* blocks,
               int64_t count) noexcept;
void EncodeBF16(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept;
void EncodeQ4_0(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept;
void EncodeQ4_1(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept;
void EncodeQ5_0(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept;
void EncodeQ5_1(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept;
void EncodeQ8_0(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept;

// encode_scaled.cc: a scale per group
void EncodeQ3_K(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept;
void EncodeQ6_K(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept;
void EncodeIQ4_NL(const float* values, const float* importance, std::byte* blocks,
                  int64_t count) noexcept;
void EncodeIQ4_XS(const float* values, const float* importance, std::byte* blocks,
                  int64_t count) noexcept;

// encode_offset.cc: a scale and a minimum per group
void EncodeQ2_K(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept;
void EncodeQ4_K(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept;
void EncodeQ5_K(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept;

}  // namespace fathom
