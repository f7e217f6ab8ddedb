// Log-probabilities and their weighted sum: cross-entropy and policy gradients are made of them.
#include <utility>
#include <vector>

#include "autograd/ops.h"
#include "autograd/rows.h"
#include "base/check.h"
#include "kernels/train/log_probability.h"

namespace fathom::autograd {

Var LogProbabilities(Tape& tape, Var logits, std::vector<int32_t> targets) {
  const int64_t n = logits->columns;
  CHECK(static_cast<int64_t>(targets.size()) == logits->rows);
  const Var y = tape.Result(logits->rows, 1, logits->wants_gradient);
  float* log_sums = tape.Keep(logits->rows);
  ForBlocks(tape.pool(), y->rows, kPlainRows, [&](int64_t first, int64_t count, int64_t) {
    for (int64_t r = first; r < first + count; ++r) {
      y->data[r] =
          LogProbability(logits->row(r), n, targets[static_cast<std::size_t>(r)], log_sums + r);
    }
  });
  tape.Record(y, [&tape, logits, targets = std::move(targets), y, log_sums, n] {
    float* dlogits = tape.GradientOf(logits);
    ForBlocks(tape.pool(), y->rows, kPlainRows, [&](int64_t first, int64_t count, int64_t) {
      for (int64_t r = first; r < first + count; ++r) {
        if (y->gradient[r] == 0.0F) continue;
        LogProbabilityBackward(logits->row(r), n, targets[static_cast<std::size_t>(r)], log_sums[r],
                               y->gradient[r], dlogits + r * n);
      }
    });
  });
  return y;
}

Var WeightedSum(Tape& tape, Var column, std::span<const float> weights) {
  CHECK(column->columns == 1 && static_cast<int64_t>(weights.size()) == column->rows);
  const Var y = tape.Result(1, 1, column->wants_gradient);
  double sum = 0;
  for (int64_t r = 0; r < column->rows; ++r) {
    sum += static_cast<double>(weights[static_cast<std::size_t>(r)]) * column->data[r];
  }
  y->data[0] = static_cast<float>(sum);
  tape.Record(y, [&tape, column, y, kept = std::vector<float>(weights.begin(), weights.end())] {
    float* to = tape.GradientOf(column);
    for (int64_t r = 0; r < column->rows; ++r) {
      to[r] += y->gradient[0] * kept[static_cast<std::size_t>(r)];
    }
  });
  return y;
}

}  // namespace fathom::autograd
