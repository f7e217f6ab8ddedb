// The mixture of experts: one function over whatever kernels the formats of the experts have.
//
// The (token, expert) pairs of a step are sorted by expert, so that an expert's weights are read
// once for all of its tokens; gate, up and SiLU of a block of features are one task, and a step of
// one token is the same work with groups of one row. A token's result is the sum of its experts'
// results in ascending order of the experts, each computed as if alone: it does not depend on the
// tokens around it.
//
// Not for: choosing the experts (router.h) and shared experts, which are an ordinary feed-forward.
#pragma once

#include <algorithm>
#include <vector>

#include "models/layers/feed_forward.h"
#include "models/layers/linear.h"
#include "models/layers/router.h"
#include "models/model.h"

namespace fathom {

struct MixtureWeights {
  Linear router;                      // {experts, hidden}, float32, half or bfloat16
  std::vector<float> router_bias;     // [experts], for choosing; empty: none
  std::vector<GatedLinears> experts;  // all of one shape and of one format per matrix
};

// One (token, expert) pair is a slot; slots of an expert are neighbours, in order of the tokens.
struct MixtureBuffers {
  float* logits;          // [rows][experts]
  int32_t* chosen;        // [rows][used], ascending
  float* weights;         // [rows][used]
  int32_t* slots;         // [rows][used]: the slot of each pair
  int32_t* owners;        // [slots]: the expert of each slot
  int32_t* begins;        // [experts + 1]: the first slot of each expert
  int32_t* active;        // [experts]: experts that have slots
  std::byte* inputs;      // [slots] rows of the input, as `gathered`, then [slots][hidden] outputs
  float* gate;            // [slots][width]
  float* up;              // [slots][width]
  ActivationStore inner;  // [slots][width]
  ActivationStore gathered;  // [slots][hidden] floats or values, in `inputs`

  template <class Arena>
  static MixtureBuffers Carve(Arena& arena, const RouterSpec& router, int64_t hidden, int64_t width,
                              int64_t rows);
};

template <class Arena>
MixtureBuffers MixtureBuffers::Carve(Arena& arena, const RouterSpec& router, int64_t hidden,
                                     int64_t width, int64_t rows) {
  const int64_t slots = rows * router.used;
  MixtureBuffers b;
  b.logits = arena.template Take<float>(rows * router.experts);
  b.chosen = arena.template Take<int32_t>(slots);
  b.weights = arena.template Take<float>(slots);
  b.slots = arena.template Take<int32_t>(slots);
  b.owners = arena.template Take<int32_t>(slots);
  b.begins = arena.template Take<int32_t>(router.experts + 1);
  b.active = arena.template Take<int32_t>(router.experts);
  b.inputs = arena.template Take<std::byte>(slots * hidden * static_cast<int64_t>(sizeof(float)));
  b.gate = arena.template Take<float>(slots * width);
  b.up = arena.template Take<float>(slots * width);
  b.inner = ActivationStore::Carve(arena, slots, width);
  // Values of two bytes with a scale and a sum for every 32 of them take 2.25 bytes each, less than
  // a float: inputs are either, and when they are used up, outputs take their place.
  if (b.inputs == nullptr) return b;  // the arena only counts
  b.gathered.floats = reinterpret_cast<float*>(b.inputs);
  b.gathered.values = reinterpret_cast<int16_t*>(b.inputs);
  const int64_t groups = hidden / kActivationGroup;
  b.gathered.scales = reinterpret_cast<float*>(b.inputs + 2 * slots * groups * kActivationGroup);
  b.gathered.sums = b.gathered.scales + slots * groups;
  return b;
}

// out[rows][hidden] = the weighted results of each row's experts. `x` are the prepared activations,
// quantised when the experts' gate and up want it; its floats are there in any case.
void Mixture(ExecContext& context, const RouterSpec& router, const MixtureWeights& weights,
             const ActivationStore& x, int64_t rows, const MixtureBuffers& buffers, float* out);

}  // namespace fathom
