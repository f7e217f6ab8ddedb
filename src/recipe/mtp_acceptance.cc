#include "recipe/mtp_acceptance.h"

#include <algorithm>
#include <string>

#include "autograd/tape.h"
#include "base/error.h"

namespace fathom {
namespace {

int64_t MostLikely(const autograd::Value& logits, int64_t row) {
  const float* first = logits.row(row);
  return std::max_element(first, first + logits.columns) - first;
}

void CheckTokens(const JudgedSequence& sequence, int64_t vocabulary) {
  for (const int32_t token : sequence.tokens) {
    if (token >= 0 && token < vocabulary) continue;
    throw Error(ErrorCode::kInvalidArgument, "a sequence has token " + std::to_string(token) +
                                                 ", expected 0 to " +
                                                 std::to_string(vocabulary - 1));
  }
}

// The sequences side by side in one pass.
void JudgeBatch(TrainableModel& model, std::span<const JudgedSequence> sequences, ThreadPool& pool,
                autograd::Arena& arena, MtpAcceptance& result) {
  TrainingBatch batch;
  batch.spans.begins.push_back(0);
  for (const JudgedSequence& sequence : sequences) {
    batch.tokens.insert(batch.tokens.end(), sequence.tokens.begin(), sequence.tokens.end());
    batch.spans.begins.push_back(std::ssize(batch.tokens));
  }
  arena.Release({});
  autograd::Tape tape(pool, arena);
  const TrainingPass pass = model.Forward(tape, batch, {.balance_factor = 0, .recompute = true});
  if (pass.mtp_logits == nullptr) {
    throw Error(ErrorCode::kUnsupported, "the model has no layer that predicts one token further");
  }
  for (std::size_t s = 0; s < sequences.size(); ++s) {
    const int64_t first = batch.spans.begins[s];
    const int64_t begin = std::max<int64_t>(sequences[s].begin, 2);
    for (int64_t i = begin; i < std::ssize(sequences[s].tokens); ++i) {
      ++result.judged;
      result.accepted +=
          MostLikely(*pass.mtp_logits, first + i - 2) == MostLikely(*pass.logits, first + i - 1);
    }
  }
}

}  // namespace

MtpAcceptance MeasureMtpAcceptance(TrainableModel& model, std::span<const JudgedSequence> sequences,
                                   ThreadPool& pool, int64_t batch_tokens,
                                   const CancelFlag* cancelled) {
  for (const JudgedSequence& sequence : sequences) CheckTokens(sequence, model.vocabulary());
  MtpAcceptance result;
  autograd::Arena arena;
  std::vector<JudgedSequence> batch;
  int64_t tokens = 0;
  const auto judge = [&] {
    CheckCancelled(cancelled);
    if (!batch.empty()) JudgeBatch(model, batch, pool, arena, result);
    batch.clear();
    tokens = 0;
  };
  for (const JudgedSequence& sequence : sequences) {
    const int64_t length = std::ssize(sequence.tokens);
    if (length < 3 || sequence.begin >= length) continue;  // nothing to judge
    if (tokens + length > batch_tokens) judge();
    batch.push_back(sequence);
    tokens += length;
  }
  judge();
  return result;
}

}  // namespace fathom
