// A curve in one line of text, for a terminal.
#pragma once

#include <span>
#include <string>

namespace fathom {

// The values from left to right as at most `width` of the characters ▁▂▃▄▅▆▇█ (UTF-8, one column
// each), from their smallest to their largest; where there are more values than columns, a column
// shows a mean. A column of values that are no numbers is a space; values that are all the same
// are a line at half height.
std::string Sparkline(std::span<const double> values, int width);

}  // namespace fathom
