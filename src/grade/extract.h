// Finding the answer in a reply. Not for: what the answer means (answers.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "grade/task.h"

namespace fathom {

// The answer that a reply marks: the last \boxed{...}, else the last **...**, its LaTeX turned into
// plain text. std::nullopt: nothing is marked, or more than two different things are.
std::optional<std::string> MarkedAnswer(std::string_view reply);

// The last of a reply that could be an answer of this kind; `answer` tells how many items a list
// has. Copies of the question do not count.
std::string LastAnswer(const Problem& problem, std::string_view reply);

}  // namespace fathom
