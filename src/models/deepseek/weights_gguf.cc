// Tensors of GGUF's `deepseek2` by name, in the three vintages that config_gguf.cc describes.
#include <array>
#include <set>
#include <string>

#include "base/error.h"
#include "models/deepseek/weights.h"

namespace fathom::deepseek {
namespace {

constexpr auto kGlobalTensors =
    std::to_array<std::string_view>({"output.weight", "output_norm.weight", "token_embd.weight"});
constexpr auto kAttentionTensors = std::to_array<std::string_view>(
    {"attn_k_b.weight", "attn_kv_a_mqa.weight", "attn_kv_a_norm.weight", "attn_kv_b.weight",
     "attn_norm.weight", "attn_output.weight", "attn_v_b.weight", "ffn_norm.weight"});
constexpr auto kQueryTensors = std::to_array<std::string_view>({"attn_q.weight"});
constexpr auto kQueryLatentTensors =
    std::to_array<std::string_view>({"attn_q_a.weight", "attn_q_a_norm.weight", "attn_q_b.weight"});
constexpr auto kDenseTensors =
    std::to_array<std::string_view>({"ffn_down.weight", "ffn_gate.weight", "ffn_up.weight"});
constexpr auto kMixtureTensors = std::to_array<std::string_view>(
    {"exp_probs_b.bias", "ffn_down_exps.weight", "ffn_gate_inp.weight"});
constexpr auto kSeparateTensors =
    std::to_array<std::string_view>({"ffn_gate_exps.weight", "ffn_up_exps.weight"});
constexpr std::string_view kFusedTensor = "ffn_gate_up_exps.weight";
constexpr auto kSharedTensors = std::to_array<std::string_view>(
    {"ffn_down_shexp.weight", "ffn_gate_shexp.weight", "ffn_up_shexp.weight"});
constexpr auto kNextTokenTensors = std::to_array<std::string_view>(
    {"nextn.eh_proj.weight", "nextn.embed_tokens.weight", "nextn.enorm.weight",
     "nextn.hnorm.weight", "nextn.shared_head_head.weight", "nextn.shared_head_norm.weight"});

bool HasFusedExperts(const ModelFile& file, const std::string& prefix) {
  return file.FindTensor(prefix + std::string(kFusedTensor)) != nullptr;
}

// Names of all tensors that binding may make use of: a model may have nothing beside them.
std::set<std::string> KnownTensors(const ModelFile& file, const Config& config) {
  std::set<std::string> known(kGlobalTensors.begin(), kGlobalTensors.end());
  for (int64_t index = 0; index < config.layers + config.mtp_layers; ++index) {
    const std::string prefix = "blk." + std::to_string(index) + ".";
    const auto add = [&](const auto& parts) {
      for (const std::string_view part : parts) known.insert(prefix + std::string(part));
    };
    add(kAttentionTensors);
    if (config.query_latent > 0) {
      add(kQueryLatentTensors);
    } else {
      add(kQueryTensors);
    }
    if (index < config.dense_layers) {
      add(kDenseTensors);
      continue;
    }
    add(kMixtureTensors);
    if (HasFusedExperts(file, prefix)) {
      known.insert(prefix + std::string(kFusedTensor));
    } else {
      add(kSeparateTensors);
    }
    if (config.shared_width > 0) add(kSharedTensors);
    if (index >= config.layers) add(kNextTokenTensors);
  }
  return known;
}

void RefuseUnknownTensors(const ModelFile& file, const Config& config) {
  const std::set<std::string> known = KnownTensors(file, config);
  for (const NamedTensor& tensor : file.tensors()) {
    if (known.contains(tensor.name)) continue;
    throw Error(ErrorCode::kUnsupported,
                file.path().string() + ": tensor " + QuotedName(tensor.name) +
                    " is not one that this model uses",
                "it may change the result, so the file is not run");
  }
}

// A matrix per head, stacked in three dimensions or one below the other in two.
void BindHeadMatrices(const ModelFile& file, const std::string& name, int64_t heads, int64_t rows,
                      int64_t columns, std::vector<Linear>& to) {
  const NamedTensor* found = file.FindTensor(name);
  const TensorView& view = found != nullptr && found->view.rank == 2
                               ? file.RequireTensor(name, {heads * rows, columns})
                               : file.RequireTensor(name, {heads, rows, columns});
  for (int64_t head = 0; head < heads; ++head) to.push_back(RowsOf(view, head * rows, rows));
}

void BindHeads(const ModelFile& file, const Config& config, const std::string& prefix,
               BindDepth depth, LayerWeights& layer) {
  const LatentAttentionShape& shape = config.attention;
  const bool joint = file.FindTensor(prefix + "attn_kv_b.weight") != nullptr;
  if (joint) {
    const Linear kv = BindLinear(file, prefix + "attn_kv_b",
                                 shape.heads * (shape.nope + shape.value), shape.latent);
    if (file.FindTensor(prefix + "attn_k_b.weight") == nullptr &&
        file.FindTensor(prefix + "attn_v_b.weight") == nullptr) {
      SplitHeads(shape, kv, depth, layer);
      layer.joint = kv;
      return;
    }
  }
  BindHeadMatrices(file, prefix + "attn_k_b.weight", shape.heads, shape.latent, shape.nope,
                   layer.heads.keys);
  BindHeadMatrices(file, prefix + "attn_v_b.weight", shape.heads, shape.value, shape.latent,
                   layer.heads.values);
}

GatedLinears BindGated(const ModelFile& file, const std::string& prefix, std::string_view suffix,
                       int64_t width, int64_t hidden) {
  const std::string end(suffix);
  return {BindLinear(file, prefix + "ffn_gate" + end, width, hidden),
          BindLinear(file, prefix + "ffn_up" + end, width, hidden),
          BindLinear(file, prefix + "ffn_down" + end, hidden, width)};
}

MixtureWeights BindMixture(const ModelFile& file, const Config& config, const std::string& prefix,
                           int64_t index) {
  const int64_t count = config.router.experts;
  const int64_t width = config.expert_width;
  const int64_t hidden = config.hidden;
  MixtureWeights mixture;
  mixture.router = BindLinear(file, prefix + "ffn_gate_inp", count, hidden);
  // Sigmoid routing always came with a bias for choosing, softmax routing never.
  if (config.router.scores == RouterScores::kSigmoid ||
      file.FindTensor(prefix + "exp_probs_b.bias") != nullptr) {
    mixture.router_bias = BindVector(file, prefix + "exp_probs_b.bias", count);
  }
  const TensorView& down =
      file.RequireTensor(prefix + "ffn_down_exps.weight", {count, hidden, width});
  // Recent files may have gate and up in one stack, gate first.
  const bool fused = HasFusedExperts(file, prefix);
  const TensorView& gate =
      fused ? file.RequireTensor(prefix + "ffn_gate_up_exps.weight", {count, 2 * width, hidden})
            : file.RequireTensor(prefix + "ffn_gate_exps.weight", {count, width, hidden});
  const TensorView& up =
      fused ? gate : file.RequireTensor(prefix + "ffn_up_exps.weight", {count, width, hidden});
  mixture.experts.reserve(static_cast<std::size_t>(count));
  for (int64_t e = 0; e < count; ++e) {
    if (fused) {
      mixture.experts.push_back({RowsOf(gate, 2 * e * width, width),
                                 RowsOf(up, (2 * e + 1) * width, width), MatrixOf(down, e)});
    } else {
      mixture.experts.push_back({MatrixOf(gate, e), MatrixOf(up, e), MatrixOf(down, e)});
    }
  }
  CheckMixture(file, mixture, index);
  return mixture;
}

LayerWeights BindLayer(const ModelFile& file, const Config& config, int64_t index,
                       BindDepth depth) {
  const std::string prefix = "blk." + std::to_string(index) + ".";
  const LatentAttentionShape& shape = config.attention;
  LayerWeights layer;
  layer.attention_norm = BindVector(file, prefix + "attn_norm.weight", config.hidden);
  if (config.query_latent > 0) {
    layer.query_down = BindLinear(file, prefix + "attn_q_a", config.query_latent, config.hidden);
    layer.query_norm = BindVector(file, prefix + "attn_q_a_norm.weight", config.query_latent);
    layer.query = BindLinear(file, prefix + "attn_q_b", shape.query_size(), config.query_latent);
  } else {
    layer.query = BindLinear(file, prefix + "attn_q", shape.query_size(), config.hidden);
  }
  layer.latent = BindLinear(file, prefix + "attn_kv_a_mqa", shape.width(), config.hidden);
  layer.latent_norm = BindVector(file, prefix + "attn_kv_a_norm.weight", shape.latent);
  BindHeads(file, config, prefix, depth, layer);
  layer.output = BindLinear(file, prefix + "attn_output", config.hidden, shape.out_size());
  layer.feed_forward_norm = BindVector(file, prefix + "ffn_norm.weight", config.hidden);
  if (index < config.dense_layers) {
    layer.dense = BindGated(file, prefix, "", config.dense_width, config.hidden);
    return layer;
  }
  layer.mixture = BindMixture(file, config, prefix, index);
  if (config.shared_width > 0) {
    layer.shared = BindGated(file, prefix, "_shexp", config.shared_width, config.hidden);
  }
  return layer;
}

// The head of that name, or the embedding where there is none.
Linear BindHead(const ModelFile& file, const Config& config, const TensorView& embedding) {
  if (file.FindTensor("output.weight") != nullptr) {
    return BindLinear(file, "output", config.vocabulary, config.hidden);
  }
  Linear head;
  head.weight = embedding;
  return head;
}

// A layer's linear layers by name.
class Namer {
 public:
  Namer(const ModelFile& file, int64_t index, std::vector<NamedLinear>& to)
      : file_(file), prefix_("blk." + std::to_string(index) + "."), to_(to) {}

