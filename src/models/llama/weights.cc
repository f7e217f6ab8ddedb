#include "models/llama/weights.h"

#include <array>
#include <charconv>
#include <string>

#include "base/error.h"

namespace fathom::llama {
namespace {

enum class Part {
  kEmbedding,
  kOutputNorm,
  kHead,
  kAttentionNorm,
  kQuery,
  kKey,
  kValue,
  kOutput,
  kFeedForwardNorm,
  kGate,
  kUp,
  kDown,
};

// What the files call a part, without ".weight"; in layers, after the name of the layer.
struct PartName {
  Part part;
  std::string_view gguf;
  std::string_view hugging_face;
};
constexpr std::array kModelParts = {
    PartName{Part::kEmbedding, "token_embd", "model.embed_tokens"},
    PartName{Part::kOutputNorm, "output_norm", "model.norm"},
    PartName{Part::kHead, "output", "lm_head"},
};
constexpr std::array kLayerParts = {
    PartName{Part::kAttentionNorm, "attn_norm", "input_layernorm"},
    PartName{Part::kQuery, "attn_q", "self_attn.q_proj"},
    PartName{Part::kKey, "attn_k", "self_attn.k_proj"},
    PartName{Part::kValue, "attn_v", "self_attn.v_proj"},
    PartName{Part::kOutput, "attn_output", "self_attn.o_proj"},
    PartName{Part::kFeedForwardNorm, "ffn_norm", "post_attention_layernorm"},
    PartName{Part::kGate, "ffn_gate", "mlp.gate_proj"},
    PartName{Part::kUp, "ffn_up", "mlp.up_proj"},
    PartName{Part::kDown, "ffn_down", "mlp.down_proj"},
};

// Names of tensors in files of one kind.
class Names {
 public:
  explicit Names(ModelFileKind kind)
      : gguf_(kind == ModelFileKind::kGguf), layer_(gguf_ ? "blk." : "model.layers.") {}

  std::string Of(Part part) const { return std::string(Find(kModelParts, part)); }
  std::string Of(Part part, int64_t layer) const {
    return layer_ + std::to_string(layer) + "." + std::string(Find(kLayerParts, part));
  }

  // Whether an architecture of this family has the tensor.
  bool Known(std::string_view name, const Config& config) const {
    if (gguf_ && name == "rope_freqs.weight") return !config.rope.frequency_divisors.empty();
    std::string_view rest = name;
    if (!rest.starts_with(layer_)) return Matches(kModelParts, rest, config);
    rest.remove_prefix(layer_.size());
    int64_t layer = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), layer);
    if (error != std::errc() || layer < 0 || layer >= config.layers) return false;
    const auto digits = static_cast<std::size_t>(end - rest.data());
    if (rest.substr(0, digits) != std::to_string(layer)) return false;  // "01"
    rest.remove_prefix(digits);
    if (!rest.starts_with('.')) return false;
    rest.remove_prefix(1);
    // Old files keep the frequencies of the rotary embedding, which follow from the configuration.
    if (!gguf_ && rest == "self_attn.rotary_emb.inv_freq") return true;
    return Matches(kLayerParts, rest, config);
  }

 private:
  std::string_view In(const PartName& row) const { return gguf_ ? row.gguf : row.hugging_face; }

  template <class Table>
  std::string_view Find(const Table& table, Part part) const {
    for (const PartName& row : table) {
      if (row.part == part) return In(row);
    }
    return {};
  }

  // Whether `name` is the weight of a part of the table, or a bias that it may have.
  template <class Table>
  bool Matches(const Table& table, std::string_view name, const Config& config) const {
    for (const PartName& row : table) {
      const std::string_view stem = In(row);
      if (!name.starts_with(stem)) continue;
      const std::string_view kind = name.substr(stem.size());
      if (kind == ".weight") return true;
      if (kind == ".bias") return RuleOf(row.part, config) != BiasRule::kNone;
    }
    return false;
  }

  static BiasRule RuleOf(Part part, const Config& config) {
    switch (part) {
      case Part::kQuery:
      case Part::kKey:
      case Part::kValue:
        return config.query_key_value_bias;
      case Part::kOutput:
        return config.output_bias;
      case Part::kGate:
      case Part::kUp:
      case Part::kDown:
        return config.feed_forward_bias;
      default:
        return BiasRule::kNone;
    }
  }

