// Formats whose groups have a scale and no minimum: Q3_K, Q6_K, IQ4_NL and IQ4_XS. In a super-block
// the groups' scales are small integers under one half, d; their layouts are in tensor/format_k.cc
// and tensor/format_iq.cc.
#include <algorithm>
#include <array>

#include "convert/encoders.h"
#include "convert/fit.h"

namespace fathom {
namespace {

using Quants = std::array<uint8_t, kSuperBlock>;

// A super-block of kGroups groups with integer scales from kLeastScale to kMostScale.
template <class Levels, int kGroups, int kLeastScale, int kMostScale>
class ScaledBlock {
 public:
  static constexpr int kGroupSize = kSuperBlock / kGroups;

  float d() const { return d_; }
  int scale(int group) const { return scales_[static_cast<std::size_t>(group)]; }
  const Quants& quants() const { return quants_; }

  // False when all values are 0.
  bool Fit(const float* values, const float* weights) {
    float extreme = 0;
    for (int g = 0; g < kGroups; ++g) {
      const float scale =
          FitScale<Levels>(values + g * kGroupSize, weights + g * kGroupSize, kGroupSize);
      wanted_[static_cast<std::size_t>(g)] = scale;
      if (std::fabs(scale) > std::fabs(extreme)) extreme = scale;
    }
    if (InverseOrZero(NearestHalf(extreme / kLeastScale)) == 0.0F) return false;
    double best = -1;
    float candidate = extreme / kLeastScale;
    // The integers under a d, the best d for these integers and quants, and once more.
    constexpr int kRounds = 3;
    for (int round = 0; round < kRounds; ++round) {
      const float d = NearestHalf(candidate);
      if (InverseOrZero(d) == 0.0F) break;
      Scales scales;
      const double error = ChooseScales(d, values, weights, scales);
      if (best >= 0 && error >= best) break;
      best = error;
      d_ = d;
      scales_ = scales;
      candidate = BestD(values, weights);
    }
    Round(values);
    return true;
  }

 private:
  using Scales = std::array<int, kGroups>;

  double ChooseScales(float d, const float* values, const float* weights, Scales& scales) const {
    double total = 0;
    for (int g = 0; g < kGroups; ++g) {
      const auto index = static_cast<std::size_t>(g);
      const int middle = std::clamp(NearestInteger(std::clamp(wanted_[index] / d, -256.0F, 256.0F)),
                                    kLeastScale, kMostScale);
      double best = -1;
      for (int scale = std::max(middle - 1, kLeastScale); scale <= std::min(middle + 1, kMostScale);
           ++scale) {
        const double error =
            ErrorUnder<Levels>(d * static_cast<float>(scale), values + g * kGroupSize,
                               weights + g * kGroupSize, kGroupSize);
        if (best < 0 || error < best) {
          best = error;
          scales[index] = scale;
        }
      }
      total += best;
    }
    return total;
  }

  // The d of least squares for the scales and the quants they give.
  float BestD(const float* values, const float* weights) const {
    double product = 0, square = 0;
    for (int g = 0; g < kGroups; ++g) {
      const auto scale = static_cast<float>(scales_[static_cast<std::size_t>(g)]);
      const ScaleSums sums = SumsUnder<Levels>(InverseOrZero(d_ * scale), values + g * kGroupSize,
                                               weights + g * kGroupSize, kGroupSize);
      product += static_cast<double>(scale) * sums.product;
      square += static_cast<double>(scale) * static_cast<double>(scale) * sums.square;
    }
    return square > 0 ? static_cast<float>(product / square) : d_;
  }

  void Round(const float* values) {
    for (int i = 0; i < kSuperBlock; ++i) {
      const float inverse =
          InverseOrZero(d_ * static_cast<float>(scales_[static_cast<std::size_t>(i / kGroupSize)]));
      quants_[static_cast<std::size_t>(i)] =
          static_cast<uint8_t>(Levels::Quant(inverse * values[i]));
    }
  }