  void Add(std::string_view name, const Linear& layer, int64_t matrix = 0, int64_t matrices = 1) {
    to_.push_back({TensorOf(name), matrix, matrices, &layer});
  }

  // In two dimensions the heads' matrices are one, whose columns they share.
  void AddHeads(std::string_view name, const std::vector<Linear>& heads) {
    const NamedTensor* found = file_.FindTensor(TensorOf(name));
    const bool stacked = found == nullptr || found->view.rank == 3;
    for (std::size_t head = 0; head < heads.size(); ++head) {
      Add(name, heads[head], stacked ? static_cast<int64_t>(head) : 0,
          stacked ? static_cast<int64_t>(heads.size()) : 1);
    }
  }

  void AddGated(const GatedLinears& layers, std::string_view suffix) {
    const std::string end(suffix);
    Add("ffn_gate" + end, layers.gate);
    Add("ffn_up" + end, layers.up);
    Add("ffn_down" + end, layers.down);
  }

  void AddMixture(const MixtureWeights& mixture) {
    Add("ffn_gate_inp", mixture.router);
    const bool fused = HasFusedExperts(file_, prefix_);
    const auto count = static_cast<int64_t>(mixture.experts.size());
    for (int64_t e = 0; e < count; ++e) {
      const GatedLinears& expert = mixture.experts[static_cast<std::size_t>(e)];
      Add(fused ? "ffn_gate_up_exps" : "ffn_gate_exps", expert.gate, e, count);
      if (!fused) Add("ffn_up_exps", expert.up, e, count);
      Add("ffn_down_exps", expert.down, e, count);
    }
  }

