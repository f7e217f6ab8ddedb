// F32, F16, BF16 and the small blocks. Their roundings are part of the formats' reference: each
// float32 operation is done once and in this order.
#include <algorithm>
#include <array>

#include "convert/encoders.h"
#include "convert/fit.h"

namespace fathom {
namespace {

using SmallQuants = std::array<uint8_t, kSmallBlock>;

// The first sixteen values in low nibbles, the others in high ones.
void PutNibbles(std::byte* to, const SmallQuants& quants) {
  for (std::size_t i = 0; i < 16; ++i) {
    to[i] = static_cast<std::byte>((quants[i] & 15) | (quants[i + 16] & 15) << 4);
  }
}

void PutFifthBits(std::byte* to, const SmallQuants& quants) {
  uint32_t bits = 0;
  for (std::size_t i = 0; i < kSmallBlock; ++i) bits |= static_cast<uint32_t>(quants[i] >> 4) << i;
  std::memcpy(to, &bits, sizeof bits);
}

uint8_t Truncated(float value, int most) {
  return static_cast<uint8_t>(std::clamp(static_cast<int>(value), 0, most));
}

// Scale and quants of levels -kHalf .. kHalf - 1, each stored kHalf higher.
template <int kHalf>
float EncodeSymmetric(const float* values, const float* importance, SmallQuants& quants) {
  constexpr int kMost = 2 * kHalf - 1;
  if (importance != nullptr) {
    using Levels = IntegerLevels<-kHalf, kHalf - 1>;
    const float scale = NearestHalf(FitScale<Levels>(values, importance, kSmallBlock));
    const float inverse = InverseOrZero(scale);
    for (std::size_t i = 0; i < kSmallBlock; ++i) {
      quants[i] = static_cast<uint8_t>(Levels::Quant(inverse * values[i]));
    }
    return scale;
  }
  float extreme = 0;
  for (int i = 0; i < kSmallBlock; ++i) {
    if (std::fabs(values[i]) > std::fabs(extreme)) extreme = values[i];
  }
  const float scale = extreme / static_cast<float>(-kHalf);
  const float inverse = InverseOrZero(scale);
  for (std::size_t i = 0; i < kSmallBlock; ++i) {
    quants[i] = Truncated(values[i] * inverse + (static_cast<float>(kHalf) + 0.5F), kMost);
  }
  return scale;
}

// Scale, lowest value and quants 0 .. kMost.
template <int kMost>
ScaleAndOffset EncodeOffset(const float* values, const float* importance, SmallQuants& quants) {
  if (importance != nullptr) {
    ScaleAndOffset fit = FitScaleAndOffset(values, importance, kSmallBlock, kMost, false);
    fit = {NearestHalf(fit.scale), NearestHalf(fit.minimum)};
    const float inverse = InverseOrZero(fit.scale);
    for (std::size_t i = 0; i < kSmallBlock; ++i) {
      quants[i] = static_cast<uint8_t>(OffsetQuant(inverse * (values[i] + fit.minimum), kMost));
    }
    return fit;
  }
  const auto [low, high] = std::minmax_element(values, values + kSmallBlock);
  const float scale = (*high - *low) / static_cast<float>(kMost);
  const float inverse = InverseOrZero(scale);
  for (std::size_t i = 0; i < kSmallBlock; ++i) {
    quants[i] = Truncated((values[i] - *low) * inverse + 0.5F, kMost);
  }
  return {scale, -*low};
}

// The scale with the least error. Values that were quantised before lie on a grid, which some
// scales meet much better than others.
float BestByteScale(const float* values, const float* weights, float most) {
  constexpr float kMostLevel = 127.0F, kLeastLevel = 104.0F, kStep = 0.5F;
  double least = -1;
  float best = 0;
  for (float level = kMostLevel; level >= kLeastLevel; level -= kStep) {
    const float scale = NearestHalf(most / level);
    const double error = ErrorUnder<IntegerLevels<-127, 127>>(scale, values, weights, kSmallBlock);
    if (least < 0 || error < least) {
      least = error;
      best = scale;
    }
  }
  return best;
}

}  // namespace

void EncodeF32(const float* values, const float*, std::byte* blocks, int64_t count) noexcept {
  std::memcpy(blocks, values, static_cast<std::size_t>(count) * sizeof(float));
}

void EncodeF16(const float* values, const float*, std::byte* blocks, int64_t count) noexcept {
  for (int64_t i = 0; i < count; ++i) PutHalf(blocks + 2 * i, FloatToHalf(values[i]));
}

void EncodeBF16(const float* values, const float*, std::byte* blocks, int64_t count) noexcept {
  for (int64_t i = 0; i < count; ++i) PutHalf(blocks + 2 * i, FloatToBFloat16(values[i]));
}

void EncodeQ4_0(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept {
  SmallQuants quants;
  for (int64_t at = 0; at < count; at += kSmallBlock, blocks += 18) {
    const float* weights = importance == nullptr ? nullptr : importance + at;
    PutNearestHalf(blocks, EncodeSymmetric<8>(values + at, weights, quants));
    PutNibbles(blocks + 2, quants);
  }
}

void EncodeQ5_0(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept {
  SmallQuants quants;
  for (int64_t at = 0; at < count; at += kSmallBlock, blocks += 22) {
    const float* weights = importance == nullptr ? nullptr : importance + at;
    PutNearestHalf(blocks, EncodeSymmetric<16>(values + at, weights, quants));
    PutFifthBits(blocks + 2, quants);
    PutNibbles(blocks + 6, quants);
  }
}

void EncodeQ4_1(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept {
  SmallQuants quants;
  for (int64_t at = 0; at < count; at += kSmallBlock, blocks += 20) {
    const float* weights = importance == nullptr ? nullptr : importance + at;
    const ScaleAndOffset fit = EncodeOffset<15>(values + at, weights, quants);
    PutNearestHalf(blocks, fit.scale);
    PutNearestHalf(blocks + 2, -fit.minimum);
    PutNibbles(blocks + 4, quants);
  }
}

void EncodeQ5_1(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept {
  SmallQuants quants;
  for (int64_t at = 0; at < count; at += kSmallBlock, blocks += 24) {
    const float* weights = importance == nullptr ? nullptr : importance + at;
    const ScaleAndOffset fit = EncodeOffset<31>(values + at, weights, quants);
    PutNearestHalf(blocks, fit.scale);
    PutNearestHalf(blocks + 2, -fit.minimum);
    PutFifthBits(blocks + 4, quants);
    PutNibbles(blocks + 8, quants);
  }
}

void EncodeQ8_0(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept {
  using Levels = IntegerLevels<-127, 127>;
  for (int64_t at = 0; at < count; at += kSmallBlock, blocks += 34) {
    float most = 0;
    for (int i = 0; i < kSmallBlock; ++i) most = std::max(most, std::fabs(values[at + i]));
    if (importance != nullptr) {
      const float scale = BestByteScale(values + at, importance + at, most);
      const float inverse = InverseOrZero(PutNearestHalf(blocks, scale));
      for (int i = 0; i < kSmallBlock; ++i) {
        blocks[2 + i] = static_cast<std::byte>(Levels::Quant(inverse * values[at + i]) - 127);
      }
      continue;
    }
    const float scale = most / 127.0F;
    const float inverse = InverseOrZero(scale);
    PutNearestHalf(blocks, scale);
    for (int i = 0; i < kSmallBlock; ++i) {
      blocks[2 + i] =
          static_cast<std::byte>(static_cast<int>(std::round(values[at + i] * inverse)));
    }
  }
}

}  // namespace fathom
