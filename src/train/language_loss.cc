#include "train/language_loss.h"

#include <utility>
#include <vector>

#include "base/check.h"

namespace fathom {
namespace {

using autograd::Tape;
using autograd::Var;

// The token `ahead` rows further in the same sequence as the target of each row, and minus its share
// of the mean as its weight; rows without such a token weigh nothing.
struct Targets {
  std::vector<int32_t> ids;
  std::vector<float> weights;

  Targets(const TrainingBatch& batch, std::span<const float> token_weights, int64_t ahead)
      : ids(batch.tokens.size(), 0), weights(batch.tokens.size(), 0.0F) {
    double total = 0;
    for (int64_t i = 0; i < batch.spans.count(); ++i) {
      const int64_t first = batch.spans.begins[static_cast<std::size_t>(i)];
      const int64_t end = first + batch.spans.tokens(i);
      for (int64_t r = first; r + ahead < end; ++r) {
        const auto row = static_cast<std::size_t>(r), target = static_cast<std::size_t>(r + ahead);
        ids[row] = batch.tokens[target];
        weights[row] = token_weights.empty() ? 1.0F : token_weights[target];
        total += weights[row];
      }
    }
    CHECK(total > 0);
    for (float& weight : weights) weight = static_cast<float>(-weight / total);
  }
};

Var MeanLoss(Tape& tape, Var logits, Targets targets) {
  return autograd::WeightedSum(
      tape, autograd::LogProbabilities(tape, logits, std::move(targets.ids)), targets.weights);
}

}  // namespace

LanguageLoss LanguageLossOf(Tape& tape, const TrainingPass& pass, const TrainingBatch& batch,
                            std::span<const float> weights, double mtp_factor) {
  LanguageLoss loss{MeanLoss(tape, pass.logits, Targets(batch, weights, 1))};
  loss.next = loss.total->data[0];
  if (pass.mtp_logits == nullptr) return loss;
  const Var further = MeanLoss(tape, pass.mtp_logits, Targets(batch, weights, 2));
  loss.further = further->data[0];
  const float factor = static_cast<float>(mtp_factor);
  loss.total = autograd::Add(tape, loss.total, autograd::WeightedSum(tape, further, {&factor, 1}));
  return loss;
}

}  // namespace fathom
