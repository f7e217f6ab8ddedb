// Formats whose groups have a scale and a minimum: Q2_K, Q4_K and Q5_K. Both are small integers,
// the scales under the half d and the minimums under the half dmin; layouts are in
// tensor/format_k.cc.
#include <algorithm>
#include <array>

#include "convert/encoders.h"
#include "convert/fit.h"

namespace fathom {
namespace {

// A super-block of kGroups groups; quants up to kMostQuant, integers up to kMostInteger.
template <int kGroups, int kMostQuant, int kMostInteger>
class OffsetBlock {
 public:
  static constexpr int kGroupSize = kSuperBlock / kGroups;

  float d() const { return state_.d; }
  float dmin() const { return state_.dmin; }
  int scale(int group) const { return state_.scales[static_cast<std::size_t>(group)]; }
  int minimum(int group) const { return state_.minimums[static_cast<std::size_t>(group)]; }
  int quant(int i) const { return quants_[static_cast<std::size_t>(i)]; }

  void Fit(const float* values, const float* weights) {
    float scale = 0, minimum = 0;
    for (int g = 0; g < kGroups; ++g) {
      ScaleAndOffset& wanted = wanted_[static_cast<std::size_t>(g)];
      wanted = FitScaleAndOffset(values + g * kGroupSize, weights + g * kGroupSize, kGroupSize,
                                 kMostQuant, true);
      scale = std::max(scale, wanted.scale);
      minimum = std::max(minimum, wanted.minimum);
    }
    state_ = {};
    double best = -1;
    float d = scale / kMostInteger, dmin = minimum / kMostInteger;
    // The integers under d and dmin, the best of both for these integers and quants, and once more.
    constexpr int kRounds = 3;
    for (int round = 0; round < kRounds; ++round) {
      State state{.d = NearestHalf(d), .dmin = NearestHalf(dmin)};
      const double error = ChooseIntegers(values, weights, state);
      if (best >= 0 && error >= best) break;
      best = error;
      state_ = state;
      if (!BestHalves(values, weights, d, dmin)) break;
    }
    for (int i = 0; i < kSuperBlock; ++i) {
      quants_[static_cast<std::size_t>(i)] = static_cast<uint8_t>(QuantOf(values, i));
    }
  }

 private:
  struct State {
    float d = 0, dmin = 0;
    std::array<int, kGroups> scales{}, minimums{};
  };

  static ScaleAndOffset Real(const State& state, int scale, int minimum) {
    return {state.d * static_cast<float>(scale), state.dmin * static_cast<float>(minimum)};
  }

  static int NearestUnder(float value, float unit) {
    return std::clamp(NearestInteger(std::clamp(value * InverseOrZero(unit), 0.0F, 256.0F)), 0,
                      kMostInteger);
  }

  double ChooseIntegers(const float* values, const float* weights, State& state) const {
    double total = 0;
    for (int g = 0; g < kGroups; ++g) {
      const auto index = static_cast<std::size_t>(g);
      const int scale = NearestUnder(wanted_[index].scale, state.d);
      const int minimum = NearestUnder(wanted_[index].minimum, state.dmin);
      double best = -1;
      for (int s = std::max(scale - 1, 0); s <= std::min(scale + 1, kMostInteger); ++s) {
        for (int m = std::max(minimum - 1, 0); m <= std::min(minimum + 1, kMostInteger); ++m) {
          const double error = OffsetErrorUnder(Real(state, s, m), values + g * kGroupSize,
                                                weights + g * kGroupSize, kGroupSize, kMostQuant);
          if (best >= 0 && error >= best) continue;
          best = error;
          state.scales[index] = s;
          state.minimums[index] = m;
        }
      }
      total += best;
    }
    return total;
  }

  int QuantOf(const float* values, int i) const {
    const int g = i / kGroupSize;
    const ScaleAndOffset real = Real(state_, scale(g), minimum(g));
    return OffsetQuant(InverseOrZero(real.scale) * (values[i] + real.minimum), kMostQuant);
  }

