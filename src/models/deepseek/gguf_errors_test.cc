// GGUF files of deepseek2 that must be refused, made from good ones by changing keys and tensors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "models/testing/altered_file.h"

namespace fathom {
namespace {

using ::testing::HasSubstr;

class GgufWith : public AlteredFile {
 public:
  using AlteredFile::AlteredFile;

  std::string With(const std::string& key, const MetadataValue& value) {
    const auto before = metadata;
    metadata["deepseek2." + key] = value;
    std::string error = BindError();
    metadata = before;
    return error;
  }
  std::string Without(const std::string& key) {
    const auto before = metadata;
    metadata.erase("deepseek2." + key);
    std::string error = BindError();
    metadata = before;
    return error;
  }
};

TEST(DeepseekErrors, UnchangedFilesBind) {
  for (const std::string layout : {"kv_b", "both", "split"}) {
    EXPECT_EQ(GgufWith("deepseek_yarn." + layout + ".gguf").BindError(), "") << layout;
  }
}

TEST(DeepseekErrors, UnknownValuesOfSemanticKeysAreRefusedByName) {
  GgufWith file("deepseek_yarn.split.gguf");
  EXPECT_THAT(file.With("expert_gating_func", int64_t{3}), HasSubstr("unsupported: "));
  EXPECT_THAT(file.With("expert_gating_func", int64_t{3}),
              HasSubstr("'deepseek2.expert_gating_func' is 3, expected 1 (softmax) or 2"));
  EXPECT_THAT(file.With("rope.scaling.type", std::string("longrope")),
              HasSubstr("'deepseek2.rope.scaling.type' is 'longrope', expected none or yarn"));
  EXPECT_THAT(file.With("attention.sliding_window", int64_t{512}),
              HasSubstr("'deepseek2.attention.sliding_window' is not known"));
  EXPECT_THAT(file.With("attention.indexer.top_k", int64_t{512}), HasSubstr("is not known"));
}

TEST(DeepseekErrors, MissingKeysAreNamed) {
  GgufWith file("deepseek_yarn.split.gguf");
  for (const std::string key : {"block_count",
                                "embedding_length",
                                "attention.head_count",
                                "attention.head_count_kv",
                                "attention.kv_lora_rank",
                                "attention.key_length",
                                "attention.value_length_mla",
                                "attention.layer_norm_rms_epsilon",
                                "feed_forward_length",
                                "expert_count",
                                "expert_used_count",
                                "expert_feed_forward_length",
                                "expert_weights_scale",
                                "expert_gating_func",
                                "expert_weights_norm",
                                "rope.dimension_count",
                                "rope.scaling.type",
                                "rope.scaling.factor",
                                "rope.scaling.original_context_length",
                                "rope.scaling.yarn_log_multiplier"}) {
    EXPECT_THAT(file.Without(key), HasSubstr("deepseek2." + key)) << key;
  }
}

TEST(DeepseekErrors, ScalingWithoutATypeIsRefused) {
  EXPECT_THAT(GgufWith("deepseek_yarn.split.gguf").With("rope.scaling.type", std::string("none")),
              HasSubstr("'deepseek2.rope.scaling.type' is 'none', expected a type, since "
                        "'deepseek2.rope.scaling.factor' is given"));
}

TEST(DeepseekErrors, ValuesOutOfRangeAreNamed) {
  GgufWith file("deepseek_v3.split.gguf");
  EXPECT_THAT(file.With("block_count", int64_t{0}), HasSubstr("expected 1 to"));
  EXPECT_THAT(file.With("expert_count", int64_t{1} << 40), HasSubstr("expected 1 to 1024"));
  EXPECT_THAT(file.With("expert_used_count", int64_t{13}),
              HasSubstr("key 'deepseek2.expert_used_count' makes no sense"));
  EXPECT_THAT(file.With("expert_group_count", int64_t{5}), HasSubstr("divides the number"));
  EXPECT_THAT(file.With("expert_group_used_count", int64_t{9}), HasSubstr("open group"));
  EXPECT_THAT(file.With("attention.head_count_kv", int64_t{4}),
              HasSubstr("'deepseek2.attention.head_count_kv' is 4, expected 1"));
  EXPECT_THAT(file.With("attention.key_length", int64_t{23}), HasSubstr("attention.key_length"));
  EXPECT_THAT(file.With("rope.dimension_count", int64_t{7}), HasSubstr("attention.key_length"));
  EXPECT_THAT(file.With("leading_dense_block_count", int64_t{4}),
              HasSubstr("key 'deepseek2.leading_dense_block_count' is 4, expected at most"));
  EXPECT_THAT(file.With("vocab_size", int64_t{7}), HasSubstr("'deepseek2.vocab_size' is 7"));
  EXPECT_THAT(GgufWith("deepseek_v3.kv_b.gguf").With("attention.head_count_kv", int64_t{1}),
              HasSubstr("expected 4"));
}

TEST(DeepseekErrors, MissingTensorsAreNamed) {
  for (const std::string name :
       {"token_embd.weight", "output_norm.weight", "blk.0.attn_q_a.weight",
        "blk.1.attn_q_a_norm.weight", "blk.1.attn_kv_a_mqa.weight", "blk.2.attn_k_b.weight",
        "blk.1.attn_v_b.weight", "blk.0.ffn_gate.weight", "blk.1.ffn_gate_inp.weight",
        "blk.1.exp_probs_b.bias", "blk.2.ffn_up_exps.weight", "blk.2.ffn_down_shexp.weight"}) {
    GgufWith file("deepseek_v3.split.gguf");
    std::erase_if(file.tensors, [&](const NamedTensor& tensor) { return tensor.name == name; });
    EXPECT_THAT(file.BindError(), HasSubstr(name));
  }
}

TEST(DeepseekErrors, WrongShapesNameExpectedAndFound) {
  for (const std::string name : {"blk.0.attn_k_b.weight", "blk.1.ffn_gate_exps.weight",
                                 "blk.1.ffn_gate_inp.weight", "blk.2.attn_output.weight"}) {
    GgufWith file("deepseek_v3.split.gguf");
    TensorView& view = file.Tensor(name).view;
    view.shape[0] /= 2;
    EXPECT_THAT(file.BindError(), HasSubstr(name));
    EXPECT_THAT(file.BindError(), HasSubstr(ShapeText(view)));
  }
}

TEST(DeepseekErrors, UnknownTensorsAreRefused) {
  GgufWith file("deepseek_v3.split.gguf");
  file.Tensor("output.weight").name = "blk.0.attn_q_a.bias";
  EXPECT_THAT(file.BindError(), HasSubstr("'blk.0.attn_q_a.bias' is not one that this model uses"));
}

// Tensors that other models of the architecture have would be left aside in silence.
TEST(DeepseekErrors, TensorsOfAnotherShapeOfModelAreRefused) {
  const auto with = [](const char* golden, const std::string& name) {
    GgufWith file(golden);
    file.tensors.push_back(file.Tensor("output_norm.weight"));
    file.tensors.back().name = name;
    return file.BindError();
  };
  for (const std::string name :
       {"blk.0.attn_q.weight", "blk.0.exp_probs_b.bias", "blk.0.ffn_gate_inp.weight",
        "blk.1.ffn_gate.weight", "blk.0.nextn.enorm.weight"}) {
    EXPECT_THAT(with("deepseek_v3.split.gguf", name),
                HasSubstr("tensor '" + name + "' is not one that this model uses"));
  }
  EXPECT_THAT(with("deepseek_noqlora.split.gguf", "blk.0.attn_q_a.weight"),
              HasSubstr("is not one that this model uses"));
}

TEST(DeepseekErrors, QuantisedRouterIsRefused) {
  GgufWith file("deepseek_v3.split.gguf");
  file.Tensor("blk.1.ffn_gate_inp.weight").view.format = Format::kQ8_0;
  EXPECT_THAT(file.BindError(), HasSubstr("router is stored as Q8_0"));
}

TEST(DeepseekErrors, RotationsThatMakeNoSenseAreRefused) {
  GgufWith file("deepseek_yarn.split.gguf");
  EXPECT_THAT(file.With("rope.freq_base", 1.0),
              HasSubstr("'deepseek2.rope.freq_base' is 1.000000, expected more than 1"));
  EXPECT_THAT(file.With("rope.scaling.factor", 0.5), HasSubstr("expected 1 or more with yarn"));
  EXPECT_THAT(file.With("rope.scaling.yarn_beta_slow", 33.0),
              HasSubstr("expected at least 'yarn_beta_slow', 33.0"));
}

TEST(DeepseekErrors, ExpertBiasNeedsItsScoringNamed) {
  GgufWith file("deepseek_v3.split.gguf");
  EXPECT_THAT(file.Without("expert_gating_func"), HasSubstr("'deepseek2.expert_gating_func'"));
  EXPECT_EQ(GgufWith("deepseek_v2lite.kv_b.gguf").Without("expert_gating_func"), "");
}

}  // namespace
}  // namespace fathom
