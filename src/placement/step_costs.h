// What the parts of one step take on this machine: the interface between the planner, which adds
// up, and the probe, which measures. Tests put numbers of their own behind it.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"
#include "placement/weight_group.h"

namespace fathom {

class StepCosts {
 public:
  virtual ~StepCosts() = default;

  // Seconds of one matrix of the group with `rows` activation rows, in a loop over `together` of
  // them, weights coming from memory.
  virtual double MatrixSeconds(const WeightGroup& group, int64_t rows, int64_t together) = 0;

  // Seconds of one layer's attention for each pair of a query and a key it sees, all heads: of
  // `sequences` sequences with `tokens` consecutive queries each, the first at `position`.
  virtual double PairSeconds(const AttentionOutline& attention, CacheType type, int64_t tokens,
                             int64_t sequences, int64_t position) = 0;

  // Seconds of all else in one layer for `rows` rows: norms, quantising, activation functions,
  // sums.
  virtual double LayerSeconds(const ModelOutline& model, int64_t rows) = 0;

  // Seconds to choose one token from its logits.
  virtual double ChoiceSeconds(const ModelOutline& model) = 0;
};

}  // namespace fathom
