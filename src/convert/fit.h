// Owns: the search for the scale (and the minimum) with which a few values lie nearest to
// multiples, in the sense of least weighted squares. Used by encoders, inside this room only.
//
// Given quants the best scale follows from a division; given a scale the best quants from rounding.
// The search tries a fan of scales around the one that just reaches the largest value, rounds under
// each, and takes the least squares of the quants found.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "convert/encoders.h"
#include "tensor/grids.h"

namespace fathom {

// Sums over a group in four lanes, so that the compiler can use its vectors and the order of
// summation is one.
struct Lanes {
  std::array<float, 4> lane{};
  void Add(int i, float value) { lane[static_cast<std::size_t>(i) & 3] += value; }
  double Total() const {
    return (static_cast<double>(lane[0]) + static_cast<double>(lane[1])) +
           (static_cast<double>(lane[2]) + static_cast<double>(lane[3]));
  }
};

// ---- Levels: what a quant stands for, before the scale -----------------------------------------

// Integers from kLeast to kMost.
template <int kLeastLevel, int kMostLevel>
struct IntegerLevels {
  static constexpr int kLeast = kLeastLevel;
  static constexpr int kMost = kMostLevel;
  static int Quant(float level) {
    return std::clamp(NearestInteger(level), kLeast, kMost) - kLeast;
  }
  static float Level(int quant) { return static_cast<float>(quant + kLeast); }
};

// The sixteen of IQ4_NL, by a table of the nearest one for every integer.
struct Iq4Levels {
  static constexpr int kLeast = -127;
  static constexpr int kMost = 113;
  static int Quant(float level) {
    return kNearest[static_cast<std::size_t>(std::clamp(NearestInteger(level), -128, 127) + 128)];
  }
  static float Level(int quant) {
    return static_cast<float>(kLevelsIQ4[static_cast<std::size_t>(quant)]);
  }

