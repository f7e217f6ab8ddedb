// Directories of DeepSeek models that must be refused, made from good ones by changing keys,
// tensors and files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "models/testing/altered_file.h"
#include "models/testing/other_quantisations.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Text(const char* text) { return text; }

TEST(DeepseekHfErrors, UnchangedDirectoriesBind) {
  for (const char* name : {"deepseek_v3", "deepseek_v2", "deepseek_v2lite", "deepseek_fp8"}) {
    EXPECT_EQ(AlteredFile(name).BindError(), "") << name;
    EXPECT_EQ(AlteredFile(name).DescribeError(), "") << name;
  }
}

TEST(DeepseekHfErrors, RouterKeysAreRefusedByName) {
  const Change kChanges[] = {
      {"scoring_func", Text("sqrtsoftplus"),
       "config.json: key 'scoring_func' is 'sqrtsoftplus', expected 'sigmoid'"},
      {"scoring_func", Text("softmax"), "unsupported: "},
      {"topk_method", Text("hash"), "key 'topk_method' is 'hash', expected 'noaux_tc'"},
      {"topk_method", Text("group_limited_greedy"), "unsupported: "},
      {"norm_topk_prob", std::nullopt, "key 'norm_topk_prob' is missing, expected a boolean"},
      {"n_routed_experts", int64_t{0}, "key 'n_routed_experts' is 0, expected 1 to 1024"},
      {"num_experts_per_tok", int64_t{13},
       "config.json: key 'num_experts_per_tok' makes no sense: 12 experts"},
      {"num_experts_per_tok", std::nullopt, "key 'num_experts_per_tok' is missing"},
      {"n_group", int64_t{5}, "key 'n_group' makes no sense: 12 experts in 5 groups"},
      {"n_group", std::nullopt, "key 'n_group' is missing"},
      {"topk_group", int64_t{9}, "key 'topk_group' makes no sense"},
      {"routed_scaling_factor", -1.0, "'routed_scaling_factor' is -1.000000, expected a positive"},
      {"moe_layer_freq", int64_t{2}, "key 'moe_layer_freq' is 2, expected 1"},
      {"moe_intermediate_size", int64_t{7}, "'model.layers.1.mlp.experts.0.gate_proj.weight'"},
      {"n_shared_experts", std::nullopt, "key 'n_shared_experts' is missing"},
      {"num_hash_layers", int64_t{3}, "key 'num_hash_layers' is not known to the deepseek_v3"},
  };
  for (const Change& change : kChanges) ExpectRefused("deepseek_v3", change);
}

TEST(DeepseekHfErrors, RouterKeysOfTheSecondVersionAreRefusedByName) {
  const Change kChanges[] = {
      {"scoring_func", Text("sigmoid"), "key 'scoring_func' is 'sigmoid', expected 'softmax'"},
      {"topk_method", Text("noaux_tc"),
       "key 'topk_method' is 'noaux_tc', expected 'greedy' or 'group_limited_greedy'"},
      {"topk_method", std::nullopt, "key 'topk_method' is missing"},
      {"norm_topk_prob", true, "key 'norm_topk_prob' is true, expected false"},
  };
  for (const Change& change : kChanges) ExpectRefused("deepseek_v2", change);
}

