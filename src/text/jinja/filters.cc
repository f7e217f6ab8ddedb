// Finding filters by name, and the tests.
#include "text/jinja/filters.h"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "text/jinja/arguments.h"
#include "text/jinja/casing.h"
#include "text/jinja/interpreter.h"

namespace fathom::jinja {
namespace {

// Jinja has these, and no chat template needs them.
constexpr std::array<std::string_view, 7> kRefused = {
    "filesizeformat", "pprint", "random", "striptags", "urlize", "wordwrap", "xmlattr"};

Filter Find(std::string_view name) {
  const Filter filter = FindTextFilter(name);
  return filter != nullptr ? filter : FindSequenceFilter(name);
}

using In = Interpreter&;
using TestFunction = bool (*)(In in, const Value& input, const Value* argument);

bool DividesBy(In in, const Value& value, int64_t number, int64_t rest) {
  const Value result = Apply(in.budget(), BinaryOp::kMod, value, Value::Int(number));
  return Equal(in.budget(), result, Value::Int(rest));
}

bool IsSequenceTest(In, const Value& value, const Value*) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kString:
    case Kind::kList:
    case Kind::kTuple:
    case Kind::kDict:
    case Kind::kRange:
      return true;
    default:
      return false;
  }
}

bool IsCallable(In, const Value& value, const Value*) {
  switch (value.kind()) {
    case Kind::kUndefined:
    case Kind::kFunction:
    case Kind::kMacro:
    case Kind::kLoop:
    case Kind::kJoiner:
      return true;
    default:
      return false;
  }
}

// Tests without an argument.
const std::unordered_map<std::string_view, TestFunction> kPlainTests = {
    {"boolean", [](In, const Value& v, const Value*) { return v.Is(Kind::kBool); }},
    {"callable", IsCallable},
    {"defined", [](In, const Value& v, const Value*) { return !v.IsUndefined(); }},
    {"escaped",
     [](In, const Value& v, const Value*) { return v.IsString() && v.As<StringObject>().markup; }},
    {"even", [](In in, const Value& v, const Value*) { return DividesBy(in, v, 2, 0); }},
    {"false",
     [](In, const Value& v, const Value*) { return v.Is(Kind::kBool) && v.integer() == 0; }},
    {"filter",
     [](In in, const Value& v, const Value*) {
       if (!v.IsString()) return false;
       in.budget().Work(v.text().size());
       return IsFilter(v.view());
     }},
    {"float", [](In, const Value& v, const Value*) { return v.Is(Kind::kFloat); }},
    {"integer", [](In, const Value& v, const Value*) { return v.Is(Kind::kInt); }},
    {"iterable",
     [](In, const Value& v, const Value*) { return IsIterable(v) || v.Is(Kind::kLoop); }},
    {"lower", [](In in, const Value& v,
                 const Value*) { return IsLowerText(in.budget(), ToStr(in.budget(), v).view()); }},
    {"mapping", [](In, const Value& v, const Value*) { return v.Is(Kind::kDict); }},
    {"none", [](In, const Value& v, const Value*) { return v.IsNone(); }},
    {"number", [](In, const Value& v, const Value*) { return v.IsNumber(); }},
    {"odd", [](In in, const Value& v, const Value*) { return DividesBy(in, v, 2, 1); }},
    {"sequence", IsSequenceTest},
    {"string", [](In, const Value& v, const Value*) { return v.IsString(); }},
    {"test",
     [](In in, const Value& v, const Value*) {
       if (!v.IsString()) return false;
       in.budget().Work(v.text().size());
       return IsTest(v.view());
     }},
    {"true",
     [](In, const Value& v, const Value*) { return v.Is(Kind::kBool) && v.integer() != 0; }},
    {"undefined", [](In, const Value& v, const Value*) { return v.IsUndefined(); }},
    {"upper", [](In in, const Value& v,
                 const Value*) { return IsUpperText(in.budget(), ToStr(in.budget(), v).view()); }},
};

bool TestEqual(In in, const Value& a, const Value* b) { return Equal(in.budget(), a, *b); }
bool TestUnequal(In in, const Value& a, const Value* b) { return !Equal(in.budget(), a, *b); }
bool TestLess(In in, const Value& a, const Value* b) { return Less(in.budget(), a, *b); }
bool TestLessEqual(In in, const Value& a, const Value* b) { return Less(in.budget(), a, *b, true); }
bool TestGreater(In in, const Value& a, const Value* b) { return Less(in.budget(), *b, a); }
bool TestGreaterEqual(In in, const Value& a, const Value* b) {
  return Less(in.budget(), *b, a, true);
}

// Tests with one.
const std::unordered_map<std::string_view, TestFunction> kTestsWithArgument = {
    {"==", TestEqual},
    {"eq", TestEqual},
    {"equalto", TestEqual},
    {"!=", TestUnequal},
    {"ne", TestUnequal},
    {"<", TestLess},
    {"lt", TestLess},
    {"lessthan", TestLess},
    {"<=", TestLessEqual},
    {"le", TestLessEqual},
    {">", TestGreater},
    {"gt", TestGreater},
    {"greaterthan", TestGreater},
    {">=", TestGreaterEqual},
    {"ge", TestGreaterEqual},
    {"divisibleby",
     [](In in, const Value& v, const Value* number) {
       const Value rest = Apply(in.budget(), BinaryOp::kMod, v, *number);
       return Equal(in.budget(), rest, Value::Int(0));
     }},
    {"in", [](In in, const Value& v, const Value* all) { return Contains(in.budget(), *all, v); }},
    {"sameas", [](In, const Value& v, const Value* other) { return Identical(v, *other); }},
};

}  // namespace

bool IsFilter(std::string_view name) {
  return Find(name) != nullptr ||
         std::find(kRefused.begin(), kRefused.end(), name) != kRefused.end();
}

std::vector<std::string_view> FilterNames() {
  std::vector<std::string_view> names(kRefused.begin(), kRefused.end());
  AddTextFilterNames(names);
  AddSequenceFilterNames(names);
  return names;
}

std::vector<std::string_view> TestNames() {
  std::vector<std::string_view> names;
  for (const auto* tests : {&kPlainTests, &kTestsWithArgument}) {
    for (const auto& [name, test] : *tests) names.push_back(name);
  }
  return names;
}

bool IsTest(std::string_view name) {
  return kPlainTests.contains(name) || kTestsWithArgument.contains(name);
}

Value CallFilter(Interpreter& interpreter, const std::string& name, const Value& input,
                 const Arguments& arguments) {
  const Budget::Level level(interpreter.budget());
  interpreter.budget().Step();
  const Filter filter = Find(name);
  if (filter != nullptr) return filter(interpreter, input, arguments);
  if (IsFilter(name)) Refuse("the filter '" + name + "'");
  Fail("there is no filter named '" + name + "'");
}

bool CallTest(Interpreter& interpreter, const std::string& name, const Value& input,
              const Arguments& arguments) {
  const Budget::Level level(interpreter.budget());
  interpreter.budget().Step();
  if (const auto plain = kPlainTests.find(name); plain != kPlainTests.end()) {
    const Bound none(name, arguments, {}, 0);
    return plain->second(interpreter, input, nullptr);
  }
  const auto found = kTestsWithArgument.find(name);
  if (found == kTestsWithArgument.end()) Fail("there is no test named '" + name + "'");
  const Bound bound(name, arguments, {"other"}, 1);
  return found->second(interpreter, input, bound[0]);
}

}  // namespace fathom::jinja
