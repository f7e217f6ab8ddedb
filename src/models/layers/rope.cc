#include "models/layers/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"

namespace fathom {
namespace {

// The (fractional) frequency index whose wave turns `rotations` times over the original context:
// the solution of original / (2 pi base^(2i/dim)) = rotations, YaRN section 3.2.
double IndexOfRotations(const RopeSpec& spec, double rotations) {
  return static_cast<double>(spec.rotary_dim) *
         std::log(static_cast<double>(spec.original_context) /
                  (rotations * 2.0 * std::numbers::pi)) /
         (2.0 * std::log(spec.base));
}

}  // namespace

double YarnMagnitude(double factor, double mscale) {
  return factor <= 1.0 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

RopeTable::RopeTable(const RopeSpec& spec) {
  CHECK(spec.rotary_dim > 0 && spec.rotary_dim % 2 == 0);
  const int64_t count = spec.rotary_dim / 2;
  CHECK(spec.frequency_divisors.empty() ||
        static_cast<int64_t>(spec.frequency_divisors.size()) == count);
  double low = 0, high = 0;
  if (spec.scaling == RopeScaling::kYarn) {
    low = IndexOfRotations(spec, spec.beta_fast);
    high = IndexOfRotations(spec, spec.beta_slow);
    if (spec.whole_corrections) {
      low = std::floor(low);
      high = std::ceil(high);
    }
    low = std::max(low, 0.0);
    high = std::min(high, static_cast<double>(spec.rotary_dim - 1));
    if (high == low) high = low + 0.001;  // as the reference, where less than `low` is left alone
    magnitude_ = static_cast<float>(spec.attention_factor * YarnMagnitude(spec.factor, 1.0));
  }
  for (int64_t i = 0; i < count; ++i) {
    double frequency =
        std::pow(spec.base, -2.0 * static_cast<double>(i) / static_cast<double>(spec.rotary_dim));
    if (!spec.frequency_divisors.empty()) {
      frequency /= spec.frequency_divisors[static_cast<std::size_t>(i)];
    }
    if (spec.scaling == RopeScaling::kLinear) {
      frequency /= spec.factor;
    } else if (spec.scaling == RopeScaling::kYarn) {
      const double ramp = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
      frequency = frequency / spec.factor * ramp + frequency * (1.0 - ramp);
    }
    frequencies_.push_back(static_cast<float>(frequency));
  }
}

void RopeTable::Angles(int64_t position, float* cosines, float* sines) const {
  const float p = static_cast<float>(position);
  for (std::size_t i = 0; i < frequencies_.size(); ++i) {
    const float angle = p * frequencies_[i];
    cosines[i] = magnitude_ * std::cos(angle);
    sines[i] = magnitude_ * std::sin(angle);
  }
}

}  // namespace fathom