 private:
  std::string TensorOf(std::string_view name) const {
    return prefix_ + std::string(name) + ".weight";
  }

  const ModelFile& file_;
  std::string prefix_;
  std::vector<NamedLinear>& to_;
};

}  // namespace

std::vector<NamedLinear> NameLinears(const ModelFile& file, const Weights& weights) {
  std::vector<NamedLinear> linears;
  for (std::size_t i = 0; i < weights.layers.size(); ++i) {
    const LayerWeights& layer = weights.layers[i];
    Namer namer(file, static_cast<int64_t>(i), linears);
    const bool query_latent = layer.query_down.weight.rank > 0;
    if (query_latent) namer.Add("attn_q_a", layer.query_down);
    namer.Add(query_latent ? "attn_q_b" : "attn_q", layer.query);
    namer.Add("attn_kv_a_mqa", layer.latent);
    if (layer.joint.weight.rank > 0) {
      namer.Add("attn_kv_b", layer.joint);
    } else {
      namer.AddHeads("attn_k_b", layer.heads.keys);
      namer.AddHeads("attn_v_b", layer.heads.values);
    }
    namer.Add("attn_output", layer.output);
    if (layer.dense) namer.AddGated(*layer.dense, "");
    if (layer.mixture) namer.AddMixture(*layer.mixture);
    if (layer.shared) namer.AddGated(*layer.shared, "_shexp");
  }
  linears.push_back({.tensor = weights.tied_head ? "token_embd.weight" : "output.weight",
                     .layer = &weights.head});
  return linears;
}

Weights BindGguf(const ModelFile& file, const Config& config, BindDepth depth) {
  RefuseUnknownTensors(file, config);
  Weights weights;
  weights.embedding = BindEmbedding(file, "token_embd.weight", config);
  weights.output_norm = BindVector(file, "output_norm.weight", config.hidden);
  weights.tied_head = file.FindTensor("output.weight") == nullptr;
  weights.head = BindHead(file, config, weights.embedding);
  weights.layers.reserve(static_cast<std::size_t>(config.layers));
  for (int64_t index = 0; index < config.layers; ++index) {
    weights.layers.push_back(BindLayer(file, config, index, depth));
  }
  return weights;
}

MtpWeights BindMtpGguf(const ModelFile& file, const Config& config, BindDepth depth) {
  const std::string prefix = "blk." + std::to_string(config.layers) + ".nextn.";
  const auto has = [&](const char* name) { return file.FindTensor(prefix + name) != nullptr; };
  MtpWeights weights;
  weights.embedding = BindEmbedding(
      file, has("embed_tokens.weight") ? prefix + "embed_tokens.weight" : "token_embd.weight",
      config);
  weights.embedding_norm = BindVector(file, prefix + "enorm.weight", config.hidden);
  weights.hidden_norm = BindVector(file, prefix + "hnorm.weight", config.hidden);
  weights.join = BindLinear(file, prefix + "eh_proj", config.hidden, 2 * config.hidden);
  weights.layer = BindLayer(file, config, config.layers, depth);
  weights.head_norm = BindVector(file, prefix + "shared_head_norm.weight", config.hidden);
  weights.head =
      has("shared_head_head.weight")
          ? BindLinear(file, prefix + "shared_head_head", config.vocabulary, config.hidden)
          : BindHead(file, config, BindEmbedding(file, "token_embd.weight", config));
  weights.model_norm = BindVector(file, "output_norm.weight", config.hidden);
  return weights;
}

}  // namespace fathom::deepseek
