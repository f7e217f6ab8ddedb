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
  Linear joint;   // {heads * (nope + value), latent} of a GGUF file that has no others, to be named
  Linear output;  // {hidden, heads * value}
  std::vector<float> feed_forward_norm;  // [hidden]
  std::optional<GatedLinears> dense;     // in a layer without experts
  std::optional<MixtureWeights> mixture;
  std::optional<GatedLinears> shared;  // beside the mixture

  // Transposed key matrices, made when the file has only the joint one of keys and values.
  std::optional<Buffer> derived;
};

struct Weights {
  TensorView embedding;  // {vocabulary, hidden}
  std::vector<LayerWeights> layers;
  std::vector<float> output_norm;  // [hidden]
  Linear head;                     // {vocabulary, hidden}; the embedding where the file has none
  bool tied_head = false;
};

// Of the module that predicts one token further; embedding and head are the model's where the file
// has no others.
struct MtpWeights {
  TensorView embedding;               // {vocabulary, hidden}
  std::vector<float> embedding_norm;  // [hidden]
  std::vector<float> hidden_norm;     // [hidden]
  Linear join;                        // {hidden, 2 * hidden}: "eh_proj"
  LayerWeights layer;
  std::vector<float> head_norm;   // [hidden]
  Linear head;                    // {vocabulary, hidden}
  std::vector<float> model_norm;  // [hidden]: the model's last one
};

// How much of a file binding reads.
enum class BindDepth : uint8_t {
  kHeaders,  // names, shapes and vectors: enough to count and to refuse, not to compute
  kValues,   // scales too, which are checked, and what key matrices are made of
};

// Throws Error(kInvalidFile) naming the tensor, expected and found; also for a tensor that the
// architecture does not use, since it would change the result. The module's tensors are known but
// left alone.
Weights BindGguf(const ModelFile& file, const Config& config, BindDepth depth);
Weights BindHf(const ModelFile& file, const Config& config, BindDepth depth);
// The one of them that fits the file.
Weights BindWeights(const ModelFile& file, const Config& config, BindDepth depth);

// What Forward multiplies by, under the names that GGUF has for it: those of the file where it is
// one, in its layout; otherwise those of the last vintage.
std::vector<NamedLinear> NameLinears(const ModelFile& file, const Weights& weights);

// The module: whether the file has one (a configuration may speak of it where its weights were left
// out), and its weights, each in the file's names.
bool HasMtpWeights(const ModelFile& file, const Config& config);
MtpWeights BindMtpWeights(const ModelFile& file, const Config& config, BindDepth depth);
MtpWeights BindMtpGguf(const ModelFile& file, const Config& config, BindDepth depth);
MtpWeights BindMtpHf(const ModelFile& file, const Config& config, BindDepth depth);

// Views of the heads in a joint matrix {heads * (nope + value), latent}: values as they lie there,
// keys transposed into `derived`. Keys keep a format of single values, with their scales, and
// become float32 otherwise, so that nothing is rounded. To the depth of headers keys have no
// memory.
void SplitHeads(const LatentAttentionShape& shape, const Linear& joint, BindDepth depth,
                LayerWeights& layer);

// The embedding, which rows are taken from as they are: no scales.
TensorView BindEmbedding(const ModelFile& file, const std::string& name, const Config& config);

// The matrix `index` of a stack {count, rows, columns}, or `rows` rows from first_row on.
Linear MatrixOf(const TensorView& stack, int64_t index);
Linear RowsOf(const TensorView& view, int64_t first_row, int64_t rows);

// Refuses what the mixture's function cannot take: a quantised router, gate and up of two kinds.
void CheckMixture(const ModelFile& file, const MixtureWeights& mixture, int64_t layer);

}  // namespace fathom::deepseek
