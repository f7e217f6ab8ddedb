// Every character there is, changed and questioned, against what CPython's str says
// (tests/goldens/templates/case.json).
#include "text/jinja/casing.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>

#include "base/json.h"
#include "base/sha256.h"
#include "text/unicode.h"

namespace fathom::jinja {
namespace {

Json ReadCaseGolden() {
  const std::string path = std::string(FATHOM_SOURCE_DIR) + "/tests/goldens/templates/case.json";
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return ParseJson(text, path);
}

// Calls `use` with the UTF-8 form of each code point that is no surrogate.
template <class Use>
void ForEveryCharacter(Use use) {
  for (char32_t code = 0; code < 0x110000; ++code) {
    if (code >= 0xD800 && code <= 0xDFFF) continue;
    std::string text;
    AppendCodePoint(code, text);
    use(text);
  }
}

constexpr Limits kNone{.steps = UINT64_MAX, .bytes = SIZE_MAX};

TEST(Casing, ChangesEveryCharacterAsPythonDoes) {
  const Json golden = ReadCaseGolden();
  const std::pair<const char*, CaseChange> changes[] = {{"upper", CaseChange::kUpper},
                                                        {"lower", CaseChange::kLower},
                                                        {"title", CaseChange::kTitle},
                                                        {"capitalize", CaseChange::kCapitalize}};
  for (const auto& [name, change] : changes) {
    Budget budget(kNone);
    std::string all;
    ForEveryCharacter([&, way = change](const std::string& text) {
      all += ChangeCase(budget, Text(text, Origin::kData), way).bytes() + "\n";
    });
    EXPECT_EQ(Sha256OfText(all), golden[name]) << name;
  }
}

TEST(Casing, AnswersForEveryCharacterAsPythonDoes) {
  const Json golden = ReadCaseGolden();
  Budget budget(kNone);
  const auto check = [&](const char* name, auto passes) {
    std::string all;
    ForEveryCharacter([&](const std::string& text) { all += passes(text) ? '1' : '0'; });
    EXPECT_EQ(Sha256OfText(all), golden[name]) << name;
  };
  const std::pair<const char*, CharTest> tests[] = {{"isdecimal", CharTest::kDecimal},
                                                    {"isdigit", CharTest::kDigit},
                                                    {"isnumeric", CharTest::kNumeric},
                                                    {"isspace", CharTest::kSpace}};
  for (const auto& [name, test] : tests) {
    check(name,
          [&, wanted = test](const std::string& text) { return AllAre(budget, text, wanted); });
  }
  check("isupper", [&](const std::string& text) { return IsUpperText(budget, text); });
  check("islower", [&](const std::string& text) { return IsLowerText(budget, text); });
}

}  // namespace
}  // namespace fathom::jinja
