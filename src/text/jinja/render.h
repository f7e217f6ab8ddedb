// Rendering a parsed template: JSON in, spans with their origin out.
#pragma once

#include <ctime>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "text/jinja/ast.h"
#include "text/jinja/budget.h"
#include "text/tokenizer.h"

namespace fathom::jinja {

struct Inputs {
  // Variables by name. Their text is data, whatever the template does with it; invalid UTF-8 in it
  // is read as U+FFFD.
  std::vector<std::pair<std::string, OrderedJson>> data;
  // Texts that count as the template's own: the names of the tokenizer's special tokens.
  std::vector<std::pair<std::string, std::string>> tokens;
  std::function<std::tm()> now;  // the local time, for strftime_now; may be empty
  Limits limits;
};

// Neighbouring spans differ in origin and none is empty. Throws Error that names the template and
// the line: kInvalidArgument when the template refuses the conversation or cannot work with it,
// kUnsupported for what Fathom does not do and for templates beyond the limits.
std::vector<TextSpan> Render(const Template& source, const Inputs& inputs);

}  // namespace fathom::jinja
