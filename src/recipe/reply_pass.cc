#include "recipe/reply_pass.h"

#include <optional>

#include "base/check.h"

namespace fathom {

std::vector<Replies> PackReplies(const Replies& replies, int64_t rows) {
  std::vector<Replies> parts;
  int64_t taken = 0;
  for (TrainedReply* reply : replies) {
    if (parts.empty() || taken + reply->rows() > rows) {
      parts.emplace_back();
      taken = 0;
    }
    parts.back().push_back(reply);
    taken += reply->rows();
  }
  return parts;
}

ReplyPass::ReplyPass(const Replies& replies) {
  batch.spans.begins.push_back(0);
  for (const TrainedReply* reply : replies) {
    CHECK(!reply->prompt.empty() && !reply->tokens.empty());
    const std::span<const int32_t> fed = reply->tokens.first(reply->tokens.size() - 1);
    batch.tokens.insert(batch.tokens.end(), reply->prompt.begin(), reply->prompt.end());
    batch.tokens.insert(batch.tokens.end(), fed.begin(), fed.end());
    targets.resize(targets.size() + reply->prompt.size() - 1, 0);
    firsts.push_back(static_cast<int64_t>(targets.size()));
    targets.insert(targets.end(), reply->tokens.begin(), reply->tokens.end());
    batch.spans.begins.push_back(static_cast<int64_t>(batch.tokens.size()));
  }
}

MeanOf::MeanOf(LossMean kind, const Replies& all)
    : mean(kind), replies(static_cast<int64_t>(all.size())) {
  for (const TrainedReply* reply : all) tokens += static_cast<int64_t>(reply->tokens.size());
}

double MeanOf::Share(const TrainedReply& reply) const {
  if (mean == LossMean::kTokens) return 1.0 / static_cast<double>(tokens);
  return 1.0 / (static_cast<double>(replies) * static_cast<double>(reply.tokens.size()));
}

autograd::Var ObjectiveOf(autograd::Tape& tape, autograd::Var log_probs, const ReplyPass& pass,
                          const Replies& replies, const PolicyObjective& objective,
                          const MeanOf& mean, ObjectiveSums& sums) {
  std::vector<float> weights(pass.targets.size(), 0.0F);
  for (std::size_t i = 0; i < replies.size(); ++i) {
    const TrainedReply& reply = *replies[i];
    CHECK(reply.old.size() == reply.tokens.size());
    const double share = mean.Share(reply);
    for (std::size_t t = 0; t < reply.tokens.size(); ++t) {
      const std::size_t row = static_cast<std::size_t>(pass.firsts[i]) + t;
      std::optional<double> reference;
      if (objective.kl_coefficient > 0) reference = reply.reference.at(t);
      const TokenLoss token = PolicyTokenLoss(objective, reply.advantage, log_probs->data[row],
                                              reply.old[t], reference);
      weights[row] = static_cast<float>(token.gradient * share);
      sums.loss += token.loss * share;
      sums.kl += token.kl;
      sums.clipped += token.clipped ? 1 : 0;
      ++sums.tokens;
    }
  }
  return autograd::WeightedSum(tape, log_probs, weights);
}

}  // namespace fathom
