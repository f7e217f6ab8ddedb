// GGUF keys to Config.
#include <array>
#include <cmath>
#include <string>

#include "base/error.h"
#include "models/config_reader.h"
#include "models/layers/linear.h"
#include "models/llama/config.h"
#include "models/rope_config.h"

namespace fathom::llama {
namespace {

// Keys that are read here, and two that do not change what is computed.
constexpr auto kKnownKeys = std::to_array<std::string_view>({
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.layer_norm_rms_epsilon",
    "attention.value_length",
    "block_count",
    "context_length",
    "embedding_length",
    "expert_count",
    "expert_used_count",
    "feed_forward_length",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scaling.attn_factor",
    "rope.scaling.factor",
    "rope.scaling.finetuned",
    "rope.scaling.original_context_length",
    "rope.scaling.type",
    "rope.scaling.yarn_attn_factor",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "tensor_data_layout",
    "vocab_size",
});

void RefuseExperts(const ConfigReader& reader, const Family& family) {
  const auto experts = reader.file().Integer(reader.Key("expert_count"));
  if (experts.value_or(0) == 0) return;
  throw Error(ErrorCode::kUnsupported,
              reader.file().path().string() + ": " + std::string(family.name) + " with " +
                  std::to_string(*experts) + " experts (mixture of experts) is not supported");
}

void ParseAttention(const ConfigReader& reader, const Family& family, Config& config) {
  GroupedAttentionShape& shape = config.attention;
  shape.heads = reader.Count("attention.head_count", kMaxHeads);
  shape.kv_heads = reader.CountOr("attention.head_count_kv", shape.heads, kMaxHeads);
  shape.head_dim = HeadSize(reader, "attention.key_length", "embedding_length", config);
  const int64_t value_length =
      reader.CountOr("attention.value_length", shape.head_dim, kMaxHeadDim);
  if (value_length != shape.head_dim) {
    reader.Refuse("attention.value_length", std::to_string(value_length),
                  std::to_string(shape.head_dim) + ", the length of keys");
  }
  CheckHeads(reader, "attention.head_count", "attention.head_count_kv", config);
  shape.pairing = family.gguf_pairing;
}

void ParseRopeScaling(const ConfigReader& reader, Config& config) {
  RopeSpec& rope = config.rope;
  const std::string type = ParseGgufScalingType(reader);
  if (type.empty()) return;
  if (type == "linear") {
    rope.scaling = RopeScaling::kLinear;
    rope.factor = reader.PositiveOr("rope.scaling.factor", 1.0);
  } else if (type == "yarn") {
    ParseGgufYarn(reader, rope);
    rope.attention_factor = reader.PositiveOr("rope.scaling.yarn_attn_factor",
                                              reader.PositiveOr("rope.scaling.attn_factor", 1.0));
  } else {
    reader.Refuse("rope.scaling.type", QuotedName(type), "none, linear or yarn");
  }
}

void ParseRope(const ConfigReader& reader, const Family& family, Config& config) {
  RopeSpec& rope = config.rope;
  const ModelFile& file = reader.file();
  rope.rotary_dim =
      reader.CountOr("rope.dimension_count", config.attention.head_dim, config.attention.head_dim);
  if (rope.rotary_dim % 2 != 0) {
    reader.Fail("rope.dimension_count", std::to_string(rope.rotary_dim), "an even number");
  }
  rope.base = ParseGgufRopeBase(reader);
  ParseRopeScaling(reader, config);
  if (!family.gguf_rope_freqs || file.FindTensor("rope_freqs.weight") == nullptr) return;
  rope.frequency_divisors = BindVector(file, "rope_freqs.weight", rope.rotary_dim / 2);
  for (const float divisor : rope.frequency_divisors) {
    if (!std::isfinite(divisor) || divisor <= 0) {
      file.Fail("tensor 'rope_freqs.weight' holds " + std::to_string(divisor) +
                ", expected positive numbers");
    }
  }
}

}  // namespace

Config ParseGgufConfig(const ModelFile& file, const Family& family) {
  const ConfigReader reader(file, std::string(family.name) + ".");
  reader.RefuseUnknownKeys(kKnownKeys, {}, family.name);
  RefuseExperts(reader, family);
  Config config;
  config.architecture = family.name;
  config.layers = reader.Count("block_count", kMaxLayers);
  config.hidden = reader.Count("embedding_length", kMaxHidden);
  config.feed_forward = reader.Count("feed_forward_length", kMaxFeedForward);
  config.context_length = reader.Count("context_length", kMaxContext);
  config.rms_epsilon = reader.Epsilon("attention.layer_norm_rms_epsilon");
  config.may_tie_head = true;  // a GGUF file says so by having no head
  ParseAttention(reader, family, config);
  ParseRope(reader, family, config);
  config.vocabulary = EmbeddingRows(file, "token_embd.weight");
  const int64_t declared = reader.CountOr("vocab_size", config.vocabulary, kMaxVocabulary);
  CheckVocabulary(reader, "vocab_size", declared, config.vocabulary);
  return config;
}

}  // namespace fathom::llama
