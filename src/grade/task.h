// The tasks a tiny model learns to think on: families of procedural problems, each with a question,
// a worked solution whose every step is true, and a canonical answer. docs/tasks.md lists them.
//
// Invariants: a problem is a function of family, level, split and the draws alone; the content
// (numbers, words, structure) and the phrasing of a test problem never occur in a training problem
// of its family. Not for: grading (grade.h), tokenizing, prompts.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "grade/random.h"

namespace fathom {

enum class Split { kTrain, kTest };

// What an answer is, and with it how two of them are compared.
enum class AnswerKind {
  kNumber,      // by value, with or without its unit: "1,204", "2.50", "3/4", "3000 g"
  kQuotient,    // "17 remainder 2"
  kWord,        // a word, in any case
  kYesNo,       // "yes", "no" or "unknown"
  kList,        // "3, 5, 8": numbers or words in this order
  kSet,         // as kList, in any order
  kDate,        // "5 March 2025"
  kTime,        // "17:25" or "5:25 pm"
  kDuration,    // "2 hours 35 minutes"
  kExpression,  // arithmetic over the numbers in Problem::check: "(3 + 5) * 8"
  kPath,        // letters U D L R through the maze in Problem::check
  kFree,        // a sentence; Problem::check names the rule it must keep
};

struct Problem {
  std::string family;
  int level = 1;  // 1 is the easiest
  std::string question;
  std::string
      thinking;        // what stands between <think> and </think>, without a line break at its ends
  std::string reply;   // one sentence, the answer in it in bold
  std::string answer;  // canonical; for kFree a reply
  AnswerKind kind = AnswerKind::kNumber;
  std::string check;    // what grading needs beside the answer; its form depends on the kind
  std::string content;  // what the problem is about, whatever words ask for it; decides its split
  std::string_view phrasing;  // the pattern of the question; lives as long as the program
};

struct Draft;

struct Family {
  std::string_view name;
  int levels;  // level is 1 ... levels
  std::string_view about;
  // Draws one problem; false where the draw is of the other split or does not suit.
  bool (*draw)(Draft& draft);

  Problem Generate(int level, Split split, Random& random) const;
};

// All families, in the order of docs/tasks.md.
std::span<const Family> Families();

// Throws Error(kNotFound) with the names there are.
const Family& FindFamily(std::string_view name);

// "number", "quotient", ...: stable names for JSON output and logs.
std::string_view AnswerKindName(AnswerKind kind);

// To which split the problem with this content belongs: one in sixteen is for tests.
Split SplitOf(std::string_view family, std::string_view content);

}  // namespace fathom
