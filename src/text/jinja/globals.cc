// The functions that every template may call.
#include <algorithm>
#include <array>
#include <ctime>

#include "text/jinja/arguments.h"
#include "text/jinja/interpreter.h"

namespace fathom::jinja {
namespace {

constexpr std::array<std::string_view, 8> kGlobals = {
    "range", "dict", "namespace", "raise_exception", "strftime_now", "cycler", "joiner", "lipsum"};

Value CallRange(Budget& budget, const Arguments& arguments) {
  const Bound bound("range", arguments, {"start", "stop", "step"}, 1, false);
  const int64_t first = bound.Integer(0, 0);
  const int64_t step = bound.Integer(2, 1);
  if (step == 0) Fail("range() cannot have step 0");
  if (bound[1] == nullptr) return MakeRange(budget, 0, first, 1);
  return MakeRange(budget, first, bound.Integer(1, 0), step);
}

}  // namespace

bool IsGlobal(std::string_view name) {
  return std::find(kGlobals.begin(), kGlobals.end(), name) != kGlobals.end();
}

// dict(mapping or pairs, name=value, ...)
Value Interpreter::MakeDict(const Arguments& arguments) {
  if (arguments.positional.size() > 1) Fail("'dict' takes at most 1 argument");
  DictBuilder dict(budget_);
  for (const Value& given : arguments.positional) {
    if (given.Is(Kind::kDict)) {
      for (const auto& [key, value] : given.As<DictObject>().items()) dict.Set(key, value);
      continue;
    }
    Cursor cursor(budget_, given);
    for (Value pair; cursor.Next(&pair);) {
      const std::vector<Value> parts = ToVector(budget_, pair);
      if (parts.size() != 2) Fail("'dict' needs pairs of key and value");
      dict.Set(parts[0], parts[1]);
    }
  }
  for (const auto& [name, value] : arguments.named) {
    dict.Set(MakeString(&budget_, name, Origin::kTemplate), value);
  }
  return dict.Finish();
}

void Interpreter::CheckNamespaceName(std::string_view name) const {
  if (!name.empty() && name.front() == '_') {
    Fail("a namespace cannot have the attribute '" + std::string(name) + "'");
  }
}

Value Interpreter::MakeNamespace(const Arguments& arguments) {
  const Value dict = MakeDict(arguments);
  auto space = std::make_shared<NamespaceObject>();
  space->attributes.charge = Charge(&budget_, sizeof(NamespaceObject) + 64);
  space->nesting = 1;
  for (const auto& [key, value] : dict.As<DictObject>().items()) {
    if (key.IsString()) CheckNamespaceName(key.view());
    space->nesting = NestingAround(value, space->nesting);
    space->attributes.Set(budget_, key, value);
  }
  namespaces_.push_back(space);
  return {Kind::kNamespace, std::move(space)};
}

Value Interpreter::FormatNow(const Arguments& arguments) {
  const Bound bound("strftime_now", arguments, {"format"}, 1);
  const std::string format(bound.String(0).view());
  if (now_ == nullptr) Refuse("the date");
  budget_.WorkOnCharacters(format.size());
  const std::tm now = now_();
  // Empty results are told from full buffers by a mark at the end.
  constexpr std::size_t kLongest = 1024;
  char buffer[kLongest];
  const std::size_t size = std::strftime(buffer, kLongest, (format + "|").c_str(), &now);
  if (size == 0) Fail("strftime_now() makes a text that is too long");
  return MakeString(&budget_, std::string(buffer, size - 1));
}

Value Interpreter::CallGlobal(const std::string& name, const Arguments& arguments) {
  budget_.Step();
  if (name == "range") return CallRange(budget_, arguments);
  if (name == "dict") return MakeDict(arguments);
  if (name == "namespace") return MakeNamespace(arguments);
  if (name == "strftime_now") return FormatNow(arguments);
  if (name == "raise_exception") {
    const Bound bound(name, arguments, {"message"}, 1);
    TextBuilder message(budget_);
    AppendStr(budget_, *bound[0], message);
    // No more than is shown of it.
    constexpr std::size_t kLongest = 4096;
    Fail(message.Finish().bytes().substr(0, kLongest));
  }
  if (name == "cycler") {
    if (!arguments.named.empty()) Fail("'cycler' takes no named arguments");
    if (arguments.positional.empty()) Fail("'cycler' needs at least one item");
    auto cycler = std::make_shared<CyclerObject>();
    for (const Value& item : arguments.positional) {
      cycler->nesting = NestingAround(item, cycler->nesting);
    }
    cycler->charge =
        Charge(&budget_, sizeof(CyclerObject) + sizeof(Value) * arguments.positional.size());
    cycler->items = arguments.positional;
    return {Kind::kCycler, std::move(cycler)};
  }
  if (name == "joiner") {
    const Bound bound(name, arguments, {"sep"}, 0);
    auto joiner = std::make_shared<JoinerObject>();
    joiner->charge = Charge(&budget_, sizeof(JoinerObject));
    joiner->separator = bound.Or(0, MakeString(&budget_, ", "));
    joiner->nesting = NestingAround(joiner->separator);
    return {Kind::kJoiner, std::move(joiner)};
  }
  Refuse("the function " + name + "()");
}

}  // namespace fathom::jinja
