// Hugging Face's `deepseek_v2` and `deepseek_v3`: keys of config.json as the published files and
// transformers' configuration classes have them. The model type itself says how experts are chosen;
// a key that says otherwise is refused.
#include <array>
#include <string>
#include <vector>

#include "models/config_reader.h"
#include "models/deepseek/config.h"
#include "models/deepseek/hf_router.h"
#include "models/layers/linear.h"
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
    "ep_size",               // over how many machines experts were spread
    "output_router_logits",  // what a call returns besides
    "quantization_config.activation_scheme",
    "quantization_config.fmt",
    "quantization_config.quant_method",
    "quantization_config.scale_fmt",
    "quantization_config.weight_block_size",
    "quantization_config.modules_to_not_convert",  // the tensors' own formats say it
});

void ParseAttention(const ConfigReader& reader, Config& config) {
  LatentAttentionShape& shape = config.attention;
  shape.heads = reader.Count("num_attention_heads", kMostHeads);
  shape.latent = reader.Count("kv_lora_rank", kMaxLatentWidth);
  shape.rotary = reader.Count("qk_rope_head_dim", kMaxLatentWidth);
  shape.nope = reader.Count("qk_nope_head_dim", kMostHeadSize);
  shape.value = reader.Count("v_head_dim", kMostHeadSize);
  config.query_latent = reader.CountOr("q_lora_rank", 0, kMostWidth);
  reader.Expect("num_key_value_heads", shape.heads);
  reader.Expect("qk_head_dim", shape.query_head());
  reader.Expect("head_dim", shape.rotary);  // what transformers writes there
  reader.Expect("attention_bias", false);
  reader.Expect("rope_interleave", true);
}

void ParseRope(const ConfigReader& reader, Config& config) {
  const int64_t positions = reader.Count("max_position_embeddings", kMostContext);
  HfRope rope = ParseHfRope(reader, config.attention.rotary, positions);
  config.rope = std::move(rope.spec);
  config.context_length = rope.context_length;
  double magnitude = 1.0;
  if (config.rope.scaling == RopeScaling::kYarn) {
    for (const std::string_view key :
         {"rope_scaling.mscale_all_dim", "rope_parameters.mscale_all_dim"}) {
      config.magnitude_all = reader.file().Number(key).value_or(config.magnitude_all);
    }
    magnitude = YarnMagnitude(config.rope.factor, config.magnitude_all);
  }
  config.attention.scale = SoftmaxScale(config.attention, magnitude);
}

// FP8 in blocks of a scale each is the one kind of quantised weights that is read; which matrices
// it holds their own formats say. How scales were rounded (scale_fmt) makes them no other numbers,
// and the scheme of activations is about hardware that multiplies in 8 bits.
void ParseQuantization(const ConfigReader& reader, Config& config) {
  constexpr std::string_view kObject = "quantization_config.";
  const ModelFile& file = reader.file();
  const auto first = file.metadata().lower_bound(kObject);
  if (first == file.metadata().end() || !first->first.starts_with(kObject)) return;
  file.RequireString("quantization_config.quant_method");
  reader.ExpectText("quantization_config.quant_method", "fp8");
  reader.ExpectText("quantization_config.fmt", "e4m3");
  reader.ExpectText("quantization_config.activation_scheme", "dynamic");
  const std::string* rounding = file.String("quantization_config.scale_fmt");
  if (rounding != nullptr && *rounding != "ue8m0" && *rounding != "float") {
    reader.Refuse("quantization_config.scale_fmt", QuotedName(*rounding), "'ue8m0' or 'float'");
  }
  constexpr std::string_view kSize = "quantization_config.weight_block_size";
  const std::vector<int64_t>* size = file.Integers(kSize);
  if (size == nullptr) file.FailKey(kSize, "is missing, expected [128, 128]");
  if (*size != std::vector<int64_t>{kScaleBlock, kScaleBlock}) {
    std::string found;
    for (const int64_t value : *size) found += (found.empty() ? "" : ", ") + std::to_string(value);
    reader.Refuse(kSize, "[" + found + "]", "[128, 128]");
  }
  config.block_scaled = true;
}

}  // namespace

Config ParseHfKeys(const ModelFile& file) {
  const ConfigReader reader(file, "");
  Config config;
  ParseQuantization(reader, config);
  std::vector<std::string_view> known(kKnownKeys.begin(), kKnownKeys.end());
  known.insert(known.end(), HfRopeKeys().begin(), HfRopeKeys().end());
  reader.RefuseUnknownKeys(known, HfKeysWithoutMeaning(), file.RequireString("model_type"));
  reader.ExpectText("hidden_act", "silu");
  reader.Expect("mlp_bias", false);
  reader.Expect("moe_layer_freq", int64_t{1});

  config.layers = reader.Count("num_hidden_layers", kMostLayers);
  config.mtp_layers = reader.CountFromZeroOr("num_nextn_predict_layers", 0, kMostLayers);
  config.hidden = reader.Count("hidden_size", kMostHidden);
  config.rms_epsilon = reader.Epsilon("rms_norm_eps");
  ParseAttention(reader, config);
  ParseRope(reader, config);
  config.dense_layers = reader.CountFromZero("first_k_dense_replace", kMostLayers);
  config.dense_width = reader.Count("intermediate_size", kMostWidth);
  config.expert_width = reader.Count("moe_intermediate_size", kMostHidden);
  config.shared_width = config.expert_width * reader.CountFromZero("n_shared_experts", kMaxExperts);
  config.router = ParseHfRouter(reader);
  config.may_tie_head = reader.BooleanOr("tie_word_embeddings", false);
  config.vocabulary = reader.Count("vocab_size", kMostVocabulary);
  Validate(file, config);
  return config;
}

Config ParseHf(const ModelFile& file) {
  Config config = ParseHfKeys(file);
  const int64_t rows = EmbeddingRows(file, "model.embed_tokens.weight");
  CheckVocabulary(ConfigReader(file, ""), "vocab_size", config.vocabulary, rows);
  return config;
}

}  // namespace fathom::deepseek
