// Drills: pages of short exercises such as "53 - 5 = 48", the small steps that worked solutions are
// made of, many to a page. Training reads them beside the problems.
//
// Invariants: every line is true, and none answers a problem of the test split. Not for: anything
// that is asked and graded (task.h).
#pragma once

#include <string>

#include "grade/random.h"

namespace fathom {

// A page of one sort of exercise: arithmetic, spelling, what a word names, the least and the
// largest number, lists backwards, and what is in a set. About 10 to 16 lines.
std::string DrillPage(Random& random);

}  // namespace fathom