TEST(DeepseekHfErrors, OtherKeysAreRefusedByName) {
  const Change kChanges[] = {
      {"model_type", Text("deepseek_v32"), "architecture 'deepseek_v32' is not supported"},
      {"architectures", std::vector<std::string>{"DeepseekV3ForSequenceClassification"},
       "key 'architectures' is 'DeepseekV3ForSequenceClassification'"},
      {"index_topk", int64_t{2048}, "key 'index_topk' is not known to the deepseek_v3"},
      {"hidden_act", Text("gelu"), "key 'hidden_act' is 'gelu', expected 'silu'"},
      {"attention_bias", true, "key 'attention_bias' is true, expected false"},
      {"num_key_value_heads", int64_t{1}, "key 'num_key_value_heads' is 1, expected 4"},
      {"qk_rope_head_dim", int64_t{7},
       "config.json: key 'qk_rope_head_dim' is 7, expected an even number"},
      {"qk_nope_head_dim", std::nullopt, "key 'qk_nope_head_dim' is missing"},
      {"q_lora_rank", std::nullopt, "q_a_layernorm.weight' is not one that this model uses"},
      {"kv_lora_rank", int64_t{1} << 40, "key 'kv_lora_rank' is 1099511627776"},
      {"first_k_dense_replace", int64_t{4},
       "config.json: key 'first_k_dense_replace' is 4, expected at most the 3 layers"},
      {"kv_lora_rank", int64_t{18},
       "config.json: key 'kv_lora_rank' is 18, with 8 rotated values: expected a multiple of 4"},
      {"rope_interleave", false, "key 'rope_interleave' is false, expected true"},
      {"rope_scaling.type", Text("longrope"), "key 'rope_scaling.type' is 'longrope'"},
      {"vocab_size", int64_t{7}, "key 'vocab_size' is 7, expected 83, the rows of the embedding"},
      {"num_hidden_layers", int64_t{2}, "tensor 'model.layers.2."},
      {"tie_word_embeddings", Text("no"), "key 'tie_word_embeddings' is a string"},
      {"compression_config.format", Text("x"), "key 'compression_config.format' is not known"},
      {"quantization_config.bits", int64_t{4}, "key 'quantization_config.quant_method' is missing"},
  };
  for (const Change& change : kChanges) ExpectRefused("deepseek_v3", change);
}

TEST(DeepseekHfErrors, OtherQuantisationsAreRefusedByName) {
  for (const Change& change : OtherQuantisations()) ExpectRefused("deepseek_fp8", change);
}

// V3.1's files say how their scales were rounded; as numbers they are scales like others.
TEST(DeepseekHfErrors, ScalesOfVersion31AreTaken) {
  AlteredFile file("deepseek_fp8");
  for (const char* rounding : {"ue8m0", "float"}) {
    file.metadata["quantization_config.scale_fmt"] = Text(rounding);
    EXPECT_EQ(file.BindError(), "");
  }
}

TEST(DeepseekHfErrors, WeightsInEightBitsNeedAConfiguration) {
  AlteredFile file("deepseek_fp8");
  std::erase_if(file.metadata,
                [](const auto& entry) { return entry.first.starts_with("quantization_config."); });
  EXPECT_THAT(file.BindError(), HasSubstr("is stored as F8_E4M3, but config.json has no"));
}

TEST(DeepseekHfErrors, MissingTensorsAreNamed) {
  for (const char* name :
       {"model.embed_tokens.weight", "model.norm.weight", "lm_head.weight",
        "model.layers.0.input_layernorm.weight", "model.layers.1.self_attn.q_a_proj.weight",
        "model.layers.1.self_attn.kv_b_proj.weight", "model.layers.0.mlp.up_proj.weight",
        "model.layers.1.mlp.gate.weight", "model.layers.1.mlp.gate.e_score_correction_bias",
        "model.layers.2.mlp.experts.11.down_proj.weight",
        "model.layers.2.mlp.shared_experts.up_proj.weight"}) {
    AlteredFile file("deepseek_v3");
    std::erase_if(file.tensors, [&](const NamedTensor& tensor) { return tensor.name == name; });
    EXPECT_THAT(file.BindError(), HasSubstr("tensor '" + std::string(name) + "' is missing"));
  }
}

TEST(DeepseekHfErrors, WrongShapesNameFileExpectedAndFound) {
  for (const char* name :
       {"model.layers.1.self_attn.kv_b_proj.weight", "model.layers.1.mlp.experts.3.up_proj.weight",
        "model.layers.1.mlp.gate.weight", "model.layers.1.mlp.gate.e_score_correction_bias"}) {
    AlteredFile file("deepseek_v3");
    TensorView& view = file.Tensor(name).view;
    view.shape[0] /= 2;
    EXPECT_THAT(file.BindError(),
                AllOf(HasSubstr("deepseek_v3/model.safetensors: tensor '" + std::string(name)),
                      HasSubstr("has shape " + ShapeText(view) + ", expected [")));
  }
}

