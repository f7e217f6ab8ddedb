// The loss of predicting text: mean cross-entropy of the next token, and of the one behind it where
// the model predicts that too.
#pragma once

#include "autograd/ops.h"
#include "models/training/trainable.h"

namespace fathom {

struct LanguageLoss {
  autograd::Var total;   // {1, 1}: what is made smaller
  double next = 0;       // mean -log p of tokens that follow another
  double further = 0;    // of tokens two behind another; 0 without such a layer
};

// Weight of a token as something to be predicted, one a row of the batch; empty: 1 for all. The
// first token of a sequence is never predicted, whatever its weight. Means are over weights, which
// must not all be zero. `mtp_factor` is lambda of arXiv 2412.19437, eq. 25.
LanguageLoss LanguageLossOf(autograd::Tape& tape, const TrainingPass& pass,
                            const TrainingBatch& batch, std::span<const float> weights,
                            double mtp_factor);

}  // namespace fathom
