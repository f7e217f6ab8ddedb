// Reinforcement learning from rewards that rules give: group relative policy optimisation (GRPO,
// arXiv 2402.03300) as DeepSeek-R1 uses it (arXiv 2501.12948), with the corrections of DAPO (arXiv
// 2503.14476) and Dr. GRPO (arXiv 2503.20783) unless the options say otherwise.
//
// A step samples several replies to each of some prompts through the engine, judges them, and moves
// the parameters towards those that are better than their group. It is a function of parameters,
// optimiser and step number, so that a run that was stopped goes on bit for bit. Owns optimiser,
// reference policy and step number. Not for: what a task is (PolicyTask), when to stop, showing
// progress.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/thread_pool.h"
#include "recipe/policy.h"
#include "recipe/policy_loss.h"
#include "recipe/reply_pass.h"
#include "recipe/rollouts.h"
#include "tensor/buffer.h"
#include "train/optimiser_kind.h"
#include "train/optimiser_step.h"
#include "train/schedule.h"

namespace fathom {

// What rules say of a reply, each from 0 to 1.
struct Outcome {
  double accuracy = 0;  // whether the answer is right
  double format = 0;    // whether it has the form that was asked for
};

// Where prompts come from, and what replies to them are worth.
class PolicyTask {
 public:
  virtual ~PolicyTask() = default;
  // Prompt number `index`, from 0 on, without end.
  virtual std::vector<int32_t> Prompt(int64_t index) const = 0;
  // One outcome for each reply to it.
  virtual std::vector<Outcome> Judge(int64_t index, std::span<const Rollout> replies) const = 0;
  // Ids that end a reply.
  virtual std::span<const int32_t> stops() const = 0;
};

struct GrpoOptions {
  int64_t prompts = 16;  // of a step
  // The policy that learns is the model's own distribution. Only with temperature 1 and top_p 1 is
  // that the one that is sampled from.
  RolloutOptions rollouts;
  double accuracy_weight = 1.0;
  double format_weight = 0.1;
  bool divide_by_deviation = false;  // of the group's rewards
  bool drop_uniform_groups = true;   // they teach nothing, and only thin out the mean
  bool mask_truncated = true;        // replies that were cut off judge the limit, not the policy
  LossMean mean = LossMean::kTokens;
  PolicyObjective objective;
  int64_t updates = 1;  // of the parameters with different replies of a step, at most ...
  int64_t epochs = 1;   // ... and how often with each
  // After so many updates the reference becomes the policy as it is then. Without effect when
  // objective.kl_coefficient is 0.
  int64_t reference_interval = 400;
  Schedule schedule{.peak = 1e-5, .final_share = 1, .warmup_steps = 0, .steps = 1};  // by step
  OptimiserKind optimiser_kind = OptimiserKind::kAdamW;
  AdamWOptions optimiser{.weight_decay = 0};
  MuonOptions muon;  // of matrices, with OptimiserKind::kMuon
  double largest_norm = 1.0;
  double balance_factor = 0;    // as TrainerOptions has them; off, since the loads of a few
  double bias_rate = 0;         // prompts are not those that experts are balanced for
  int64_t batch_tokens = 4096;  // in one pass
  bool recompute = false;
};

// Hyper-parameters of DeepSeek-R1-Zero and R1's first reinforcement learning (arXiv 2501.12948v2,
// section 2.1 and supplement): learning rate 3e-6, KL coefficient 0.001, clip ratio 10 (of R1),
// temperature 1, 16 replies to a question of at most 32,768 tokens, 8,192 replies a rollout in 16
// updates, so 32 questions an update, one epoch, the reference replaced each 400 updates, accuracy
// and format weighed alike. Means, deviations and uniform groups as the objective has them that the
// paper gives. The optimiser beside its learning rate is not published: AdamW without decay.
GrpoOptions R1Options();

struct GrpoReport {
  int64_t step = 0;  // from 0 on
  double learning_rate = 0;
  // Of all replies of the step.
  double reward = 0;  // mean, weights included; so are its two parts
  double accuracy_reward = 0;
  double format_reward = 0;
  double pass_1 = 0;               // mean accuracy
  double pass_group = 0;           // share of prompts with a reply that is right: pass@G
  double truncated = 0;            // share
  double mean_length = 0;          // tokens
  double sampled_entropy = 0;      // mean of -log p by the engine, over all tokens
  std::vector<double> accuracies;  // mean of each prompt, in order
  double dropped_groups = 0;       // share of groups that were uniform and left out
  // Of the tokens that were trained on. With nothing left of a step, all are 0 and parameters,
  // biases and optimiser are as before it.
  int64_t trained_replies = 0, trained_tokens = 0;
  int64_t updates = 0;
  double loss = 0;     // the objective, mean over updates
  double entropy = 0;  // of the next token's distribution before the step's updates, exact
  double mismatch = 0, largest_mismatch = 0;  // between the log-probabilities that engine and
                                              // trainer give the sampled tokens: mean and largest
  double clipped = 0;                         // share of the updates' tokens
  double kl = 0;                              // k3 to the reference, mean over updates' tokens
  double gradient_norm = 0;                   // mean over updates, before clipping
  double busiest_expert = 0;                  // as StepReport has it, of the last update
  double rollout_seconds = 0, training_seconds = 0;
};

class Grpo {
 public:
  // `config` is the file that the model was made from, as Policy takes it. Model, task and pool
  // outlive it; `config` need not. Throws Error(kInvalidArgument) that names an option without
  // sense.
  Grpo(TrainableModel& model, const ModelFile& config, const PolicyTask& task,
       const GrpoOptions& options, const PolicyOptions& engine, ThreadPool& pool);

