#include "grade/families.h"

#include <string>

#include "base/check.h"
#include "base/error.h"

namespace fathom {
namespace {

// A draw is of the test split once in sixteen, and few draws are refused beside that: a family that
// needs this many is broken.
constexpr int kMaxDraws = 200000;

constexpr Family kFamilies[] = {
    {"addition", 4, "adding whole numbers digit by digit", DrawAddition},
    {"subtraction", 4, "subtracting whole numbers digit by digit", DrawSubtraction},
    {"multiplication", 4, "multiplying whole numbers digit by digit", DrawMultiplication},
    {"division", 4, "dividing whole numbers, with remainder", DrawDivision},
    {"compare_decimals", 3, "which of two decimals is larger", DrawCompareDecimals},
    {"order_decimals", 3, "putting decimals in order", DrawOrderDecimals},
    {"percent", 4, "percentages, discounts and rises", DrawPercent},
    {"word_problems", 3, "small stories with numbers", DrawWordProblem},
    {"units", 3, "length, mass, volume, time and money in other units", DrawUnits},
    {"days_between", 3, "days from one date to another", DrawDaysBetween},
    {"date_after", 3, "the date a number of days later", DrawDateAfter},
    {"weekday", 3, "weekdays, counted modulo seven", DrawWeekday},
    {"clock", 3, "times of day and durations", DrawClock},
    {"count_letters", 3, "how often a letter is in a word", DrawCountLetters},
    {"reverse", 3, "words and lists backwards", DrawReverse},
    {"sort_numbers", 3, "sorting whole numbers", DrawSortNumbers},
    {"sort_words", 3, "sorting words by the alphabet", DrawSortWords},
    {"equation", 4, "linear equations", DrawEquation},
    {"sequence", 4, "the next number of a sequence", DrawSequence},
    {"syllogism", 3, "what follows from all, no and is", DrawSyllogism},
    {"truth_tellers", 3, "who lies", DrawTruthTellers},
    {"odd_one_out", 3, "what does not belong with the others", DrawOddOneOut},
    {"set_members", 3, "what is in one, both or either of two sets", DrawSetMembers},
    {"maze", 3, "the shortest way through a grid", DrawMaze},
    {"countdown", 3, "a target from given numbers", DrawCountdown},
    {"smalltalk", 2, "greetings, what the model is, and what it cannot do", DrawSmalltalk},
};

}  // namespace

std::span<const Family> Families() { return kFamilies; }

const Family& FindFamily(std::string_view name) {
  std::string names;
  for (const Family& family : kFamilies) {
    if (family.name == name) return family;
    names += (names.empty() ? "" : ", ") + std::string(family.name);
  }
  throw Error(ErrorCode::kNotFound, "no task family '" + std::string(name) + "'",
              "the families are: " + names);
}

Problem Family::Generate(int level, Split split, Random& random) const {
  CHECK(level >= 1 && level <= levels);
  for (int i = 0; i < kMaxDraws; ++i) {
    Draft draft{level, split, random, {}};
    draft.problem.family = name;
    draft.problem.level = level;
    if (draw(draft)) return std::move(draft.problem);
  }
  CHECK(!"a family that never finds a problem");
  return {};
}

std::string_view AnswerKindName(AnswerKind kind) {
  switch (kind) {
    case AnswerKind::kNumber:
      return "number";
    case AnswerKind::kQuotient:
      return "quotient";
    case AnswerKind::kWord:
      return "word";
    case AnswerKind::kYesNo:
      return "yes_no";
    case AnswerKind::kList:
      return "list";
    case AnswerKind::kSet:
      return "set";
    case AnswerKind::kDate:
      return "date";
    case AnswerKind::kTime:
      return "time";
    case AnswerKind::kDuration:
      return "duration";
    case AnswerKind::kExpression:
      return "expression";
    case AnswerKind::kPath:
      return "path";
    case AnswerKind::kFree:
      return "free";
  }
  return "";
}

Split SplitOf(std::string_view family, std::string_view content) {
  // FNV-1a, 64 bits; the shifts mix its high bits into the four that are read.
  uint64_t hash = 0xCBF29CE484222325;
  const auto add = [&](std::string_view text) {
    for (const char c : text) {
      hash ^= static_cast<unsigned char>(c);
      hash *= 0x100000001B3;
    }
  };
  add(family);
  add(" ");
  add(content);
  hash ^= hash >> 32;
  hash *= 0x9E3779B97F4A7C15;
  return hash >> 60 == 0 ? Split::kTest : Split::kTrain;
}

}  // namespace fathom
