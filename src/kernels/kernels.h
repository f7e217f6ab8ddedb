// The kernel table: every numeric operation the models need, as plain functions over pointers and
// strides. One table per instruction set, chosen once; a kernel knows no layer, file or token
// meaning, starts no thread and allocates nothing. All kernels are noexcept.
//
// One order of summation. Every output element is summed in one order, with one quantisation of the
// activations, whatever else is computed in the same call: a row of a product has the same bits
// alone, in a batch of any size, and at any split over threads. (Different tables may differ in
// rounding.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "kernels/cache.h"
#include "tensor/format.h"

namespace fathom {

// ---- Activations -------------------------------------------------------------------------------

// Activations are quantised per row in groups of 32 to 16 bits: scale = max|x| / 32767, value =
// round-half-even(x * (32767 / max|x|)), all in float32, the same bits in every table. A group
// whose max|x| is below kSmallestActivation counts as zeros, with scale 0; one with an infinity or
// a NaN gets scale NaN and values 0, which makes a NaN of every product it enters.
//
// Sixteen bits and not eight: with 8 the log-probabilities of a small model move by 0.06 on average
// and greedy replies change; with 16 they stay within float32's own noise.
inline constexpr int kActivationGroup = 32;
inline constexpr int kActivationMax = 32767;
inline constexpr float kSmallestActivation = 0x1p-100F;  // keeps kActivationMax / max|x| finite

// Where the value of a column is kept: the middle two of every four columns change places. Kernels
// widen four byte weights to two pairs of 16 bits, the even bytes first and then the odd ones, and
// so meet the activations in this order.
constexpr int64_t ActivationSlot(int64_t column) {
  return (column & ~int64_t{3}) | (column & 1) << 1 | (column >> 1 & 1);
}

// Rows of activations for MatMul: either float32 only (`values` null) or quantised.
struct Activations {
  int64_t rows = 0;
  int64_t columns = 0;              // a multiple of 32 when quantised
  const float* floats = nullptr;    // [rows][columns]
  const int16_t* values = nullptr;  // [rows][columns], a column at its ActivationSlot
  const float* scales = nullptr;    // [rows][columns / 32]
  const float* sums = nullptr;      // [rows][columns / 32]: sum of the group's values, an integer
};

struct QuantizeArgs {
  const float* x;  // [rows][columns]
  int64_t rows;
  int64_t columns;  // a multiple of 32
  int16_t* values;  // [rows][columns], a column at its ActivationSlot
  float* scales;    // [rows][columns / 32]
  float* sums;      // [rows][columns / 32]
};

// ---- Matrix product ----------------------------------------------------------------------------

// Scales of rectangular blocks of a weight matrix, stored apart from it (F8_E4M3 of Hugging Face
// checkpoints: weight_scale_inv). The last blocks of a row or column may be cut off by its end.
struct ScaleGrid {
  const float* scales = nullptr;  // [ceil(rows / block_rows)][ceil(columns / block_columns)]
  int64_t block_rows = 128;
  int64_t block_columns = 128;
};

// out[r * out_stride + n] = sum over k of W[n][k] * x[r][k], for n in [row_begin, row_end) and
// every activation row r. Weight rows are contiguous, `row_bytes` apart, at any byte alignment
// (memory maps). The caller splits the weight rows over threads. With a grid of scales, for formats
// of one value a block only, W[n][k] is the stored value times the scale of its block; n counts
// from the grid's first row.
struct MatMulArgs {
  const std::byte* weights;
  int64_t row_bytes;
  int64_t row_begin;
  int64_t row_end;
  Activations x;
  float* out;
  int64_t out_stride;
  ScaleGrid scale_grid = {};
};

// ---- Attention over a paged cache --------------------------------------------------------------

// Stores the keys and values of `tokens` consecutive positions from `first_position` on, one kv
// head.
struct CacheStoreArgs {
  CacheType type;
  const float* keys;  // [tokens], stride key_stride floats, head_dim each
  const float* values;
  int64_t key_stride;
  int64_t value_stride;
  int64_t tokens;
  int64_t first_position;
  int64_t head_dim;
  std::byte* const* pages;  // page table of the sequence: page i holds positions 32i .. 32i+31
  int64_t slice_offset;     // byte offset of the (layer, kv head) slice inside a page
};

// Causal attention of `tokens` consecutive query positions over everything up to themselves, for
// the `group` query heads that share one kv head (grouped-query attention, arXiv 2305.13245):
//   out = softmax(scale * q . K[0..p]) V[0..p], softmax in float32.
struct AttentionArgs {
  CacheType type;
  const float* q;  // q[t * q_stride + h * head_dim + d], h in [0, group)
  int64_t q_stride;
  float* out;  // out[t * out_stride + h * head_dim + d]
  int64_t out_stride;
  int64_t tokens;
  int64_t first_position;
  int64_t group;
  int64_t head_dim;  // a multiple of 8, at most kMaxHeadDim
  float scale;
  const std::byte* const* pages;
  int64_t slice_offset;
};
inline constexpr int64_t kMaxHeadDim = 512;

// ---- Attention over a cache of latents ----------------------------------------------------------

// Stores the vectors of `tokens` consecutive positions from `first_position` on.
struct LatentStoreArgs {
  CacheType type;
  const float* x;  // [tokens], stride x_stride floats, width each
  int64_t x_stride;
  int64_t tokens;
  int64_t first_position;
  int64_t width;
  std::byte* const* pages;
  int64_t slice_offset;  // byte offset of the layer's slice inside a page
};

// Causal attention of `tokens` consecutive query positions with `heads` heads each, all of them
// over the same keys (the whole vectors) and the same values (the first value_width of each):
//   out = softmax(scale * q . C[0..p]) C[0..p][0..value_width), softmax in float32.
struct LatentAttentionArgs {
  CacheType type;
  const float* q;  // q[t * q_token_stride + h * q_head_stride + d], d in [0, width)
  int64_t q_token_stride;
  int64_t q_head_stride;
  float* out;  // out[t * out_token_stride + h * out_head_stride + d], d in [0, value_width)
  int64_t out_token_stride;
  int64_t out_head_stride;
  int64_t tokens;
  int64_t first_position;
  int64_t heads;
  int64_t width;        // at most kMaxLatentWidth
  int64_t value_width;  // a multiple of 4, at most width
  float scale;
  const std::byte* const* pages;
  int64_t slice_offset;
};
inline constexpr int64_t kMaxLatentWidth = 1024;

// ---- Rotary embedding --------------------------------------------------------------------------

enum class RopePairing : uint8_t {
  kInterleaved,  // pairs (x[2i], x[2i+1]): GGUF's permuted llama, DeepSeek
  kHalfSplit,    // pairs (x[i], x[i + dim/2]): Hugging Face's llama, qwen2
};

// Rotates the first `rotary_dim` values of each of `heads` heads, in place, by the angles whose cos
// and sin (rotary_dim / 2 each) are given. RoFormer, arXiv 2104.09864.
struct RopeArgs {
  float* x;  // [heads][head_dim]
  int64_t heads;
  int64_t head_dim;
  int64_t rotary_dim;
  const float* cosines;
  const float* sines;
  RopePairing pairing;
};

// ---- The table ---------------------------------------------------------------------------------

struct KernelTable {
  std::string_view name;  // "ref", "avx2", "avx512", "portable"