  // Least squares of value = d * (scale * quant) - dmin * minimum; false where they are not one.
  bool BestHalves(const float* values, const float* weights, float& d, float& dmin) const {
    double aa = 0, ab = 0, bb = 0, ax = 0, bx = 0;
    for (int i = 0; i < kSuperBlock; ++i) {
      const int g = i / kGroupSize;
      const double a = static_cast<double>(scale(g)) * QuantOf(values, i);
      const double b = -static_cast<double>(minimum(g));
      const double w = static_cast<double>(weights[i]), x = static_cast<double>(values[i]);
      aa += w * a * a;
      ab += w * a * b;
      bb += w * b * b;
      ax += w * a * x;
      bx += w * b * x;
    }
    const double determinant = aa * bb - ab * ab;
    if (determinant > 1e-12 * aa * bb) {
      d = static_cast<float>((ax * bb - bx * ab) / determinant);
      dmin = static_cast<float>((bx * aa - ax * ab) / determinant);
    } else if (aa > 0) {
      d = static_cast<float>(ax / aa);
      dmin = 0;
    } else {
      return false;
    }
    return d > 0 && dmin >= 0;
  }

  std::array<ScaleAndOffset, kGroups> wanted_{};
  State state_;
  std::array<uint8_t, kSuperBlock> quants_{};
};

// The eight 6-bit pairs of Q4_K and Q5_K in 12 bytes.
template <class Block>
void PutPairs(std::byte* packed, const Block& block) {
  for (int i = 0; i < 4; ++i) {
    packed[i] = static_cast<std::byte>(block.scale(i) | block.scale(i + 4) >> 4 << 6);
    packed[i + 4] = static_cast<std::byte>(block.minimum(i) | block.minimum(i + 4) >> 4 << 6);
    packed[i + 8] =
        static_cast<std::byte>((block.scale(i + 4) & 15) | (block.minimum(i + 4) & 15) << 4);
  }
}

}  // namespace

// { 16 bytes of scales (low nibbles) and minimums (high nibbles); 64 bytes of bit pairs; half d;
// half dmin }
void EncodeQ2_K(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept {
  OffsetBlock<16, 3, 15> block;
  for (int64_t at = 0; at < count; at += kSuperBlock, blocks += 84) {
    block.Fit(values + at, OnesIfNull(importance == nullptr ? nullptr : importance + at));
    std::memset(blocks, 0, 84);
    for (int g = 0; g < 16; ++g) {
      blocks[g] = static_cast<std::byte>(block.scale(g) | block.minimum(g) << 4);
    }
    for (int i = 0; i < kSuperBlock; ++i) {
      const int g = i / 32;
      std::byte& byte = blocks[16 + g / 4 * 32 + i % 32];
      byte = Or(byte, block.quant(i) << (g % 4 * 2));
    }
    PutHalf(blocks + 80, FloatToHalf(block.d()));
    PutHalf(blocks + 82, FloatToHalf(block.dmin()));
  }
}

// { half d; half dmin; 12 bytes of scales; 128 bytes of nibbles }
void EncodeQ4_K(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept {
  OffsetBlock<8, 15, 63> block;
  for (int64_t at = 0; at < count; at += kSuperBlock, blocks += 144) {
    block.Fit(values + at, OnesIfNull(importance == nullptr ? nullptr : importance + at));
    std::memset(blocks, 0, 144);
    PutHalf(blocks, FloatToHalf(block.d()));
    PutHalf(blocks + 2, FloatToHalf(block.dmin()));
    PutPairs(blocks + 4, block);
    for (int i = 0; i < kSuperBlock; ++i) {
      const int g = i / 32;
      std::byte& byte = blocks[16 + g / 2 * 32 + i % 32];
      byte = Or(byte, block.quant(i) << (g % 2 * 4));
    }
  }
}

// As Q4_K with 32 bytes of fifth bits before the nibbles.
void EncodeQ5_K(const float* values, const float* importance, std::byte* blocks,
                int64_t count) noexcept {
  OffsetBlock<8, 31, 63> block;
  for (int64_t at = 0; at < count; at += kSuperBlock, blocks += 176) {
    block.Fit(values + at, OnesIfNull(importance == nullptr ? nullptr : importance + at));
    std::memset(blocks, 0, 176);
    PutHalf(blocks, FloatToHalf(block.d()));
    PutHalf(blocks + 2, FloatToHalf(block.dmin()));
    PutPairs(blocks + 4, block);
    for (int i = 0; i < kSuperBlock; ++i) {
      const int g = i / 32;
      std::byte& high = blocks[16 + i % 32];
      high = Or(high, block.quant(i) >> 4 << g);
      std::byte& low = blocks[48 + g / 2 * 32 + i % 32];
      low = Or(low, (block.quant(i) & 15) << (g % 2 * 4));
    }
  }
}

}  // namespace fathom
