// How well a model solves held-out tasks: any engine, whoever's weights it runs, on the same
// problems. Not for: rewards (task_rewards.h), and replies to be read by people.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"
#include "engine/engine.h"
#include "grade/grade.h"
#include "recipe/mtp_acceptance.h"
#include "recipe/rollouts.h"
#include "recipe/task_format.h"
#include "recipe/task_mixture.h"

namespace fathom {

// Test problems of each entry's family and level, `per_level` of each, no question twice; fewer
// where a level has not so many. A function of its arguments, so the same for every model; weights
// play no part. Throws what TaskMixture throws.
std::vector<Problem> HeldOutProblems(std::span<const MixtureEntry> entries, int64_t per_level,
                                     uint64_t seed);

struct EvaluationOptions {
  int64_t samples = 1;       // replies to each problem; of one alone, the greedy one
  int64_t k = 0;             // of pass@k, at most samples; 0: samples
  float temperature = 1.0F;  // of several
  float top_p = 1.0F;        // likewise
  int64_t max_tokens = 512;  // of a reply
  uint64_t seed = 0;
  bool keep_replies = false;
  Extraction extraction = Extraction::kStrict;  // lenient for models that mark no answers
};

struct FamilyScore {
  std::string family;
  int64_t problems = 0;
  double pass_1 = 0;     // share of the replies that are right
  double pass_k = 0;     // mean over problems of PassAtK
  double formatted = 0;  // share of replies with a marked answer
  double truncated = 0;  // share that max_tokens or the context cut off
  // Mean number of ids before "</think>": all where it never comes, none where the vocabulary has
  // no such token.
  double thinking_tokens = 0;
};

struct EvaluationReport {
  std::vector<FamilyScore> families;  // in the order of the problems
  FamilyScore mean;                   // over families, each alike; the problems are the sum
  int64_t samples = 1;
  int64_t k = 1;
  int64_t tokens = 0;  // generated
  // Every reply behind its prompt, where the options ask for them: each problem's together.
  std::vector<JudgedSequence> replies;
  double seconds = 0;
};

// The chance that one of k different ones of n replies is right, c of which are: the unbiased
// estimate of pass@k, 1 - C(n - c, k) / C(n, k) (Chen et al., "Evaluating large language models
// trained on code", arXiv 2107.03374, eq. 1), as the product 1 - prod_{i=n-c+1..n} (1 - k / i).
// 1 <= k <= n and 0 <= c <= n.
double PassAtK(int64_t n, int64_t c, int64_t k);

// Asks all problems in the format of the engine's model. Throws Error(kInvalidArgument) for options
// without sense or no problems, and what SampleRollouts throws.
EvaluationReport Evaluate(Engine& engine, const TaskFormat& format,
                          std::span<const Problem> problems, const EvaluationOptions& options,
                          const CancelFlag* cancelled = nullptr,
                          const std::function<void(const RolloutProgress&)>& progress = {});

// One line a family and one for the mean, with a head; shares in per cent.
std::string EvaluationTable(const EvaluationReport& report);
// The same as JSON objects, one a line, each with `model` as the name of what was evaluated; shares
// from 0 to 1. The line of the mean has the family "mean".
std::string EvaluationJsonLines(const EvaluationReport& report, std::string_view model);

}  // namespace fathom
