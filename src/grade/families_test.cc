// What every family owes: replies that are graded as right, thinking whose equations are true and
// that is short, and test problems that training never shows.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "grade/draft.h"
#include "grade/grade.h"
#include "grade/task.h"
#include "grade/test_text.h"

namespace fathom {
namespace {

constexpr Split kSplits[] = {Split::kTrain, Split::kTest};

// Some other answer of the same form.
std::string Changed(const Problem& problem) {
  std::string text = problem.answer;
  if (problem.kind == AnswerKind::kYesNo) return text == "yes" ? "no" : "yes";
  if (problem.kind == AnswerKind::kPath) return text + text.back();
  if (problem.kind == AnswerKind::kExpression) return text + " + 1";
  for (std::size_t i = text.size(); i-- > 0;) {
    if (std::isdigit(static_cast<unsigned char>(text[i]))) {
      text[i] = text[i] == '9' ? '8' : static_cast<char>(text[i] + 1);
      return text;
    }
  }
  text[0] = text[0] == 'q' ? 'z' : 'q';
  return text;
}

std::string Where(const Problem& problem) {
  return problem.family + " " + std::to_string(problem.level) + "\n" + problem.question + "\n" +
         problem.thinking + "\n" + problem.reply;
}

void ExpectGraded(const Problem& problem) {
  const auto correct = [&](const std::string& reply) { return Grade(problem, reply).correct; };
  EXPECT_TRUE(correct(problem.reply)) << Where(problem);
  EXPECT_TRUE(Grade(problem, problem.reply).formatted);
  EXPECT_TRUE(correct(problem.thinking + "</think>\n\n" + problem.reply)) << Where(problem);
  EXPECT_FALSE(correct("<think>\n" + problem.thinking + "\n" + problem.reply)) << Where(problem);
  EXPECT_FALSE(correct("")) << Where(problem);
  EXPECT_FALSE(correct(problem.question)) << Where(problem);
  EXPECT_FALSE(Grade(problem, problem.question, Extraction::kLenient).correct) << Where(problem);
  EXPECT_FALSE(correct("**" + problem.question + "**")) << Where(problem);
  if (problem.kind == AnswerKind::kFree) return;
  EXPECT_TRUE(correct("So it is $\\boxed{" + problem.answer + "}$.")) << Where(problem);
  EXPECT_TRUE(Grade(problem, "It is " + problem.answer + ".", Extraction::kLenient).correct)
      << Where(problem);
  const std::string other = Changed(problem);
  EXPECT_FALSE(correct("It is **" + other + "**.")) << other << "\n" << Where(problem);
  EXPECT_FALSE(correct("\\boxed{" + other + "}")) << other << "\n" << Where(problem);
  EXPECT_FALSE(Grade(problem, "It is " + other, Extraction::kLenient).correct) << other << "\n"
                                                                               << Where(problem);
  // The last counts, and three guesses are none.
  EXPECT_FALSE(correct("**" + problem.answer + "** or **" + other + "**")) << Where(problem);
  EXPECT_FALSE(correct("**" + other + "**, **" + other + other + "**, **" + problem.answer + "**"));
}

void ExpectWellFormed(const Problem& problem) {
  std::string wrong;
  CheckEquations(problem.thinking, wrong);
  EXPECT_EQ(wrong, "") << Where(problem);
  EXPECT_FALSE(problem.thinking.empty());
  EXPECT_FALSE(problem.question.empty());
  EXPECT_LE(EstimatedTokens(problem.thinking), kMaxThinkingTokens) << Where(problem);
  EXPECT_LE(EstimatedTokens(problem.question), 160) << Where(problem);
  EXPECT_LE(EstimatedTokens(problem.reply), 80) << Where(problem);
  for (const std::string& text : {problem.question, problem.thinking, problem.reply}) {
    EXPECT_EQ(text.find("think>"), std::string::npos);
    EXPECT_EQ(text.find("  "), std::string::npos) << Where(problem);
    EXPECT_NE(text.back(), '\n');
    EXPECT_NE(text.back(), ' ');
    EXPECT_NE(text.front(), '\n');
    for (const std::string_view bad :
         {" 1 days", " 1 hours", " 1 minutes", " 1 weeks", " 1 times", " 1 places", " 1 decimals",
          " a apple", " a orange", " an banana", "..", " ,", " 1 metres", " 1 grams"}) {
      // Sequences go on with "...".
      if (bad == ".." && problem.family == "sequence") continue;
      EXPECT_EQ(text.find(bad), std::string::npos) << bad << "\n" << Where(problem);
    }
  }
}

class FamilyTest : public testing::TestWithParam<Family> {};

TEST_P(FamilyTest, ProblemsAreGradedAndTrue) {
  const Family& family = GetParam();
  for (int level = 1; level <= family.levels; ++level) {
    for (const Split split : kSplits) {
      Random random(static_cast<uint64_t>(level), split == Split::kTest ? 1 : 0);
      for (int i = 0; i < 150; ++i) {
        const Problem problem = family.Generate(level, split, random);
        EXPECT_EQ(problem.family, family.name);
        EXPECT_EQ(problem.level, level);
        ExpectGraded(problem);
        ExpectWellFormed(problem);
        if (HasFailure()) return;
      }
    }
  }
}

TEST_P(FamilyTest, TestProblemsAreNotInTraining) {
  const Family& family = GetParam();
  std::map<std::string, Split> content, question, phrasing;
  Random random(7);
  // Over 60,000 problems in all families; those of the seldom split are the dear ones.
  for (const Split split : kSplits) {
    for (int i = 0; i < (split == Split::kTrain ? 2000 : 500); ++i) {
      const int level = 1 + i % family.levels;
      const Problem problem = family.Generate(level, split, random);
      EXPECT_EQ(content.try_emplace(problem.content, split).first->second, split) << Where(problem);
      EXPECT_EQ(question.try_emplace(problem.question, split).first->second, split)
          << Where(problem);
      EXPECT_EQ(phrasing.try_emplace(std::string(problem.phrasing), split).first->second, split)
          << problem.phrasing;
    }
    if (HasFailure()) return;
  }
  int train = 0, test = 0;
  for (const auto& [pattern, split] : phrasing) ++(split == Split::kTrain ? train : test);
  EXPECT_GE(train, 12) << family.name;
  EXPECT_GE(test, 3) << family.name;
}

TEST_P(FamilyTest, SameSeedSameProblems) {
  const Family& family = GetParam();
  const auto all = [&](uint64_t seed) {
    Random random(seed);
    std::string text;
    for (int i = 0; i < 1000; ++i) {
      const Problem problem = family.Generate(1 + i % family.levels, Split::kTrain, random);
      text += problem.question + problem.thinking + problem.reply + problem.answer;
    }
    return text;
  };
  const std::string first = all(3);
  EXPECT_EQ(std::hash<std::string>()(first), std::hash<std::string>()(all(3)));
  EXPECT_NE(first, all(4));
}

INSTANTIATE_TEST_SUITE_P(All, FamilyTest, testing::ValuesIn(Families().begin(), Families().end()),
                         [](const auto& test) { return std::string(test.param.name); });

// By the numbers of the questions themselves, whatever the families call their content.
TEST(FamiliesTest, NumbersOfTestQuestionsAreNew) {
  for (const std::string_view name :
       {"addition", "subtraction", "multiplication", "division", "compare_decimals",
        "order_decimals", "sort_numbers", "sequence", "countdown"}) {
    const Family& family = FindFamily(name);
    std::map<std::vector<int64_t>, Split> seen;
    Random random(11);
    for (const Split split : kSplits) {
      for (int i = 0; i < (split == Split::kTrain ? 3000 : 300); ++i) {
        const Problem problem = family.Generate(1 + i % family.levels, split, random);
        // The target of Countdown is not one of its numbers: it stands apart in the check.
        std::vector<int64_t> numbers =
            IntegersIn(name == "countdown" ? problem.check : problem.question);
        // The order belongs to a sequence; decimals are pairs of numbers here.
        if (name != "sequence" && name != "countdown" &&
            name.find("decimals") == std::string_view::npos) {
          std::sort(numbers.begin(), numbers.end());
        }
        EXPECT_EQ(seen.try_emplace(numbers, split).first->second, split) << Where(problem);
      }
    }
  }
}

TEST(FamiliesTest, ArithmeticThinkingHasEquations) {
  for (const std::string_view name :
       {"addition", "subtraction", "multiplication", "division", "percent", "word_problems",
        "units", "days_between", "equation", "sequence", "countdown"}) {
    const Family& family = FindFamily(name);
    Random random(5);
    for (int i = 0; i < 200; ++i) {
      const Problem problem = family.Generate(1 + i % family.levels, Split::kTrain, random);
      std::string wrong;
      EXPECT_GE(CheckEquations(problem.thinking, wrong), 1) << Where(problem);
    }
  }
}

// What is written down digit by digit is what the last line of it says: "3 + 1 + 1 = 5: 523" before
// "So 359 + 164 = 523."
TEST(FamiliesTest, DigitsWrittenDownAreTheResult) {
  for (const std::string_view name : {"addition", "subtraction", "multiplication", "division"}) {
    const Family& family = FindFamily(name);
    Random random(6);
    for (int i = 0; i < 400; ++i) {
      const Problem problem = family.Generate(1 + i % family.levels, Split::kTrain, random);
      std::string before, line;
      int found = 0;
      for (const char c : problem.thinking + "\n") {
        if (c != '\n') {
          line += c;
          continue;
        }
        const std::size_t colon = before.rfind(": "), equals = line.find(" = ");
        const bool zero = line.starts_with("With a zero");
        if (colon != std::string::npos && (zero || line.starts_with("So "))) {
          const int64_t written = IntegersIn(before.substr(colon)).front() * (zero ? 10 : 1);
          EXPECT_EQ(written, IntegersIn(line.substr(equals)).front()) << Where(problem);
          ++found;
        }
        before = std::move(line);
        line.clear();
      }
      const bool times_table = name == "multiplication" && problem.thinking.size() < 50;  // 9 * 7
      EXPECT_TRUE(found > 0 || times_table) << Where(problem);
    }
  }
}

TEST(FamiliesTest, EquationsAreRead) {
  std::string wrong;
  EXPECT_EQ(CheckEquations("9 + 5 = 14, write 4. So 3x = 22 - 7 = 15. (5 * 3) + 8 = 23", wrong), 3);
  EXPECT_EQ(wrong, "");
  EXPECT_EQ(CheckEquations("Keep 8. 5 + 3 = 8. 94 / 7 = 13 remainder 3. 2 * (-5) - 1 = -11", wrong),
            3);
  EXPECT_EQ(wrong, "");
  for (const std::string_view bad : {"2 + 2 = 5", "94 / 7 = 13 remainder 4", "2 * (-5) = 10",
                                     "3 / 2 = 1", "x = 15 / 3 = 6", "94 / 7 = 12 remainder 10"}) {
    wrong.clear();
    CheckEquations(bad, wrong);
    EXPECT_NE(wrong, "") << bad;
  }
}

TEST(FamiliesTest, AnUnknownFamilyIsNamed) {
  EXPECT_THROW(FindFamily("poems"), Error);
  EXPECT_GE(Families().size(), 18u);
  std::set<std::string_view> names;
  for (const Family& family : Families()) EXPECT_TRUE(names.insert(family.name).second);
}

}  // namespace
}  // namespace fathom
