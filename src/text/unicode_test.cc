// UTF-8 repair against Python's errors="replace", character classes against counts taken from the
// reference, NFC against cases of the Unicode Standard.
#include "text/unicode.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>

#include "text/nfc.h"

namespace fathom {
namespace {

using std::string_literals::operator""s;

constexpr char32_t kEnd = 0x110000;
bool IsSurrogate(char32_t code) { return code >= 0xD800 && code < 0xE000; }

std::string Repaired(std::string_view text) {
  std::string out;
  AppendUtf8(text, out);
  return out;
}

std::string Nfc(std::string_view text) {
  std::string out;
  AppendNfc(text, out);
  return out;
}

TEST(Utf8, EveryCodePointSurvivesTheRoundTrip) {
  for (char32_t code = 0; code < kEnd; ++code) {
    if (IsSurrogate(code)) continue;
    std::string text;
    AppendCodePoint(code, text);
    const Utf8Char c = DecodeUtf8(text.data(), 0);
    ASSERT_EQ(c.code, code);
    ASSERT_EQ(c.size, text.size());
    ASSERT_EQ(WellFormedPrefix(text), text.size());
  }
}

// What Python 3.11 makes of these bytes.
TEST(Utf8, RepairsAsPythonDoes) {
  const std::string r = "\xEF\xBF\xBD";
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},
      {"plain ascii, longer than eight bytes", "plain ascii, longer than eight bytes"},
      {"a\0b"s, "a\0b"s},
      {"\x80", r},
      {"\xE0\x80\x80", r + r + r},
      {"\xED\xA0\x80", r + r + r},
      {"\xF0\x9F\x98", r},
      {"\xF0\x9F\x98"
       "A",
       r + "A"},
      {"\xF4\x90\x80\x80", r + r + r + r},
      {"a\xE4\xB8"
       "b",
       "a" + r + "b"},
      {"\xF1\x80\x80\xE1\x80\xC3(", r + r + r + "("},
      {"\xC0\xAF", r + r},
      {"\xE2\x82", r},
      {"\xFF\xFE", r + r},
      {"eight by\xC3te bound\xC3\xA4ry", "eight by" + r + "te bound\xC3\xA4ry"},
  };
  for (const auto& [bytes, text] : cases)
    EXPECT_EQ(Repaired(bytes), text) << testing::PrintToString(bytes);
}

TEST(Utf8, TellsACutOffCharacterFromAnIllFormedOne) {
  EXPECT_EQ(NextUtf8("\xF0\x9F\x98", 0).kind, Utf8Kind::kCutOff);
  EXPECT_EQ(NextUtf8("\xF0\x9F\x98", 0).size, 3);
  EXPECT_EQ(NextUtf8("\xF0\x8F\x98", 0).kind, Utf8Kind::kIllFormed);
  EXPECT_EQ(NextUtf8("\xED\xA0", 0).kind, Utf8Kind::kIllFormed);
  EXPECT_EQ(NextUtf8("\xED", 0).kind, Utf8Kind::kCutOff);
  EXPECT_EQ(NextUtf8("x\xC3\xA4", 1).kind, Utf8Kind::kCharacter);
}

// Counted with tokenizers 0.23.3, whose regular expressions are of Unicode 16.0.0 and whose digits
// are of Unicode 17.0.0 (1911 + 13).
TEST(CharClass, CountsEqualTheReference) {
  std::map<char, int> count;
  for (char32_t code = 0; code < kEnd; ++code) ++count[static_cast<char>(ClassOf(code))];
  EXPECT_EQ(count['L'], 141028);
  EXPECT_EQ(count['N'], 1911);
  EXPECT_EQ(count['n'], 13);
  EXPECT_EQ(count['M'], 2501);
  EXPECT_EQ(count['P'], 855);
  EXPECT_EQ(count['S'], 8514);
  EXPECT_EQ(count['_'], 25);
}

TEST(CharClass, KnowsTheVersionsApart) {
  EXPECT_EQ(ClassOf(U'A'), CharClass::kLetter);
  EXPECT_EQ(ClassOf(U'²'), CharClass::kNumber);
  EXPECT_EQ(ClassOf(0x0301), CharClass::kMark);
  EXPECT_EQ(ClassOf(0x3000), CharClass::kSpace);
  EXPECT_EQ(ClassOf(0x200B), CharClass::kOther);
  EXPECT_EQ(ClassOf(0x1C89), CharClass::kLetter);        // new in 16.0
  EXPECT_EQ(ClassOf(0x11DE0), CharClass::kNumberLater);  // new in 17.0
  EXPECT_EQ(ClassOf(0x11DB0), CharClass::kOther);        // a letter in 17.0 only
  EXPECT_EQ(ClassOf(0x10FFFF), CharClass::kOther);
}

TEST(Nfc, ComposesOrdersAndExcludes) {
  const std::pair<std::string, std::string> cases[] = {
      {"", ""},
      {"plain \xC3\xA9", "plain \xC3\xA9"},
      {"e\u0301", "\u00E9"},
      {"\u0301", "\u0301"},                                         // nothing to join to
      {"a\u0315\u0300\u05AE\u0300b", "\u00E0\u05AE\u0300\u0315b"},  // part 2 of NormalizationTest
      {"o\u0323\u0302", "\u1ED9"},                                  // two steps
      {"o\u0302\u0323", "\u1ED9"},                                  // in the other order
      {"\u1100\u1161\u11A8", "\uAC01"},                             // Hangul: three
      {"\uAC00\u11A8", "\uAC01"},                                   // two
      {"\uAC01\u11A8", "\uAC01\u11A8"},                             // full already
      {"\u1100\u1100\u1161", "\u1100\uAC00"},
      {"\u0958", "\u0915\u093C"},              // excluded from composition
      {"\u2126", "\u03A9"},                    // singleton
      {"\U0001D15E", "\U0001D157\U0001D165"},  // stays apart
      {"\uFB1D", "\u05D9\u05B4"},
      {"\u0344", "\u0308\u0301"},
      {"a\u0301x\u0301", "\u00E1x\u0301"},
      {"\u0B47\u0B3E\u0B47\u0B57", "\u0B4B\u0B4C"},      // starters that join starters
      {"\U00011935\U00011930", "\U00011935\U00011930"},  // composes from Unicode 13.0 on
  };
  for (const auto& [from, to] : cases) {
    EXPECT_EQ(Nfc(from), to) << from;
    EXPECT_EQ(Nfc(to), to);
  }
}

TEST(Nfc, ManyMarksInARowTakeBoundedTime) {
  std::string text = "a";
  for (int i = 0; i < 100000; ++i) text += i % 2 == 0 ? "\u0301" : "\u0323";
  const std::string form = Nfc(text);
  EXPECT_EQ(form.substr(0, 5), "\u1EA1\u0323");  // all marks below first
  EXPECT_EQ(Nfc(form), form);
}

}  // namespace
}  // namespace fathom
