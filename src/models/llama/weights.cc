#include "models/llama/weights.h"

#include <array>
#include <set>
#include <string>

#include "base/error.h"

namespace fathom::llama {
namespace {

// Names a file may have besides those of the layers.
constexpr std::array<std::string_view, 4> kGlobalTensors = {
    "output.weight", "output_norm.weight", "rope_freqs.weight", "token_embd.weight"};
constexpr std::array<std::string_view, 9> kLayerTensors = {"attn_k",   "attn_norm", "attn_output",
                                                           "attn_q",   "attn_v",    "ffn_down",
                                                           "ffn_gate", "ffn_norm",  "ffn_up"};

LayerWeights BindLayer(const ModelFile& file, const Config& config, int64_t index) {
  const std::string prefix = "blk." + std::to_string(index) + ".";
  const GroupedAttentionShape& shape = config.attention;
  LayerWeights layer;
  layer.attention_norm = BindVector(file, prefix + "attn_norm.weight", config.hidden);
  layer.query = BindLinear(file, prefix + "attn_q", shape.query_size(), config.hidden);
  layer.key = BindLinear(file, prefix + "attn_k", shape.kv_size(), config.hidden);
  layer.value = BindLinear(file, prefix + "attn_v", shape.kv_size(), config.hidden);
  layer.output = BindLinear(file, prefix + "attn_output", config.hidden, shape.query_size());
  layer.feed_forward_norm = BindVector(file, prefix + "ffn_norm.weight", config.hidden);
  layer.gate = BindLinear(file, prefix + "ffn_gate", config.feed_forward, config.hidden);
  layer.up = BindLinear(file, prefix + "ffn_up", config.feed_forward, config.hidden);
  layer.down = BindLinear(file, prefix + "ffn_down", config.hidden, config.feed_forward);
  return layer;
}

std::set<std::string> ExpectedNames(const Config& config) {
  std::set<std::string> names(kGlobalTensors.begin(), kGlobalTensors.end());
  for (int64_t index = 0; index < config.layers; ++index) {
    for (const std::string_view part : kLayerTensors) {
      const std::string name = "blk." + std::to_string(index) + "." + std::string(part);
      names.insert(name + ".weight");
      if (!part.ends_with("norm")) names.insert(name + ".bias");
    }
  }
  return names;
}

void RefuseUnknownTensors(const ModelFile& file, const Config& config) {
  const std::set<std::string> expected = ExpectedNames(config);
  for (const NamedTensor& tensor : file.tensors()) {
    if (!expected.contains(tensor.name)) {
      throw Error(ErrorCode::kUnsupported,
                  file.path().string() + ": tensor '" + tensor.name +
                      "' is not known to the llama architecture here",
                  "it may change the result, so the file is not run");
    }
  }
}

}  // namespace

Weights BindWeights(const ModelFile& file, const Config& config) {
  RefuseUnknownTensors(file, config);
  Weights weights;
  weights.embedding = file.RequireTensor("token_embd.weight", {config.vocabulary, config.hidden});
  weights.output_norm = BindVector(file, "output_norm.weight", config.hidden);
  weights.tied_head = file.FindTensor("output.weight") == nullptr;
  if (weights.tied_head) {
    weights.head.weight = weights.embedding;
  } else {
    weights.head = BindLinear(file, "output", config.vocabulary, config.hidden);
  }
  weights.layers.reserve(static_cast<std::size_t>(config.layers));
  for (int64_t index = 0; index < config.layers; ++index) {
    weights.layers.push_back(BindLayer(file, config, index));
  }
  return weights;
}

}  // namespace fathom::llama
