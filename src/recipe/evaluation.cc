#include "recipe/evaluation.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"

namespace fathom {
namespace {

// Draws of a level until the search for another question is given up, over those wanted.
constexpr int64_t kDrawsPerProblem = 16;

void Validate(std::span<const Problem> problems, const EvaluationOptions& options) {
  const auto require = [](bool holds, const std::string& what) {
    if (!holds) throw Error(ErrorCode::kInvalidArgument, "evaluation: " + what);
  };
  require(!problems.empty(), "there are no problems");
  require(options.samples >= 1,
          "samples is " + std::to_string(options.samples) + ", expected at least 1");
  require(options.k >= 0 && options.k <= options.samples,
          "k is " + std::to_string(options.k) + ", expected at most the " +
              std::to_string(options.samples) + " samples");
  require(options.samples == 1 || options.temperature > 0,
          "several samples at temperature 0 are one");
}

int64_t ThinkingTokens(const Rollout& rollout, int32_t end_of_thinking) {
  if (end_of_thinking < 0) return 0;
  return std::ranges::find(rollout.tokens, end_of_thinking) - rollout.tokens.begin();
}

// Adds one problem's replies to its family's sums.
void AddProblem(const Problem& problem, std::span<const Rollout> replies, const TaskFormat& format,
                const EvaluationOptions& options, int64_t k, FamilyScore& score) {
  const auto share = 1.0 / static_cast<double>(replies.size());
  int64_t right = 0;
  for (const Rollout& reply : replies) {
    const GradedReply graded = Grade(problem, format.ReplyText(reply.tokens), options.extraction);
    right += graded.correct ? 1 : 0;
    score.formatted += graded.formatted ? share : 0;
    score.truncated += reply.truncated ? share : 0;
    score.thinking_tokens +=
        static_cast<double>(ThinkingTokens(reply, format.end_of_thinking())) * share;
  }
  score.pass_1 += static_cast<double>(right) * share;
  score.pass_k += PassAtK(static_cast<int64_t>(replies.size()), right, k);
  ++score.problems;
}

constexpr std::array kShares = {&FamilyScore::pass_1, &FamilyScore::pass_k, &FamilyScore::formatted,
                                &FamilyScore::truncated, &FamilyScore::thinking_tokens};

// Sums over problems become means, and these the mean over families.
void TakeMeans(EvaluationReport& report) {
  report.mean.family = "mean";
  for (FamilyScore& score : report.families) {
    for (const auto share : kShares) {
      score.*share /= static_cast<double>(score.problems);
      report.mean.*share += score.*share / static_cast<double>(report.families.size());
    }
    report.mean.problems += score.problems;
  }
}

// A table without a column for pass@k where k is 1.
std::string TableLine(const std::string& name, const FamilyScore& score, int64_t k) {
  char pass_k[32] = "";
  if (k > 1) std::snprintf(pass_k, sizeof pass_k, " %8.1f", 100 * score.pass_k);
  char line[160];
  std::snprintf(line, sizeof line, "%-18s %8lld %7.1f%s %10.1f %10.1f %9.0f\n", name.c_str(),
                static_cast<long long>(score.problems), 100 * score.pass_1, pass_k,
                100 * score.formatted, 100 * score.truncated, score.thinking_tokens);
  return line;
}

}  // namespace

std::vector<Problem> HeldOutProblems(std::span<const MixtureEntry> entries, int64_t per_level,
                                     uint64_t seed) {
  std::vector<Problem> problems;
  for (const MixtureEntry& entry : entries) {
    const TaskMixture mixture({{entry.family, entry.level, 1}}, Split::kTest, seed);
    std::set<std::string> questions;
    for (int64_t i = 0; i < per_level * kDrawsPerProblem; ++i) {
      if (static_cast<int64_t>(questions.size()) == per_level) break;
      Problem problem = mixture.At(i);
      if (questions.insert(problem.question).second) problems.push_back(std::move(problem));
    }
  }
  return problems;
}

double PassAtK(int64_t n, int64_t c, int64_t k) {
  CHECK(k >= 1 && k <= n && c >= 0 && c <= n);
  if (n - c < k) return 1.0;
  double none = 1.0;
  for (int64_t i = n - c + 1; i <= n; ++i) {
    none *= 1.0 - static_cast<double>(k) / static_cast<double>(i);
  }
  return 1.0 - none;
}

EvaluationReport Evaluate(Engine& engine, const TaskFormat& format,
                          std::span<const Problem> problems, const EvaluationOptions& options,
                          const CancelFlag* cancelled,
                          const std::function<void(const RolloutProgress&)>& progress) {
  Validate(problems, options);
  const double start = MonotonicSeconds();
  EvaluationReport report;
  report.samples = options.samples;
  report.k = options.k > 0 ? options.k : options.samples;
  std::vector<std::vector<int32_t>> prompts;
  for (const Problem& problem : problems) prompts.push_back(format.Prompt(problem));
  const RolloutOptions rollouts{.samples = options.samples,
                                .max_tokens = options.max_tokens,
                                .temperature = options.samples == 1 ? 0.0F : options.temperature,
                                .top_p = options.top_p,
                                .seed = options.seed};
  const std::vector<std::vector<Rollout>> groups =
      SampleRollouts(engine, prompts, format.stops(), rollouts, 0, cancelled, progress);
  for (std::size_t i = 0; i < problems.size(); ++i) {
    auto score = std::ranges::find(report.families, problems[i].family, &FamilyScore::family);
    if (score == report.families.end()) {
      score = report.families.insert(score, {.family = problems[i].family});
    }
    AddProblem(problems[i], groups[i], format, options, report.k, *score);
    for (const Rollout& reply : groups[i]) {
      report.tokens += std::ssize(reply.tokens);
      if (!options.keep_replies) continue;
      report.replies.push_back({prompts[i], std::ssize(prompts[i])});
      std::vector<int32_t>& kept = report.replies.back().tokens;
      kept.insert(kept.end(), reply.tokens.begin(), reply.tokens.end());
    }
  }
  TakeMeans(report);
  report.seconds = MonotonicSeconds() - start;
  return report;
}

std::string EvaluationTable(const EvaluationReport& report) {
  char pass_k[32] = "";
  if (report.k > 1) {
    const std::string name = "pass@" + std::to_string(report.k);
    std::snprintf(pass_k, sizeof pass_k, " %8s", name.c_str());
  }
  char head[160];
  std::snprintf(head, sizeof head, "%-18s %8s %7s%s %10s %10s %9s\n", "family", "problems",
                "pass@1", pass_k, "formatted", "truncated", "thinking");
  std::string table = head;
  for (const FamilyScore& score : report.families) {
    table += TableLine(score.family, score, report.k);
  }
  return table + TableLine("mean", report.mean, report.k);
}

std::string EvaluationJsonLines(const EvaluationReport& report, std::string_view model) {
  std::string lines;
  const auto add = [&](const FamilyScore& score) {
    const Json json = {{"model", std::string(model)},
                       {"family", score.family},
                       {"problems", score.problems},
                       {"samples", report.samples},
                       {"k", report.k},
                       {"pass_1", score.pass_1},
                       {"pass_k", score.pass_k},
                       {"formatted", score.formatted},
                       {"truncated", score.truncated},
                       {"thinking_tokens", score.thinking_tokens}};
    lines += DumpJson(json) + "\n";
  };
  for (const FamilyScore& score : report.families) add(score);
  add(report.mean);
  return lines;
}

}  // namespace fathom
