// Mixtures of experts and latent attention on block formats: the same numbers as on the weights
// that the blocks stand for, which are compared with transformers elsewhere (tests/goldens/model).
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "convert/quantize.h"
#include "convert/synth.h"
#include "convert/testing/scratch_folder.h"
#include "formats/gguf.h"
#include "models/testing/golden.h"
#include "models/testing/model_runner.h"

namespace fathom {
namespace {

// DeepSeek-V3 in miniature whose rows all formats divide.
constexpr const char* kConfig = R"({
  "model_type": "deepseek_v3", "vocab_size": 300, "hidden_size": 256, "num_hidden_layers": 3,
  "intermediate_size": 512, "moe_intermediate_size": 256, "first_k_dense_replace": 1,
  "num_attention_heads": 4, "num_key_value_heads": 4, "q_lora_rank": 256, "kv_lora_rank": 256,
  "qk_nope_head_dim": 32, "qk_rope_head_dim": 32, "v_head_dim": 64, "n_routed_experts": 8,
  "n_shared_experts": 1, "num_experts_per_tok": 3, "n_group": 4, "topk_group": 2,
  "norm_topk_prob": true, "routed_scaling_factor": 2.5, "scoring_func": "sigmoid",
  "topk_method": "noaux_tc", "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
  "max_position_embeddings": 256, "hidden_act": "silu", "tie_word_embeddings": false})";

class QuantizedExperts : public ::testing::TestWithParam<Format> {
 protected:
  QuantizedExperts() {
    std::ofstream(folder_ / "config.json") << kConfig;
    WriteSyntheticGguf({.shape = (folder_ / "config.json").string(), .type = GetParam()},
                       folder_ / "blocks.gguf");
    file_ = std::make_unique<ModelFile>(OpenGguf(folder_ / "blocks.gguf"));
    model_ = BindModel(*file_);
    for (int32_t i = 0; i < 70; ++i) ids_.push_back(i * 37 % 300);
  }

  std::vector<float> Logits(const Model& model, const KernelTable& kernels, LatentForm form) const {
    return ModelRunner(model, kernels, CacheType::kF32, 2, 128, form).Feed(ids_);
  }

  ScratchFolder folder_;
  std::unique_ptr<ModelFile> file_;
  std::unique_ptr<Model> model_;
  std::vector<int32_t> ids_;
};

TEST_P(QuantizedExperts, ExpertsHaveTheFormat) {
  for (const char* part : {"ffn_gate_exps", "ffn_up_exps", "ffn_down_exps"}) {
    const NamedTensor* tensor = file_->FindTensor("blk.1." + std::string(part) + ".weight");
    ASSERT_NE(tensor, nullptr);
    EXPECT_EQ(tensor->view.format, GetParam()) << part;
  }
}

// Plain kernels multiply what they decode, so only the order of sums may differ.
TEST_P(QuantizedExperts, PlainKernelsAgreeWithTheDecodedWeights) {
  Quantize(*file_, folder_ / "decoded.gguf", {.type = Format::kF32, .threads = 2});
  const ModelFile decoded = OpenGguf(folder_ / "decoded.gguf");
  ASSERT_EQ(decoded.FindTensor("blk.1.ffn_down_exps.weight")->view.format, Format::kF32);
  const std::unique_ptr<Model> plain = BindModel(decoded);
  for (const LatentForm form : {LatentForm::kAbsorbed, LatentForm::kNaive}) {
    const std::vector<float> found = Logits(*model_, ReferenceKernels(), form);
    const std::vector<float> expected = Logits(*plain, ReferenceKernels(), form);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      ASSERT_NEAR(found[i], expected[i], 1e-3) << "logit " << i;
    }
  }
}

// The bound that the default model is held to, and the same bits one token at a time.
TEST_P(QuantizedExperts, FastKernelsStayCloseInAnyChunking) {
  const auto vocabulary = static_cast<std::size_t>(model_->spec().vocabulary);
  const std::vector<float> expected = Logits(*model_, ReferenceKernels(), LatentForm::kAbsorbed);
  for (const KernelTable* kernels : AvailableKernels()) {
    const std::vector<float> found = Logits(*model_, *kernels, LatentForm::kAbsorbed);
    double sum = 0;
    for (std::size_t i = 0; i + 1 < ids_.size(); ++i) {
      sum += std::abs(Logprob(found.data() + i * vocabulary, vocabulary, ids_[i + 1]) -
                      Logprob(expected.data() + i * vocabulary, vocabulary, ids_[i + 1]));
    }
    EXPECT_LE(sum / static_cast<double>(ids_.size() - 1), 0.05) << kernels->name;
    ModelRunner runner(*model_, *kernels, CacheType::kF32, 1, 128);
    std::vector<float> single;
    for (const int32_t id : ids_) {
      const std::vector<float> row = runner.Feed({&id, 1});
      single.insert(single.end(), row.begin(), row.end());
    }
    EXPECT_EQ(single, found) << kernels->name;
  }
}

INSTANTIATE_TEST_SUITE_P(Blocks, QuantizedExperts,
                         ::testing::Values(Format::kQ8_0, Format::kQ4_0, Format::kQ4_K,
                                           Format::kQ2_K, Format::kIQ4_XS),
                         [](const auto& p) { return std::string(RowOf(p.param).name); });

}  // namespace
}  // namespace fathom
