// The built-in shapes: config.json of published models, without what changes no weight.
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>

#include "base/error.h"
#include "convert/shape.h"
#include "formats/hf_json.h"

namespace fathom {
namespace {

struct Shape {
  std::string_view name;
  std::string_view config;
};

constexpr std::array kShapes = {
    // DeepSeek-R1, -R1-0528, -V3 and -V3-0324.
    Shape{"r1", R"({
  "architectures": ["DeepseekV3ForCausalLM"],
  "attention_bias": false,
  "bos_token_id": 0,
  "eos_token_id": 1,
  "first_k_dense_replace": 3,
  "hidden_act": "silu",
  "hidden_size": 7168,
  "intermediate_size": 18432,
  "kv_lora_rank": 512,
  "max_position_embeddings": 163840,
  "model_type": "deepseek_v3",
  "moe_intermediate_size": 2048,
  "moe_layer_freq": 1,
  "n_group": 8,
  "n_routed_experts": 256,
  "n_shared_experts": 1,
  "norm_topk_prob": true,
  "num_attention_heads": 128,
  "num_experts_per_tok": 8,
  "num_hidden_layers": 61,
  "num_key_value_heads": 128,
  "num_nextn_predict_layers": 1,
  "q_lora_rank": 1536,
  "qk_nope_head_dim": 128,
  "qk_rope_head_dim": 64,
  "quantization_config": {
    "activation_scheme": "dynamic",
    "fmt": "e4m3",
    "quant_method": "fp8",
    "weight_block_size": [128, 128]
  },
  "rms_norm_eps": 1e-06,
  "rope_scaling": {
    "beta_fast": 32,
    "beta_slow": 1,
    "factor": 40,
    "mscale": 1.0,
    "mscale_all_dim": 1.0,
    "original_max_position_embeddings": 4096,
    "type": "yarn"
  },
  "rope_theta": 10000,
  "routed_scaling_factor": 2.5,
  "scoring_func": "sigmoid",
  "tie_word_embeddings": false,
  "topk_group": 4,
  "topk_method": "noaux_tc",
  "torch_dtype": "bfloat16",
  "v_head_dim": 128,
  "vocab_size": 129280
})"},
    // DeepSeek-V2-Lite.
    Shape{"v2-lite", R"({
  "architectures": ["DeepseekV2ForCausalLM"],
  "attention_bias": false,
  "bos_token_id": 100000,
  "eos_token_id": 100001,
  "first_k_dense_replace": 1,
  "hidden_act": "silu",
  "hidden_size": 2048,
  "intermediate_size": 10944,
  "kv_lora_rank": 512,
  "max_position_embeddings": 163840,
  "model_type": "deepseek_v2",
  "moe_intermediate_size": 1408,
  "moe_layer_freq": 1,
  "n_group": 1,
  "n_routed_experts": 64,
  "n_shared_experts": 2,
  "norm_topk_prob": false,
  "num_attention_heads": 16,
  "num_experts_per_tok": 6,
  "num_hidden_layers": 27,
  "num_key_value_heads": 16,
  "q_lora_rank": null,
  "qk_nope_head_dim": 128,
  "qk_rope_head_dim": 64,
  "rms_norm_eps": 1e-06,
  "rope_scaling": {
    "beta_fast": 32,
    "beta_slow": 1,
    "factor": 40,
    "mscale": 0.707,
    "mscale_all_dim": 0.707,
    "original_max_position_embeddings": 4096,
    "type": "yarn"
  },
  "rope_theta": 10000,
  "routed_scaling_factor": 1.0,
  "scoring_func": "softmax",
  "tie_word_embeddings": false,
  "topk_group": 1,
  "topk_method": "greedy",
  "torch_dtype": "bfloat16",
  "v_head_dim": 128,
  "vocab_size": 102400
})"},
    // DeepSeek-R1-Distill-Llama-8B.
    Shape{"llama-8b", R"({
  "architectures": ["LlamaForCausalLM"],
  "attention_bias": false,
  "bos_token_id": 128000,
  "eos_token_id": 128001,
  "hidden_act": "silu",
  "hidden_size": 4096,
  "intermediate_size": 14336,
  "max_position_embeddings": 131072,
  "mlp_bias": false,
  "model_type": "llama",
  "num_attention_heads": 32,
  "num_hidden_layers": 32,
  "num_key_value_heads": 8,
  "rms_norm_eps": 1e-05,
  "rope_scaling": {
    "factor": 8.0,
    "high_freq_factor": 4.0,
    "low_freq_factor": 1.0,
    "original_max_position_embeddings": 8192,
    "rope_type": "llama3"
  },
  "rope_theta": 500000.0,
  "tie_word_embeddings": false,
  "torch_dtype": "bfloat16",
  "vocab_size": 128256
})"},
    // DeepSeek-R1-Distill-Llama-70B.
    Shape{"llama-70b", R"({
  "architectures": ["LlamaForCausalLM"],
  "attention_bias": false,
  "bos_token_id": 128000,
  "eos_token_id": 128001,
  "hidden_act": "silu",
  "hidden_size": 8192,
  "intermediate_size": 28672,
  "max_position_embeddings": 131072,
  "mlp_bias": false,
  "model_type": "llama",
  "num_attention_heads": 64,
  "num_hidden_layers": 80,
  "num_key_value_heads": 8,
  "rms_norm_eps": 1e-05,
  "rope_scaling": {
    "factor": 8.0,
    "high_freq_factor": 4.0,
    "low_freq_factor": 1.0,
    "original_max_position_embeddings": 8192,
    "rope_type": "llama3"
  },
  "rope_theta": 500000.0,
  "tie_word_embeddings": false,
  "torch_dtype": "bfloat16",
  "vocab_size": 128256
})"},
    // DeepSeek-R1-Distill-Qwen-1.5B.
    Shape{"qwen2-1.5b", R"({
  "architectures": ["Qwen2ForCausalLM"],
  "bos_token_id": 151646,
  "eos_token_id": 151643,
  "hidden_act": "silu",
  "hidden_size": 1536,
  "intermediate_size": 8960,
  "max_position_embeddings": 131072,
  "model_type": "qwen2",
  "num_attention_heads": 12,
  "num_hidden_layers": 28,
  "num_key_value_heads": 2,
  "rms_norm_eps": 1e-06,
  "rope_theta": 10000,
  "tie_word_embeddings": false,
  "torch_dtype": "bfloat16",
  "use_sliding_window": false,
  "vocab_size": 151936
})"},
    // DeepSeek-R1-Distill-Qwen-7B.
    Shape{"qwen2-7b", R"({
  "architectures": ["Qwen2ForCausalLM"],
  "bos_token_id": 151646,
  "eos_token_id": 151643,
  "hidden_act": "silu",
  "hidden_size": 3584,
  "intermediate_size": 18944,
  "max_position_embeddings": 131072,
  "model_type": "qwen2",
  "num_attention_heads": 28,
  "num_hidden_layers": 28,
  "num_key_value_heads": 4,
  "rms_norm_eps": 1e-06,
  "rope_theta": 10000,
  "tie_word_embeddings": false,
  "torch_dtype": "bfloat16",
  "use_sliding_window": false,
  "vocab_size": 152064
})"},
    // DeepSeek-R1-Distill-Qwen-14B; the 32B model has the same with 64 layers and 27648.
    Shape{"qwen2-14b", R"({
  "architectures": ["Qwen2ForCausalLM"],
  "bos_token_id": 151646,
  "eos_token_id": 151643,
  "hidden_act": "silu",
  "hidden_size": 5120,
  "intermediate_size": 13824,
  "max_position_embeddings": 131072,
  "model_type": "qwen2",
  "num_attention_heads": 40,
  "num_hidden_layers": 48,
  "num_key_value_heads": 8,
  "rms_norm_eps": 1e-05,
  "rope_theta": 1000000.0,
  "tie_word_embeddings": false,
  "torch_dtype": "bfloat16",
  "use_sliding_window": false,
  "vocab_size": 152064
})"},
};

