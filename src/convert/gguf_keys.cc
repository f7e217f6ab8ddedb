#include "convert/gguf_keys.h"

#include <cmath>

#include "base/error.h"

namespace fathom {
namespace {

class KeyList {
 public:
  explicit KeyList(std::string_view architecture) : prefix_(std::string(architecture) + ".") {}

  void General(const std::string& key, GgufValue value) {
    keys_.emplace_back("general." + key, std::move(value));
  }
  void Count(const std::string& key, int64_t value) {
    keys_.emplace_back(prefix_ + key, static_cast<uint32_t>(value));
  }
  void Number(const std::string& key, double value) {
    keys_.emplace_back(prefix_ + key, static_cast<float>(value));
  }
  void Set(const std::string& key, GgufValue value) {
    keys_.emplace_back(prefix_ + key, std::move(value));
  }
  GgufKeys Take() { return std::move(keys_); }

 private:
  std::string prefix_;
  GgufKeys keys_;
};

// The magnitude of cosines and sines has no key for DeepSeek, and readers take it for 1.
void AddRope(const ModelShape& shape, const std::string& path, KeyList& keys) {
  const RopeSpec& rope = shape.rope;
  const bool latent = shape.architecture == Architecture::kDeepSeek;
  keys.Count("rope.dimension_count", rope.rotary_dim);
  keys.Number("rope.freq_base", rope.base);
  if (latent && (rope.scaling == RopeScaling::kLinear || !rope.frequency_divisors.empty())) {
    throw Error(ErrorCode::kUnsupported,
                path +
                    ": the rope type is neither default nor yarn, and GGUF's deepseek2 has no "
                    "other");
  }
  if (!rope.frequency_divisors.empty() && shape.architecture != Architecture::kLlama) {
    throw Error(ErrorCode::kUnsupported,
                path + ": the rope type is llama3, which in GGUF only llama can have");
  }
  if (rope.scaling == RopeScaling::kNone) return;
  keys.Number("rope.scaling.factor", rope.factor);
  if (rope.scaling == RopeScaling::kLinear) {
    keys.Set("rope.scaling.type", std::string("linear"));
    return;
  }
  if (!rope.whole_corrections) {
    throw Error(ErrorCode::kUnsupported,
                path + ": the rope parameter 'truncate' is false, which GGUF cannot say");
  }
  keys.Set("rope.scaling.type", std::string("yarn"));
  keys.Count("rope.scaling.original_context_length", rope.original_context);
  if (rope.beta_fast != 32.0) keys.Number("rope.scaling.yarn_beta_fast", rope.beta_fast);
  if (rope.beta_slow != 1.0) keys.Number("rope.scaling.yarn_beta_slow", rope.beta_slow);
  if (latent) {
    constexpr double kSame = 1e-6;
    if (std::abs(rope.attention_factor * YarnMagnitude(rope.factor, 1.0) - 1.0) > kSame) {
      throw Error(ErrorCode::kUnsupported,
                  path +
                      ": 'mscale', 'mscale_all_dim' and 'attention_factor' make cosines and sines "
                      "longer or shorter than 1, which GGUF's deepseek2 cannot say");
    }
    keys.Number("rope.scaling.yarn_log_multiplier", 0.1 * shape.magnitude_all);
  } else if (rope.attention_factor != 1.0) {
    keys.Number("rope.scaling.yarn_attn_factor", rope.attention_factor);
  }
}

void AddLatent(const ModelShape& shape, KeyList& keys) {
  // The layout of split head matrices: the cached vector is the key, shared by all heads.
  keys.Count("attention.head_count_kv", 1);
  keys.Count("attention.key_length", shape.latent + shape.rotary);
  keys.Count("attention.value_length", shape.latent);
  keys.Count("attention.key_length_mla", shape.nope + shape.rotary);
  keys.Count("attention.value_length_mla", shape.value);
  keys.Count("attention.kv_lora_rank", shape.latent);
  if (shape.query_latent > 0) keys.Count("attention.q_lora_rank", shape.query_latent);
  const RouterSpec& router = shape.router;
  keys.Count("leading_dense_block_count", shape.dense_layers);
  keys.Count("expert_count", router.experts);
  keys.Count("expert_used_count", router.used);
  keys.Count("expert_shared_count", shape.shared_experts);
  keys.Count("expert_feed_forward_length", shape.expert_width);
  keys.Count("expert_group_count", router.groups);
  keys.Count("expert_group_used_count", router.groups_used);
  keys.Count("expert_gating_func", router.scores == RouterScores::kSigmoid ? 2 : 1);
  keys.Number("expert_weights_scale", router.scale);
  keys.Set("expert_weights_norm", router.normalize);
}

}  // namespace

uint32_t FileTypeOf(Format type) {
  switch (type) {
    case Format::kF32:
      return 0;
    case Format::kF16:
      return 1;
    case Format::kQ4_0:
      return 2;
    case Format::kQ4_1:
      return 3;
    case Format::kQ8_0:
      return 7;
    case Format::kQ5_0:
      return 8;
    case Format::kQ5_1:
      return 9;
    case Format::kQ2_K:
      return 10;
    case Format::kQ3_K:
      return 12;  // Q3_K_M
    case Format::kQ4_K:
      return 15;  // Q4_K_M
    case Format::kQ5_K:
      return 17;  // Q5_K_M
    case Format::kQ6_K:
      return 18;
    case Format::kIQ4_NL:
      return 25;
    case Format::kIQ4_XS:
      return 30;
    case Format::kBF16:
      return 32;
    default:
      return 1024;
  }
}

GgufKeys KeysOf(const ModelShape& shape, const std::string& name, Format type,
                const std::string& path) {
  KeyList keys(shape.GgufName());
  keys.General("architecture", std::string(shape.GgufName()));
  keys.General("type", std::string("model"));
  keys.General("name", name);
  keys.General("file_type", FileTypeOf(type));
  keys.General("quantization_version", uint32_t{2});  // of ggml's block layouts
  keys.Count("block_count", shape.layers + shape.mtp_layers);
  if (shape.mtp_layers > 0) keys.Count("nextn_predict_layers", shape.mtp_layers);
  keys.Count("context_length", shape.context_length);
  keys.Count("embedding_length", shape.hidden);
  keys.Count("feed_forward_length", shape.feed_forward);
  keys.Count("vocab_size", shape.vocabulary);
  keys.Count("attention.head_count", shape.heads);
  keys.Number("attention.layer_norm_rms_epsilon", static_cast<double>(shape.rms_epsilon));
  if (shape.architecture == Architecture::kDeepSeek) {
    AddLatent(shape, keys);
  } else {
    keys.Count("attention.head_count_kv", shape.kv_heads);
    keys.Count("attention.key_length", shape.head_dim);
    keys.Count("attention.value_length", shape.head_dim);
  }
  AddRope(shape, path, keys);
  return keys.Take();
}

}  // namespace fathom
