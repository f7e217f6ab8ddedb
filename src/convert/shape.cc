// Keys as the published files and transformers' configuration classes have them.
#include "convert/shape.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/error.h"
#include "models/config_reader.h"
#include "models/deepseek/hf_router.h"
#include "models/rope_config.h"

namespace fathom {
namespace {

// Limits far beyond any model, so that products of two fit in 64 bits.
constexpr int64_t kMostLayers = 4096;
constexpr int64_t kMostWidth = int64_t{1} << 24;
constexpr int64_t kMostHeads = 4096;
constexpr int64_t kMostHeadSize = 4096;
constexpr int64_t kMostTokens = int64_t{1} << 30;

// Keys that are read here, and those of windows, training and spreading that change nothing.
constexpr auto kCommonKeys = std::to_array<std::string_view>({
    "head_dim",
    "hidden_act",
    "hidden_size",
    "intermediate_size",
    "max_sequence_length",
    "num_attention_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "rms_norm_eps",
    "tie_word_embeddings",
    "vocab_size",
});
constexpr auto kLlamaKeys = std::to_array<std::string_view>({"attention_bias", "mlp_bias"});
constexpr auto kQwen2Keys = std::to_array<std::string_view>(
    {"layer_types", "max_window_layers", "sliding_window", "use_mrope", "use_sliding_window"});
constexpr auto kDeepSeekKeys = std::to_array<std::string_view>({
    "attention_bias",
    "aux_loss_alpha",
    "ep_size",
    "first_k_dense_replace",
    "kv_lora_rank",
    "mlp_bias",
    "moe_intermediate_size",
    "moe_layer_freq",
    "n_group",
    "n_routed_experts",
    "n_shared_experts",
    "norm_topk_prob",
    "num_experts_per_tok",
    "num_nextn_predict_layers",
    "output_router_logits",
    "q_lora_rank",
    "qk_head_dim",
    "qk_nope_head_dim",
    "qk_rope_head_dim",
    "quantization_config.",
    "rope_interleave",
    "routed_scaling_factor",
    "scoring_func",
    "seq_aux",
    "topk_group",
    "topk_method",
    "v_head_dim",
});

void ParseRope(const ConfigReader& reader, int64_t rotary, ModelShape& shape) {
  const int64_t positions = reader.Count("max_position_embeddings", int64_t{1} << 31);
  HfRope rope = ParseHfRope(reader, rotary, positions);
  shape.rope = std::move(rope.spec);
  shape.context_length = rope.context_length;
}

void ParseGrouped(const ConfigReader& reader, ModelShape& shape) {
  const ModelFile& file = reader.file();
  shape.kv_heads = reader.CountOr("num_key_value_heads", shape.heads, kMostHeads);
  shape.head_dim =
      reader.CountOr("head_dim", std::max<int64_t>(shape.hidden / shape.heads, 1), kMostHeadSize);
  if (shape.heads % shape.kv_heads != 0) {
    reader.Fail("num_key_value_heads", std::to_string(shape.kv_heads),
                "a divisor of the " + std::to_string(shape.heads) + " heads");
  }
  if (shape.head_dim % 2 != 0) {
    reader.Fail("head_dim", std::to_string(shape.head_dim), "an even number");
  }
  if (shape.architecture == Architecture::kQwen2) {
    file.RequireInteger("num_key_value_heads");
    reader.Expect("use_sliding_window", false);
    reader.Expect("use_mrope", false);
    const std::vector<std::string>* types = file.Strings("layer_types");
    if (types != nullptr && std::any_of(types->begin(), types->end(), [](const auto& type) {
          return type != "full_attention";
        })) {
      file.FailKeyUnsupported("layer_types", "has others than 'full_attention'");
    }
    shape.query_key_value_bias = true;
  } else {
    shape.query_key_value_bias = shape.output_bias = reader.BooleanOr("attention_bias", false);
    shape.feed_forward_bias = reader.BooleanOr("mlp_bias", false);
  }
  ParseRope(reader, shape.head_dim, shape);
}

// ---- DeepSeek ----------------------------------------------------------------------------------

void ParseLatent(const ConfigReader& reader, ModelShape& shape) {
  const ModelFile& file = reader.file();
  shape.query_latent = reader.CountOr("q_lora_rank", 0, kMostWidth);
  shape.latent = reader.Count("kv_lora_rank", kMostWidth);
  shape.rotary = reader.Count("qk_rope_head_dim", kMostHeadSize);
  shape.nope = reader.Count("qk_nope_head_dim", kMostHeadSize);
  shape.value = reader.Count("v_head_dim", kMostHeadSize);
  reader.Expect("num_key_value_heads", shape.heads);
  reader.Expect("qk_head_dim", shape.nope + shape.rotary);
  reader.Expect("head_dim", shape.rotary);  // what transformers writes there
  reader.Expect("attention_bias", false);
  reader.Expect("mlp_bias", false);
  reader.Expect("rope_interleave", true);
  if (shape.rotary % 2 != 0) {
    reader.Fail("qk_rope_head_dim", std::to_string(shape.rotary), "an even number");
  }
  ParseRope(reader, shape.rotary, shape);
  for (const char* key : {"rope_scaling.mscale_all_dim", "rope_parameters.mscale_all_dim"}) {
    shape.magnitude_all = file.Number(key).value_or(shape.magnitude_all);
  }
}

void ParseMixture(const ConfigReader& reader, ModelShape& shape) {
  const ModelFile& file = reader.file();
  reader.Expect("moe_layer_freq", int64_t{1});
  shape.dense_layers = reader.CountFromZeroOr("first_k_dense_replace", 0, kMostLayers);
  shape.expert_width = reader.Count("moe_intermediate_size", kMostWidth);
  shape.shared_experts = reader.CountFromZeroOr("n_shared_experts", 0, kMaxExperts);
  shape.mtp_layers = reader.CountFromZeroOr("num_nextn_predict_layers", 0, kMostLayers);
  shape.router = deepseek::ParseHfRouter(reader);
  if (const std::string problem = ProblemOf(shape.router); !problem.empty()) {
    file.Fail("its router makes no sense: " + problem);
  }
}

void ParseQuantization(const ConfigReader& reader, ModelShape& shape) {
  const ModelFile& file = reader.file();
  constexpr std::string_view kPrefix = "quantization_config.";
  const auto first = file.metadata().lower_bound(kPrefix);
  if (first == file.metadata().end() || !first->first.starts_with(kPrefix)) return;
  if (const std::string& method = file.RequireString("quantization_config.quant_method");
      method != "fp8") {
    file.FailKeyUnsupported("quantization_config.quant_method",
                            "is " + QuotedName(method) + ", expected 'fp8'");
  }
  reader.ExpectText("quantization_config.fmt", "e4m3");
  const std::vector<int64_t>* sides = file.Integers("quantization_config.weight_block_size");
  if (sides == nullptr || sides->size() != 2 || (*sides)[0] != (*sides)[1] || (*sides)[0] < 1 ||
      (*sides)[0] > kMostWidth) {
    file.FailKey("quantization_config.weight_block_size", "is no pair of equal sizes");
  }
  shape.scale_block = sides->front();
  constexpr auto kKnown =
      std::to_array<std::string_view>({"activation_scheme", "fmt", "modules_to_not_convert",
                                       "quant_method", "scale_fmt", "weight_block_size"});
  ConfigReader(file, std::string(kPrefix)).RefuseUnknownKeys(kKnown, {}, "fp8");
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
  const ConfigReader reader(config, "");
  ModelShape shape;
  const std::string& type = config.RequireString("model_type");
  std::vector<std::string_view> known(kCommonKeys.begin(), kCommonKeys.end());
  known.insert(known.end(), HfRopeKeys().begin(), HfRopeKeys().end());
  const auto add = [&](const auto& keys) { known.insert(known.end(), keys.begin(), keys.end()); };
  if (type == "llama") {
    add(kLlamaKeys);
  } else if (type == "qwen2") {
    shape.architecture = Architecture::kQwen2;
    add(kQwen2Keys);
  } else if (type == "deepseek_v2" || type == "deepseek_v3") {
    shape.architecture = Architecture::kDeepSeek;
    add(kDeepSeekKeys);
  } else {
    config.FailKeyUnsupported("model_type", "is " + QuotedName(type) + ", which is not supported",
                              "supported: llama, qwen2, deepseek_v2, deepseek_v3");
  }
  reader.RefuseUnknownKeys(known, HfKeysWithoutMeaning(), type);
  reader.ExpectText("hidden_act", "silu");

  shape.layers = reader.Count("num_hidden_layers", kMostLayers);
  shape.hidden = reader.Count("hidden_size", kMostWidth);
  shape.feed_forward = reader.Count("intermediate_size", kMostWidth);
  shape.heads = reader.Count("num_attention_heads", kMostHeads);
  shape.vocabulary = reader.Count("vocab_size", kMostTokens);
  shape.rms_epsilon = reader.Epsilon("rms_norm_eps");
  shape.tied_head = reader.BooleanOr("tie_word_embeddings", false);
  shape.bos = TokenKey(config, "bos_token_id");
  shape.eos = TokenKey(config, "eos_token_id");
  if (shape.architecture == Architecture::kDeepSeek) {
    ParseLatent(reader, shape);
    ParseMixture(reader, shape);
    ParseQuantization(reader, shape);
  } else {
    ParseGrouped(reader, shape);
  }
  return shape;
}

}  // namespace fathom
