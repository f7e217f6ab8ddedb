#include "recipe/evaluation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <optional>
#include <set>
#include <sstream>

#include "base/error.h"
#include "base/json.h"
#include "recipe/task_rewards.h"
#include "recipe/testing/scripted_model.h"
#include "recipe/tokenizer_training.h"

namespace fathom {
namespace {

using ::testing::HasSubstr;

// The format of a small recipe's tokenizer.
struct Format {
  Tokenizer tokenizer{TrainTokenizer(TaskMixture(AllTasks(), Split::kTrain, 1),
                                     {.vocabulary = 700, .problems = 700})};
  std::unique_ptr<ChatTemplate> chat_template = MakeChatTemplate(tokenizer);
  TaskFormat tasks{tokenizer, *chat_template};

  std::vector<int32_t> Solution(const Problem& problem) const {
    const std::vector<int32_t> all = tasks.Worked(problem, 0).tokens;
    return {all.begin() + std::ssize(tasks.Prompt(problem)), all.end()};
  }
  std::vector<int32_t> Ids(const std::string& text) const { return tokenizer.Encode(text); }
};

const Format& Small() {
  static const Format kFormat;
  return kFormat;
}

// Solves additions, fails subtractions, and solves half of the replies to multiplications: the
// others never end.
struct Student {
  std::vector<Problem> problems;
  ScriptedModel model{Small().tokenizer.size(), 2048};
  std::optional<Engine> engine;