  std::array<float, kGroups> wanted_{};
  float d_ = 0;
  Scales scales_{};
  Quants quants_{};
};

}  // namespace

// { 32 bytes of third bits; 64 bytes of bit pairs; 12 bytes of scales; half d }
void EncodeQ3_K(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept {
  ScaledBlock<IntegerLevels<-4, 3>, 16, -32, 31> block;
  for (int64_t at = 0; at < count; at += kSuperBlock, blocks += 110) {
    const float* weights = OnesIfNull(importance == nullptr ? nullptr : importance + at);
    std::memset(blocks, 0, 110);
    if (!block.Fit(values + at, weights)) continue;
    PutHalf(blocks + 108, FloatToHalf(block.d()));
    for (int i = 0; i < kSuperBlock; ++i) {
      const int quant = block.quants()[static_cast<std::size_t>(i)];
      const int g = i / 32, k = i % 32;
      std::byte& high = blocks[k];
      high = Or(high, quant >> 2 << g);
      std::byte& low = blocks[32 + g / 4 * 32 + k];
      low = Or(low, (quant & 3) << (g % 4 * 2));
    }
    std::byte* packed = blocks + 96;
    for (int j = 0; j < 16; ++j) {
      const int scale = block.scale(j) + 32;
      packed[j % 8] = Or(packed[j % 8], (scale & 15) << (j / 8 * 4));
      packed[8 + j % 4] = Or(packed[8 + j % 4], scale >> 4 << (j / 4 * 2));
    }
  }
}

// { 128 bytes of low nibbles; 64 bytes of high bit pairs; 16 int8 scales; half d }
void EncodeQ6_K(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept {
  ScaledBlock<IntegerLevels<-32, 31>, 16, -128, 127> block;
  for (int64_t at = 0; at < count; at += kSuperBlock, blocks += 210) {
    const float* weights = OnesIfNull(importance == nullptr ? nullptr : importance + at);
    std::memset(blocks, 0, 210);
    if (!block.Fit(values + at, weights)) continue;
    PutHalf(blocks + 208, FloatToHalf(block.d()));
    for (int i = 0; i < kSuperBlock; ++i) {
      const int quant = block.quants()[static_cast<std::size_t>(i)];
      const int half = i / 128, k = i / 32 % 4, l = i % 32;
      std::byte& low = blocks[half * 64 + k % 2 * 32 + l];
      low = Or(low, (quant & 15) << (k / 2 * 4));
      std::byte& high = blocks[128 + half * 32 + l];
      high = Or(high, quant >> 4 << (k * 2));
    }
    for (int j = 0; j < 16; ++j) blocks[192 + j] = static_cast<std::byte>(block.scale(j));
  }
}

// { half scale; 16 bytes of nibbles }
void EncodeIQ4_NL(const float* values, const float* importance, std::byte* blocks,
                  int64_t count) noexcept {
  for (int64_t at = 0; at < count; at += kSmallBlock, blocks += 18) {
    const float* weights = OnesIfNull(importance == nullptr ? nullptr : importance + at);
    float scale = FitScale<Iq4Levels>(values + at, weights, kSmallBlock);
    // Quants under the scale found may be better than those it was found with.
    const ScaleSums sums =
        SumsUnder<Iq4Levels>(InverseOrZero(scale), values + at, weights, kSmallBlock);
    if (sums.square > 0) scale = static_cast<float>(sums.product / sums.square);
    const float inverse = InverseOrZero(PutNearestHalf(blocks, scale));
    for (int i = 0; i < 16; ++i) {
      const int low = Iq4Levels::Quant(inverse * values[at + i]);
      const int high = Iq4Levels::Quant(inverse * values[at + i + 16]);
      blocks[2 + i] = static_cast<std::byte>(low | high << 4);
    }
  }
}

// { half d; uint16 of high scale bits, two a group; 4 bytes of low scale nibbles; 128 bytes of
// nibbles }: as IQ4_NL, in groups of 32 with scales from -32
void EncodeIQ4_XS(const float* values, const float* importance, std::byte* blocks,
                  int64_t count) noexcept {
  ScaledBlock<Iq4Levels, 8, -32, 31> block;
  for (int64_t at = 0; at < count; at += kSuperBlock, blocks += 136) {
    const float* weights = OnesIfNull(importance == nullptr ? nullptr : importance + at);
    std::memset(blocks, 0, 136);
    if (!block.Fit(values + at, weights)) continue;
    PutHalf(blocks, FloatToHalf(block.d()));
    uint16_t high_bits = 0;
    for (int g = 0; g < 8; ++g) {
      const int scale = block.scale(g) + 32;
      high_bits = static_cast<uint16_t>(high_bits | scale >> 4 << (2 * g));
      blocks[4 + g / 2] = Or(blocks[4 + g / 2], (scale & 15) << (g % 2 * 4));
      for (int i = 0; i < 32; ++i) {
        const int quant = block.quants()[static_cast<std::size_t>(g * 32 + i)];
        std::byte& byte = blocks[8 + g * 16 + i % 16];
        byte = Or(byte, quant << (i / 16 * 4));
      }
    }
    PutHalf(blocks + 2, high_bits);
  }
}

}  // namespace fathom
