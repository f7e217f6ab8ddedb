// Drills: pages of short exercises such as "53 - 5 = 48", the small steps that worked solutions are
// made of, many to a page. Training reads them beside the problems.
//
// Invariants: every line is true, and none answers a problem of the test split. Not for: anything
// that is asked and graded (task.h).
#pragma once

#include <string>
#include <vector>

#include "grade/random.h"

namespace fathom {

// A line: what is given, drawn by chance, and what follows from it. "53 - 5 = " and "48".
struct Drill {
  std::string given;
  std::string answer;
};

// A page of one sort of exercise: arithmetic, spelling, what a word names, the least and the
// largest number, lists backwards, and what is in a set. At most 16 lines, and fewer of long ones.
std::vector<Drill> DrillPage(Random& random);

}  // namespace fathom