  using Progress = std::function<void(const RolloutProgress&)>;
  // Makes one step. `progress` is told of its rollouts; they end with Error(kCancelled) once
  // `cancelled` is set, and nothing has changed then. Throws Error(kInternal) that names the step
  // and a tensor when parameters, loss or gradients are no numbers any more; of several updates,
  // those before have been made then.
  GrpoReport Step(const CancelFlag* cancelled = nullptr, const Progress& progress = {});
  int64_t steps_done() const { return steps_; }

  // The whole state as Trainer has it; with a reference policy, that too.
  void Save(const std::filesystem::path& path, const std::string& fingerprint) const;
  void Load(const std::filesystem::path& path, const std::string& fingerprint);

 private:
  // Of the tokens that a step trains on, before its updates.
  struct Before {
    double entropy = 0, mismatch = 0, largest_mismatch = 0;
    int64_t tokens = 0;
  };
  using Groups = std::vector<std::vector<Rollout>>;

  Groups Sample(std::span<const std::vector<int32_t>> prompts, const CancelFlag* cancelled,
                const Progress& progress, GrpoReport& report);
  // Those that are trained on.
  std::vector<TrainedReply> Judge(std::span<const std::vector<int32_t>> prompts,
                                  const Groups& groups, GrpoReport& report);
  void Train(std::vector<TrainedReply>& replies, GrpoReport& report);
  std::vector<Replies> SplitForUpdates(std::vector<TrainedReply>& replies) const;
  void Evaluate(const Replies& replies, bool reference);
  void Update(const Replies& replies, GrpoReport& report, ObjectiveSums& sums);
  void KeepBefore(TrainedReply& reply, const autograd::Value& logits, const float* log_probs,
                  int64_t first_row);
  void ResetReference();
  void SwapReference();
  bool has_reference() const { return options_.objective.kl_coefficient > 0; }
  std::vector<CheckpointSection> Sections() const;
  [[noreturn]] void FailOfRollouts(const Error& error) const;

  TrainableModel& model_;
  const PolicyTask& task_;
  GrpoOptions options_;
  ThreadPool& pool_;
  Policy policy_;
  autograd::Arena arena_;
  std::unique_ptr<Optimiser> optimiser_;
  ExpertCounts counts_;
  int64_t steps_ = 0;
  Before before_;            // of the step
  Buffer reference_;         // parameters of the reference; empty without
  Buffer reference_biases_;  // its router biases, layer behind layer
};

}  // namespace fathom
