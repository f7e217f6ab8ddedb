#include "recipe/curve_points.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "base/check.h"

namespace fathom {
namespace {

// In between, numbers are written out; outside, with a power of ten.
constexpr double kSmallest = 0.01, kLargest = 1e7;
// Of an axis, relative to its values: below it ticks would not differ any more in their digits.
constexpr double kNarrowest = 1e-9;

std::string Fixed(double value, int decimals) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value == 0 ? 0.0 : value);
  return text;
}

// "12,345" of "12345", "-1,000.5" of "-1000.5".
std::string WithCommas(std::string digits) {
  const std::size_t sign = digits.starts_with('-') ? 1 : 0;
  std::size_t at = std::min(digits.find('.'), digits.size());
  while (at > sign + 3) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string PowerOfTen(int exponent) {
  static constexpr const char* kDigits[] = {"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string text = "×10";
  if (exponent < 0) text += "⁻";
  for (const char c : std::to_string(std::abs(exponent))) text += kDigits[c - '0'];
  return text;
}

int ExponentOf(double size) { return static_cast<int>(std::floor(std::log10(size))); }

// Decimals that show multiples of `step`, which is 1, 2 or 5 times a power of ten. The hair keeps
// 0.001 from being a little less than its power.
int DecimalsOf(double step) { return std::clamp(-ExponentOf(step * (1 + 1e-9)), 0, 9); }

// The lowest and the highest of the run, in their order, and a NaN where there is one.
void AddExtremes(std::span<const SeriesPoint> run, std::vector<SeriesPoint>& to) {
  const SeriesPoint *low = nullptr, *high = nullptr, *gap = nullptr;
  for (const SeriesPoint& point : run) {
    if (!std::isfinite(point.value)) {
      gap = &point;
      continue;
    }
    if (low == nullptr || point.value < low->value) low = &point;
    if (high == nullptr || point.value > high->value) high = &point;
  }
  if (low != nullptr) {
    to.push_back(*std::min(low, high));
    if (low != high) to.push_back(*std::max(low, high));
  }
  if (gap != nullptr) to.push_back({gap->step, std::numeric_limits<double>::quiet_NaN()});
}

}  // namespace

std::vector<SeriesPoint> Thinned(std::span<const SeriesPoint> points, std::size_t most) {
  CHECK(most >= 3);
  if (points.size() <= most) return {points.begin(), points.end()};
  const std::size_t runs = most / 3;  // each leaves three points or fewer
  std::vector<SeriesPoint> thinned;
  for (std::size_t run = 0; run < runs; ++run) {
    const std::size_t begin = run * points.size() / runs;
    const std::size_t end = (run + 1) * points.size() / runs;
    AddExtremes(points.subspan(begin, end - begin), thinned);
  }
  return thinned;
}

std::vector<SeriesPoint> Smoothed(std::span<const SeriesPoint> points) {
  const auto count = static_cast<int64_t>(points.size());
  const double deviation = std::clamp(static_cast<double>(count) / 100, 1.0, 40.0);
  const auto reach = static_cast<int64_t>(std::ceil(3 * deviation));
  std::vector<double> weights;
  for (int64_t i = 0; i <= reach; ++i) {
    const double z = static_cast<double>(i) / deviation;
    weights.push_back(std::exp(-0.5 * z * z));
  }
  std::vector<SeriesPoint> smooth(points.begin(), points.end());
  for (int64_t i = 0; i < count; ++i) {
    SeriesPoint& point = smooth[static_cast<std::size_t>(i)];
    if (!std::isfinite(point.value)) continue;
    double sum = 0, weight = 0;
    for (int64_t k = std::max<int64_t>(0, i - reach); k <= std::min(count - 1, i + reach); ++k) {
      const double value = points[static_cast<std::size_t>(k)].value;
      if (!std::isfinite(value)) continue;
      const double w = weights[static_cast<std::size_t>(std::abs(k - i))];
      sum += w * value;
      weight += w;
    }
    point.value = sum / weight;
  }
  return smooth;
}

std::vector<double> NiceTicks(double low, double high, int count) {
  if (!(low < high) || !std::isfinite(high - low)) return {};
  if (high - low < kNarrowest * std::max(std::abs(low), std::abs(high))) return {};
  const double rough = (high - low) / std::max(count, 1);
  const double power = std::pow(10.0, ExponentOf(rough));
  const double share = rough / power;
  const double step = power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10);
  std::vector<double> ticks;
  // A hair more on both sides: an end that is a tick itself has one.
  const double first = std::ceil(low / step - 1e-9), last = std::floor(high / step + 1e-9);
  for (double k = first; k <= last; ++k) ticks.push_back(k == 0 ? 0.0 : k * step);
  return ticks;
}

std::vector<std::string> TickLabels(std::span<const double> ticks) {
  double largest = 0;
  for (const double tick : ticks) largest = std::max(largest, std::abs(tick));
  const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : largest;
  std::vector<std::string> labels;
  for (const double tick : ticks) {
    if (tick == 0 || (largest >= kSmallest && largest < kLargest)) {
      labels.push_back(
          WithCommas(Fixed(tick, tick == 0 && largest < kSmallest ? 0 : DecimalsOf(step))));
      continue;
    }
    const int exponent = ExponentOf(largest * (1 + 1e-9));
    const double power = std::pow(10.0, exponent);
    labels.push_back(Fixed(tick / power, DecimalsOf(step / power)) + PowerOfTen(exponent));
  }
  return labels;
}

std::string ValueLabel(double value) {
  if (!std::isfinite(value)) return "–";
  const double size = std::abs(value);
  if (size == 0) return "0";
  const int exponent = ExponentOf(size);
  if (size < kSmallest || size >= kLargest) {
    return Fixed(value / std::pow(10.0, exponent), 2) + PowerOfTen(exponent);
  }
  return WithCommas(Fixed(value, std::max(0, 2 - exponent)));
}

}  // namespace fathom
