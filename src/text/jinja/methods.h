// The attributes and methods of values: what Python's objects have, without what the sandbox
// refuses. Loops and macros are the interpreter's own and not here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/format.h"
#include "text/jinja/value.h"

namespace fathom::jinja {

// object.name as getattr() and the sandbox answer it: no value where Python's object has no such
// attribute, an undefined one (that says why when it is used) where it is unsafe.
std::optional<Value> Attribute(Budget& budget, const Value& object, std::string_view name);

// The methods of a kind's values, whether Fathom has them or refuses them.
std::vector<std::string_view> MethodNames(Kind kind);

// Calls the method that Attribute found. Fault for one that Fathom does not have.
Value CallMethod(Budget& budget, const Value& self, const std::string& name,
                 const Arguments& arguments, const FieldLookup& lookup);

Value CallStringMethod(Budget& budget, const Value& self, const std::string& name,
                       const Arguments& arguments, const FieldLookup& lookup);

// ---- What filters and string methods share. `self` is a string.
// ----------------------------------

// Without leading and trailing `chars` (white space when null).
Value Strip(Budget& budget, const Value& self, const Value* chars, bool left, bool right);
// Up to `count` replacements (all when negative).
Value Replace(Budget& budget, const Value& self, std::string_view old, const Text& with,
              int64_t count);
std::vector<Value> SplitLines(Budget& budget, const Value& self, bool keep_ends);
Value Center(Budget& budget, const Value& self, int64_t width);
// str.join; the items' str() is taken when `convert`, else they must be strings.
Value Join(Budget& budget, const Value& separator, const Value& items, bool convert);

}  // namespace fathom::jinja
