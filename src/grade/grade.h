// Whether a reply answers a problem. Replies are outside input: any bytes, any length; work and
// memory are bounded, and nothing is thrown.
//
// Not for: how good a text is, or whether its thinking is true.
#pragma once

#include <string>
#include <string_view>

#include "grade/task.h"

namespace fathom {

enum class Extraction {
  kStrict,   // only \boxed{...} or **bold** counts as an answer
  kLenient,  // else the last number, word, ... of the reply: for models that never learnt the form
};

struct GradedReply {
  bool correct = false;
  bool formatted = false;  // an answer stands in \boxed{} or in bold
  std::string answer;      // what was taken for the answer
};

// `reply` may begin with the thinking, up to the last </think>; thinking that does not end answers
// nothing. The last \boxed{} counts, else the last bold text; more than two different ones are a
// list of guesses, and wrong.
GradedReply Grade(const Problem& problem, std::string_view reply,
                  Extraction extraction = Extraction::kStrict);

// Replies over this size are wrong, unread.
inline constexpr std::size_t kMaxReplyBytes = 32768;

}  // namespace fathom
