// The interpreter against Jinja itself (tests/goldens/templates), and what Jinja has no notion of:
// the origin of text, and limits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "text/jinja/lexer.h"
#include "text/jinja/parser.h"
#include "text/jinja/render.h"
#include "text/test_vocabulary.h"

namespace fathom::jinja {
namespace {

using testing::HasSubstr;

OrderedJson ReadTemplateGolden(const std::string& name) {
  const std::string path = std::string(FATHOM_SOURCE_DIR) + "/tests/goldens/templates/" + name;
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return ParseOrderedJson(text, name);
}

// The time that the goldens were made with: 2026-02-03 04:05:06, a Tuesday.
std::tm GoldenTime() {
  std::tm time{};
  time.tm_year = 126;
  time.tm_mon = 1;
  time.tm_mday = 3;
  time.tm_hour = 4;
  time.tm_min = 5;
  time.tm_sec = 6;
  time.tm_wday = 2;
  time.tm_yday = 33;
  return time;
}

std::vector<TextSpan> Spans(const std::string& source, const OrderedJson& data = {},
                            const Limits& limits = {}) {
  Inputs inputs;
  inputs.now = GoldenTime;
  inputs.limits = limits;
  if (data.is_object()) {
    for (const auto& [name, value] : data.items()) inputs.data.emplace_back(name, value);
  }
  return Render(Parse(source, "test"), inputs);
}

// What the template wrote, in parentheses.
std::string Origins(const std::string& source, const OrderedJson& data) {
  std::string text;
  for (const TextSpan& span : Spans(source, data)) {
    text += span.from_template ? "(" + span.text + ")" : span.text;
  }
  return text;
}

std::string ErrorOf(const std::string& source, const OrderedJson& data = {}) {
  try {
    return "no error, but: " + TextOf(Spans(source, data));
  } catch (const Error& error) {
    return error.message();
  }
}

TEST(Jinja, EqualsTheReferenceOnSnippets) {
  const OrderedJson golden = ReadTemplateGolden("snippets.json");
  ASSERT_GE(golden["snippets"].size(), 1300u);
  for (const OrderedJson& row : golden["snippets"]) {
    const std::string source = row[0].get<std::string>();
    try {
      const std::string text = TextOf(Spans(source, golden["variables"]));
      EXPECT_EQ(row[1], OrderedJson(text)) << source;
    } catch (const Error& error) {
      EXPECT_TRUE(row[1].is_null()) << source << "\n" << error.message();
    }
  }
}

// ---- Errors
// --------------------------------------------------------------------------------------

TEST(Jinja, ErrorsNameTemplateLineAndWhatIsWrong) {
  EXPECT_EQ(ErrorOf("a\n{% if x %}\nb"),
            "test, line 3: expected 'elif' or 'else' or 'endif', found the end of the template");
  EXPECT_EQ(ErrorOf("\n\n{{ x.y }}"), "test, line 3: 'x' is undefined");
  EXPECT_EQ(ErrorOf("{{ 1 + }}"), "test, line 1: expected an expression, found '}}'");
  EXPECT_EQ(ErrorOf("{{ s|nope }}"), "test, line 1: there is no filter named 'nope'");
  EXPECT_EQ(ErrorOf("{{ raise_exception('roles must\nalternate.') }}"),
            "test, line 1: roles must alternate");
  EXPECT_EQ(ErrorOf("{{ [].append(1) }}"),
            "test, line 1: access to attribute 'append' of a list is unsafe");
}

TEST(Jinja, RefusesByNameWhatItLacks) {
  for (const char* source : {"{% include 'x' %}", "{% block a %}{% endblock %}", "{{ 'x'|pprint }}",
                             "{{ 'x'.encode() }}", "{{ lipsum() }}", "{{ [1]|random }}",
                             "{{ range }}", "{{ 9223372036854775807 + 1 }}", "{{ 10 ** 30 }}",
                             "{{ 99999999999999999999 }}", "{{ '\\N{DASH}' }}"}) {
    EXPECT_THAT(ErrorOf(source), HasSubstr("not supported in chat templates")) << source;
  }
}

TEST(Jinja, DatesComeFromTheClockItIsGiven) {
  EXPECT_EQ(TextOf(Spans("{{ strftime_now('%d %b %Y') }}")), "03 Feb 2026");
  EXPECT_THROW(Render(Parse("{{ strftime_now('%Y') }}", "test"), Inputs()), Error);
}

TEST(Jinja, ReadsInvalidUtf8InData) {
  EXPECT_EQ(TextOf(Spans("{{ x|upper }}", {{"x", "a\xC3z"}})), "A\xEF\xBF\xBDZ");
}

// ---- Origins
// -------------------------------------------------------------------------------------

TEST(Jinja, TextKeepsItsOrigin) {
  const OrderedJson data = {{"x", "<|im_end|>"},
                            {"y", "<|im_"},
                            {"l", {"<think>", "b"}},
                            {"d", {{"<think>", "</think>"}}},
                            {"e", ""},
                            {"m", "<|IM_END|>"}};
  const std::pair<const char*, const char*> cases[] = {
      {"a{{ x }}b", "(a)<|im_end|>(b)"},
      {"{{ '<|im_start|>' + x + '<|im_end|>' }}", "(<|im_start|>)<|im_end|>(<|im_end|>)"},
      // Pieces that only together are a special token.
      {"{{ y }}end|>", "<|im_(end|>)"},
      {"{{ y + 'end|>' }}", "<|im_(end|>)"},
      {"{{ y ~ 'end|>' }}", "<|im_(end|>)"},
      {"{{ '<|' ~ x[2:] }}", "(<|)im_end|>"},
      {"{{ [y, 'end|>']|join }}", "<|im_(end|>)"},
      {"{{ ['<|im', 'end|>']|join('_') }}", "(<|im_end|>)"},
      {"{{ '{}end|>'.format(y) }}", "<|im_(end|>)"},
      {"{{ '%send|>' % y }}", "<|im_(end|>)"},
      {"{{ '%s%s' % ('<|im_', 'end|>') }}", "(<|im_end|>)"},
      // Filters and methods.
      {"{{ x|trim }}{{ x|upper }}{{ x|title }}", "<|im_end|><|IM_END|><|im_end|>"},
      {"{{ m|lower }}{{ m.lower() }}", "<|im_end|><|im_end|>"},
      {"{{ '<|IM_END|>'|lower }}", "(<|im_end|>)"},
      {"{{ 'a[X]b'|replace('[X]', x) }}", "(a)<|im_end|>(b)"},
      {"{{ x|replace('end', 'start') }}", "<|im_(start)|>"},
      {"{{ x.split('_')|join('_') }}", "<|im(_)end|>"},
      {"{{ x|list|join }}{{ x|reverse|reverse }}", "<|im_end|><|im_end|>"},
      {"{{ x[0] }}{{ x[1:4] }}{{ x[::-1] }}", "<|im>|dne_mi|<"},
      {"{{ x|tojson }}{{ l|tojson }}", "\"<|im_end|>\"[\"<think>\", \"b\"]"},
      {"{{ {'<think>': x}|tojson }}", "{\"(<think>)\": \"<|im_end|>\"}"},
      {"{{ d|tojson }}{{ d }}", "{\"<think>\": \"</think>\"}{'<think>': '</think>'}"},
      {"{% for k, v in d.items() %}{{ k }}{{ v }}{% endfor %}", "<think></think>"},
      {"{{ d|list|first }}{{ d.keys()|first }}", "<think><think>"},
      {"{{ x|string }}{{ x|e|replace('&lt;', '<') }}", "<|im_end|>(<)|im_end|&gt;"},
      {"{{ x|indent }}{{ x|center(12) }}{{ x|truncate(9, true, '', 0) }}",
       "<|im_end|> <|im_end|> <|im_end|"},
      {"{{ x|default('y') }}{{ e or '<think>' }}", "<|im_end|>(<think>)"},
      {"{{ x * 2 }}{{ ('<think>' * 2) }}", "<|im_end|><|im_end|>(<think><think>)"},
      {"{% set z %}<think>{{ x }}{% endset %}{{ z }}", "(<think>)<|im_end|>"},
      {"{% macro f(a) %}<think>{{ a }}{% endmacro %}{{ f(x) }}", "(<think>)<|im_end|>"},
      {"{% filter upper %}a{{ x }}{% endfilter %}", "(A)<|IM_END|>"},
      {"{{ x if x == '<|im_end|>' else '' }}", "<|im_end|>"},
      {"{{ namespace(**{x: 1}) }}", "<Namespace {'(<|im_end|>)': 1}>"},
      {"{% set n = namespace(a=x) %}{{ n.a }}", "<|im_end|>"},
      {"{{ '<|' ~ 7 ~ '|>' }}", "(<|)7(|>)"},
  };
  for (const auto& [source, expected] : cases) EXPECT_EQ(Origins(source, data), expected) << source;
}

// ---- Limits
// --------------------------------------------------------------------------------------

// Ends with an error that says so, soon.
void ExpectLimited(const std::string& source, const char* words) {
  const double start = MonotonicSeconds();
  EXPECT_THAT(ErrorOf(source), HasSubstr(words)) << source;
  // A release build needs less than a second; sanitizers are slower.
  EXPECT_LT(MonotonicSeconds() - start, 20.0) << source;
}

TEST(JinjaLimits, ATemplateThatLoopsForEverIsStopped) {
  ExpectLimited("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
                "steps");
  ExpectLimited("{% for a in range(99999) %}{{ range(99999)|list|length }}{% endfor %}", "steps");
  ExpectLimited("{% for a in range(99999) %}{{ 'x' * 100000 }}{% endfor %}", "steps");
  ExpectLimited(
      "{% set s = 'x' * 9999999 %}{% for a in range(99999) %}{% if s|upper == 'y' %}"
      "{% endif %}{% endfor %}",
      "steps");
}

TEST(JinjaLimits, ARenderingIsCancelled) {
  CancelFlag cancelled = false;
  Limits limits;
  limits.steps = UINT64_MAX;
  limits.cancelled = &cancelled;
  EXPECT_EQ(TextOf(Spans("{% for a in range(99999) %}{% endfor %}x", {}, limits)), "x");
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    cancelled = true;
  });
  try {
    Spans("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", {},
          limits);
    ADD_FAILURE() << "was rendered";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  canceller.join();
}

TEST(JinjaLimits, ATemplateThatRecursesIsStopped) {
  ExpectLimited("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "recurses");
  ExpectLimited("{% macro f() %}{% call f() %}{% endcall %}{{ caller }}{% endmacro %}{{ f() }}",
                "recurses");
  ExpectLimited("{% for a in [1] recursive %}{{ loop([1]) }}{% endfor %}", "recurses");
}

TEST(JinjaLimits, ATemplateThatDoublesAStringIsStopped) {
  ExpectLimited(
      "{% set n = namespace(s='x') %}{% for i in range(99) %}"
      "{% set n.s = n.s + n.s %}{% endfor %}",
      "the template");
  ExpectLimited(
      "{% set n = namespace(s=[1]) %}{% for i in range(99) %}"
      "{% set n.s = n.s + n.s %}{% endfor %}",
      "the template");
  ExpectLimited("{{ 'x' * 99999999999 }}", "MiB");
  ExpectLimited("{{ [1] * 99999999999 }}", "MiB");
  ExpectLimited("{{ 'x'.center(99999999999) }}", "the template");
  ExpectLimited(
      "{% set n = namespace(s='ab') %}{% for i in range(99) %}"
      "{% set n.s = n.s|replace('a', n.s) %}{% endfor %}",
      "the template");
}

TEST(JinjaLimits, MemoryAndOutputAreBounded) {
  Limits limits;
  limits.bytes = 1 << 20;
  limits.output = 1 << 20;
  const auto error_of = [&](const std::string& source) -> std::string {
    try {
      Spans(source, {}, limits);
      return "no error";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
      return error.message();
    }
  };
  EXPECT_THAT(error_of("{% set n = namespace(s='x') %}{% for i in range(30) %}"
                       "{% set n.s = n.s ~ n.s %}{% endfor %}"),
              HasSubstr("more than 1 MiB for its values"));
  EXPECT_THAT(error_of("{% set x = range(99999)|list %}"), HasSubstr("more than 1 MiB"));
  // What is let go of counts no more.
  EXPECT_EQ(error_of("{% for i in range(99) %}{% set x = 'x' * 100000 %}{% endfor %}"), "no error");
  limits.bytes = 8 << 20;
  EXPECT_THAT(error_of("{% for i in range(99) %}{{ 'x' * 100000 }}{% endfor %}"),
              HasSubstr("the prompt is longer than 1 MiB"));
}

TEST(JinjaLimits, ATemplateThatNestsValuesIsStopped) {
  const std::string nest =
      "{% set n = namespace(s=[]) %}{% for i in range(999) %}{% set n.s = [n.s] %}{% endfor %}";
  ExpectLimited(nest, "deeper than");
  ExpectLimited("{% set n = namespace() %}{% set n.n = n %}{{ n }}", "deeper");
  // Printing what holds itself many times over grows without end.
  ExpectLimited(
      "{% set n = namespace(s=[1]) %}{% for i in range(60) %}"
      "{% set n.s = [n.s, n.s] %}{% endfor %}{{ n.s }}",
      "steps");
}

TEST(JinjaLimits, SourcesThatNestTooDeepAreRefused) {
  for (const char* open : {"(", "[", "not ", "-", "{1:", "x[", "x(", "1 if "}) {
    std::string source = "{{ ";
    for (int i = 0; i < 5000; ++i) source += open;
    EXPECT_THAT(ErrorOf(source), HasSubstr("nest deeper")) << open;
  }
  std::string chain = "{{ 1", ifs;
  for (int i = 0; i < 5000; ++i) chain += " + 1";
  EXPECT_THAT(ErrorOf(chain + " }}"), HasSubstr("nest deeper"));
  for (int i = 0; i < 5000; ++i) ifs += "{% if 1 %}";
  EXPECT_THAT(ErrorOf(ifs), HasSubstr("nest deeper"));
  EXPECT_THAT(ErrorOf(std::string(kMaxTemplateBytes + 1, 'x')), HasSubstr("bytes, more than"));
}

TEST(JinjaLimits, WhatHoldsItselfIsTakenApart) {
  // Under AddressSanitizer a leak fails.
  EXPECT_EQ(TextOf(Spans("{% set n = namespace() %}{% macro f() %}{{ n }}{% endmacro %}"
                         "{% set n.f = f %}{% set n.n = n %}{% for x in [1] %}"
                         "{% set n.l = loop %}{{ loop.changed(loop, n) }}{% endfor %}ok")),
            "Trueok");
  // A long chain goes without recursion.
  EXPECT_EQ(TextOf(Spans("{% set s = namespace(cur=namespace()) %}{% set s.head = s.cur %}"
                         "{% for i in range(90000) %}{% set next = namespace() %}"
                         "{% set c = s.cur %}{% set c.next = next %}{% set s.cur = next %}"
                         "{% endfor %}{% set s.head = none %}ok")),
            "ok");
}

}  // namespace
}  // namespace fathom::jinja
