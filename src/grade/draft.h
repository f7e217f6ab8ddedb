// A problem in the making, and the small words generators share: patterns with places, plural
// forms, lists. Not for: what is in a family's table.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "grade/task.h"

namespace fathom {

// A place in a pattern, without its braces, and what is written there.
using Values = std::vector<std::pair<std::string_view, std::string>>;

// `pattern` with every {name} replaced. Every place must have its value.
std::string Fill(std::string_view pattern, const Values& values);

// Ways to ask the same. Test problems are asked in words that training never uses.
struct Phrasings {
  std::span<const char* const> train;
  std::span<const char* const> test;
};

struct Draft {
  int level;
  Split split;
  Random& random;
  Problem problem;

  // Names what the problem is about. False: it belongs to the other split, and the draw ends.
  bool Claim(std::string content);

  // Sets the question, in one of the phrasings of the split.
  void Ask(const Phrasings& phrasings, const Values& values);

  // Sets answer and reply; the reply is `pattern` with the answer in bold for {answer}.
  void Answer(AnswerKind kind, std::string answer, std::string_view pattern, Values values = {});

  // Adds a line to the thinking.
  void Think(std::string_view line);
  void Think(std::string_view pattern, const Values& values) { Think(Fill(pattern, values)); }
};

// Below: small words.

inline std::string Text(int64_t value) { return std::to_string(value); }

// "a, b, c"
std::string Join(const std::vector<std::string>& items, std::string_view between = ", ");
std::string Join(const std::vector<int64_t>& items, std::string_view between = ", ");

// "a, b and c"
std::string JoinAnd(const std::vector<std::string>& items, std::string_view last = " and ");

// "1 apple", "3 apples" of "apple|apples".
std::string Count(int64_t count, std::string_view noun);

// "apples" of "apple|apples", and the singular.
std::string Many(std::string_view noun);
std::string One(std::string_view noun);

// "a cat", "an apple"; by the first letter, which the word lists are chosen to allow.
std::string WithArticle(std::string_view noun);

// "Twelve" for "twelve".
std::string Capital(std::string text);

// The letters of a word with blanks between: "c a t".
std::string Spell(std::string_view word);

// value / 10^places with all its places: 905 with 2 is "9.05". Places up to 9.
std::string Fixed(int64_t value, int places);

// The same without zeros at the end: 950 with 2 is "9.5", 900 is "9".
std::string Decimal(int64_t value, int places);

int64_t PowerOfTen(int exponent);

// About how many tokens a vocabulary of some thousands would take: each digit and each mark is one,
// short words are one, and a blank belongs to what follows unless that is a digit.
int64_t EstimatedTokens(std::string_view text);

// Thinking that would be longer is not drawn.
inline constexpr int64_t kMaxThinkingTokens = 340;

}  // namespace fathom
