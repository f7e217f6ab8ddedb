#include "models/layers/feed_forward.h"

namespace fathom {

void FeedForward(ExecContext& context, const GatedLinears& layers, const ActivationStore& x,
                 int64_t rows, const FeedForwardBuffers& buffers, float* out) {
  const int64_t width = layers.gate.out_features();
  ApplyLinear(context, x, rows,
              {{&layers.gate, buffers.gate, width}, {&layers.up, buffers.up, width}});
  const bool quantize = WantsQuantized(context.kernels, {&layers.down});
  ForRowBlocks(context.pool, rows, [&](int64_t first, int64_t count) {
    context.kernels.silu_mul(buffers.gate + first * width, buffers.up + first * width,
                             count * width, buffers.inner.floats + first * width);
    if (quantize) QuantizeRows(context.kernels, buffers.inner, first, count, width);
  });
  ApplyLinear(context, buffers.inner, rows, {{&layers.down, out, layers.down.out_features()}});
}

}  // namespace fathom
