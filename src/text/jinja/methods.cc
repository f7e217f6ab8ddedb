#include "text/jinja/methods.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "text/jinja/arguments.h"
#include "text/jinja/operators.h"

namespace fathom::jinja {
namespace {

// The public methods of CPython 3.11's types, for "is defined" and for the message when called.
constexpr std::array<std::string_view, 47> kStringMethods = {
    "capitalize",   "casefold",    "center",    "count",      "encode",       "endswith",
    "expandtabs",   "find",        "format",    "format_map", "index",        "isalnum",
    "isalpha",      "isascii",     "isdecimal", "isdigit",    "isidentifier", "islower",
    "isnumeric",    "isprintable", "isspace",   "istitle",    "isupper",      "join",
    "ljust",        "lower",       "lstrip",    "maketrans",  "partition",    "removeprefix",
    "removesuffix", "replace",     "rfind",     "rindex",     "rjust",        "rpartition",
    "rsplit",       "rstrip",      "split",     "splitlines", "startswith",   "strip",
    "swapcase",     "title",       "translate", "upper",      "zfill"};
constexpr std::array<std::string_view, 11> kDictMethods = {
    "clear", "copy",    "fromkeys",   "get",    "items", "keys",
    "pop",   "popitem", "setdefault", "update", "values"};
constexpr std::array<std::string_view, 11> kListMethods = {"append", "clear",   "copy",   "count",
                                                           "extend", "index",   "insert", "pop",
                                                           "remove", "reverse", "sort"};
constexpr std::array<std::string_view, 2> kTupleMethods = {"count", "index"};
constexpr std::array<std::string_view, 6> kIntMethods = {
    "as_integer_ratio", "bit_count", "bit_length", "conjugate", "from_bytes", "to_bytes"};
constexpr std::array<std::string_view, 5> kFloatMethods = {"as_integer_ratio", "conjugate",
                                                           "fromhex", "hex", "is_integer"};
// What changes a list or dict, which ImmutableSandboxedEnvironment does not allow.
constexpr std::array<std::string_view, 5> kUnsafeDict = {"clear", "pop", "popitem", "setdefault",
                                                         "update"};
constexpr std::array<std::string_view, 8> kUnsafeList = {"append", "clear", "pop",    "reverse",
                                                         "insert", "sort",  "extend", "remove"};

template <std::size_t N>
bool Has(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Value Unsafe(Budget& budget, const Value& object, std::string_view name) {
  return MakeUndefined(budget, "access to attribute '" + std::string(name) + "' of a " +
                                   std::string(TypeName(object.kind())) + " is unsafe");
}

std::optional<Value> NumberAttribute(Budget& budget, const Value& object, std::string_view name) {
  const bool whole = object.IsInteger();
  if (name == "real" || (whole && name == "numerator")) return Plus(object);
  if (name == "imag") return whole ? Value::Int(0) : Value::Float(0);
  if (whole && name == "denominator") return Value::Int(1);
  if (whole ? Has(kIntMethods, name) : Has(kFloatMethods, name)) {
    return MakeMethod(budget, object, std::string(name));
  }
  return std::nullopt;
}

std::optional<Value> SequenceAttribute(Budget& budget, const Value& object, std::string_view name) {
  if (object.Is(Kind::kList)) {
    if (Has(kUnsafeList, name)) return Unsafe(budget, object, name);
    if (Has(kListMethods, name)) return MakeMethod(budget, object, std::string(name));
    return std::nullopt;
  }
  if (object.As<SequenceObject>().group) {
    if (name == "grouper") return object.items()[0];
    if (name == "list") return object.items()[1];
  }
  if (Has(kTupleMethods, name)) return MakeMethod(budget, object, std::string(name));
  return std::nullopt;
}

std::optional<Value> RangeAttribute(Budget& budget, const Value& object, std::string_view name) {
  const auto& range = object.As<RangeObject>();
  if (name == "start") return Value::Int(range.start);
  if (name == "stop") return Value::Int(range.stop);
  if (name == "step") return Value::Int(range.step);
  if (Has(kTupleMethods, name)) return MakeMethod(budget, object, std::string(name));
  return std::nullopt;
}

Value CallDictMethod(Budget& budget, const Value& self, const std::string& name,
                     const Arguments& arguments) {
  if (name == "get") {
    const Bound bound(name, arguments, {"key", "default"}, 1, false);
    const Value* found = self.As<DictObject>().Find(budget, *bound[0]);
    return found != nullptr ? *found : bound.Or(1, Value::None());
  }
  const Bound none(name, arguments, {}, 0, false);
  if (name == "items") return MakeDictView(budget, self, DictViewObject::Part::kItems);
  if (name == "keys") return MakeDictView(budget, self, DictViewObject::Part::kKeys);
  if (name == "values") return MakeDictView(budget, self, DictViewObject::Part::kValues);
  if (name == "copy") return self;  // nothing can change either
  Refuse("the method " + name + "() of a dict");
}

Value CallSequenceMethod(Budget& budget, const Value& self, const std::string& name,
                         const Arguments& arguments) {
  if (name == "copy") {
    const Bound none(name, arguments, {}, 0, false);
    return self;
  }
  if (name == "count") {
    const Bound bound(name, arguments, {"value"}, 1, false);
    int64_t count = 0;
    Cursor cursor(budget, self);
    for (Value item; cursor.Next(&item);) count += Equal(budget, item, *bound[0]) ? 1 : 0;
    return Value::Int(count);
  }
  if (name == "index") {
    const Bound bound(name, arguments, {"value"}, 1, false);
    Cursor cursor(budget, self);
    int64_t at = 0;
    for (Value item; cursor.Next(&item); ++at) {
      if (Equal(budget, item, *bound[0])) return Value::Int(at);
    }
    Fail("the value that index() looks for is not in the list");
  }
  Refuse("the method " + name + "() of a " + std::string(TypeName(self.kind())));
}

}  // namespace

std::vector<std::string_view> MethodNames(Kind kind) {
  const auto list = [](const auto& names) {
    return std::vector<std::string_view>(names.begin(), names.end());
  };
  switch (kind) {
    case Kind::kString:
      return list(kStringMethods);
    case Kind::kList:
      return list(kListMethods);
    case Kind::kTuple:
    case Kind::kRange:
      return list(kTupleMethods);
    case Kind::kDict:
      return list(kDictMethods);
    case Kind::kBool:
    case Kind::kInt:
      return list(kIntMethods);
    case Kind::kFloat:
      return list(kFloatMethods);
    default:
      return {};
  }
}

std::optional<Value> Attribute(Budget& budget, const Value& object, std::string_view name) {
  switch (object.kind()) {
    case Kind::kUndefined:
      FailUndefined(object);
    case Kind::kBool:
    case Kind::kInt:
    case Kind::kFloat:
      return NumberAttribute(budget, object, name);
    case Kind::kString:
      if (Has(kStringMethods, name)) return MakeMethod(budget, object, std::string(name));
      return std::nullopt;
    case Kind::kList:
    case Kind::kTuple:
      return SequenceAttribute(budget, object, name);
    case Kind::kDict:
      if (Has(kUnsafeDict, name)) return Unsafe(budget, object, name);
      if (Has(kDictMethods, name)) return MakeMethod(budget, object, std::string(name));
      return std::nullopt;
    case Kind::kRange:
      return RangeAttribute(budget, object, name);
    case Kind::kNamespace:
      if (const Value* found = object.As<NamespaceObject>().attributes.Find(budget, name)) {
        if (!name.empty() && name.front() == '_') return Unsafe(budget, object, name);
        return *found;
      }
      return std::nullopt;
    case Kind::kCycler:
      if (name == "current") {
        const auto& cycler = object.As<CyclerObject>();
        return cycler.items[cycler.position];
      }
      if (name == "next" || name == "reset") return MakeMethod(budget, object, std::string(name));
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

Value CallMethod(Budget& budget, const Value& self, const std::string& name,
                 const Arguments& arguments, const FieldLookup& lookup) {
  budget.Step();
  switch (self.kind()) {
    case Kind::kString:
      return CallStringMethod(budget, self, name, arguments, lookup);
    case Kind::kDict:
      return CallDictMethod(budget, self, name, arguments);
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kRange:
      return CallSequenceMethod(budget, self, name, arguments);
    case Kind::kCycler: {
      const Bound none(name, arguments, {}, 0, false);
      auto& cycler = self.As<CyclerObject>();
      if (name == "reset") {
        cycler.position = 0;
        return Value::None();
      }
      const Value current = cycler.items[cycler.position];
      cycler.position = (cycler.position + 1) % cycler.items.size();
      return current;
    }
    case Kind::kFloat:
      if (name == "is_integer") {
        const Bound none(name, arguments, {}, 0, false);
        return Value::Bool(std::floor(self.number()) == self.number());
      }
      break;
    default:
      break;
  }
  Refuse("the method " + name + "() of a " + std::string(TypeName(self.kind())));
}

}  // namespace fathom::jinja
