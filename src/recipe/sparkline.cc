#include "recipe/sparkline.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace fathom {
namespace {

constexpr const char* kBlocks[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
constexpr int kLevels = 8;

// The mean of those that are numbers; NaN without any.
double Mean(std::span<const double> values) {
  double sum = 0;
  int count = 0;
  for (const double value : values) {
    if (!std::isfinite(value)) continue;
    sum += value;
    ++count;
  }
  return count == 0 ? std::numeric_limits<double>::quiet_NaN() : sum / count;
}

}  // namespace

std::string Sparkline(std::span<const double> values, int width) {
  if (width <= 0) return {};
  const std::size_t columns = std::min(values.size(), static_cast<std::size_t>(width));
  std::vector<double> heights(columns);
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (std::size_t c = 0; c < columns; ++c) {
    const std::size_t begin = c * values.size() / columns;
    const std::size_t end = (c + 1) * values.size() / columns;
    heights[c] = Mean(values.subspan(begin, end - begin));
    if (std::isnan(heights[c])) continue;
    low = std::min(low, heights[c]);
    high = std::max(high, heights[c]);
  }
  std::string line;
  for (const double height : heights) {
    if (std::isnan(height)) {
      line += ' ';
      continue;
    }
    const double share = high > low ? (height - low) / (high - low) : 0.4;
    line += kBlocks[std::clamp(static_cast<int>(share * kLevels), 0, kLevels - 1)];
  }
  return line;
}

}  // namespace fathom
