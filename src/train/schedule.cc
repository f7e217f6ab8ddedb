#include "train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace fathom {

double Schedule::At(int64_t step) const {
  if (step < warmup_steps) {
    return peak * static_cast<double>(step + 1) / static_cast<double>(warmup_steps);
  }
  const auto rest = static_cast<double>(std::max<int64_t>(steps - 1 - warmup_steps, 1));
  const double done = std::min(1.0, static_cast<double>(step - warmup_steps) / rest);
  const double share = 0.5 * (1.0 + std::cos(std::numbers::pi * done));
  return peak * (final_share + (1.0 - final_share) * share);
}

}  // namespace fathom
