// Grading: what is taken for the answer, what counts as the same, and what does not get through.
#include "grade/grade.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "grade/rational.h"

namespace fathom {
namespace {

Problem Of(AnswerKind kind, std::string answer, std::string check = "") {
  Problem problem;
  problem.kind = kind;
  problem.answer = std::move(answer);
  problem.check = std::move(check);
  problem.question = "Which is larger, 9.11 or 9.9?";
  return problem;
}

bool Right(const Problem& problem, const std::string& answer) {
  return Grade(problem, "It is **" + answer + "**.").correct;
}

struct Case {
  AnswerKind kind;
  std::string answer;
  std::vector<std::string> same;
  std::vector<std::string> others;
};

class AnswersTest : public testing::TestWithParam<Case> {};

TEST_P(AnswersTest, AreComparedByMeaning) {
  const Case& c = GetParam();
  const Problem problem = Of(c.kind, c.answer);
  EXPECT_TRUE(Right(problem, c.answer));
  for (const std::string& same : c.same) EXPECT_TRUE(Right(problem, same)) << same;
  for (const std::string& other : c.others) EXPECT_FALSE(Right(problem, other)) << other;
}

INSTANTIATE_TEST_SUITE_P(
    All, AnswersTest,
    testing::Values(
        Case{AnswerKind::kNumber,
             "1204",
             {"1,204", "1204.0", "+1204", " 1204. ", "x = 1204", "1204 apples", "$1,204.00",
              "2408/2"},
             {"1205", "-1204", "12,04", "1,2,04", "1204 or 1205", "1204, 1205", "1204 1205", "",
              "apples", "1204 + 0", "12 04", "1204 remainder 1", "not 1204", "1204/0",
              "99999999999999999999"}},
        Case{AnswerKind::kNumber,
             "-2.5",
             {"-2.50", "\u22122.5", "-5/2", "-\\frac{5}{2}"},
             {"2.5", "- 25"}},
        Case{AnswerKind::kNumber,
             "3000 g",
             {"3000", "3,000 grams", "3000 g.", "3000 Gram"},
             {"3 kg", "3000 kg", "3000 ml"}},
        Case{AnswerKind::kNumber,
             "15%",
             {"15", "15 %", "15 percent", "15\\%"},
             {"0.15", "15 or 16"}},
        Case{AnswerKind::kNumber,
             "$12.50",
             {"12.5", "12.50 dollars", "\\$12.50"},
             {"12.50 euros", "1250"}},
        Case{AnswerKind::kQuotient,
             "17 remainder 2",
             {"17 R 2", "17 r2", "17, remainder 2", "quotient 17 and remainder 2",
              "17 with a remainder of 2"},
             {"17", "2 remainder 17", "17 remainder 3", "17 or 2", "17 remainder 2 remainder 3"}},
        Case{AnswerKind::kQuotient, "17 remainder 0", {"17", "17 R0"}, {"17 remainder 1", "0"}},
        Case{AnswerKind::kWord,
             "Wednesday",
             {"wednesday", "\"Wednesday\"", "a Wednesday."},
             {"Tuesday", "Tuesday Wednesday", "Wednesday or Tuesday"}},
        Case{AnswerKind::kYesNo,
             "yes",
             {"Yes", "Yes, it is.", "true"},
             {"no", "yes and no", "yes or no", "maybe yes", "unknown"}},
        Case{AnswerKind::kYesNo,
             "unknown",
             {"Unknown", "unknown, the facts do not say it"},
             {"yes", "no"}},
        Case{AnswerKind::kList,
             "3, 5.0, 8",
             {"3, 5, 8", "[3, 5, 8]", "3 5 8", "3 < 5 < 8", "3, 5 and 8"},
             {"8, 5, 3", "3, 5", "3, 5, 8, 9", "358"}},
        Case{AnswerKind::kList,
             "apple, pear",
             {"Apple, Pear", "apple and pear", "apple pear"},
             {"pear, apple", "apple"}},
        Case{AnswerKind::kSet,
             "7, 12",
             {"{12, 7}", "12 and 7", "7 12"},
             {"7", "7, 12, 13", "7, 7, 12"}},
        Case{
            AnswerKind::kDate,
            "5 March 2025",
            {"March 5, 2025", "5th of March 2025", "2025-03-05", "Wednesday, 5 March 2025",
             "5 Mar 2025"},
            {"5 March 2026", "6 March 2025", "5 March", "05/03/2025", "5 March 2025 6", "Mar", ""}},
        Case{AnswerKind::kTime,
             "17:25",
             {"5:25 pm", "5:25 p.m.", "17:25", "05:25 PM"},
             {"5:25", "5:25 am", "17:26", "17", "17:25:00", "25:17"}},
        Case{AnswerKind::kTime, "12:05 am", {"0:05", "00:05"}, {"12:05", "12:05 pm"}},
        Case{AnswerKind::kDuration,
             "3 hours 35 minutes",
             {"3 h 35 min", "3:35", "3 hours and 35 minutes", "215 minutes"},
             {"3 hours", "35 minutes", "3 hours 36 minutes", "3 hours 35", "3"}}));

TEST(GradeTest, ExpressionsUseWhatIsGiven) {
  const Problem problem = Of(AnswerKind::kExpression, "(3 + 5) * 8", "64: 3 5 8");
  for (const std::string good :
       {"8 * (5 + 3)", "8 \u00d7 (5 + 3)", "(3 + 5) * 8 = 64", "((8))*((3+5))"}) {
    EXPECT_TRUE(Right(problem, good)) << good;
  }
  for (const std::string bad : {"64", "8 * 8", "60 + 4", "8 * 5 + 8 * 3", "(3 + 5) * 8 + 0",
                                "(3 + 5) * 8 = 65", "(3 + 5 * 8", "3 + 5) * 8", "(3 + 5) 8",
                                "35 + 29", "3 / 0 + 5 * 8", "3 5 8", "-3 + 5 * 8"}) {
    EXPECT_FALSE(Right(problem, bad)) << bad;
  }
  EXPECT_FALSE(Right(problem, std::string(5000, '(') + "3"));
  EXPECT_FALSE(Right(problem, std::string(150, '(') + "8 * (3 + 5)" + std::string(150, ')')));
  const Problem fraction = Of(AnswerKind::kExpression, "8 / (3 - 5 / 2)", "16: 2 3 5 8");
  EXPECT_TRUE(Right(fraction, "8 / (3 - 5 / 2)"));  // 1/2 on the way
}

TEST(GradeTest, PathsAreWalked) {
  const Problem problem = Of(AnswerKind::kPath, "RRDD", "S . .\n. # .\n. . E");
  for (const std::string good :
       {"RRDD", "DDRR", "R, R, D, D", "right right down down", "r-r-d-d"}) {
    EXPECT_TRUE(Right(problem, good)) << good;
  }
  for (const std::string bad : {"RDRD", "RRD", "LRRRDD", "RRDDU", "RRDDUD", "URRDD", "xRRDD", ""}) {
    EXPECT_FALSE(Right(problem, bad)) << bad;
  }
}

TEST(GradeTest, TheLastMarkedAnswerCounts) {
  const Problem problem = Of(AnswerKind::kNumber, "9.9");
  EXPECT_TRUE(Grade(problem, "The larger number is **9.9**.").correct);
  EXPECT_TRUE(Grade(problem, "\\boxed{9.11}, no, \\boxed{9.9}").correct);
  EXPECT_TRUE(Grade(problem, "**9.11**? No: \\boxed{9.9}").correct);
  EXPECT_TRUE(Grade(problem, "$$\\boxed{\\text{9.9}}$$").correct);
  EXPECT_TRUE(Grade(problem, "**9.11** or **9.9**").correct);
  EXPECT_FALSE(Grade(problem, "**9.9** or **9.11**").correct);
  EXPECT_FALSE(Grade(problem, "**9.1**, **9.11**, **9.9**").correct);
  EXPECT_FALSE(Grade(problem, "\\boxed{1} \\boxed{2} \\boxed{9.9}").correct);
  EXPECT_TRUE(Grade(problem, "**9.9**, **9.9**, **9.9**").correct);
  EXPECT_FALSE(Grade(problem, "**9.11 or 9.9**").correct);
  EXPECT_FALSE(Grade(problem, "**9.9, 9.11**").correct);
  EXPECT_FALSE(Grade(problem, "**9.9").correct);
  EXPECT_FALSE(Grade(problem, "****9.9").correct);
  EXPECT_FALSE(Grade(problem, "9.9").correct);
  EXPECT_FALSE(Grade(problem, "9.9").formatted);
}

TEST(GradeTest, ThinkingIsNoAnswer) {
  const Problem problem = Of(AnswerKind::kNumber, "9.9");
  EXPECT_TRUE(Grade(problem, "**9.11** is it.</think>\n\nIt is **9.9**.").correct);
  EXPECT_TRUE(Grade(problem, "<think>\na\n</think>\n\nIt is **9.9**.").correct);
  EXPECT_FALSE(Grade(problem, "It is **9.9**</think>").correct);
  EXPECT_FALSE(Grade(problem, "<think>\nIt is **9.9**").correct);
  EXPECT_FALSE(Grade(problem, "It is **9.9**. <think>").correct);
}

TEST(GradeTest, LenientTakesTheLast) {
  const auto right = [](const Problem& problem, const std::string& reply) {
    return Grade(problem, reply, Extraction::kLenient).correct;
  };
  const Problem number = Of(AnswerKind::kNumber, "9.9");
  EXPECT_TRUE(right(number, "9.9 is the larger one."));
  EXPECT_TRUE(right(number, "Since 90 > 11, the answer is 9.9."));
  EXPECT_FALSE(right(number, "9.9 is more than 9.11"));
  EXPECT_FALSE(right(number, "Which is larger, 9.11 or 9.9?"));
  EXPECT_FALSE(right(number, "no idea"));
  EXPECT_FALSE(right(number, "**9.11** so 9.9"));  // what is marked counts
  EXPECT_FALSE(Grade(number, "9.9", Extraction::kLenient).formatted);
  EXPECT_TRUE(right(Of(AnswerKind::kWord, "Friday"), "That is a Friday."));
  EXPECT_TRUE(right(Of(AnswerKind::kYesNo, "no"), "No, it is not."));
  EXPECT_FALSE(right(Of(AnswerKind::kYesNo, "no"), "Yes or no."));
  EXPECT_TRUE(right(Of(AnswerKind::kList, "3, 5, 8"), "Sorted:\n3, 5, 8"));
  EXPECT_TRUE(right(Of(AnswerKind::kSet, "Ann and Ben"), "The liars are Ben and Ann."));
  EXPECT_TRUE(right(Of(AnswerKind::kDate, "5 March 2025"), "It will be March 5, 2025."));
  EXPECT_TRUE(right(Of(AnswerKind::kTime, "17:25"), "It ends at 5:25 pm."));
  EXPECT_TRUE(
      right(Of(AnswerKind::kDuration, "3 hours 35 minutes"), "It takes 3 hours and 35 minutes."));
  EXPECT_TRUE(right(Of(AnswerKind::kQuotient, "17 remainder 2"), "121 / 7 is 17 remainder 2."));
  EXPECT_TRUE(
      right(Of(AnswerKind::kExpression, "(3 + 5) * 8", "64: 3 5 8"), "Use (3 + 5) * 8 = 64."));
  EXPECT_TRUE(right(Of(AnswerKind::kPath, "RRDD", "S . .\n. # .\n. . E"), "Go RRDD."));
}

TEST(GradeTest, HugeAndStrangeRepliesAreWrong) {
  const Problem problem = Of(AnswerKind::kNumber, "9.9");
  for (const Extraction extraction : {Extraction::kStrict, Extraction::kLenient}) {
    EXPECT_FALSE(Grade(problem, std::string(10 << 20, 'x') + "**9.9**", extraction).correct);
    EXPECT_FALSE(Grade(problem, std::string(kMaxReplyBytes, '*'), extraction).correct);
    EXPECT_FALSE(Grade(problem, std::string(kMaxReplyBytes, '9'), extraction).correct);
    EXPECT_FALSE(Grade(problem, std::string(kMaxReplyBytes, '{'), extraction).correct);
    EXPECT_FALSE(Grade(problem, std::string("\0\xff\x80**\xff**", 8), extraction).correct);
    EXPECT_FALSE(Grade(problem, "**9.9\n**", extraction).correct);
    std::string boxes;
    while (boxes.size() < 30000) boxes += "\\boxed{";
    EXPECT_FALSE(Grade(problem, boxes, extraction).correct);
  }
}

TEST(GradeTest, FreeRepliesKeepTheirRule) {
  const Problem outside = Of(AnswerKind::kFree, "", "outside");
  EXPECT_TRUE(
      Grade(outside, "I cannot do that. I am nano, a tiny reasoner for sums and dates.").correct);
  EXPECT_FALSE(Grade(outside, "The capital of France is Paris.").correct);
  EXPECT_FALSE(
      Grade(outside, "I cannot do that, but it is **Paris**. I am nano, tiny, for sums.").correct);
  EXPECT_FALSE(Grade(outside, "").correct);
  EXPECT_FALSE(Grade(outside, std::string(5000, 'a')).correct);
  const Problem other = Of(AnswerKind::kFree, "", "other");
  EXPECT_TRUE(Grade(other, "No, I am not R1. I am nano, a tiny reasoner.").correct);
  EXPECT_FALSE(Grade(other, "Yes, I am R1.").correct);
  EXPECT_FALSE(Grade(Of(AnswerKind::kFree, "", "no such rule"), "Hello").correct);
}

TEST(RationalTest, OverflowIsNoNumber) {
  EXPECT_FALSE(ParseRational("9999999999999999"));
  const Rational large{999999999999999, 1};
  EXPECT_TRUE(Combine(large, '+', large));
  EXPECT_FALSE(Combine(large, '*', large));
  EXPECT_FALSE(Combine(large, '/', Rational{}));
  EXPECT_FALSE(EvaluateExpression("999999999999999 * 999999999999999"));
  EXPECT_EQ(ParseRational("0.125"), (Rational{1, 8}));
  EXPECT_EQ(ParseRational(".5"), (Rational{1, 2}));
  for (const char* bad :
       {"", ".", "-", "1..2", "1.2.3", "1/", "/2", "1,23", ",123", "1,2345", "0x10", "1e5"}) {
    EXPECT_FALSE(ParseRational(bad)) << bad;
  }
}

}  // namespace
}  // namespace fathom