  bool gguf_;
  std::string layer_;
};

Linear Bind(const ModelFile& file, const std::string& name, int64_t out, int64_t in,
            BiasRule rule) {
  Linear layer = BindLinear(file, name, out, in);
  if (rule == BiasRule::kRequired && layer.bias.empty()) file.RequireTensor(name + ".bias", {out});
  return layer;
}

LayerWeights BindLayer(const ModelFile& file, const Names& names, const Config& config,
                       int64_t index) {
  const GroupedAttentionShape& shape = config.attention;
  const int64_t hidden = config.hidden, wide = config.feed_forward;
  const auto norm = [&](Part part) {
    return BindVector(file, names.Of(part, index) + ".weight", hidden);
  };
  const auto linear = [&](Part part, int64_t out, int64_t in, BiasRule rule) {
    return Bind(file, names.Of(part, index), out, in, rule);
  };
  LayerWeights layer;
  layer.attention_norm = norm(Part::kAttentionNorm);
  layer.query = linear(Part::kQuery, shape.query_size(), hidden, config.query_key_value_bias);
  layer.key = linear(Part::kKey, shape.kv_size(), hidden, config.query_key_value_bias);
  layer.value = linear(Part::kValue, shape.kv_size(), hidden, config.query_key_value_bias);
  layer.output = linear(Part::kOutput, hidden, shape.query_size(), config.output_bias);
  layer.feed_forward_norm = norm(Part::kFeedForwardNorm);
  layer.gate = linear(Part::kGate, wide, hidden, config.feed_forward_bias);
  layer.up = linear(Part::kUp, wide, hidden, config.feed_forward_bias);
  layer.down = linear(Part::kDown, hidden, wide, config.feed_forward_bias);
  return layer;
}

void RefuseUnknownTensors(const ModelFile& file, const Names& names, const Config& config) {
  for (const NamedTensor& tensor : file.tensors()) {
    if (names.Known(tensor.name, config)) continue;
    throw Error(ErrorCode::kUnsupported,
                file.path().string() + ": tensor " + QuotedName(tensor.name) +
                    " is not known to the " + config.architecture + " architecture here",
                "it may change the result, so the file is not run");
  }
}

}  // namespace

Weights BindWeights(const ModelFile& file, const Config& config) {
  const Names names(file.kind());
  RefuseUnknownTensors(file, names, config);
  Weights weights;
  weights.embedding = file.RequireTensor(names.Of(Part::kEmbedding) + ".weight",
                                         {config.vocabulary, config.hidden});
  weights.output_norm = BindVector(file, names.Of(Part::kOutputNorm) + ".weight", config.hidden);
  const std::string head = names.Of(Part::kHead);
  weights.tied_head = config.may_tie_head && file.FindTensor(head + ".weight") == nullptr;
  if (weights.tied_head) {
    weights.head.weight = weights.embedding;
  } else {
    weights.head = BindLinear(file, head, config.vocabulary, config.hidden);
  }
  weights.layers.reserve(static_cast<std::size_t>(config.layers));
  for (int64_t index = 0; index < config.layers; ++index) {
    weights.layers.push_back(BindLayer(file, names, config, index));
  }
  return weights;
}

std::vector<NamedLinear> NameLinears(const Weights& weights) {
  const Names names(ModelFileKind::kGguf);
  std::vector<NamedLinear> linears;
  const auto add = [&](const std::string& name, const Linear& layer) {
    linears.push_back({.tensor = name + ".weight", .layer = &layer});
  };
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const LayerWeights& layer = weights.layers[i];
    const auto add_part = [&](Part part, const Linear& linear) {
      add(names.Of(part, static_cast<int64_t>(i)), linear);
    };
    add_part(Part::kQuery, layer.query);
    add_part(Part::kKey, layer.key);
    add_part(Part::kValue, layer.value);
    add_part(Part::kOutput, layer.output);
    add_part(Part::kGate, layer.gate);
    add_part(Part::kUp, layer.up);
    add_part(Part::kDown, layer.down);
  }
  add(names.Of(weights.tied_head ? Part::kEmbedding : Part::kHead), weights.head);
  return linears;
}

}  // namespace fathom::llama
