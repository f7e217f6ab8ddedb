// Takes the keys from the architectures' own readers, so that what cannot be run is not converted.
#include "convert/shape.h"

#include <utility>
#include <vector>

#include "base/error.h"
#include "models/deepseek/config.h"
#include "models/layers/linear.h"
#include "models/llama/llama.h"
#include "models/qwen2/qwen2.h"

namespace fathom {
namespace {

ModelShape ShapeOfGrouped(Architecture architecture, llama::Config config) {
  const auto has = [](llama::BiasRule rule) { return rule == llama::BiasRule::kRequired; };
  ModelShape shape;
  shape.architecture = architecture;
  shape.layers = config.layers;
  shape.hidden = config.hidden;
  shape.feed_forward = config.feed_forward;
  shape.heads = config.attention.heads;
  shape.vocabulary = config.vocabulary;
  shape.context_length = config.context_length;
  shape.rms_epsilon = config.rms_epsilon;
  shape.tied_head = config.may_tie_head;
  shape.rope = std::move(config.rope);
  shape.kv_heads = config.attention.kv_heads;
  shape.head_dim = config.attention.head_dim;
  shape.query_key_value_bias = has(config.query_key_value_bias);
  shape.output_bias = has(config.output_bias);
  shape.feed_forward_bias = has(config.feed_forward_bias);
  return shape;
}

ModelShape ShapeOfDeepSeek(deepseek::Config config) {
  ModelShape shape;
  shape.architecture = Architecture::kDeepSeek;
  shape.layers = config.layers;
  shape.hidden = config.hidden;
  shape.feed_forward = config.dense_width;
  shape.heads = config.attention.heads;
  shape.vocabulary = config.vocabulary;
  shape.context_length = config.context_length;
  shape.rms_epsilon = config.rms_epsilon;
  shape.tied_head = config.may_tie_head;
  shape.rope = std::move(config.rope);
  shape.query_latent = config.query_latent;
  shape.latent = config.attention.latent;
  shape.rotary = config.attention.rotary;
  shape.nope = config.attention.nope;
  shape.value = config.attention.value;
  shape.magnitude_all = config.magnitude_all;
  shape.dense_layers = config.dense_layers;
  shape.expert_width = config.expert_width;
  shape.shared_experts = config.shared_width / config.expert_width;
  shape.mtp_layers = config.mtp_layers;
  shape.router = config.router;
  shape.scale_block = config.block_scaled ? kScaleBlock : 0;
  return shape;
}

int64_t TokenKey(const ModelFile& file, std::string_view key) {
  const MetadataValue* value = file.Find(key);
  if (value == nullptr) return -1;
  if (const auto* list = std::get_if<std::vector<int64_t>>(value)) {
    if (!list->empty()) return list->front();
    file.FailKey(key, "is an empty list, expected token ids");
  }
  return *file.Integer(key);
}

}  // namespace

std::string_view ModelShape::GgufName() const {
  switch (architecture) {
    case Architecture::kLlama:
      return "llama";
    case Architecture::kQwen2:
      return "qwen2";
    case Architecture::kDeepSeek:
      return "deepseek2";
  }
  return "";
}

ModelShape ParseShape(const ModelFile& config) {
  ModelShape shape;
  const std::string& type = config.RequireString("model_type");
  if (type == "llama") {
    shape = ShapeOfGrouped(Architecture::kLlama, llama::ParseHfKeys(config));
  } else if (type == "qwen2") {
    shape = ShapeOfGrouped(Architecture::kQwen2, qwen2::ParseHfKeys(config));
  } else if (type == "deepseek_v2" || type == "deepseek_v3") {
    shape = ShapeOfDeepSeek(deepseek::ParseHfKeys(config));
    const std::string* rounding = config.String("quantization_config.scale_fmt");
    shape.power_scales = rounding != nullptr && *rounding == "ue8m0";
  } else {
    config.FailKeyUnsupported("model_type", "is " + QuotedName(type) + ", which is not supported",
                              "supported: llama, qwen2, deepseek_v2, deepseek_v3");
  }
  shape.bos = TokenKey(config, "bos_token_id");
  shape.eos = TokenKey(config, "eos_token_id");
  return shape;
}

}  // namespace fathom
