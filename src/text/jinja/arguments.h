// Binding the arguments of a call to the parameters of a built-in function, as Python does.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "text/jinja/format.h"
#include "text/jinja/operators.h"

namespace fathom::jinja {

class Bound {
 public:
  // `names` are the parameters, the first `required` of which must be given. With `keywords` they
  // may be given by name. Fault names `function` and what is wrong.
  Bound(std::string_view function, const Arguments& arguments,
        std::initializer_list<std::string_view> names, std::size_t required, bool keywords = true)
      : function_(function), names_(names), values_(names.size(), nullptr) {
    if (arguments.positional.size() > names_.size()) {
      Fail(Named() + " takes at most " + std::to_string(names_.size()) + " arguments, not " +
           std::to_string(arguments.positional.size()));
    }
    for (std::size_t i = 0; i < arguments.positional.size(); ++i) {
      values_[i] = &arguments.positional[i];
    }
    for (const auto& [name, value] : arguments.named) {
      std::size_t at = 0;
      while (at < names_.size() && names_[at] != name) ++at;
      if (!keywords || at == names_.size()) Fail(Named() + " has no argument '" + name + "'");
      if (values_[at] != nullptr) Fail(Named() + " got the argument '" + name + "' twice");
      values_[at] = &value;
    }
    for (std::size_t i = 0; i < required; ++i) {
      if (values_[i] == nullptr) {
        Fail(Named() + " needs the argument '" + std::string(names_[i]) + "'");
      }
    }
  }

  // Null where it was not given.
  const Value* operator[](std::size_t index) const { return values_[index]; }
  Value Or(std::size_t index, Value default_value) const {
    return values_[index] == nullptr ? std::move(default_value) : *values_[index];
  }

  int64_t Integer(std::size_t index, int64_t default_value) const {
    const Value* value = values_[index];
    if (value == nullptr) return default_value;
    if (!value->IsInteger()) FailArgument(index, "an integer");
    return value->integer();
  }
  bool Flag(std::size_t index) const { return values_[index] != nullptr && Truth(*values_[index]); }
  const Value& String(std::size_t index) const {
    if (!values_[index]->IsString()) FailArgument(index, "a string");
    return *values_[index];
  }

  [[noreturn]] void FailArgument(std::size_t index, std::string_view expected) const {
    if (values_[index]->IsUndefined()) FailUndefined(*values_[index]);
    Fail("the argument '" + std::string(names_[index]) + "' of " + Named() +
         " is a value of type '" + std::string(TypeName(values_[index]->kind())) + "', not " +
         std::string(expected));
  }

 private:
  std::string Named() const { return "'" + std::string(function_) + "'"; }

  std::string_view function_;
  std::vector<std::string_view> names_;
  std::vector<const Value*> values_;
};

}  // namespace fathom::jinja
