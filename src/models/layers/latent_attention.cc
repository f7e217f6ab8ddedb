#include "models/layers/latent_attention.h"

#include <cstring>

namespace fathom {
namespace {

void RotateRows(const KernelTable& kernels, const LatentAttentionShape& shape,
                const LatentAttentionCall& call, int64_t first, int64_t count) {
  for (int64_t row = first; row < first + count; ++row) {
    const float* cosines = call.cosines + row * shape.rotary / 2;
    const float* sines = call.sines + row * shape.rotary / 2;
    // The rotated values of a head are its last ones.
    kernels.rope({call.queries + row * shape.query_size() + shape.nope, shape.heads,
                  shape.query_head(), shape.rotary, cosines, sines, RopePairing::kInterleaved});
    kernels.rope({call.latents + row * shape.width() + shape.latent, 1, shape.rotary, shape.rotary,
                  cosines, sines, RopePairing::kInterleaved});
  }
}

void StoreLatents(ExecContext& context, const LatentAttentionShape& shape, const StepBatch& batch,
                  const LatentAttentionCall& call) {
  for (const SequenceSlice& slice : batch.sequences) {
    context.kernels.latent_store(
        {context.cache_type, call.latents + slice.first_row * shape.width(), shape.width(),
         slice.tokens, slice.start_position, shape.width(), slice.pages.data(), call.layer_offset});
  }
}

// What one task works on: rows [first, first + count) of the step and heads [head, head + heads).
struct Task {
  int64_t first;
  int64_t count;
  int64_t head;
  int64_t heads;
  int worker;
};

// Runs body(slice, first row of the task's, count, first position) for the part of every sequence
// that lies inside the task.
template <class Body>
void ForSequences(const StepBatch& batch, const Task& task, Body&& body) {
  for (const SequenceSlice& slice : batch.sequences) {
    const int64_t begin = std::max(slice.first_row, task.first);
    const int64_t end = std::min(slice.first_row + slice.tokens, task.first + task.count);
    if (begin >= end) continue;
    body(slice, begin, end - begin, slice.start_position + begin - slice.first_row);
  }
}

struct Work {
  ExecContext& context;
  const LatentAttentionShape& shape;
  const StepBatch& batch;
  const LatentAttentionCall& call;
  const LatentBuffers& b;
};

// One product of a task's rows with one head's matrix.
void Multiply(const Work& w, const Task& task, const ActivationStore& store, const Linear& layer,
              float* out, int64_t out_stride) {
  if (w.context.observer != nullptr) {
    w.context.observer->Observe(layer, store.floats, task.count, layer.in_features());
  }
  if (WantsQuantized(w.context.kernels, {&layer})) {
    QuantizeRows(w.context.kernels, store, 0, task.count, layer.in_features());
  }
  MultiplyFeatures(w.context.kernels, store, task.count, {&layer, out, out_stride}, 0,
                   layer.out_features());
}

// absorbed[row][head] = the head's key matrix applied to its query, then the query's rotated part.
void Absorb(const Work& w, const Task& task, int64_t head, float* absorbed, int64_t stride) {
  const LatentAttentionShape& shape = w.shape;
  const ActivationStore nope = w.b.nope.From(task.worker * w.b.task_rows, shape.nope);
  for (int64_t i = 0; i < task.count; ++i) {
    const float* query =
        w.call.queries + (task.first + i) * shape.query_size() + head * shape.query_head();
    std::copy_n(query, shape.nope, nope.floats + i * shape.nope);
    std::copy_n(query + shape.nope, shape.rotary, absorbed + i * stride + shape.latent);
  }
  Multiply(w, task, nope, w.call.heads.keys[static_cast<std::size_t>(head)], absorbed, stride);
}

void RunAbsorbed(const Work& w, const Task& task) {
  const LatentAttentionShape& shape = w.shape;
  const int64_t rows = w.b.task_rows;
  float* absorbed = w.b.absorbed + task.worker * rows * kLatentHeads * shape.width();
  float* means = w.b.means + task.worker * rows * kLatentHeads * shape.latent;
  const int64_t stride = task.heads * shape.width();
  for (int64_t h = 0; h < task.heads; ++h) {
    Absorb(w, task, task.head + h, absorbed + h * shape.width(), stride);
  }
  ForSequences(w.batch, task,
               [&](const SequenceSlice& slice, int64_t first, int64_t count, int64_t position) {
                 LatentAttentionArgs args{};
                 args.type = w.context.cache_type;
                 args.q = absorbed + (first - task.first) * stride;
                 args.q_token_stride = stride;
                 args.q_head_stride = shape.width();
                 args.out = means + (first - task.first) * shape.latent;
                 args.out_token_stride = shape.latent;
                 args.out_head_stride = rows * shape.latent;
                 args.tokens = count;
                 args.first_position = position;
                 args.heads = task.heads;
                 args.width = shape.width();
                 args.value_width = shape.latent;
                 args.scale = shape.scale;
                 args.pages = slice.pages.data();
                 args.slice_offset = w.call.layer_offset;
                 w.context.kernels.latent_attention(args);
               });
  ActivationStore mean = w.b.context.From(task.worker * rows, shape.latent);
  for (int64_t h = 0; h < task.heads; ++h) {
    const int64_t head = task.head + h;
    mean.floats = means + h * rows * shape.latent;
    Multiply(w, task, mean, w.call.heads.values[static_cast<std::size_t>(head)],
             w.call.out + task.first * shape.out_size() + head * shape.value, shape.out_size());
  }
}

void RunNaive(const Work& w, const Task& task) {
  const LatentAttentionShape& shape = w.shape;
  for (int64_t head = task.head; head < task.head + task.heads; ++head) {
    ForSequences(
        w.batch, task,
        [&](const SequenceSlice& slice, int64_t first, int64_t count, int64_t position) {
          AttendNaively(
              {w.context.cache_type, shape, w.call.heads.keys[static_cast<std::size_t>(head)],
               w.call.heads.values[static_cast<std::size_t>(head)],
               w.call.queries + first * shape.query_size() + head * shape.query_head(),
               shape.query_size(), w.call.out + first * shape.out_size() + head * shape.value,
               shape.out_size(), count, position, slice.pages.data(), w.call.layer_offset,
               w.b.naive + task.worker * w.b.naive_bytes});
        });
  }
}

}  // namespace

int64_t LatentLayerCacheBytes(const LatentAttentionShape& shape, CacheType type) {
  return LatentSliceBytes(type, shape.width());
}

void LatentAttention(ExecContext& context, const LatentAttentionShape& shape,
                     const StepBatch& batch, const LatentAttentionCall& call,
                     const LatentBuffers& buffers) {
  const auto rows = static_cast<int64_t>(batch.tokens.size());
  ForRowBlocks(context.pool, rows, [&](int64_t first, int64_t count) {
    RotateRows(context.kernels, shape, call, first, count);
  });
  StoreLatents(context, shape, batch, call);

  // Two tasks per thread at least, as far as there are heads. An observer sees the rows of a head
  // in order and from one thread: then all of them are one task.
  const int64_t blocks = (rows + buffers.task_rows - 1) / buffers.task_rows;
  const int64_t row_tasks = context.observer == nullptr ? blocks : 1;
  const int64_t wanted = (2 * context.pool.threads() + row_tasks - 1) / row_tasks;
  const int64_t heads = std::clamp(shape.heads / wanted, int64_t{1}, kLatentHeads);
  const int64_t head_blocks = (shape.heads + heads - 1) / heads;
  const Work work{context, shape, batch, call, buffers};
  const auto run = [&](int64_t block, int64_t head_block, int worker) {
    const int64_t first = block * buffers.task_rows;
    const int64_t head = head_block * heads;
    const Task task{first, std::min(buffers.task_rows, rows - first), head,
                    std::min(heads, shape.heads - head), worker};
    if (context.latent_form == LatentForm::kAbsorbed) {
      RunAbsorbed(work, task);
    } else {
      RunNaive(work, task);
    }
  };
  if (context.observer != nullptr) {
    context.pool.ParallelFor(head_blocks, [&](int64_t index, int worker) {
      for (int64_t block = 0; block < blocks; ++block) run(block, index, worker);
    });
    return;
  }
  context.pool.ParallelFor(blocks * head_blocks, [&](int64_t index, int worker) {
    // The last rows of a prompt see the most keys: they are begun first.
    run(blocks - 1 - index / head_blocks, index % head_blocks, worker);
  });
}

}  // namespace fathom
