// Rules for replies that are free text: a greeting greets, a question about the model is answered
// by what it is, and what it cannot do is said to be so, without an answer.
#pragma once

#include <string_view>

namespace fathom {

// `rule` is Problem::check of a kFree problem; an unknown rule is kept by no reply.
bool KeepsRule(std::string_view rule, std::string_view reply);

}  // namespace fathom
