#include "models/layers/attention.h"

#include <algorithm>
#include <cmath>

#include "kernels/attention_split.h"
#include "models/layers/linear.h"

namespace fathom {
namespace {

int64_t QueryBlocks(const SequenceSlice& slice) {
  return (slice.tokens + kGroupedRows - 1) / kGroupedRows;
}

// Finds the sequence that owns task `task` when sequence s has tasks_of(s) of them; on return
// `task` counts inside that sequence.
template <class TasksOf>
const SequenceSlice& Locate(const StepBatch& batch, int64_t& task, TasksOf tasks_of) {
  std::size_t index = 0;
  while (task >= tasks_of(batch.sequences[index])) task -= tasks_of(batch.sequences[index++]);
  return batch.sequences[index];
}

void RotateRows(const KernelTable& kernels, const GroupedAttentionShape& shape,
                const GroupedAttentionCall& call, int64_t first, int64_t count) {
  for (int64_t row = first; row < first + count; ++row) {
    const float* cosines = call.cosines + row * call.rotary_dim / 2;
    const float* sines = call.sines + row * call.rotary_dim / 2;
    kernels.rope({call.queries + row * shape.query_size(), shape.heads, shape.head_dim,
                  call.rotary_dim, cosines, sines, shape.pairing});
    kernels.rope({call.keys + row * shape.kv_size(), shape.kv_heads, shape.head_dim,
                  call.rotary_dim, cosines, sines, shape.pairing});
  }
}

void StoreKv(ExecContext& context, const GroupedAttentionShape& shape, const StepBatch& batch,
             const GroupedAttentionCall& call) {
  const int64_t slice_bytes = CacheSliceBytes(context.cache_type, shape.head_dim);
  const auto store = [&](const SequenceSlice& slice, int64_t head) {
    const int64_t offset = slice.first_row * shape.kv_size() + head * shape.head_dim;
    context.kernels.cache_store({context.cache_type, call.keys + offset, call.values + offset,
                                 shape.kv_size(), shape.kv_size(), slice.tokens,
                                 slice.start_position, shape.head_dim, slice.pages.data(),
                                 call.layer_offset + head * slice_bytes});
  };
  int64_t rows = 0;
  for (const SequenceSlice& slice : batch.sequences) rows += slice.tokens;
  if (rows <= 8) {  // cheaper than a round of the pool
    for (const SequenceSlice& slice : batch.sequences) {
      for (int64_t head = 0; head < shape.kv_heads; ++head) store(slice, head);
    }
    return;
  }
  const auto count = static_cast<int64_t>(batch.sequences.size());
  context.pool.ParallelFor(count * shape.kv_heads, [&](int64_t task, int) {
    store(batch.sequences[static_cast<std::size_t>(task / shape.kv_heads)], task % shape.kv_heads);
  });
}

}  // namespace

int64_t LayerCacheBytes(const GroupedAttentionShape& shape, CacheType type) {
  return shape.kv_heads * CacheSliceBytes(type, shape.head_dim);
}

void StepAngles(const RopeTable& rope, const StepBatch& batch, float* cosines, float* sines) {
  const int64_t half = rope.rotary_dim() / 2;
  for (const SequenceSlice& slice : batch.sequences) {
    for (int64_t i = 0; i < slice.tokens; ++i) {
      const int64_t row = slice.first_row + i;
      rope.Angles(slice.start_position + i, cosines + row * half, sines + row * half);
    }
  }
}

void GroupedAttention(ExecContext& context, const GroupedAttentionShape& shape,
                      const StepBatch& batch, const GroupedAttentionCall& call) {
  const auto rows = static_cast<int64_t>(batch.tokens.size());
  ForRowBlocks(context.pool, rows, [&](int64_t first, int64_t count) {
    RotateRows(context.kernels, shape, call, first, count);
  });
  StoreKv(context, shape, batch, call);

  // One task is a block of query rows of one kv head. With few of those, the query heads that share
  // the kv head are split too; each (query, head) is computed alike either way.
  const int64_t group = shape.heads / shape.kv_heads;
  int64_t tasks = 0;
  for (const SequenceSlice& slice : batch.sequences) tasks += QueryBlocks(slice) * shape.kv_heads;
  const bool split_group = group > 1 && tasks < 4 * context.pool.threads();
  const int64_t parts = split_group ? group : 1;
  const int64_t heads_per_task = group / parts;
  const int64_t slice_bytes = CacheSliceBytes(context.cache_type, shape.head_dim);
  const float scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim));

  context.pool.ParallelFor(tasks * parts, [&](int64_t task, int) {
    const SequenceSlice& slice = Locate(batch, task, [&](const SequenceSlice& candidate) {
      return QueryBlocks(candidate) * shape.kv_heads * parts;
    });
    const int64_t part = task % parts;
    const int64_t kv_head = task / parts % shape.kv_heads;
    const int64_t first = task / parts / shape.kv_heads * kGroupedRows;
    const int64_t offset = (slice.first_row + first) * shape.query_size() +
                           (kv_head * group + part * heads_per_task) * shape.head_dim;
    context.kernels.attention({context.cache_type, call.queries + offset, shape.query_size(),
                               call.out + offset, shape.query_size(),
                               std::min(kGroupedRows, slice.tokens - first),
                               slice.start_position + first, heads_per_task, shape.head_dim, scale,
                               slice.pages.data(), call.layer_offset + kv_head * slice_bytes});
  });
}

}  // namespace fathom
