#include "recipe/toml_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace fathom {
namespace {

using ::testing::ElementsAre, ::testing::EndsWith, ::testing::HasSubstr, ::testing::StartsWith;

// The message of the error that the body throws, with its hint.
template <class Body>
std::string Failure(Body&& body) {
  try {
    body();
  } catch (const Error& error) {
    return std::string(ErrorCodeName(error.code())) + ": " + error.message() +
           (error.hint().empty() ? "" : " (" + error.hint() + ")");
  }
  return "nothing was thrown";
}

constexpr std::string_view kText = R"(flag = true
count = 12
share = 0.5
name = "a \u00e9"   # a comment

[part]
list = [1, 2, 3]
inner.deep = 7
when = 2024-05-06
)";

TEST(Toml, ValuesOfEveryType) {
  const TomlValue file = ParseToml(kText, "f.toml");
  TomlReader root(file, "f.toml");
  EXPECT_EQ(root.Boolean("flag"), true);
  EXPECT_EQ(root.Integer("count", 0, 20), 12);
  EXPECT_EQ(root.Number("count", 0, 20), 12.0);
  EXPECT_EQ(root.Number("share", 0, 1), 0.5);
  EXPECT_EQ(root.Text("name"), "a é");
  EXPECT_EQ(root.Choice("name", {"b", "a é"}), 1U);
  EXPECT_EQ(root.Integer("none", 0, 1), std::nullopt);
  EXPECT_EQ(root.Text("none"), std::nullopt);
  EXPECT_THAT(root.Keys(), ElementsAre("count", "flag", "name", "part", "share"));
  TomlReader part = *root.Table("part");
  EXPECT_THAT(*part.Integers("list", 1, 3), ElementsAre(1, 2, 3));
  EXPECT_EQ(part.Table("inner")->Integer("deep", 0, 9), 7);
  root.Finish();
}

TEST(Toml, WrongTypesAndRangesNameThePlaceTheKeyAndBothValues) {
  const TomlValue file = ParseToml(kText, "f.toml");
  TomlReader root(file, "f.toml");
  const auto is = [](const char* text) { return std::string("invalid_argument: f.toml:") + text; };
  EXPECT_EQ(Failure([&] { root.Integer("share", 0, 1); }),
            is("3: 'share' is a number, expected an integer"));
  EXPECT_EQ(Failure([&] { root.Integer("count", 0, 11); }),
            is("2: 'count' is 12, expected 0 to 11"));
  EXPECT_EQ(Failure([&] { root.Number("share", 0.75, 1); }),
            is("3: 'share' is 0.5, expected 0.75 to 1"));
  EXPECT_EQ(Failure([&] { root.Number("flag", 0, 1); }),
            is("1: 'flag' is a boolean, expected a number"));
  EXPECT_EQ(Failure([&] { root.Boolean("count"); }),
            is("2: 'count' is an integer, expected true or false"));
  EXPECT_EQ(Failure([&] { root.Text("part"); }),
            is("6: 'part' is a table, expected a text in quotes"));
  EXPECT_EQ(Failure([&] {
              root.Choice("name", {"x", "y"});
            }),
            is("4: 'name' is 'a \\xc3\\xa9', expected \"x\" or \"y\""));
  TomlReader part = *root.Table("part");
  EXPECT_EQ(Failure([&] { part.Integers("list", 1, 2); }),
            is("7: 'part.list' has 3 in it, expected 1 to 2"));
  EXPECT_EQ(Failure([&] { part.Text("when"); }),
            is("9: 'part.when' is a date or time, expected a text in quotes"));
  EXPECT_EQ(Failure([&] { part.Fail("none", "is missing"); }), is("6: 'part.none' is missing"));
}

TEST(Toml, NotANumberIsOutOfEveryRange) {
  const TomlValue file = ParseToml("a = nan\nb = inf\nc = -inf", "f");
  TomlReader root(file, "f");
  for (const char* key : {"a", "b", "c"}) {
    EXPECT_THAT(Failure([&] { root.Number(key, -1e6, 1e6); }), HasSubstr("expected -1000000 to"));
  }
}

TEST(Toml, WhatNobodyAskedForIsRefusedWithItsNearestName) {
  const TomlValue file = ParseToml("steps = 1\n[train]\nlerning_rate = 2\nsteps = 3", "f.toml");
  TomlReader root(file, "f.toml");
  root.Integer("steps", 0, 9);
  TomlReader train = *root.Table("train");
  for (const char* key : {"steps", "learning_rate", "seed"}) train.Number(key, 0, 9);
  EXPECT_EQ(Failure([&] { train.Finish(); }),
            "invalid_argument: f.toml:3: 'train.lerning_rate' is a key that is not known (the "
            "nearest that is: train.learning_rate)");
  root.Finish();
  TomlReader other(file, "f.toml");
  EXPECT_THAT(Failure([&] {
                other.Expect({"steps", "trains"});
              }),
              EndsWith("f.toml:2: 'train' is a table that is not known (the nearest that is: "
                       "trains)"));
}

TEST(Toml, WhatIsNoTomlNamesItsLine) {
  const auto failure = [](std::string_view text) {
    return Failure([&] { ParseToml(text, "f.toml"); });
  };
  EXPECT_THAT(failure("a = 1\nb = = 2"), StartsWith("invalid_file: f.toml:2: is no TOML: "));
  EXPECT_THAT(failure("a = 1\n\na = 2"), StartsWith("invalid_file: f.toml:3: is no TOML: "));
  EXPECT_THAT(failure("[^a]\nb = 1\n"), StartsWith("invalid_file: f.toml: is no TOML: "));
  EXPECT_THAT(failure("[a\x01]"), StartsWith("invalid_file: f.toml:1: is no TOML: "));
  EXPECT_THAT(failure("[# a\nb = 1"),
              StartsWith("invalid_file: f.toml: is no TOML: its structure"));
  EXPECT_THAT(failure("a = 1\nb = '" + std::string(1000, 'x') + "'"),
              StartsWith("invalid_file: f.toml:2: has 1006 bytes, expected lines of at most 1000"));
  EXPECT_THAT(failure(std::string((1 << 20) + 1, '\n')), HasSubstr("expected at most 1048576"));
  for (const char* stray :
       {"a = \u00e4", "\u00e4 = 1", "a = \"x\" \u036b", "a = 1 \u036b # \u00e4"}) {
    EXPECT_THAT(failure(std::string("# \u00e4\nb = '''\n\u00e4\\''' # \u00e4\n") + stray),
                HasSubstr("f.toml:4: is no TOML: it has a character outside ASCII"))
        << stray;
  }
  ParseToml("a = \"\\\"\u00e4\" # '\u00e4\nb = \"\"\"\"\u00e4\"\" \n\u00e4\"\"\"\n", "f.toml");
  std::string deep;
  for (int i = 0; i < 498; ++i) deep += "a.";
  ParseToml("[" + deep + "a]\n", "f.toml");
}

TEST(Toml, EditDistanceCountsLetters) {
  EXPECT_EQ(EditDistance("", ""), 0U);
  EXPECT_EQ(EditDistance("", "abc"), 3U);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3U);
  EXPECT_EQ(EditDistance("steps", "step"), 1U);
  EXPECT_EQ(EditDistance("ab", "ba"), 2U);
}

}  // namespace
}  // namespace fathom
