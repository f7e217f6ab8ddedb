// Python's two ways to fill in a string: "..." % values and "...".format(values).
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/value.h"

namespace fathom::jinja {

// What a function, filter, test or macro was called with.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
  Charge charge;  // of both lists
};

Value PercentFormat(Budget& budget, const Value& format, const Value& values);

// value.name or value[key], as the sandbox looks them up.
using FieldLookup =
    std::function<Value(const Value& object, const std::string& name, bool attribute)>;
Value BraceFormat(Budget& budget, const Value& format, const Arguments& arguments,
                  const FieldLookup& lookup);

}  // namespace fathom::jinja
