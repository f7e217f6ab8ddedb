// The gated feed-forward block (SwiGLU, arXiv 2002.05202): down(silu(gate x) * up x), dense.
#pragma once

#include "models/layers/linear.h"
#include "models/model.h"

namespace fathom {

struct GatedLinears {
  Linear gate, up;  // {width, hidden}
  Linear down;      // {hidden, width}
};

// Room for rows of up to `width` inner values.
struct FeedForwardBuffers {
  float* gate;            // [rows][width]
  float* up;              // [rows][width]
  ActivationStore inner;  // [rows][width]

  template <class Arena>
  static FeedForwardBuffers Carve(Arena& arena, int64_t rows, int64_t width) {
    FeedForwardBuffers b;
    b.gate = arena.template Take<float>(rows * width);
    b.up = arena.template Take<float>(rows * width);
    b.inner = ActivationStore::Carve(arena, rows, width);
    return b;
  }
};

// out[rows][hidden] from prepared activations.
void FeedForward(ExecContext& context, const GatedLinears& layers, const ActivationStore& x,
                 int64_t rows, const FeedForwardBuffers& buffers, float* out);

}  // namespace fathom
