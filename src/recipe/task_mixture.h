// Which problems a training or an evaluation sees: families and levels with their shares, and
// problem number n of them as a pure function of n, so that a run that was stopped goes on with the
// very same ones.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "grade/task.h"

namespace fathom {

struct MixtureEntry {
  std::string family;
  int level = 1;
  double weight = 1;  // relative to the others
};

// All families and levels; those of one family share `family_weight` evenly.
std::vector<MixtureEntry> AllTasks(double family_weight = 1);

class TaskMixture {
 public:
  // Throws Error kNotFound for an unknown family, kInvalidArgument for a level that it has not, a
  // weight that is no number above 0, and for no entries at all.
  TaskMixture(std::vector<MixtureEntry> entries, Split split, uint64_t seed);

  // Problem number `index`, from 0 on, without end.
  Problem At(int64_t index) const;

 private:
  std::vector<MixtureEntry> entries_;
  std::vector<double> bounds_;  // cumulative weights
  Split split_;
  uint64_t seed_;
};

}  // namespace fathom
