// Hugging Face's `deepseek_v2` and `deepseek_v3`: keys of config.json as the published files and
// transformers' configuration classes have them. The model type itself says how experts are chosen;
// a key that says otherwise is refused.
#include <array>
#include <string>
#include <vector>

#include "models/config_reader.h"
#include "models/deepseek/config.h"
#include "models/rope_config.h"

namespace fathom::deepseek {
namespace {

// Keys that are read here, and at the end those that do not change what is computed.
constexpr auto kKnownKeys = std::to_array<std::string_view>({
    "attention_bias",
    "first_k_dense_replace",
    "head_dim",
    "hidden_act",
    "hidden_size",
    "intermediate_size",
    "kv_lora_rank",
    "mlp_bias",
    "moe_intermediate_size",
    "moe_layer_freq",
    "n_group",
    "n_routed_experts",
    "n_shared_experts",
    "norm_topk_prob",
    "num_attention_heads",
    "num_experts_per_tok",
    "num_hidden_layers",
    "num_key_value_heads",
    "num_nextn_predict_layers",
    "q_lora_rank",
    "qk_head_dim",
    "qk_nope_head_dim",
    "qk_rope_head_dim",
    "quantization_config.activation_scheme",
    "quantization_config.fmt",
    "quantization_config.quant_method",
    "quantization_config.scale_fmt",
    "quantization_config.weight_block_size",
    "rms_norm_eps",
    "rope_interleave",
    "routed_scaling_factor",
    "scoring_func",
    "tie_word_embeddings",
    "topk_group",
    "topk_method",
    "v_head_dim",
    "vocab_size",
    "aux_loss_alpha",  // of training, as is the next
    "seq_aux",
    "ep_size",                                     // over how many machines experts were spread
    "output_router_logits",                        // what a call returns besides
    "quantization_config.modules_to_not_convert",  // each tensor says its type itself
});

// Refuses any value of the key but this one; where the key is absent it has this value.
void Expect(const ModelFile& file, std::string_view key, bool expected) {
  if (file.Boolean(key).value_or(expected) == expected) return;
  file.FailKeyUnsupported(key, std::string("is ") + (expected ? "false" : "true") + ", expected " +
                                   (expected ? "true" : "false"));
}
void Expect(const ModelFile& file, std::string_view key, std::string_view expected) {
  const std::string* found = file.String(key);
  if (found == nullptr || *found == expected) return;
  file.FailKeyUnsupported(key, "is " + QuotedName(*found) + ", expected " + QuotedName(expected));
}
void Expect(const ModelFile& file, std::string_view key, int64_t expected) {
  const auto found = file.Integer(key);
  if (!found || *found == expected) return;
  file.FailKeyUnsupported(
      key, "is " + std::to_string(*found) + ", expected " + std::to_string(expected));
}

void ParseAttention(const ConfigReader& reader, Config& config) {
  const ModelFile& file = reader.file();
  LatentAttentionShape& shape = config.attention;
  shape.heads = reader.Count("num_attention_heads", kMostHeads);
  shape.latent = reader.Count("kv_lora_rank", kMaxLatentWidth);
  shape.rotary = reader.Count("qk_rope_head_dim", kMaxLatentWidth);
  shape.nope = reader.Count("qk_nope_head_dim", kMostHeadSize);
  shape.value = reader.Count("v_head_dim", kMostHeadSize);
  config.query_latent = reader.CountOr("q_lora_rank", 0, kMostWidth);
  Expect(file, "num_key_value_heads", shape.heads);
  Expect(file, "qk_head_dim", shape.query_head());
  Expect(file, "head_dim", shape.rotary);  // what transformers writes there
  Expect(file, "attention_bias", false);
  Expect(file, "rope_interleave", true);
}

void ParseRope(const ConfigReader& reader, Config& config) {
  const int64_t positions = reader.Count("max_position_embeddings", kMostContext);
  HfRope rope = ParseHfRope(reader, config.attention.rotary, positions);
  config.rope = std::move(rope.spec);
  config.context_length = rope.context_length;
  double magnitude = 1.0;
  if (config.rope.scaling == RopeScaling::kYarn) {
    double all_dim = 0;
    for (const std::string_view key :
         {"rope_scaling.mscale_all_dim", "rope_parameters.mscale_all_dim"}) {
      all_dim = reader.file().Number(key).value_or(all_dim);
    }
    magnitude = YarnMagnitude(config.rope.factor, all_dim);
  }
  config.attention.scale = SoftmaxScale(config.attention, magnitude);
}

void ParseRouter(const ConfigReader& reader, Config& config) {
  const ModelFile& file = reader.file();
  RouterSpec& router = config.router;
  router.experts = reader.Count("n_routed_experts", kMaxExperts);
  router.used = reader.Count("num_experts_per_tok", kMaxExpertsUsed);
  router.scale = reader.Positive("routed_scaling_factor");
  bool grouped = true;
  if (file.RequireString("model_type") == "deepseek_v3") {
    Expect(file, "scoring_func", "sigmoid");
    Expect(file, "topk_method", "noaux_tc");
    router.scores = RouterScores::kSigmoid;
    router.group_score = GroupScore::kBestTwo;
    router.normalize = reader.BooleanOr("norm_topk_prob", true);
  } else {
    Expect(file, "scoring_func", "softmax");
    Expect(file, "norm_topk_prob", false);  // the reference ignores it
    router.scores = RouterScores::kSoftmax;
    router.group_score = GroupScore::kBest;
    const std::string* method = file.String("topk_method");
    grouped = method != nullptr && *method == "group_limited_greedy";
    if (!grouped) Expect(file, "topk_method", "greedy");
  }
  if (grouped) {
    router.groups = reader.Count("n_group", kMaxExperts);
    router.groups_used = reader.Count("topk_group", kMaxExperts);
  }
}

void ParseQuantization(const ModelFile& file) {
  Expect(file, "quantization_config.quant_method", "fp8");
  Expect(file, "quantization_config.fmt", "e4m3");
  // Activations are not quantised to 8-bit floats here, which is a little more exact.
  Expect(file, "quantization_config.activation_scheme", "dynamic");
  // The scales' format of V3.1; they are stored as F32 all the same.
  Expect(file, "quantization_config.scale_fmt", "ue8m0");
  const auto* block = file.Integers("quantization_config.weight_block_size");
  if (block != nullptr && *block != std::vector<int64_t>{kScaleBlock, kScaleBlock}) {
    file.FailKeyUnsupported("quantization_config.weight_block_size", "is not [128, 128]");
  }
}

}  // namespace

Config ParseHf(const ModelFile& file) {
  const ConfigReader reader(file, "");
  std::vector<std::string_view> known(kKnownKeys.begin(), kKnownKeys.end());
  known.insert(known.end(), HfRopeKeys().begin(), HfRopeKeys().end());
  reader.RefuseUnknownKeys(known, HfKeysWithoutMeaning(), file.RequireString("model_type"));
  ParseQuantization(file);
  Expect(file, "hidden_act", "silu");
  Expect(file, "mlp_bias", false);
  Expect(file, "moe_layer_freq", int64_t{1});

  Config config;
  config.layers = reader.Count("num_hidden_layers", kMostLayers);
  config.mtp_layers = CountFromZero(reader, "num_nextn_predict_layers", kMostLayers).value_or(0);
  config.hidden = reader.Count("hidden_size", kMostHidden);
  config.rms_epsilon = reader.Epsilon("rms_norm_eps");
  ParseAttention(reader, config);
  ParseRope(reader, config);
  config.dense_layers = RequireFromZero(reader, "first_k_dense_replace", kMostLayers);
  config.dense_width = reader.Count("intermediate_size", kMostWidth);
  config.expert_width = reader.Count("moe_intermediate_size", kMostHidden);
  config.shared_width =
      config.expert_width * RequireFromZero(reader, "n_shared_experts", kMaxExperts);
  ParseRouter(reader, config);
  config.may_tie_head = reader.BooleanOr("tie_word_embeddings", false);
  config.vocabulary = reader.Count("vocab_size", kMostVocabulary);
  Validate(file, config);
  return config;
}

}  // namespace fathom::deepseek