TEST(DeepseekHfErrors, UnknownTensorsAreRefused) {
  for (const char* name :
       {"model.layers.3.mlp.up_proj.weight", "model.layers.0.mlp.up_proj.bias",
        "model.layers.1.mlp.experts.12.up_proj.weight",
        "model.layers.1.mlp.experts.x.up_proj.weight",
        "model.layers.1.mlp.experts.01.up_proj.weight", "model.layers.1.mlp.experts.1.weight",
        "model.layers.00.mlp.up_proj.weight", "model.layers.0.self_attn.indexer.wk.weight",
        "model.layers.0.enorm.weight", "model.layers.0.self_attn.q_a_layernorm.weight_scale_inv",
        "model.norm.bias", "blk.0.attn_q_a.weight", "model.layers.", ".weight", ""}) {
    AlteredFile file("deepseek_v3");
    file.tensors.push_back(file.Tensor("model.norm.weight"));
    file.tensors.back().name = name;
    EXPECT_THAT(file.BindError(), HasSubstr("tensor '" + std::string(name) + "' is not one that"));
  }
}

// Tensors that other models of the architecture have would be left aside in silence.
TEST(DeepseekHfErrors, TensorsOfAnotherShapeOfModelAreRefused) {
  const auto with = [](const char* golden, const std::string& name) {
    AlteredFile file(golden);
    file.tensors.push_back(file.Tensor("model.norm.weight"));
    file.tensors.back().name = name;
    return file.BindError();
  };
  for (const std::string name :
       {"model.layers.0.mlp.gate.e_score_correction_bias", "model.layers.0.mlp.gate.weight",
        "model.layers.1.mlp.up_proj.weight", "model.layers.1.self_attn.q_proj.weight"}) {
    EXPECT_THAT(with("deepseek_v3", name), HasSubstr("tensor '" + name + "' is not one that"));
  }
  EXPECT_THAT(with("deepseek_noqlora", "model.layers.1.self_attn.q_a_proj.weight"),
              HasSubstr("is not one that"));
  EXPECT_THAT(with("deepseek_v2lite", "model.layers.1.mlp.gate.e_score_correction_bias"),
              HasSubstr("is not one that"));
}

TEST(DeepseekHfErrors, RouterInEightBitsIsRefused) {
  AlteredFile file("deepseek_fp8");
  file.tensors.push_back(file.Tensor("model.layers.1.self_attn.q_a_proj.weight_scale_inv"));
  file.tensors.back().name = "model.layers.1.mlp.gate.weight_scale_inv";
  file.Tensor("model.layers.1.mlp.gate.weight").view.format = Format::kF8_E4M3;
  EXPECT_THAT(file.BindError(), HasSubstr("the router is stored as F8_E4M3, expected F32"));
}

TEST(DeepseekHfErrors, EmbeddingInEightBitsIsRefused) {
  AlteredFile file("deepseek_fp8");
  file.Tensor("model.embed_tokens.weight").view.format = Format::kF8_E4M3;
  EXPECT_THAT(file.BindError(), HasSubstr("tensor 'model.embed_tokens.weight' is stored as F8"));
}

// ---- Scales of blocks ----

constexpr const char* kScales = "model.layers.1.self_attn.kv_b_proj.weight_scale_inv";

TEST(DeepseekHfErrors, WrongGridsNameFileExpectedAndFound) {
  AlteredFile file("deepseek_fp8");
  file.Tensor(kScales).view.shape = {1, 2};
  EXPECT_THAT(file.BindError(),
              HasSubstr("deepseek_fp8/model.safetensors: tensor '" + std::string(kScales) +
                        "' has shape [1, 2], expected [2, 2]"));
  file.Tensor(kScales).view.shape = {2, 2};
  file.Tensor("model.layers.1.mlp.experts.2.down_proj.weight_scale_inv").view.shape = {2, 2};
  EXPECT_THAT(file.BindError(), HasSubstr("has shape [2, 2], expected [2, 1]"));
}

