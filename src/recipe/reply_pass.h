// Replies of a policy in one training pass: what is known of each, how they lie in the rows of the
// pass, and the objective of GRPO over them. Not for: where replies come from, and what moves the
// parameters (grpo.h).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "autograd/ops.h"
#include "models/training/trainable.h"
#include "recipe/policy_loss.h"

namespace fathom {

// A reply that is trained on; prompt and tokens are somebody else's, and not empty.
struct TrainedReply {
  std::span<const int32_t> prompt;
  std::span<const int32_t> tokens;
  std::span<const float> sampled = {};  // log-probabilities by the engine, where it made them
  double advantage = 0;
  // Log-probabilities of the tokens; empty while they are not known.
  std::vector<float> old = {};        // under the policy that sampled, by the trainer's own pass
  std::vector<float> reference = {};  // under the reference policy, where there is one

  // In a pass over prompt and reply, whose last token predicts nothing.
  int64_t rows() const { return static_cast<int64_t>(prompt.size() + tokens.size()) - 1; }
};
using Replies = std::vector<TrainedReply*>;

// In their order, side by side in parts of at most `rows`; a longer reply has a part to itself.
std::vector<Replies> PackReplies(const Replies& replies, int64_t rows);

struct ReplyPass {
  TrainingBatch batch;
  std::vector<int32_t> targets;  // of each row: the token that it predicts, 0 within a prompt
  std::vector<int64_t> firsts;   // of each reply: the row that predicts its first token

  explicit ReplyPass(const Replies& replies);
};

enum class LossMean : uint8_t {
  kTokens,   // over all tokens alike (DAPO, arXiv 2503.14476, section 3.3)
  kReplies,  // over each reply's tokens, then over replies (DeepSeekMath, arXiv 2402.03300, eq. 3):
             // tokens of long replies weigh less
};

// How many replies and tokens share a mean.
struct MeanOf {
  LossMean mean = LossMean::kTokens;
  int64_t replies = 0;
  int64_t tokens = 0;
  MeanOf(LossMean kind, const Replies& all);
  // What one token of a reply weighs in it.
  double Share(const TrainedReply& reply) const;
};

struct ObjectiveSums {
  double loss = 0;      // the objective's part
  double kl = 0;        // sums over tokens
  int64_t clipped = 0;  // tokens
  int64_t tokens = 0;
};

// {1, 1}, whose gradient is that of the objective over these replies, a part of those in `mean`;
// not its value, which is added to `sums` (policy_loss.h says why). `log_probs` are those of the
// pass's targets. Every reply knows `old`, and with a KL coefficient `reference`.
autograd::Var ObjectiveOf(autograd::Tape& tape, autograd::Var log_probs, const ReplyPass& pass,
                          const Replies& replies, const PolicyObjective& objective,
                          const MeanOf& mean, ObjectiveSums& sums);

}  // namespace fathom
