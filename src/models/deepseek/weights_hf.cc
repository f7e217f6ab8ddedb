// Tensors of Hugging Face's `deepseek_v2` and `deepseek_v3` by name.
#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "base/error.h"
#include "formats/weight_check.h"
#include "models/deepseek/weights.h"
#include "models/tensor_name.h"

namespace fathom::deepseek {
namespace {

// What a layer may have; matrices without ".weight", and with scales where they are stored in 8
// bits.
constexpr auto kVectors = std::to_array<std::string_view>({
    "input_layernorm.weight", "post_attention_layernorm.weight", "self_attn.kv_a_layernorm.weight",
    "self_attn.rotary_emb.inv_freq",  // of old files: it follows from the configuration
});
constexpr auto kAttention = std::to_array<std::string_view>(
    {"self_attn.kv_a_proj_with_mqa", "self_attn.kv_b_proj", "self_attn.o_proj"});
constexpr auto kDense =
    std::to_array<std::string_view>({"mlp.down_proj", "mlp.gate_proj", "mlp.up_proj"});
constexpr auto kMixture = std::to_array<std::string_view>(
    {"mlp.experts.down_proj", "mlp.experts.gate_proj", "mlp.experts.up_proj", "mlp.gate"});
constexpr auto kShared = std::to_array<std::string_view>(
    {"mlp.shared_experts.down_proj", "mlp.shared_experts.gate_proj", "mlp.shared_experts.up_proj"});
// Of the module that predicts one token further, behind the model's layers.
constexpr auto kMtpVectors = std::to_array<std::string_view>(
    {"embed_tokens.weight", "enorm.weight", "hnorm.weight", "shared_head.norm.weight"});
constexpr auto kMtpMatrices = std::to_array<std::string_view>({"eh_proj", "shared_head.head"});
constexpr std::string_view kRouterBias = "mlp.gate.e_score_correction_bias";
constexpr std::string_view kWeightSuffix = ".weight";

template <std::size_t kCount>
bool Contains(const std::array<std::string_view, kCount>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The name without the last part of a matrix's weight or scales; empty for anything else.
std::string_view MatrixNameOf(std::string_view name) {
  for (const std::string_view suffix : {kWeightSuffix, kScaleSuffix}) {
    if (name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
  }
  return {};
}

bool IsKnownInLayer(const Config& config, int64_t layer, std::string_view name) {
  const std::string_view matrix = MatrixNameOf(name);
  if (Contains(kVectors, name) || Contains(kAttention, matrix)) return true;
  if (config.query_latent > 0) {
    if (name == "self_attn.q_a_layernorm.weight" || matrix == "self_attn.q_a_proj" ||
        matrix == "self_attn.q_b_proj") {
      return true;
    }
  } else if (matrix == "self_attn.q_proj") {
    return true;
  }
  if (layer < config.dense_layers) return Contains(kDense, matrix);
  if (Contains(kMixture, matrix)) return true;
  if (name == kRouterBias) return config.router.scores == RouterScores::kSigmoid;
  if (Contains(kShared, matrix)) return config.shared_width > 0;
  return layer >= config.layers && (Contains(kMtpVectors, name) || Contains(kMtpMatrices, matrix));
}

// Whether binding makes use of the tensor: a model may have nothing beside that.
bool IsKnown(const Config& config, std::string_view name) {
  const std::string_view matrix = MatrixNameOf(name);
  if (name == "model.norm.weight" || name == "model.embed_tokens.weight") return true;
  if (matrix == "lm_head") return true;
  constexpr std::string_view kLayers = "model.layers.", kExperts = "mlp.experts.";
  if (!name.starts_with(kLayers)) return false;
  name.remove_prefix(kLayers.size());
  const std::optional<int64_t> layer = TakeNumber(name);
  if (!layer || *layer >= config.layers + config.mtp_layers) return false;
  if (!name.starts_with(kExperts)) return IsKnownInLayer(config, *layer, name);
  name.remove_prefix(kExperts.size());
  const std::optional<int64_t> expert = TakeNumber(name);
  return expert && *expert < config.router.experts &&
         IsKnownInLayer(config, *layer, std::string(kExperts) + std::string(name));
}

// Whether the scales' weight is there and of the format that has scales.
bool HasScaledWeight(const ModelFile& file, std::string_view scales) {
  const NamedTensor* weight =
      file.FindTensor(std::string(MatrixNameOf(scales)) + std::string(kWeightSuffix));
  return weight != nullptr && weight->view.format == Format::kF8_E4M3;
}

void RefuseUnknownTensors(const ModelFile& file, const Config& config) {
  for (const NamedTensor& tensor : file.tensors()) {
    if (!IsKnown(config, tensor.name)) {
      throw Error(ErrorCode::kUnsupported,
                  file.path().string() + ": tensor " + QuotedName(tensor.name) +
                      " is not one that this model uses",
                  "it may change the result, so the files are not run");
    }
    if (tensor.view.format == Format::kF8_E4M3 && !config.block_scaled) {
      file.FailTensor(tensor.name,
                      "is stored as F8_E4M3, but config.json has no 'quantization_config'");
    }
    if (tensor.name.ends_with(kScaleSuffix) && !HasScaledWeight(file, tensor.name)) {
      file.FailTensor(tensor.name, "has scales, but there is no weight in F8_E4M3 beside it");
    }
  }
}

// Reads the scales of layers first .. end - 1 and what is outside layers, in the order of the
// files, asking for all of them beforehand: they are many small pieces of large files.
void CheckAllScales(const ModelFile& file, int64_t first_layer, int64_t end_layer) {
  std::vector<const NamedTensor*> scales;
  for (const NamedTensor& tensor : file.tensors()) {
    if (!tensor.name.ends_with(kScaleSuffix)) continue;
    constexpr std::string_view kLayers = "model.layers.";
    std::string_view rest = tensor.name;
    if (rest.starts_with(kLayers)) {
      rest.remove_prefix(kLayers.size());
      const std::optional<int64_t> layer = TakeNumber(rest);
      if (!layer || *layer < first_layer || *layer >= end_layer) continue;
    }
    file.shards()[static_cast<std::size_t>(tensor.shard)].WillNeed(
        {tensor.view.data, static_cast<std::size_t>(tensor.view.bytes())});
    scales.push_back(&tensor);
  }
  for (const NamedTensor* tensor : scales) CheckScales(file, *tensor);
}

GatedLinears BindGated(const ModelFile& file, const std::string& prefix, int64_t width,
                       int64_t hidden) {
  return {BindLinear(file, prefix + ".gate_proj", width, hidden),
          BindLinear(file, prefix + ".up_proj", width, hidden),
          BindLinear(file, prefix + ".down_proj", hidden, width)};
}

MixtureWeights BindMixture(const ModelFile& file, const Config& config, const std::string& prefix,
                           int64_t index) {
  MixtureWeights mixture;
  mixture.router = BindLinear(file, prefix + "mlp.gate", config.router.experts, config.hidden);
  if (config.router.scores == RouterScores::kSigmoid) {
    mixture.router_bias =
        BindVector(file, prefix + std::string(kRouterBias), config.router.experts);
  }
  mixture.experts.reserve(static_cast<std::size_t>(config.router.experts));
  for (int64_t e = 0; e < config.router.experts; ++e) {
    mixture.experts.push_back(BindGated(file, prefix + "mlp.experts." + std::to_string(e),
                                        config.expert_width, config.hidden));
  }
  CheckMixture(file, mixture, index);
  return mixture;
}

LayerWeights BindLayer(const ModelFile& file, const Config& config, int64_t index,
                       BindDepth depth) {
  const std::string prefix = "model.layers." + std::to_string(index) + ".";
  const std::string attention = prefix + "self_attn.";
  const LatentAttentionShape& shape = config.attention;
  LayerWeights layer;
  layer.attention_norm = BindVector(file, prefix + "input_layernorm.weight", config.hidden);
  if (config.query_latent > 0) {
    layer.query_down = BindLinear(file, attention + "q_a_proj", config.query_latent, config.hidden);
    layer.query_norm = BindVector(file, attention + "q_a_layernorm.weight", config.query_latent);
    layer.query = BindLinear(file, attention + "q_b_proj", shape.query_size(), config.query_latent);
  } else {
    layer.query = BindLinear(file, attention + "q_proj", shape.query_size(), config.hidden);
  }
  layer.latent = BindLinear(file, attention + "kv_a_proj_with_mqa", shape.width(), config.hidden);
  layer.latent_norm = BindVector(file, attention + "kv_a_layernorm.weight", shape.latent);
  SplitHeads(shape,
             BindLinear(file, attention + "kv_b_proj", shape.heads * (shape.nope + shape.value),
                        shape.latent),
             depth, layer);
  layer.output = BindLinear(file, attention + "o_proj", config.hidden, shape.out_size());
  layer.feed_forward_norm =
      BindVector(file, prefix + "post_attention_layernorm.weight", config.hidden);
  if (index < config.dense_layers) {
    layer.dense = BindGated(file, prefix + "mlp", config.dense_width, config.hidden);
    return layer;
  }
  layer.mixture = BindMixture(file, config, prefix, index);
  if (config.shared_width > 0) {
    layer.shared =
        BindGated(file, prefix + "mlp.shared_experts", config.shared_width, config.hidden);
  }
  return layer;
}

Linear BindHead(const ModelFile& file, const Config& config, const TensorView& embedding) {
  if (!config.may_tie_head || file.FindTensor("lm_head.weight") != nullptr) {
    return BindLinear(file, "lm_head", config.vocabulary, config.hidden);
  }
  Linear head;
  head.weight = embedding;
  return head;
}

}  // namespace

Weights BindHf(const ModelFile& file, const Config& config, BindDepth depth) {
  RefuseUnknownTensors(file, config);
  if (depth == BindDepth::kValues) CheckAllScales(file, 0, config.layers);
  Weights weights;
  weights.embedding = BindEmbedding(file, "model.embed_tokens.weight", config);
  weights.output_norm = BindVector(file, "model.norm.weight", config.hidden);
  weights.head = BindHead(file, config, weights.embedding);
  weights.tied_head = weights.head.weight.data == weights.embedding.data;
  weights.layers.reserve(static_cast<std::size_t>(config.layers));
  for (int64_t index = 0; index < config.layers; ++index) {
    weights.layers.push_back(BindLayer(file, config, index, depth));
  }
  return weights;
}

MtpWeights BindMtpHf(const ModelFile& file, const Config& config, BindDepth depth) {
  const std::string prefix = "model.layers." + std::to_string(config.layers) + ".";
  const auto has = [&](const char* name) { return file.FindTensor(prefix + name) != nullptr; };
  constexpr const char* kEmbedding = "embed_tokens.weight";
  RefuseUnknownTensors(file, config);
  if (depth == BindDepth::kValues) {
    CheckAllScales(file, config.layers, config.layers + config.mtp_layers);
  }
  MtpWeights weights;
  weights.embedding =
      BindEmbedding(file, (has(kEmbedding) ? prefix : "model.") + kEmbedding, config);
  weights.embedding_norm = BindVector(file, prefix + "enorm.weight", config.hidden);
  weights.hidden_norm = BindVector(file, prefix + "hnorm.weight", config.hidden);
  weights.join = BindLinear(file, prefix + "eh_proj", config.hidden, 2 * config.hidden);
  weights.layer = BindLayer(file, config, config.layers, depth);
  weights.head_norm = BindVector(file, prefix + "shared_head.norm.weight", config.hidden);
  weights.head =
      has("shared_head.head.weight")
          ? BindLinear(file, prefix + "shared_head.head", config.vocabulary, config.hidden)
          : BindHead(file, config, BindEmbedding(file, "model.embed_tokens.weight", config));
  weights.model_norm = BindVector(file, "model.norm.weight", config.hidden);
  return weights;
}

}  // namespace fathom::deepseek
