// Weights of DeepSeek-V2 and V3: names of the file to views, shapes checked. Experts are views of
// their own, whether the file stacks them or not; so are the matrices of each attention head.
#pragma once

#include <optional>
#include <vector>

#include "models/deepseek/config.h"
#include "models/layers/feed_forward.h"
#include "models/layers/latent_attention.h"
#include "models/layers/moe.h"
#include "tensor/buffer.h"

namespace fathom::deepseek {

struct LayerWeights {
  std::vector<float> attention_norm;  // [hidden]
  Linear query_down;                  // {query_latent, hidden}; none without a query latent
  std::vector<float> query_norm;      // [query_latent]
  Linear query;                       // {heads * (nope + rotary), query_latent or hidden}
  Linear latent;                      // {latent + rotary, hidden}
  std::vector<float> latent_norm;     // [latent]
  LatentHeads heads;
  Linear output;                         // {hidden, heads * value}
  std::vector<float> feed_forward_norm;  // [hidden]
  std::optional<GatedLinears> dense;     // in a layer without experts
  std::optional<MixtureWeights> mixture;
  std::optional<GatedLinears> shared;  // beside the mixture

  // Transposed key matrices, made where the file has only the joint one of keys and values.
  std::optional<Buffer> derived;
};

struct Weights {
  TensorView embedding;  // {vocabulary, hidden}
  std::vector<LayerWeights> layers;
  std::vector<float> output_norm;  // [hidden]
  Linear head;                     // {vocabulary, hidden}; the embedding where the file has none
  bool tied_head = false;
};

// Throws Error(kInvalidFile) naming the tensor, expected and found; also for a tensor that the
// architecture does not use, since it would change the result. Layers that predict further tokens
// are known but left alone.
Weights BindGguf(const ModelFile& file, const Config& config);

// Views of the heads in a joint matrix {heads * (nope + value), latent}: values as they lie there,
// keys transposed into `derived`. Keys keep a format of single values and become float32 otherwise,
// so that nothing is rounded.
void SplitHeads(const LatentAttentionShape& shape, const Linear& joint, LayerWeights& layer);

// The matrix `index` of a stack {count, rows, columns}, or `rows` rows from first_row on.
Linear MatrixOf(const TensorView& stack, int64_t index);
Linear RowsOf(const TensorView& view, int64_t first_row, int64_t rows);

// Refuses what the mixture's function cannot take: a quantised router, gate and up of two kinds.
void CheckMixture(const ModelFile& file, const MixtureWeights& mixture, int64_t layer);

}  // namespace fathom::deepseek
