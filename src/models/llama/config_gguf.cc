// GGUF keys to Config.
#include <array>
#include <cmath>
#include <string>

#include "base/error.h"
#include "models/config_reader.h"
#include "models/layers/linear.h"
#include "models/llama/config.h"

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
    reader.file().FailKeyUnsupported(reader.Key("attention.value_length"),
                                     "is " + std::to_string(value_length) + " beside keys of " +
                                         std::to_string(shape.head_dim) + ", expected as many");
  }
  CheckHeads(reader, "attention.head_count", "attention.head_count_kv", config);
  shape.pairing = family.gguf_pairing;
}

void ParseRopeScaling(const ConfigReader& reader, Config& config) {
  RopeSpec& rope = config.rope;
  const ModelFile& file = reader.file();
  const std::string* type = file.String(reader.Key("rope.scaling.type"));
  if (type == nullptr || *type == "none") return;
  rope.factor = reader.PositiveOr("rope.scaling.factor", 1.0);
  if (*type == "linear") {
    rope.scaling = RopeScaling::kLinear;
  } else if (*type == "yarn") {
    rope.scaling = RopeScaling::kYarn;
    rope.original_context = reader.Count("rope.scaling.original_context_length", int64_t{1} << 40);
    rope.beta_fast = reader.PositiveOr("rope.scaling.yarn_beta_fast", 32.0);
    rope.beta_slow = reader.PositiveOr("rope.scaling.yarn_beta_slow", 1.0);
    rope.attention_factor = reader.PositiveOr("rope.scaling.yarn_attn_factor",
                                              reader.PositiveOr("rope.scaling.attn_factor", 1.0));
    if (rope.factor < 1.0) {
      file.FailKey(reader.Key("rope.scaling.factor"), "is below 1 with yarn");
    }
  } else {
    throw Error(ErrorCode::kUnsupported,
                file.path().string() + ": rope scaling '" + *type + "' is not supported",
                "known: none, linear, yarn");
  }
}

void ParseRope(const ConfigReader& reader, const Family& family, Config& config) {
  RopeSpec& rope = config.rope;
  const ModelFile& file = reader.file();
  rope.rotary_dim =
      reader.CountOr("rope.dimension_count", config.attention.head_dim, config.attention.head_dim);
  if (rope.rotary_dim % 2 != 0) {
    file.FailKey(reader.Key("rope.dimension_count"),
                 "is " + std::to_string(rope.rotary_dim) + ", expected an even number");
  }
  rope.base = reader.PositiveOr("rope.freq_base", 10000.0);
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
  CheckVocabulary(reader, "vocab_size", declared, config);
  return config;
}

}  // namespace fathom::llama