TEST(DeepseekHfErrors, MissingScalesAreNamed) {
  AlteredFile file("deepseek_fp8");
  std::erase_if(file.tensors, [](const NamedTensor& tensor) { return tensor.name == kScales; });
  EXPECT_THAT(file.BindError(),
              HasSubstr("tensor '" + std::string(kScales) + "' is missing, expected shape [2, 2]"));
}

TEST(DeepseekHfErrors, ScalesWithoutTheirWeightAreRefused) {
  AlteredFile file("deepseek_fp8");
  file.tensors.push_back(file.Tensor(kScales));
  file.tensors.back().name = "lm_head.weight_scale_inv";  // its weight is in BF16
  EXPECT_THAT(file.BindError(),
              HasSubstr("model.safetensors: tensor 'lm_head.weight_scale_inv' has scales, but"));
}

TEST(DeepseekHfErrors, ScalesInAnotherFormatAreRefused) {
  AlteredFile file("deepseek_fp8");
  file.Tensor(kScales).view.format = Format::kBF16;
  EXPECT_THAT(file.BindError(), HasSubstr("is stored as BF16, expected F32"));
}

// Headers alone do not show it.
TEST(DeepseekHfErrors, ScalesThatAreNoPositiveNumbersAreRefused) {
  for (const float wrong : {std::nanf(""), std::numeric_limits<float>::infinity(), 0.0F, -1.0F}) {
    AlteredFile file("deepseek_fp8");
    const float values[] = {1.0F, 1.0F, 1.0F, wrong};
    file.Tensor(kScales).view.data = reinterpret_cast<const std::byte*>(values);
    EXPECT_THAT(
        file.BindError(),
        HasSubstr("deepseek_fp8/model.safetensors: tensor '" + std::string(kScales) + "' holds " +
                  std::to_string(wrong) + " at [1, 1], expected a positive number"));
    EXPECT_EQ(file.DescribeError(), "");
  }
}

TEST(DeepseekHfErrors, VectorsMustBeFinite) {
  for (const char* name : {"model.layers.1.mlp.gate.e_score_correction_bias",
                           "model.layers.1.input_layernorm.weight"}) {
    AlteredFile file("deepseek_v3");
    NamedTensor& tensor = file.Tensor(name);
    std::vector<float> values(static_cast<std::size_t>(tensor.view.elements()), 1.0F);
    values.back() = std::nanf("");
    tensor.view.format = Format::kF32;
    tensor.view.data = reinterpret_cast<const std::byte*>(values.data());
    EXPECT_THAT(file.BindError(),
                HasSubstr("tensor '" + std::string(name) + "' holds nan, expected finite"));
  }
}

// ---- Files ----

class DeepseekDirectory : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("fathom_deepseek_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
    fs::copy(fs::path(FATHOM_SOURCE_DIR) / "tests/goldens/model/deepseek_v3", folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string OpenError() const {
    try {
      OpenHuggingFaceDirectory(folder_);
    } catch (const Error& error) {
      return std::string(ErrorCodeName(error.code())) + ": " + error.message();
    }
    return "";
  }
  fs::path folder_;
};

TEST_F(DeepseekDirectory, MissingShardIsNamed) {
  fs::rename(folder_ / "model.safetensors", folder_ / "model-00002-of-00002.safetensors");
  std::ofstream(folder_ / "model.safetensors.index.json")
      << R"({"metadata":{},"weight_map":{"model.norm.weight":"model-00001-of-00002.safetensors",)"
      << R"("lm_head.weight":"model-00002-of-00002.safetensors"}})";
  EXPECT_THAT(OpenError(),
              AllOf(HasSubstr("not_found: "), HasSubstr("model-00001-of-00002.safetensors")));
}

TEST_F(DeepseekDirectory, ShardCutShortIsNamed) {
  fs::resize_file(folder_ / "model.safetensors", 100000);
  EXPECT_THAT(OpenError(), AllOf(HasSubstr("invalid_file: "), HasSubstr("model.safetensors: ")));
}

}  // namespace
}  // namespace fathom
