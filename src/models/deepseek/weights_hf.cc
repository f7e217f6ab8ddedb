// Tensors of Hugging Face's `deepseek_v2` and `deepseek_v3` by name. Matrices in F8_E4M3 have the
// scales of their blocks beside them, as NAME.weight_scale_inv: factors, whatever the name says.
#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "base/error.h"
#include "models/deepseek/weights.h"

namespace fathom::deepseek {
namespace {

constexpr auto kLayerTensors = std::to_array<std::string_view>({
    "input_layernorm",
    "mlp.down_proj",
    "mlp.experts.down_proj",
    "mlp.experts.gate_proj",
    "mlp.experts.up_proj",
    "mlp.gate",
    "mlp.gate_proj",
    "mlp.shared_experts.down_proj",
    "mlp.shared_experts.gate_proj",
    "mlp.shared_experts.up_proj",
    "mlp.up_proj",
    "post_attention_layernorm",
    "self_attn.kv_a_layernorm",
    "self_attn.kv_a_proj_with_mqa",
    "self_attn.kv_b_proj",
    "self_attn.o_proj",
    "self_attn.q_a_layernorm",
    "self_attn.q_a_proj",
    "self_attn.q_b_proj",
    "self_attn.q_proj",
});
constexpr auto kNextTokenTensors = std::to_array<std::string_view>(
    {"eh_proj", "embed_tokens", "enorm", "hnorm", "shared_head.head", "shared_head.norm"});

template <std::size_t kCount>
bool Contains(const std::array<std::string_view, kCount>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Takes "NUMBER." from the front of a name; -1 where there is none.
int64_t TakeNumber(std::string_view& name) {
  int64_t number = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end == name.data() + name.size() || *end != '.') return -1;
  name.remove_prefix(static_cast<std::size_t>(end - name.data()) + 1);
  return number;
}

bool IsKnown(const Config& config, std::string_view name) {
  if (name == "model.embed_tokens.weight" || name == "model.norm.weight" ||
      name == "lm_head.weight") {
    return true;
  }
  constexpr std::string_view kLayers = "model.layers.", kExperts = "mlp.experts.";
  if (!name.starts_with(kLayers)) return false;
  name.remove_prefix(kLayers.size());
  const int64_t layer = TakeNumber(name);
  if (layer < 0 || layer >= config.layers + config.mtp_layers) return false;
  if (name == "mlp.gate.e_score_correction_bias") return true;
  std::string expert;
  if (name.starts_with(kExperts)) {
    name.remove_prefix(kExperts.size());
    const int64_t number = TakeNumber(name);
    if (number < 0 || number >= config.router.experts) return false;
    expert = std::string(kExperts) + std::string(name);
    name = expert;
  }
  for (const std::string_view end : {".weight", ".weight_scale_inv"}) {
    if (!name.ends_with(end)) continue;
    const std::string_view part = name.substr(0, name.size() - end.size());
    return Contains(kLayerTensors, part) ||
           (layer >= config.layers && Contains(kNextTokenTensors, part));
  }
  return false;
}

void RefuseUnknownTensors(const ModelFile& file, const Config& config) {
  for (const NamedTensor& tensor : file.tensors()) {
    if (IsKnown(config, tensor.name)) continue;
    throw Error(ErrorCode::kUnsupported,
                file.path().string() + ": tensor " + QuotedName(tensor.name) +
                    " is not known to the deepseek architectures here",
                "it may change the result, so the files are not run");
  }
}

// A matrix, with the scales of its blocks where it has some.
Linear BindScaled(const ModelFile& file, const std::string& name, int64_t out, int64_t in) {
  Linear layer = BindLinear(file, name, out, in);
  const std::string scales = name + ".weight_scale_inv";
  if (layer.weight.format == Format::kF8_E4M3) {
    const TensorView& grid = file.RequireTensor(
        scales, {(out + kScaleBlock - 1) / kScaleBlock, (in + kScaleBlock - 1) / kScaleBlock});
    if (grid.format != Format::kF32) {
      file.Fail("tensor '" + scales + "' is stored as " + std::string(RowOf(grid.format).name) +
                ", expected F32");
    }
    layer.scale_grid = {reinterpret_cast<const float*>(grid.data), kScaleBlock, kScaleBlock};
  } else if (file.FindTensor(scales) != nullptr) {
    file.Fail("tensor '" + scales + "' has scales for '" + name + ".weight', which is stored as " +
              std::string(RowOf(layer.weight.format).name));
  }
  return layer;
}

GatedLinears BindGated(const ModelFile& file, const std::string& prefix, int64_t width,
                       int64_t hidden) {
  return {BindScaled(file, prefix + ".gate_proj", width, hidden),
          BindScaled(file, prefix + ".up_proj", width, hidden),
          BindScaled(file, prefix + ".down_proj", hidden, width)};
}

MixtureWeights BindMixture(const ModelFile& file, const Config& config, const std::string& prefix,
                           int64_t index) {
  MixtureWeights mixture;
  mixture.router = BindLinear(file, prefix + "gate", config.router.experts, config.hidden);
  if (config.router.scores == RouterScores::kSigmoid) {
    mixture.router_bias =
        BindVector(file, prefix + "gate.e_score_correction_bias", config.router.experts);
  }
  mixture.experts.reserve(static_cast<std::size_t>(config.router.experts));
  for (int64_t e = 0; e < config.router.experts; ++e) {
    mixture.experts.push_back(BindGated(file, prefix + "experts." + std::to_string(e),
                                        config.expert_width, config.hidden));
  }
  CheckMixture(file, mixture, index);
  return mixture;
}

LayerWeights BindLayer(const ModelFile& file, const Config& config, int64_t index) {
  const std::string prefix = "model.layers." + std::to_string(index) + ".";
  const std::string attention = prefix + "self_attn.";
  const LatentAttentionShape& shape = config.attention;
  LayerWeights layer;
  layer.attention_norm = BindVector(file, prefix + "input_layernorm.weight", config.hidden);
  if (config.query_latent > 0) {
    layer.query_down = BindScaled(file, attention + "q_a_proj", config.query_latent, config.hidden);
    layer.query_norm = BindVector(file, attention + "q_a_layernorm.weight", config.query_latent);
    layer.query = BindScaled(file, attention + "q_b_proj", shape.query_size(), config.query_latent);
  } else {
    layer.query = BindScaled(file, attention + "q_proj", shape.query_size(), config.hidden);
  }
  layer.latent = BindScaled(file, attention + "kv_a_proj_with_mqa", shape.width(), config.hidden);
  layer.latent_norm = BindVector(file, attention + "kv_a_layernorm.weight", shape.latent);
  SplitHeads(shape,
             BindScaled(file, attention + "kv_b_proj", shape.heads * (shape.nope + shape.value),
                        shape.latent),
             layer);
  layer.output = BindScaled(file, attention + "o_proj", config.hidden, shape.out_size());
  layer.feed_forward_norm =
      BindVector(file, prefix + "post_attention_layernorm.weight", config.hidden);
  if (index < config.dense_layers) {
    layer.dense = BindGated(file, prefix + "mlp", config.dense_width, config.hidden);
    return layer;
  }
  layer.mixture = BindMixture(file, config, prefix + "mlp.", index);
  if (config.shared_width > 0) {
    layer.shared =
        BindGated(file, prefix + "mlp.shared_experts", config.shared_width, config.hidden);
  }
  return layer;
}

}  // namespace

Weights BindHf(const ModelFile& file, const Config& config) {
  RefuseUnknownTensors(file, config);
  Weights weights;
  weights.embedding =
      file.RequireTensor("model.embed_tokens.weight", {config.vocabulary, config.hidden});
  weights.output_norm = BindVector(file, "model.norm.weight", config.hidden);
  weights.tied_head = config.may_tie_head && file.FindTensor("lm_head.weight") == nullptr;
  if (weights.tied_head) {
    weights.head.weight = weights.embedding;
  } else {
    weights.head = BindScaled(file, "lm_head", config.vocabulary, config.hidden);
  }
  weights.layers.reserve(static_cast<std::size_t>(config.layers));
  for (int64_t index = 0; index < config.layers; ++index) {
    weights.layers.push_back(BindLayer(file, config, index));
  }
  return weights;
}

}  // namespace fathom::deepseek
