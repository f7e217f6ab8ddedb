#include "recipe/held_out.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "autograd/tape.h"
#include "train/language_loss.h"

namespace fathom {
namespace {

// Adds the weight of tokens that are their row's likeliest.
double LikeliestWeight(const autograd::Var logits, const SampleBatch& batch) {
  double weight = 0;
  for (int64_t i = 0; i < batch.tokens.spans.count(); ++i) {
    const int64_t first = batch.tokens.spans.begins[static_cast<std::size_t>(i)];
    for (int64_t r = first; r + 1 < first + batch.tokens.spans.tokens(i); ++r) {
      const auto target = static_cast<std::size_t>(r + 1);
      if (batch.weights[target] == 0) continue;
      const float* row = logits->row(r);
      const auto likeliest = std::max_element(row, row + logits->columns) - row;
      if (likeliest == batch.tokens.tokens[target]) weight += batch.weights[target];
    }
  }
  return weight;
}

}  // namespace

HeldOutLoss HeldOutLossOf(TrainableModel& model, const SampleSource& source, int64_t samples,
                          int64_t batch_tokens, ThreadPool& pool, const CancelFlag* cancelled) {
  HeldOutLoss result;
  PredictedWeight total;
  autograd::Arena arena;
  for (int64_t next = 0; next < samples;) {
    CheckCancelled(cancelled);
    SampleBatch batch;
    while (next < samples) {
      const Sample sample = source.At(next);
      const auto length = static_cast<int64_t>(sample.tokens.size());
      if (batch.size() > 0 && batch.size() + length > batch_tokens) break;
      batch.Add(sample);
      ++next;
    }
    const PredictedWeight weight = PredictedWeightOf(batch.tokens, batch.weights);
    if (!(weight.next > 0)) continue;
    arena.Release({});
    autograd::Tape tape(pool, arena);
    const TrainingPass pass = model.Forward(tape, batch.tokens, {.recompute = true});
    const LanguageLoss loss =
        LanguageLossOf(tape, pass, batch.tokens, batch.weights, weight, /*mtp_factor=*/1);
    result.loss += loss.next;
    result.mtp_loss += loss.further;
    result.accuracy += LikeliestWeight(pass.logits, batch);
    result.tokens += batch.size();
    total.next += weight.next;
    total.further += weight.further;
  }
  if (total.next > 0) {
    result.loss /= total.next;
    result.accuracy /= total.next;
  }
  if (total.further > 0) result.mtp_loss /= total.further;
  return result;
}

}  // namespace fathom
