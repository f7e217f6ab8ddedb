#include "recipe/eta.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

namespace fathom {

void RemainingTime::AddStep(double seconds) {
  last_.push_back(seconds);
  if (last_.size() > kWindow) last_.pop_front();
  ++steps_;
}

double RemainingTime::Seconds(int64_t steps_left) const {
  if (steps_ == 0) return -1;
  std::vector<double> sorted(last_.begin(), last_.end());
  std::ranges::sort(sorted);
  const std::size_t middle = sorted.size() / 2;
  const double median =
      sorted.size() % 2 == 1 ? sorted[middle] : 0.5 * (sorted[middle - 1] + sorted[middle]);
  return static_cast<double>(steps_left) * (median + between_ / static_cast<double>(steps_));
}

std::string DurationText(double seconds) {
  constexpr double kLongest = 1e9;  // some thirty years: nobody waits for more
  if (!(seconds >= 0) || seconds > kLongest) return "?";
  const auto whole = static_cast<long long>(std::llround(seconds));
  const long long minutes = whole / 60, hours = minutes / 60, days = hours / 24;
  char text[64];
  if (whole < 60) {
    std::snprintf(text, sizeof text, "%lld s", whole);
  } else if (minutes < 60) {
    std::snprintf(text, sizeof text, "%lld min %02lld s", minutes, whole % 60);
  } else if (hours < 24) {
    std::snprintf(text, sizeof text, "%lld h %02lld min", hours, minutes % 60);
  } else {
    std::snprintf(text, sizeof text, "%lld d %02lld h", days, hours % 24);
  }
  return text;
}

}  // namespace fathom