  // True where MatMul of this weight format wants quantised activations; otherwise it takes floats.
  bool quantized_activations[kFormatCount];

  void (*matmul[kFormatCount])(const MatMulArgs&) noexcept;
  void (*quantize)(const QuantizeArgs&) noexcept;
  // Decodes `count` values (whole blocks) of a row: embeddings. Equal bit for bit in every table.
  DecodeFunction decode[kFormatCount];

  // out[i] = x[i] * weight[i] / sqrt(mean(x^2) + eps). RMSNorm, arXiv 1910.07467. out may be x.
  void (*rms_norm)(const float* x, const float* weight, float eps, int64_t n, float* out) noexcept;
  void (*rope)(const RopeArgs&) noexcept;
  // out[i] = gate[i] * sigmoid(gate[i]) * up[i] (SwiGLU, arXiv 2002.05202). out may be gate or up.
  void (*silu_mul)(const float* gate, const float* up, int64_t n, float* out) noexcept;
  void (*add)(const float* x, int64_t n, float* accumulator) noexcept;  // accumulator += x
  // accumulator += scale * x
  void (*add_scaled)(const float* x, float scale, int64_t n, float* accumulator) noexcept;
  void (*cache_store)(const CacheStoreArgs&) noexcept;
  void (*attention)(const AttentionArgs&) noexcept;
  void (*latent_store)(const LatentStoreArgs&) noexcept;
  void (*latent_attention)(const LatentAttentionArgs&) noexcept;

  // Greatest value's index (the lowest of equals; NaN never wins, all-NaN gives 0).
  int64_t (*argmax)(const float* x, int64_t n) noexcept;
  // log(sum(exp(x))) in a numerically safe form, for log-probabilities.
  float (*log_sum_exp)(const float* x, int64_t n) noexcept;
};

// The plain reference table: float32 activations, sums in double.
const KernelTable& ReferenceKernels();

// Tables this processor can run, best first; ReferenceKernels() is always the last.
std::vector<const KernelTable*> AvailableKernels();

// The table called `name`, or the best one for "auto". Throws Error(kInvalidArgument) for a name
// that does not exist and Error(kUnsupported) for one that this processor cannot run.
const KernelTable& FindKernels(std::string_view name);

}  // namespace fathom
