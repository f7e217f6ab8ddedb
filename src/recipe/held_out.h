// How well a model predicts the solutions of problems that training never shows: with each token
// given the right ones before it. Not for: what it writes by itself.
#pragma once

#include <cstdint>

#include "base/cancel.h"
#include "base/thread_pool.h"
#include "models/training/trainable.h"
#include "train/samples.h"

namespace fathom {

struct HeldOutLoss {
  double loss = 0;      // mean -log p of the next token, of those that weigh something
  double mtp_loss = 0;  // of the one behind it; 0 without such a layer
  // The share of those tokens that the model holds the likeliest of all.
  double accuracy = 0;
  int64_t tokens = 0;
};

// Of the first `samples` samples, in passes of at most `batch_tokens` tokens (a longer sample has
// one to itself). The model's parameters and biases are as before. Throws Error(kCancelled) between
// two passes once `cancelled` (may be null) is set.
HeldOutLoss HeldOutLossOf(TrainableModel& model, const SampleSource& source, int64_t samples,
                          int64_t batch_tokens, ThreadPool& pool,
                          const CancelFlag* cancelled = nullptr);

}  // namespace fathom
