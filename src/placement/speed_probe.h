// Measures the parts of a step with the very kernels that will run, on made-up weights of the
// model's formats and shapes.
#pragma once

#include <cstddef>
#include <map>
#include <tuple>

#include "base/thread_pool.h"
#include "placement/step_costs.h"
#include "tensor/buffer.h"

namespace fathom {

class SpeedProbe final : public StepCosts {
 public:
  // `step_bytes` are the weights that one step reads: the made-up weights take as much, within
  // bounds, so that they are as cold in the processor's caches as those of the model. Throws
  // Error(kOutOfMemory).
  SpeedProbe(const KernelTable& kernels, ThreadPool& pool, double step_bytes);

  double MatrixSeconds(const WeightGroup& group, int64_t rows, int64_t together) override;
  double PairSeconds(const AttentionOutline& attention, CacheType type, int64_t tokens,
                     int64_t sequences, int64_t position) override;
  double LayerSeconds(const ModelOutline& model, int64_t rows) override;
  double ChoiceSeconds(const ModelOutline& model) override;

 private:
  struct Activation;
  double Loop(const WeightGroup& group, int64_t weight_rows, int64_t rows, int64_t together);

  const KernelTable& kernels_;
  ThreadPool& pool_;
  Buffer weights_;
  std::size_t at_ = 0;  // where the next matrix begins
  // Groups of one format and shape are measured once.
  std::map<std::tuple<Format, int64_t, int64_t, int64_t, int64_t>, double> known_;
};

}  // namespace fathom
