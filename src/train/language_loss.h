// The loss of predicting text: mean cross-entropy of the next token, and of the one behind it where
// the model predicts that too.
#pragma once

#include <span>

#include "autograd/ops.h"
#include "models/training/trainable.h"

namespace fathom {

// What the tokens of a batch weigh as something to be predicted, together: one token and two tokens
// behind those that predict them. `weights` is one a row of the batch; empty: 1 for all.
struct PredictedWeight {
  double next = 0;
  double further = 0;
};
PredictedWeight PredictedWeightOf(const TrainingBatch& batch, std::span<const float> weights);

struct LanguageLoss {
  autograd::Var total;  // {1, 1}: what is made smaller
  double next = 0;      // sum of weight times -log p of tokens that follow another
  double further = 0;   // of tokens two behind another; 0 without such a layer
};

// The batch's part of a loss over all batches of a step, whose tokens weigh `step` together: its
// total is divided by that. `mtp_factor` is lambda of arXiv 2412.19437, eq. 25.
LanguageLoss LanguageLossOf(autograd::Tape& tape, const TrainingPass& pass,
                            const TrainingBatch& batch, std::span<const float> weights,
                            const PredictedWeight& step, double mtp_factor);

}  // namespace fathom
