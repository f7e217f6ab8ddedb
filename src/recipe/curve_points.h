// What a curve is drawn from: fewer points, a smooth line through them, and where an axis has its
// ticks. Numbers only. Not for: drawing (curves.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "recipe/training_log.h"

namespace fathom {

// At most `most` points (at least 3) that look the same: of each run of neighbours the lowest and
// the highest, in their order, and one NaN if the run has a value that is no number, so that gaps
// stay gaps. Fewer points than that are returned as they are.
std::vector<SeriesPoint> Thinned(std::span<const SeriesPoint> points, std::size_t most);

// The points with each value replaced by a mean of those around it, weighted by a normal curve
// whose deviation is a hundredth of the number of points (1 to 40 points): it has no lag. Values
// that are no numbers stay and weigh nothing.
std::vector<SeriesPoint> Smoothed(std::span<const SeriesPoint> points);

// Multiples of 1, 2 or 5 times a power of ten within [low, high], about `count` of them. Empty
// unless low < high by more than a billionth of them, both finite.
std::vector<double> NiceTicks(double low, double high, int count);

// Labels of such ticks, all written the same way: "0.5", "12,000", "3×10⁻⁴".
std::vector<std::string> TickLabels(std::span<const double> ticks);

// A value beside a curve, with three significant digits: "1.23", "0.0456", "3.00×10⁻⁴", "12,345".
std::string ValueLabel(double value);

}  // namespace fathom
