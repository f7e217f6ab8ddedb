// Multi-head latent attention (arXiv 2405.04434, section 2.1) over the paged cache: rotate, store,
// attend, for all sequences of a step. The cache holds one vector per token and layer, the latent
// after its norm and the rotated key part that all heads share, and nothing else.
//
// Two algebraic forms give the same result but for rounding:
//   absorbed    the head's key matrix is applied to the query instead of to every key, so that
//               queries meet latents directly; the value matrix is applied to the mean latent
//   decompressed  keys and values of every cached token are made from its latent
// The absorbed form computes everything, prefill and decode alike. The decompressed one needs
// (nope + rotary + value) products per query and key where this needs (2 latent + rotary), 3.4
// times as many for DeepSeek-V3, and is what others use for prefill. But a token's bits would then
// depend on whether it came in a long chunk or alone, on what the prefix cache held, and on the
// request that first filled a page; one order of summation is worth the difference, which is small
// while matrix products dominate. The decompressed form stays as the oracle: LatentForm::kNaive,
// written plainly, in double, without kernels.
#pragma once

#include <algorithm>
#include <vector>

#include "kernels/attention_split.h"
#include "models/layers/linear.h"
#include "models/model.h"

namespace fathom {

struct LatentAttentionShape {
  int64_t heads = 0;
  int64_t latent = 0;  // "kv_lora_rank"
  int64_t nope = 0;    // per head: values of queries and keys without position ...
  int64_t rotary = 0;  // ... and with it, behind them; a key's are the same for all heads
  int64_t value = 0;   // per head
  float scale = 0;     // of the scores, before softmax

  int64_t width() const { return latent + rotary; }  // of a cached vector
  int64_t query_head() const { return nope + rotary; }
  int64_t query_size() const { return heads * query_head(); }
  int64_t out_size() const { return heads * value; }
};

// Per head.
struct LatentHeads {
  std::vector<Linear> keys;    // {latent, nope}: the transposed key matrix
  std::vector<Linear> values;  // {value, latent}
};

// Bytes of one layer inside a cache page.
int64_t LatentLayerCacheBytes(const LatentAttentionShape& shape, CacheType type);

// Per worker.
struct LatentBuffers {
  ActivationStore nope;     // [threads * task rows][nope]
  ActivationStore context;  // [threads * task rows][latent], used head by head
  float* absorbed;          // [threads][task rows][kLatentHeads][width]
  float* means;             // [threads][kLatentHeads][task rows][latent]
  std::byte* naive;         // [threads][naive_bytes]
  int64_t naive_bytes;
  int64_t task_rows;

  template <class Arena>
  static LatentBuffers Carve(Arena& arena, const LatentAttentionShape& shape, int64_t rows,
                             int threads) {
    LatentBuffers b;
    b.task_rows = std::min(rows, kLatentRows);
    const int64_t all = threads * b.task_rows;
    b.nope = ActivationStore::Carve(arena, all, shape.nope);
    b.context = ActivationStore::Carve(arena, all, shape.latent);
    b.absorbed = arena.template Take<float>(all * kLatentHeads * shape.width());
    b.means = arena.template Take<float>(all * kLatentHeads * shape.latent);
    b.naive_bytes = NaiveBytes(shape, b.task_rows);
    b.naive = arena.template Take<std::byte>(threads * b.naive_bytes);
    return b;
  }

  static int64_t NaiveBytes(const LatentAttentionShape& shape, int64_t task_rows);
};

struct LatentAttentionCall {
  const LatentHeads& heads;
  float* queries;        // [rows][heads][nope + rotary], rotated in place
  float* latents;        // [rows][width]: normalised latents; the rest is rotated in place
  float* out;            // [rows][heads * value]
  const float* cosines;  // [rows][rotary / 2]
  const float* sines;    // [rows][rotary / 2]
  int64_t layer_offset;  // of the layer inside a page, in bytes
};

void LatentAttention(ExecContext& context, const LatentAttentionShape& shape,
                     const StepBatch& batch, const LatentAttentionCall& call,
                     const LatentBuffers& buffers);

// One head of some consecutive rows of a sequence, decompressed: the oracle's part of a task.
struct NaiveLatentArgs {
  CacheType type;
  const LatentAttentionShape& shape;
  const Linear& key;
  const Linear& value;
  const float* queries;  // [rows] of this head, query_stride apart
  int64_t query_stride;
  float* out;  // [rows][value], out_stride apart
  int64_t out_stride;
  int64_t rows;
  int64_t first_position;
  const std::byte* const* pages;
  int64_t layer_offset;
  std::byte* scratch;  // LatentBuffers::NaiveBytes
};
void AttendNaively(const NaiveLatentArgs& args);

}  // namespace fathom
