// What takes longer with the size of a value is counted as steps, and what a value holds is
// charged: every method, filter, test and operator has a row here, and one without a row fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "text/jinja/filters.h"
#include "text/jinja/methods.h"
#include "text/jinja/parser.h"
#include "text/jinja/render.h"

namespace fathom::jinja {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

std::string Outcome(const std::string& source, const Limits& limits) {
  Inputs inputs;
  inputs.limits = limits;
  try {
    std::string text;
    for (const TextSpan& span : Render(Parse(source, "test"), inputs)) text += span.text;
    return "text: " + text;
  } catch (const Error& error) {
    return error.message();
  }
}

// s, t: equal and different objects; u: not ASCII; h: is in s but for its end; w: its end is in s.
std::string Strings(int side) {
  const std::string n = std::to_string(side), half = std::to_string(side / 2);
  return "{% set s = ('x' * " + n + ") * " + n + " %}{% set t = ('x' * " + n + ") * " + n +
         " %}{% set u = ('é' * " + half + ") * " + n + " %}{% set h = ('x' * " + half + ") * " + n +
         " + 'y' %}{% set w = ('y' * " + n + ") * " + n + " + 'x' %}";
}

constexpr const char* kContainers =
    "{% set l = [1] * 4096 %}{% set m = [1] * 4096 %}{% set v = l + [2] %}"
    "{% set p = (1,) * 4096 %}{% set q = p + (2,) %}{% set g = range(4096) %}"
    "{% set z = [[1]] * 4096 %}{% set k = dict(range(2000)|batch(2)) %}"
    "{% set j = dict(range(2000)|batch(2)) %}{% set d = {s: 1} %}";

enum class Cost {
  kGrows,     // evaluations without end run out of steps long before they take long
  kConstant,  // is done at once, whatever the size
  kRefused,
};
using enum Cost;

struct Row {
  const char* name;
  const char* expression;
  Cost cost = kGrows;
};

// Seconds of the processor that the rendering takes, which must end without a fault.
double SecondsOf(const std::string& source) {
  const std::clock_t start = std::clock();
  EXPECT_EQ(Outcome(source, Limits()), "text: ");
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

void Check(const Row& row) {
  SCOPED_TRACE(row.expression);
  const auto loop = [&](int times) {
    return "{% for i in range(" + std::to_string(times) + ") %}{% set r = " + row.expression +
           " %}{% endfor %}";
  };
  Limits limits;
  if (row.cost == kConstant) {
    // Reading 16 MB a thousand times takes seconds; making the variables does too, in some builds.
    const std::string variables = Strings(4096) + kContainers;
    static const double making = SecondsOf(variables);
    EXPECT_LT(SecondsOf(variables + loop(1000)), making + 5.0);
    return;
  }
  // Strings of 2^18 bytes and lists of 2^12 values: the variables take half of the steps.
  limits.steps = 200000;
  const std::string outcome = Outcome(Strings(512) + kContainers + loop(1024), limits);
  if (row.cost == kGrows) {
    EXPECT_THAT(outcome, HasSubstr("steps"));
  } else {
    EXPECT_THAT(outcome, AnyOf(HasSubstr("not supported in chat"), HasSubstr("is unsafe")));
  }
}

template <std::size_t N>
void CheckAll(const Row (&rows)[N], const std::vector<std::string_view>& names) {
  std::set<std::string_view> missing(names.begin(), names.end());
  for (const Row& row : rows) {
    EXPECT_TRUE(names.empty() || std::find(names.begin(), names.end(), row.name) != names.end())
        << row.name;
    missing.erase(row.name);
    Check(row);
  }
  for (const std::string_view name : missing) ADD_FAILURE() << "no row for " << name;
}

TEST(JinjaWork, TheVariablesLeaveHalfOfTheSteps) {
  Limits limits;
  limits.steps = 100000;
  EXPECT_EQ(Outcome(Strings(512) + kContainers, limits), "text: ");
}

TEST(JinjaWork, OfStringMethods) {
  CheckAll({{"capitalize", "s.capitalize()"},
            {"casefold", "s.casefold()", kRefused},
            {"center", "s.center(300000)"},
            {"count", "s.count('y')"},
            {"count", "s.count('x')"},
            {"count", "s.count('xx')"},
            {"count", "s.count(h)"},
            {"count", "u.count('é')"},
            {"encode", "s.encode()", kRefused},
            {"endswith", "s.endswith(t)"},
            {"endswith", "s.endswith((h, t))"},
            {"expandtabs", "s.expandtabs()", kRefused},
            {"find", "s.find('y')"},
            {"find", "s.find(h)"},
            {"find", "u.find('y', 1)"},
            {"format", "s.format()"},
            {"format", "'{}'.format(s)"},
            {"format", "('{0[' ~ s ~ ']}').format(d)"},
            {"format_map", "s.format_map({})", kRefused},
            {"index", "u.index('é')"},
            {"isalnum", "s.isalnum()"},
            {"isalpha", "s.isalpha()"},
            {"isascii", "s.isascii()"},
            {"isdecimal", "s.isdecimal()"},
            {"isdigit", "s.isdigit()"},
            {"isidentifier", "s.isidentifier()", kRefused},
            {"islower", "s.islower()"},
            {"isnumeric", "s.isnumeric()"},
            {"isprintable", "s.isprintable()"},
            {"isspace", "s.isspace()"},
            {"istitle", "s.istitle()", kRefused},
            {"isupper", "s.isupper()"},
            {"join", "s.join('ab')"},
            {"ljust", "s.ljust(300000)"},
            {"lower", "s.lower()"},
            {"lstrip", "s.lstrip('x')"},
            {"maketrans", "s.maketrans({})", kRefused},
            {"partition", "s.partition('y')"},
            {"partition", "s.partition(h)"},
            {"removeprefix", "s.removeprefix(t)"},
            {"removesuffix", "s.removesuffix(t)"},
            {"replace", "s.replace('y', 'z')"},
            {"replace", "s.replace('x', 'z')"},
            {"replace", "s.replace(h, 'z')"},
            {"replace", "s.replace('', 'z')"},
            {"rfind", "s.rfind('y')"},
            {"rfind", "s.rfind(h)"},
            {"rindex", "u.rindex('é')"},
            {"rjust", "s.rjust(300000)"},
            {"rpartition", "s.rpartition('y')"},
            {"rsplit", "s.rsplit('y', 1)"},
            {"rsplit", "s.rsplit(h, 1)"},
            {"rsplit", "s.rsplit(none, 1)"},
            {"rstrip", "s.rstrip('x')"},
            {"split", "s.split('y')"},
            {"split", "s.split(h)"},
            {"split", "s.split('x', 9)"},
            {"split", "s.split()"},
            {"splitlines", "s.splitlines()"},
            {"startswith", "s.startswith(t)"},
            {"startswith", "u.startswith('é', 1)"},
            {"strip", "s.strip('x')"},
            {"strip", "s.strip(w)"},
            {"swapcase", "s.swapcase()", kRefused},
            {"title", "s.title()"},
            {"translate", "s.translate({})", kRefused},
            {"upper", "s.upper()"},
            {"zfill", "s.zfill(300000)"}},
           MethodNames(Kind::kString));
}

TEST(JinjaWork, OfOtherMethods) {
  CheckAll({{"append", "l.append(1)", kRefused},
            {"clear", "l.clear()", kRefused},
            {"copy", "l.copy()", kConstant},
            {"count", "l.count(2)"},
            {"extend", "l.extend([])", kRefused},
            {"index", "v.index(2)"},
            {"insert", "l.insert(0, 1)", kRefused},
            {"pop", "l.pop()", kRefused},
            {"remove", "l.remove(1)", kRefused},
            {"reverse", "l.reverse()", kRefused},
            {"sort", "l.sort()", kRefused}},
           MethodNames(Kind::kList));
  CheckAll({{"count", "p.count(2)"}, {"index", "q.index(2)"}}, MethodNames(Kind::kTuple));
  CheckAll({{"count", "g.count(9)"}, {"index", "g.index(4095)"}}, MethodNames(Kind::kRange));
  CheckAll({{"clear", "k.clear()", kRefused},
            {"copy", "k.copy()", kConstant},
            {"fromkeys", "k.fromkeys()", kRefused},
            {"get", "d.get(t)"},
            {"items", "k.items()", kConstant},
            {"keys", "k.keys()", kConstant},
            {"pop", "k.pop(1)", kRefused},
            {"popitem", "k.popitem()", kRefused},
            {"setdefault", "k.setdefault(1, 1)", kRefused},
            {"update", "k.update({})", kRefused},
            {"values", "k.values()", kConstant}},
           MethodNames(Kind::kDict));
  for (const std::string_view name : MethodNames(Kind::kInt)) {
    Check({"", ("(1)." + std::string(name) + "()").c_str(), kRefused});
  }
  for (const std::string_view name : MethodNames(Kind::kFloat)) {
    const Cost cost = name == "is_integer" ? kConstant : kRefused;
    Check({"", ("(1.5)." + std::string(name) + "()").c_str(), cost});
  }
}

TEST(JinjaWork, OfFilters) {
  CheckAll({{"abs", "1|abs", kConstant},
            {"attr", "d|attr(s)"},
            {"batch", "l|batch(3)"},
            {"capitalize", "s|capitalize"},
            {"center", "s|center(300000)"},
            {"count", "s|count", kConstant},
            {"d", "s|d", kConstant},
            {"default", "s|default('', true)", kConstant},
            {"dictsort", "k|dictsort"},
            {"e", "s|e"},
            {"escape", "s|escape"},
            {"filesizeformat", "1|filesizeformat", kRefused},
            {"first", "s|first", kConstant},
            {"first", "l|first", kConstant},
            {"float", "s|float"},
            {"forceescape", "s|forceescape"},
            {"format", "s|format"},
            {"groupby", "z|groupby(0)"},
            {"indent", "s|indent"},
            {"int", "s|int"},
            {"items", "k|items"},
            {"join", "l|join"},
            {"join", "z|join('', attribute=0)"},
            {"last", "l|last", kConstant},
            {"last", "k|last"},
            {"last", "u|last"},
            {"length", "u|length", kConstant},
            {"list", "l|list"},
            {"list", "s|list"},
            {"lower", "s|lower"},
            {"map", "l|map('string')"},
            {"map", "z|map(attribute=0)"},
            {"map", "z|map(attribute=s)"},
            {"max", "l|max"},
            {"min", "[s, t]|min"},
            {"pprint", "l|pprint", kRefused},
            {"random", "l|random", kRefused},
            {"reject", "l|reject"},
            {"rejectattr", "z|rejectattr(0)"},
            {"replace", "s|replace('y', 'z')"},
            {"reverse", "s|reverse"},
            {"reverse", "l|reverse"},
            {"round", "1.5|round", kConstant},
            {"safe", "s|safe"},
            {"select", "l|select('odd')"},
            {"selectattr", "z|selectattr(0)"},
            {"slice", "l|slice(3)"},
            {"sort", "l|sort"},
            {"sort", "[s, t]|sort"},
            {"string", "s|string", kConstant},
            {"string", "l|string"},
            {"string", "[s]|string"},
            {"striptags", "s|striptags", kRefused},
            {"sum", "l|sum"},
            {"title", "s|title"},
            {"tojson", "s|tojson"},
            {"tojson", "l|tojson"},
            {"tojson", "k|tojson"},
            {"trim", "s|trim('x')"},
            {"truncate", "u|truncate(300)"},
            {"unique", "l|unique"},
            {"unique", "[s, t]|unique"},
            {"upper", "s|upper"},
            {"urlencode", "s|urlencode"},
            {"urlize", "s|urlize", kRefused},
            {"wordcount", "s|wordcount"},
            {"wordwrap", "s|wordwrap", kRefused},
            {"xmlattr", "d|xmlattr", kRefused}},
           FilterNames());
}

TEST(JinjaWork, OfTests) {
  CheckAll({{"boolean", "s is boolean", kConstant},
            {"callable", "s is callable", kConstant},
            {"defined", "s is defined", kConstant},
            {"escaped", "s is escaped", kConstant},
            {"even", "2 is even", kConstant},
            {"false", "s is false", kConstant},
            {"filter", "s is filter"},
            {"float", "s is float", kConstant},
            {"integer", "s is integer", kConstant},
            {"iterable", "s is iterable", kConstant},
            {"lower", "s is lower"},
            {"lower", "l is lower"},
            {"mapping", "s is mapping", kConstant},
            {"none", "s is none", kConstant},
            {"number", "s is number", kConstant},
            {"odd", "2 is odd", kConstant},
            {"sequence", "s is sequence", kConstant},
            {"string", "s is string", kConstant},
            {"test", "s is test"},
            {"true", "s is true", kConstant},
            {"undefined", "s is undefined", kConstant},
            {"upper", "s is upper"},
            {"==", "[s]|select('==', t)"},
            {"eq", "s is eq t"},
            {"equalto", "l is equalto m"},
            {"!=", "[s]|select('!=', t)"},
            {"ne", "s is ne t"},
            {"<", "[s]|select('<', t)"},
            {"lt", "s is lt t"},
            {"lessthan", "l is lessthan m"},
            {"<=", "[s]|select('<=', t)"},
            {"le", "s is le t"},
            {">", "[s]|select('>', t)"},
            {"gt", "s is gt t"},
            {"greaterthan", "s is greaterthan t"},
            {">=", "[s]|select('>=', t)"},
            {"ge", "s is ge t"},
            {"divisibleby", "4 is divisibleby 2", kConstant},
            {"in", "2 is in l"},
            {"in", "h is in s"},
            {"sameas", "s is sameas t", kConstant}},
           TestNames());
}

TEST(JinjaWork, OfOperatorsAndFunctions) {
  CheckAll({{"", "s == t"},
            {"", "l == m"},
            {"", "k == j"},
            {"", "s != t"},
            {"", "s < t"},
            {"", "l <= m"},
            {"", "s > t"},
            {"", "s >= t"},
            {"", "'y' in s"},
            {"", "h in s"},
            {"", "2 in l"},
            {"", "t in d"},
            {"", "t in d.keys()"},
            {"", "'y' not in s"},
            {"", "s + 'y'"},
            {"", "l + l"},
            {"", "s * 2"},
            {"", "l * 2"},
            {"", "s % {}"},
            {"", "'%s' % s"},
            {"", "'%r' % s"},
            {"", "s ~ 'y'"},
            {"", "d[t]"},
            {"", "d[h]"},
            {"", "l[s]"},
            {"", "l[1:]"},
            {"", "s[1:]"},
            {"", "s[::-1]"},
            {"", "u[1]"},
            {"", "{s: 1}"},
            {"", "{(s, 1): 1}"},
            {"", "dict(k)"},
            {"", "dict(**{s: 1})"},
            {"", "namespace(**{s: 1})"},
            {"", "not s", kConstant},
            {"", "s and t", kConstant},
            {"", "l[1]", kConstant},
            {"", "s[1]", kConstant},
            {"", "range(4096)", kConstant},
            {"", "cycler(s)", kConstant},
            {"", "joiner(s)", kConstant}},
           {});
}

// Looking for a variable passes those that were set before it.
TEST(JinjaWork, OfManyVariables) {
  std::string source;
  for (int i = 0; i < 20000; ++i) source += "{% set a" + std::to_string(i) + " = 1 %}";
  source += "{% for i in range(9999) %}{% set r = range %}{% endfor %}";
  Limits limits;
  limits.steps = 4000000;
  EXPECT_THAT(Outcome(source, limits), HasSubstr("steps"));
}

// ---- Memory
// --------------------------------------------------------------------------------------

TEST(JinjaMemory, WhatAValueHoldsIsCharged) {
  const std::string name(2000, 'n');
  const auto hold = [&](const std::string& value) {
    std::string list;
    for (int i = 0; i < 100; ++i) list += value + ",";
    Limits limits;
    limits.steps = uint64_t{1} << 30;
    // Two lists of 20,000 values, the old and the new one, take 2 MB.
    limits.bytes = uint64_t{3} << 20;
    return Outcome(
        "{% set s = 'x' %}{% set k = {1: 2} %}{% set n = namespace(l=[]) %}"
        "{% for i in range(200) %}{% set n.l = n.l + [" +
            list + "] %}{% endfor %}",
        limits);
  };
  EXPECT_EQ(hold("1"), "text: ");
  for (const std::string& value :
       {name, "s." + name, "s['" + name + "']", std::string("s.upper"), std::string("s.no"),
        std::string("range"), std::string("range(9)"), std::string("k.items()"),
        std::string("cycler(1, 2)"), std::string("joiner(s)"), std::string("namespace(a=1)")}) {
    EXPECT_THAT(hold(value), HasSubstr("more than 3 MiB")) << value.substr(0, 40);
  }
}

TEST(JinjaMemory, LoopsAndScopesAreCharged) {
  Limits limits;
  limits.steps = uint64_t{1} << 30;
  limits.bytes = uint64_t{1} << 20;
  const auto loops = [&](const std::string& kept) {
    return Outcome(
        "{% set n = namespace(l=[]) %}{% for i in range(3000) %}{% for j in [1] %}"
        "{% set n.l = n.l + [" +
            kept + "] %}{% endfor %}{% endfor %}",
        limits);
  };
  EXPECT_EQ(loops("1"), "text: ");
  EXPECT_THAT(loops("loop"), HasSubstr("more than 1 MiB"));
  // A macro keeps the variables of the place where it is made.
  std::string variables;
  for (int i = 0; i < 100; ++i) variables += "{% set a" + std::to_string(i) + " = 1 %}";
  EXPECT_THAT(Outcome("{% for i in range(1000) %}" + variables +
                          "{% macro f() %}{% endmacro %}{% endfor %}",
                      limits),
              HasSubstr("more than 1 MiB"));
  // As do the entries of a namespace.
  EXPECT_THAT(Outcome("{% set n = namespace(l=[]) %}{% set d = dict(range(200)|map('string')|"
                      "batch(2)) %}{% for i in range(500) %}{% set n.l = n.l + [namespace(**d)] %}"
                      "{% endfor %}",
                      limits),
              HasSubstr("more than 1 MiB"));
}

TEST(JinjaMemory, OriginsAreCharged) {
  Inputs inputs;
  inputs.limits.bytes = uint64_t{1} << 20;
  inputs.data.emplace_back("x", "d");
  const Template source = Parse("{% for i in range(50000) %}{{ x }}t{% endfor %}", "test");
  EXPECT_THROW(Render(source, inputs), Error);
  inputs.limits.bytes = uint64_t{64} << 20;
  EXPECT_EQ(Render(source, inputs).size(), 100000u);
}

}  // namespace
}  // namespace fathom::jinja
