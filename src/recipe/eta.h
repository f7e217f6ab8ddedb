// How long the rest of a run takes, from how long its last steps took. Not for: measuring time.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

namespace fathom {

// The median of the last steps' seconds, so that a step which had to wait (the machine slept,
// another program ran) moves nothing, and a lasting change is followed within half a window. What
// is done between steps (evaluation, checkpoints, other phases) is spread over all steps so far.
class RemainingTime {
 public:
  void AddStep(double seconds);
  void AddBetweenSteps(double seconds) { between_ += seconds; }

  // Seconds for that many further steps; negative before the first step.
  double Seconds(int64_t steps_left) const;

 private:
  static constexpr std::size_t kWindow = 50;  // steps
  std::deque<double> last_;
  int64_t steps_ = 0;
  double between_ = 0;
};

// "2 h 05 min", "3 min 20 s", "41 s", "3 d 04 h"; "?" for negative numbers and those that are none.
std::string DurationText(double seconds);

}  // namespace fathom