constexpr std::size_t kMaxShapeBytes = std::size_t{1} << 20;

}  // namespace

std::string ShapeNames() {
  std::string names;
  for (const Shape& shape : kShapes) names += (names.empty() ? "" : ", ") + std::string(shape.name);
  return names;
}

std::string ShapeText(const std::string& name) {
  for (const Shape& shape : kShapes) {
    if (shape.name == name) return std::string(shape.config) + "\n";
  }
  std::error_code ignored;
  const bool is_file = name.find_first_of("./") != std::string::npos &&
                       std::filesystem::is_regular_file(name, ignored);
  std::ifstream file;
  if (is_file) file.open(name, std::ios::binary);
  if (!is_file || !file) {
    throw Error(ErrorCode::kNotFound, "there is no shape or file " + QuotedName(name),
                "shapes: " + ShapeNames() + ", or the path of a config.json");
  }
  std::string text(kMaxShapeBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.empty() || text.size() > kMaxShapeBytes) {
    throw Error(ErrorCode::kInvalidFile, name + " is no config.json: expected 1 byte to 1 MB");
  }
  return text;
}

ModelFile OpenShape(const std::string& name) {
  ModelFile::Metadata metadata;
  FlattenJson(ShapeText(name), name, "", metadata);
  return ModelFile({}, std::move(metadata), {}, ModelFileKind::kHuggingFace, name);
}

}  // namespace fathom
