#include "train/language_loss.h"

#include <utility>
#include <vector>

#include "base/check.h"

namespace fathom {
namespace {

using autograd::Tape;
using autograd::Var;

// Calls body(row, target row) for every row that has a token `ahead` rows behind it in its
// sequence.
template <class Body>
void ForTargets(const TrainingBatch& batch, int64_t ahead, Body&& body) {
  for (int64_t i = 0; i < batch.spans.count(); ++i) {
    const int64_t first = batch.spans.begins[static_cast<std::size_t>(i)];
    const int64_t end = first + batch.spans.tokens(i);
    for (int64_t r = first; r + ahead < end; ++r) {
      body(static_cast<std::size_t>(r), static_cast<std::size_t>(r + ahead));
    }
  }
}

float WeightOf(std::span<const float> weights, std::size_t row) {
  return weights.empty() ? 1.0F : weights[row];
}

double TotalWeight(const TrainingBatch& batch, std::span<const float> weights, int64_t ahead) {
  double total = 0;
  ForTargets(batch, ahead,
             [&](std::size_t, std::size_t target) { total += WeightOf(weights, target); });
  return total;
}

// The sum of weight times -log p over all targets, times `factor`.
Var WeighedLoss(Tape& tape, Var logits, const TrainingBatch& batch, std::span<const float> weights,
                int64_t ahead, double factor) {
  std::vector<int32_t> ids(batch.tokens.size(), 0);
  std::vector<float> shares(batch.tokens.size(), 0.0F);
  ForTargets(batch, ahead, [&](std::size_t row, std::size_t target) {
    ids[row] = batch.tokens[target];
    shares[row] = static_cast<float>(-factor * WeightOf(weights, target));
  });
  return autograd::WeightedSum(tape, autograd::LogProbabilities(tape, logits, std::move(ids)),
                               shares);
}

}  // namespace

PredictedWeight PredictedWeightOf(const TrainingBatch& batch, std::span<const float> weights) {
  return {TotalWeight(batch, weights, 1), TotalWeight(batch, weights, 2)};
}

LanguageLoss LanguageLossOf(Tape& tape, const TrainingPass& pass, const TrainingBatch& batch,
                            std::span<const float> weights, const PredictedWeight& step,
                            double mtp_factor) {
  CHECK(step.next > 0);
  LanguageLoss loss;
  loss.total = WeighedLoss(tape, pass.logits, batch, weights, 1, 1.0 / step.next);
  loss.next = loss.total->data[0] * step.next;
  if (pass.mtp_logits == nullptr || !(step.further > 0) || mtp_factor == 0) return loss;
  const double factor = mtp_factor / step.further;
  const Var further = WeighedLoss(tape, pass.mtp_logits, batch, weights, 2, factor);
  loss.further = further->data[0] / factor;
  loss.total = autograd::Add(tape, loss.total, further);
  return loss;
}

}  // namespace fathom