  Student() {
    const std::vector<MixtureEntry> entries = {
        {"addition", 1, 1}, {"subtraction", 1, 1}, {"multiplication", 1, 1}};
    problems = HeldOutProblems(entries, 8, 3);
    const std::vector<int32_t> endless = Small().Ids("?! ?! ?!");
    for (const Problem& problem : problems) {
      std::vector<std::vector<int32_t>> replies = {Small().Solution(problem)};
      if (problem.family == "subtraction") {
        Problem wrong = problem;
        wrong.reply = "It is **" + problem.answer + "1**.";
        replies = {Small().Solution(wrong)};
      }
      if (problem.family == "multiplication") {
        EXPECT_NE(replies[0][0], endless[0]);
        replies.push_back(endless);
      }
      model.Answer(Small().tasks.Prompt(problem), replies);
    }
    engine.emplace(model, EngineOptions{.threads = 1, .cache_bytes = 1 << 20});
  }
  EvaluationReport Take(const EvaluationOptions& options) {
    return Evaluate(*engine, Small().tasks, problems, options);
  }
};

TEST(Evaluation, PassAtKIsTheUnbiasedEstimate) {
  // Counted: how many of all choices of k replies hold one that is right.
  for (int64_t n = 1; n <= 8; ++n) {
    for (int64_t c = 0; c <= n; ++c) {
      for (int64_t k = 1; k <= n; ++k) {
        int64_t choices = 0, solved = 0;
        for (uint32_t set = 0; set < (1U << n); ++set) {
          if (std::popcount(set) != k) continue;
          ++choices;
          solved += (set & ((1U << c) - 1)) != 0;
        }
        EXPECT_NEAR(PassAtK(n, c, k), static_cast<double>(solved) / static_cast<double>(choices),
                    1e-12)
            << n << " " << c << " " << k;
      }
    }
  }
}

TEST(Evaluation, HeldOutProblemsAreTestProblemsAndTheSameAgain) {
  const std::vector<MixtureEntry> entries = {{"addition", 2, 1}, {"smalltalk", 1, 5}};
  const std::vector<Problem> problems = HeldOutProblems(entries, 20, 7);
  const std::vector<Problem> again = HeldOutProblems(entries, 20, 7);
  ASSERT_EQ(problems.size(), again.size());
  std::set<std::string> questions;
  int64_t additions = 0;
  for (std::size_t i = 0; i < problems.size(); ++i) {
    EXPECT_EQ(problems[i].question, again[i].question);
    if (problems[i].family == "addition") {
      EXPECT_EQ(SplitOf("addition", problems[i].content), Split::kTest);
    }
    questions.insert(problems[i].question);
    additions += problems[i].family == "addition";
  }
  EXPECT_EQ(questions.size(), problems.size());
  EXPECT_EQ(additions, 20);
  EXPECT_LE(problems.size(), 40U);
}

TEST(Evaluation, CountsByFamily) {
  Student student;
  ASSERT_EQ(student.problems.size(), 24U);
  const EvaluationReport report =
      student.Take({.samples = 16, .k = 4, .max_tokens = 300, .seed = 1});
  ASSERT_EQ(report.families.size(), 3U);
  const FamilyScore &good = report.families[0], &bad = report.families[1],
                    &half = report.families[2];
  EXPECT_EQ(good.family, "addition");
  EXPECT_EQ(good.problems, 8);
  EXPECT_EQ(good.pass_1, 1.0);
  EXPECT_EQ(good.pass_k, 1.0);
  EXPECT_EQ(good.formatted, 1.0);
  EXPECT_EQ(good.truncated, 0.0);
  double thinking = 0;
  for (const Problem& problem : student.problems) {
    if (problem.family != "addition") continue;
    const std::vector<int32_t> ids = Small().Solution(problem);
    thinking +=
        static_cast<double>(std::ranges::find(ids, Small().tasks.end_of_thinking()) - ids.begin()) /
        8;
  }
  EXPECT_NEAR(good.thinking_tokens, thinking, 1e-9);
  EXPECT_EQ(bad.pass_1, 0.0);
  EXPECT_EQ(bad.pass_k, 0.0);
  EXPECT_EQ(bad.formatted, 1.0);
  EXPECT_NEAR(half.pass_1, 0.5, 0.2);  // 128 draws
  EXPECT_NEAR(half.pass_k, 0.94, 0.1);
  EXPECT_NEAR(half.truncated, 1 - half.pass_1, 1e-9);
  EXPECT_NEAR(half.formatted, half.pass_1, 1e-9);
  EXPECT_GT(half.thinking_tokens, 100);
  EXPECT_EQ(report.mean.problems, 24);
  EXPECT_NEAR(report.mean.pass_1, (1 + half.pass_1) / 3, 1e-12);
  EXPECT_NEAR(report.mean.pass_k, (1 + half.pass_k) / 3, 1e-12);
  EXPECT_GT(report.tokens, 128 / 3 * 300);
  // Greedy: one reply, the same always.
  const EvaluationReport greedy = student.Take({.max_tokens = 300});
  EXPECT_EQ(greedy.k, 1);
  EXPECT_EQ(greedy.families[0].pass_1, 1.0);
  EXPECT_EQ(greedy.mean.pass_1, greedy.mean.pass_k);
}

TEST(Evaluation, KeepsRepliesBehindTheirPromptsWhereAskedTo) {
  Student student;
  EvaluationOptions options{.samples = 2, .max_tokens = 400};
  EXPECT_TRUE(student.Take(options).replies.empty());
  options.keep_replies = true;
  const EvaluationReport report = student.Take(options);
  ASSERT_EQ(report.replies.size(), 2 * student.problems.size());
  int64_t tokens = 0;
  for (std::size_t i = 0; i < report.replies.size(); ++i) {
    const JudgedSequence& kept = report.replies[i];
    const std::vector<int32_t> prompt = Small().tasks.Prompt(student.problems[i / 2]);
    ASSERT_EQ(kept.begin, std::ssize(prompt));
    ASSERT_GT(std::ssize(kept.tokens), kept.begin);
    EXPECT_TRUE(std::equal(prompt.begin(), prompt.end(), kept.tokens.begin()));
    tokens += std::ssize(kept.tokens) - kept.begin;
  }
  EXPECT_EQ(tokens, report.tokens);
  const std::vector<int32_t> solution = Small().Solution(student.problems[0]);
  EXPECT_TRUE(std::equal(solution.begin(), solution.end(),
                         report.replies[0].tokens.begin() + report.replies[0].begin));
}

TEST(Evaluation, LenientExtractionTakesUnmarkedAnswers) {
  const std::vector<MixtureEntry> entries = {{"addition", 1, 1}};
  const std::vector<Problem> problems = HeldOutProblems(entries, 3, 3);
  ScriptedModel model(Small().tokenizer.size(), 2048);
  for (const Problem& problem : problems) {
    std::vector<int32_t> ids = Small().Ids("hm");
    ids.push_back(Small().tasks.end_of_thinking());
    for (const int32_t id : Small().Ids("The sum is " + problem.answer)) ids.push_back(id);
    ids.push_back(Small().tasks.stops()[0]);
    model.Answer(Small().tasks.Prompt(problem), {ids});
  }
  Engine engine(model, {.threads = 1, .cache_bytes = 1 << 20});
  for (const bool lenient : {false, true}) {
    const EvaluationReport report =
        Evaluate(engine, Small().tasks, problems,
                 {.extraction = lenient ? Extraction::kLenient : Extraction::kStrict});
    EXPECT_EQ(report.mean.pass_1, lenient ? 1.0 : 0.0);
    EXPECT_EQ(report.mean.formatted, 0.0);
  }
}

TEST(Evaluation, TablesAndLinesHoldTheNumbers) {
  EvaluationReport report;
  report.families = {{"addition", 8, 0.5, 0.75, 1, 0.125, 40}, {"maze", 4, 0.25, 0.5, 1, 0, 20}};
  report.mean = {"mean", 12, 0.375, 0.625, 1, 0.0625, 30};
  report.samples = report.k = 8;
  const std::string table = EvaluationTable(report);
  EXPECT_THAT(table, HasSubstr("pass@8"));
  EXPECT_THAT(table,
              HasSubstr("addition                  8    50.0     75.0      100.0       12.5"));
  EXPECT_EQ(std::ranges::count(table, '\n'), 4);
  std::istringstream lines(EvaluationJsonLines(report, "nano \"sft\""));
  std::vector<Json> parsed;
  for (std::string line; std::getline(lines, line);) parsed.push_back(ParseJson(line, "line"));
  ASSERT_EQ(parsed.size(), 3U);
  EXPECT_EQ(parsed[0].at("model"), "nano \"sft\"");
  EXPECT_EQ(parsed[1].at("family"), "maze");
  EXPECT_EQ(parsed[1].at("problems"), 4);
  EXPECT_EQ(parsed[2].at("family"), "mean");
  EXPECT_EQ(parsed[2].at("pass_k"), 0.625);
  EXPECT_EQ(parsed[2].at("k"), 8);
}

TEST(Evaluation, OfOneReplyTheTableHasOneShare) {
  EvaluationReport report;
  report.families = {{"addition", 8, 0.5, 0.5, 1, 0.125, 40}};
  report.mean = {"mean", 8, 0.5, 0.5, 1, 0.125, 40};
  EXPECT_EQ(EvaluationTable(report),
            "family             problems  pass@1  formatted  truncated  thinking\n"
            "addition                  8    50.0      100.0       12.5        40\n"
            "mean                      8    50.0      100.0       12.5        40\n");
}

TEST(Evaluation, OptionsWithoutSenseAreRefused) {
  Student student;
  for (const EvaluationOptions& options :
       {EvaluationOptions{.samples = 0}, EvaluationOptions{.samples = 4, .k = 5},
        EvaluationOptions{.samples = 4, .temperature = 0}}) {
    EXPECT_THROW(student.Take(options), Error);
  }
  EXPECT_THROW(Evaluate(*student.engine, Small().tasks, {}, {}), Error);
}

TEST(TaskRewards, RulesSayWhatARepliesIsWorth) {
  const TaskMixture mixture(AllTasks(), Split::kTrain, 5);
  const TaskRewards rewards(mixture, Small().tasks);
  const int32_t end = Small().tasks.end_of_thinking();
  for (int64_t index = 0; index < 60; ++index) {
    const Problem problem = mixture.At(index);
    EXPECT_EQ(rewards.Prompt(index), Small().tasks.Prompt(problem));
    const Rollout right{Small().Solution(problem), {}, false};
    Rollout cut = right;
    cut.truncated = true;
    Rollout twice = right;
    twice.tokens.insert(twice.tokens.begin(), end);
    Rollout endless = right;
    std::erase(endless.tokens, end);
    const std::vector<Outcome> outcomes =
        rewards.Judge(index, std::vector<Rollout>{right, cut, twice, endless});
    ASSERT_EQ(outcomes.size(), 4U);
    EXPECT_EQ(outcomes[0].accuracy, 1.0) << problem.question;
    EXPECT_EQ(outcomes[0].format, 1.0);
    EXPECT_EQ(outcomes[1].format, 0.0) << "cut off";
    EXPECT_EQ(outcomes[2].format, 0.0) << "thinks twice";
    EXPECT_EQ(outcomes[3].accuracy, 0.0) << "never ends its thinking";
    EXPECT_EQ(outcomes[3].format, 0.0);
  }
}

}  // namespace
}  // namespace fathom
