#include "recipe/task_mixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "base/error.h"

namespace fathom {
namespace {

constexpr uint64_t kSeed = 5;

TEST(TaskMixture, AProblemIsAFunctionOfItsNumberSplitAndSeed) {
  const TaskMixture first(AllTasks(), Split::kTrain, kSeed),
      again(AllTasks(), Split::kTrain, kSeed);
  const TaskMixture other(AllTasks(), Split::kTrain, kSeed + 1);
  std::set<std::string> questions;
  int same = 0;
  for (int64_t i = 49; i >= 0; --i) {  // in any order
    const Problem problem = first.At(i);
    EXPECT_EQ(problem.question, again.At(i).question);
    EXPECT_EQ(problem.thinking, again.At(i).thinking);
    EXPECT_EQ(problem.question, first.At(i).question);
    same += problem.question == other.At(i).question;
    questions.insert(problem.question);
  }
  EXPECT_GT(questions.size(), 45U);
  EXPECT_LT(same, 5);
  // Numbers that differ in their upper half alone are different ones.
  EXPECT_NE(first.At(7).question, first.At(7 + (int64_t{1} << 32)).question);
}

TEST(TaskMixture, SharesFollowTheWeights) {
  const std::vector<MixtureEntry> entries = {
      {"addition", 1, 1}, {"compare_decimals", 2, 3}, {"clock", 3, 0.5}};
  const TaskMixture mixture(entries, Split::kTrain, kSeed);
  constexpr int64_t kProblems = 9000;
  std::map<std::pair<std::string, int>, int64_t> counts;
  for (int64_t i = 0; i < kProblems; ++i) {
    const Problem problem = mixture.At(i);
    ++counts[{problem.family, problem.level}];
  }
  ASSERT_EQ(counts.size(), entries.size());
  for (const MixtureEntry& entry : entries) {
    const double share = entry.weight / 4.5;
    const double deviation = std::sqrt(kProblems * share * (1 - share));
    const auto count = static_cast<double>(counts[{entry.family, entry.level}]);
    EXPECT_NEAR(count, kProblems * share, 4 * deviation) << entry.family;
  }
}

TEST(TaskMixture, EveryTaskIsThereAndTheSplitsHaveNothingInCommon) {
  const TaskMixture train(AllTasks(), Split::kTrain, kSeed), test(AllTasks(), Split::kTest, kSeed);
  std::set<std::string> contents;
  std::set<std::pair<std::string, int>> seen;
  for (int64_t i = 0; i < 4000; ++i) {
    const Problem problem = train.At(i);
    contents.insert(problem.family + ": " + problem.content);
    seen.insert({problem.family, problem.level});
  }
  EXPECT_EQ(seen.size(), AllTasks().size());
  for (int64_t i = 0; i < 1000; ++i) {
    const Problem problem = test.At(i);
    EXPECT_FALSE(contents.contains(problem.family + ": " + problem.content)) << problem.question;
  }
}

TEST(TaskMixture, FamiliesHaveTheSameShareWhateverLevelsTheyHave) {
  std::map<std::string, double> weights;
  for (const MixtureEntry& entry : AllTasks(2)) weights[entry.family] += entry.weight;
  EXPECT_EQ(weights.size(), Families().size());
  for (const auto& [family, weight] : weights) EXPECT_NEAR(weight, 2, 1e-12) << family;
}

TEST(TaskMixture, RefusesWhatThereIsNot) {
  const auto code = [](std::vector<MixtureEntry> entries) {
    try {
      const TaskMixture mixture(std::move(entries), Split::kTrain, kSeed);
    } catch (const Error& error) {
      return std::string(ErrorCodeName(error.code())) + ": " + error.message();
    }
    return std::string();
  };
  using ::testing::AllOf, ::testing::HasSubstr, ::testing::StartsWith;
  EXPECT_THAT(code({}), StartsWith("invalid_argument: a mixture of no tasks"));
  EXPECT_THAT(code({{"adition", 1, 1}}), StartsWith("not_found: no task family 'adition'"));
  EXPECT_THAT(code({{"addition", 5, 1}}),
              AllOf(StartsWith("invalid_argument"), HasSubstr("no level 5, expected 1 to 4")));
  EXPECT_THAT(code({{"addition", 0, 1}}), HasSubstr("no level 0"));
  for (const double weight : {0.0, -1.0, std::numeric_limits<double>::infinity(),
                              std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(code({{"addition", 1, weight}}), HasSubstr("expected a number above 0"));
  }
}

}  // namespace
}  // namespace fathom