 private:
  static constexpr std::array<uint8_t, 256> kNearest = [] {
    std::array<uint8_t, 256> table{};
    for (int value = -128; value < 128; ++value) {
      int best = 0;
      for (int i = 1; i < 16; ++i) {
        const auto distance = [&](int k) {
          const int difference = value - kLevelsIQ4[static_cast<std::size_t>(k)];
          return difference < 0 ? -difference : difference;
        };
        if (distance(i) < distance(best)) best = i;
      }
      table[static_cast<std::size_t>(value + 128)] = static_cast<uint8_t>(best);
    }
    return table;
  }();
};

// ---- One scale ---------------------------------------------------------------------------------

// Sum of weight * level * value, and of weight * level^2, for the quants nearest under 1 / inverse.
struct ScaleSums {
  double product = 0, square = 0;
};

template <class Levels>
ScaleSums SumsUnder(float inverse, const float* values, const float* weights, int count) {
  Lanes product, square;
  for (int i = 0; i < count; ++i) {
    const float level = Levels::Level(Levels::Quant(inverse * values[i]));
    product.Add(i, weights[i] * level * values[i]);
    square.Add(i, weights[i] * level * level);
  }
  return {product.Total(), square.Total()};
}

// The scale that fits best; 0 for values that are all 0. The error left is the values' own square
// minus product^2 / square, so the largest of that quotient wins.
template <class Levels>
float FitScale(const float* values, const float* weights, int count) {
  float extreme = 0;
  for (int i = 0; i < count; ++i) {
    if (std::fabs(values[i]) > std::fabs(extreme)) extreme = values[i];
  }
  if (InverseOrZero(extreme) == 0.0F) return 0;
  // The extreme value lies at either end of the levels, or some way inside or outside.
  constexpr int kSteps = 7;
  constexpr float kSpan = 0.13F;  // of the range, to both sides
  double best = -1;
  float scale = 0;
  for (const int end : {Levels::kLeast, Levels::kMost}) {
    for (int step = -kSteps; step <= kSteps; ++step) {
      const float stretch = 1.0F + kSpan * static_cast<float>(step) / kSteps;
      const float inverse = static_cast<float>(end) * stretch / extreme;
      if (!std::isfinite(inverse)) continue;
      const ScaleSums sums = SumsUnder<Levels>(inverse, values, weights, count);
      if (sums.square <= 0) continue;
      const double gain = sums.product * sums.product / sums.square;
      if (gain > best) {
        best = gain;
        scale = static_cast<float>(sums.product / sums.square);
      }
    }
  }
  return scale;
}

// Weighted squared error of the quants nearest under `scale`.
template <class Levels>
double ErrorUnder(float scale, const float* values, const float* weights, int count) {
  const float inverse = InverseOrZero(scale);
  Lanes error;
  for (int i = 0; i < count; ++i) {
    const float difference = values[i] - scale * Levels::Level(Levels::Quant(inverse * values[i]));
    error.Add(i, weights[i] * difference * difference);
  }
  return error.Total();
}

// ---- A scale and a minimum ---------------------------------------------------------------------

// A value is scale * quant - minimum.
struct ScaleAndOffset {
  float scale = 0;
  float minimum = 0;
};

inline int OffsetQuant(float value, int most) { return std::clamp(NearestInteger(value), 0, most); }

// Quants from 0 to `most`. `minimum_from_zero` keeps the minimum at 0 or more, as the K formats
// store it.
inline ScaleAndOffset FitScaleAndOffset(const float* values, const float* weights, int count,
                                        int most, bool minimum_from_zero) {
  float low = values[0], high = values[0];
  Lanes weight_lanes, value_lanes;
  for (int i = 0; i < count; ++i) {
    low = std::min(low, values[i]);
    high = std::max(high, values[i]);
    weight_lanes.Add(i, weights[i]);
    value_lanes.Add(i, weights[i] * values[i]);
  }
  if (minimum_from_zero) low = std::min(low, 0.0F);
  if (InverseOrZero(high - low) == 0.0F) return {0, -low};
  const double w = weight_lanes.Total(), x = value_lanes.Total();

  // Cutting values off at both ends makes steps finer, leaving room makes them coarser.
  constexpr int kSteps = 20;
  ScaleAndOffset best{(high - low) / static_cast<float>(most), -low};
  double best_gain = -1;
  for (int step = 0; step <= kSteps; ++step) {
    const float levels = static_cast<float>(most) - 1.0F + 0.1F * static_cast<float>(step);
    const float inverse = levels / (high - low);
    Lanes q_lanes, qq_lanes, xq_lanes;
    for (int i = 0; i < count; ++i) {
      const auto q = static_cast<float>(OffsetQuant(inverse * (values[i] - low), most));
      q_lanes.Add(i, weights[i] * q);
      qq_lanes.Add(i, weights[i] * q * q);
      xq_lanes.Add(i, weights[i] * q * values[i]);
    }
    const double q = q_lanes.Total(), qq = qq_lanes.Total(), xq = xq_lanes.Total();
    const double determinant = w * qq - q * q;
    if (determinant <= 0) continue;
    double scale = (w * xq - x * q) / determinant;
    double offset = (qq * x - q * xq) / determinant;
    if (minimum_from_zero && offset > 0) {
      offset = 0;
      scale = xq / qq;
    }
    // Squares of the values minus those of what is left.
    const double gain = 2 * (scale * xq + offset * x) - scale * scale * qq - offset * offset * w -
                        2 * scale * offset * q;
    if (gain > best_gain) {
      best_gain = gain;
      best = {static_cast<float>(scale), static_cast<float>(-offset)};
    }
  }
  return best;
}

inline double OffsetErrorUnder(ScaleAndOffset fit, const float* values, const float* weights,
                               int count, int most) {
  const float inverse = InverseOrZero(fit.scale);
  Lanes error;
  for (int i = 0; i < count; ++i) {
    const auto q = static_cast<float>(OffsetQuant(inverse * (values[i] + fit.minimum), most));
    const float difference = values[i] - (fit.scale * q - fit.minimum);
    error.Add(i, weights[i] * difference * difference);
  }
  return error.Total();
}

// Weights of one for values without importance.
inline const float* OnesIfNull(const float* importance) {
  static constexpr std::array<float, kSuperBlock> kOnes = [] {
    std::array<float, kSuperBlock> ones{};
    ones.fill(1.0F);
    return ones;
  }();
  return importance != nullptr ? importance : kOnes.data();
}

}  // namespace fathom
