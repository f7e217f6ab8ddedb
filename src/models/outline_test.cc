// Outlines: the published R1 by hand-computed sums, tiny models against what their own code counts
// when it is bound, and files that are refused.
#include "models/outline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "base/error.h"
#include "models/model.h"
#include "models/testing/altered_file.h"
#include "models/testing/in_memory_file.h"

namespace fathom {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(const ModelFile& file) {
  try {
    OutlineOf(file);
  } catch (const Error& error) {
    return std::string(ErrorCodeName(error.code())) + ": " + error.what();
  }
  return "";
}

// Bytes of FP8 with a float32 scale for each block of 128 x 128.
constexpr int64_t Scaled(int64_t out, int64_t in) {
  return out * in + 4 * ((out + 127) / 128) * ((in + 127) / 128);
}

TEST(OutlineTest, PublishedR1) {
  const InMemoryFile source = PublishedR1();
  EXPECT_EQ(source.tensors.size(), 91991u);
  const ModelFile file = source.Open();
  const ModelOutline model = OutlineOf(file);
  EXPECT_EQ(model.layers, 61);
  EXPECT_EQ(model.context_length, 163840);
  EXPECT_EQ(model.attention.values_per_token(), 576);
  EXPECT_EQ(61 * model.attention.layer_page_bytes(CacheType::kF16) / kPageTokens, 70272);

  const auto parameters = [&](WeightRole role) { return TotalsOf(model, role).parameters; };
  // q_a, q_b, kv_a, kv_b, o: 11.0, 37.7, 4.1, 16.8 and 117.4 M in each of 61 layers.
  EXPECT_EQ(parameters(WeightRole::kAttention),
            int64_t{61} * (1536 * 7168 + 24576 * 1536 + 576 * 7168 + 32768 * 512 + 7168 * 16384));
  EXPECT_EQ(parameters(WeightRole::kRoutedExperts), int64_t{58} * 256 * 3 * 2048 * 7168);
  EXPECT_EQ(parameters(WeightRole::kSharedExperts), int64_t{58} * 3 * 2048 * 7168);
  EXPECT_EQ(parameters(WeightRole::kDense), int64_t{3} * 3 * 18432 * 7168);
  EXPECT_EQ(parameters(WeightRole::kRouter), int64_t{58} * (256 * 7168 + 256));
  EXPECT_EQ(parameters(WeightRole::kNorms), int64_t{61} * (2 * 7168 + 1536 + 512) + 7168);
  EXPECT_EQ(parameters(WeightRole::kEmbedding), int64_t{129280} * 7168);
  EXPECT_EQ(parameters(WeightRole::kHead), int64_t{129280} * 7168);
  EXPECT_EQ(parameters(WeightRole::kUnused), 0);
  // 671.0 B, 36.6 B and 13.5 B; the last has two copies of 0.93 B beside 11.6 B of its own.
  const WeightTotals all = TotalsOf(model);
  EXPECT_EQ(all.parameters, 671026419200);
  EXPECT_EQ(all.active_parameters, 36625618432.0);
  EXPECT_EQ(parameters(WeightRole::kPrediction), 13463426304);

  EXPECT_EQ(TotalsOf(model, WeightRole::kRoutedExperts).bytes,
            int64_t{58} * 256 * (2 * Scaled(2048, 7168) + Scaled(7168, 2048)));
  EXPECT_EQ(TotalsOf(model, WeightRole::kAttention).bytes,
            61 * (Scaled(1536, 7168) + Scaled(24576, 1536) + Scaled(576, 7168) +
                  Scaled(32768, 512) + Scaled(7168, 16384)));
  EXPECT_EQ(TotalsOf(model, WeightRole::kRouter).bytes, int64_t{58} * (256 * 7168 * 2 + 256 * 4));
  // A token reads 8 of 256 experts, and a row of the embedding.
  EXPECT_EQ(TotalsOf(model, WeightRole::kRoutedExperts).bytes_per_token,
            static_cast<double>(TotalsOf(model, WeightRole::kRoutedExperts).bytes) / 32);
  EXPECT_NEAR(TotalsOf(model, WeightRole::kEmbedding).bytes_per_token, 7168 * 2, 1e-6);
  // Keys are transposed when the model is bound, and stay FP8.
  EXPECT_EQ(TotalsOf(model, WeightRole::kAttention).made_bytes, int64_t{61} * 128 * 512 * 128);
  // Three dense layers, and nine experts of 2048 in each of the others.
  EXPECT_EQ(model.feed_forward_width, (3 * 18432 + 58 * 9 * 2048) / 61);
}

TEST(OutlineTest, CountsWhatTheBoundModelCounts) {
  for (const char* name :
       {"llama_gqa.gguf", "llama_bias.gguf", "llama_quant.gguf", "llama_tied.gguf",
        "llama_head_dim.gguf", "hf_llama_yarn", "qwen2_bf16", "qwen2_tied", "qwen2_untied.gguf",
        "deepseek_v3.split.gguf", "deepseek_v3.kv_b.gguf", "deepseek_v3.both.gguf",
        "deepseek_v2lite.kv_b.gguf", "deepseek_v2.split.gguf", "deepseek_noqlora.both.gguf"}) {
    SCOPED_TRACE(name);
    const ModelFile file = OpenGolden(name);
    const ModelOutline outline = OutlineOf(file);
    const std::unique_ptr<Model> model = BindModel(file);
    const WeightTotals all = TotalsOf(outline);
    EXPECT_EQ(outline.layers, model->spec().layers);
    EXPECT_EQ(outline.hidden, model->spec().hidden);
    EXPECT_EQ(outline.vocabulary, model->spec().vocabulary);
    EXPECT_EQ(outline.context_length, model->spec().context_length);
    EXPECT_EQ(all.parameters, model->spec().parameters);
    // The bound model rounds the share of experts down, and counts no row of the embedding.
    EXPECT_NEAR(all.active_parameters, static_cast<double>(model->spec().active_parameters), 8);
    const double row = TotalsOf(outline, WeightRole::kEmbedding).bytes_per_token;
    // It holds vectors as float32, whatever the file has.
    const double slack = outline.architecture == "deepseek2" ? 64 : 0;
    EXPECT_NEAR(all.bytes_per_token - row,
                static_cast<double>(model->spec().weight_bytes_per_token), slack + 1);
    for (const CacheType type : {CacheType::kF16, CacheType::kF32}) {
      EXPECT_EQ(outline.layers * outline.attention.layer_page_bytes(type),
                model->cache_layout(type).page_bytes);
    }
  }
}

TEST(OutlineTest, DirectoriesCountAsTheSameModelInGguf) {
  for (const char* name : {"deepseek_v3", "deepseek_v2lite", "deepseek_noqlora", "deepseek_yarn"}) {
    SCOPED_TRACE(name);
    const ModelFile directory = OpenGolden(name);
    const ModelFile gguf = OpenGolden(std::string(name) + ".kv_b.gguf");
    const ModelOutline a = OutlineOf(directory), b = OutlineOf(gguf);
    EXPECT_EQ(TotalsOf(a).parameters, TotalsOf(b).parameters);
    EXPECT_DOUBLE_EQ(TotalsOf(a).active_parameters, TotalsOf(b).active_parameters);
    EXPECT_EQ(a.attention.width, b.attention.width);
    EXPECT_EQ(a.layers, b.layers);
    EXPECT_EQ(a.context_length, b.context_length);
  }
}

TEST(OutlineTest, LayersThatPredictStandApart) {
  const ModelFile file = OpenGolden("deepseek_mtp");
  const ModelOutline model = OutlineOf(file);
  int64_t all = 0;
  for (const NamedTensor& tensor : file.tensors()) all += tensor.view.elements();
  const int64_t prediction = TotalsOf(model, WeightRole::kPrediction).parameters;
  EXPECT_GT(prediction, 0);
  EXPECT_EQ(TotalsOf(model).parameters + prediction, all);
  EXPECT_EQ(TotalsOf(model, WeightRole::kPrediction).bytes_per_token, 0);
}

TEST(OutlineTest, TiedHeadIsCountedOnce) {
  const ModelOutline model = OutlineOf(OpenGolden("llama_tied.gguf"));
  EXPECT_EQ(TotalsOf(model, WeightRole::kEmbedding).parameters, 0);
  EXPECT_EQ(TotalsOf(model, WeightRole::kHead).parameters, model.vocabulary * model.hidden);
}

class RefusedTest : public ::testing::Test {
 protected:
  RefusedTest() : file_(LikeR1(10, 16)) {}
  std::string Refusal() const { return ErrorOf(file_.Open()); }
  void Drop(const std::string& name) {
    std::erase_if(file_.tensors, [&](const NamedTensor& tensor) { return tensor.name == name; });
  }
  InMemoryFile file_;
};

TEST_F(RefusedTest, UnknownArchitecture) {
  file_.metadata["model_type"] = std::string("gpt_neo");
  EXPECT_THAT(Refusal(), HasSubstr("unsupported: in-memory: architecture 'gpt_neo'"));
}

TEST_F(RefusedTest, UnknownTensors) {
  const std::vector<NamedTensor> good = file_.tensors;
  for (const char* name :
       {"model.layers.4.self_attn.indexer.wk.weight", "model.layers.11.input_layernorm.weight",
        "model.layers.04.input_layernorm.weight", "model.layers.4.mlp.experts.16.up_proj.weight",
        "model.layers.9.eh_proj.weight", "model.layers.4.mlp.gate.weights", "model.layers.4",
        "model.norm.weight_scale_inv.x"}) {
    file_.tensors = good;
    file_.Tensor(name, {8, 8}, Format::kF32);
    EXPECT_THAT(Refusal(), HasSubstr(std::string("tensor '") + name + "' is not known")) << name;
  }
}

TEST_F(RefusedTest, MissingParts) {
  const std::vector<NamedTensor> good = file_.tensors;
  Drop("model.layers.7.mlp.experts.15.down_proj.weight");
  Drop("model.layers.7.mlp.experts.15.down_proj.weight_scale_inv");
  EXPECT_THAT(Refusal(), HasSubstr("layer 7 has 15 of its 16 experts' down matrices"));
  file_.tensors = good;
  Drop("model.layers.9.self_attn.o_proj.weight");
  EXPECT_THAT(Refusal(), HasSubstr("'model.layers.9.self_attn.o_proj.weight_scale_inv' is not"));
  Drop("model.layers.9.self_attn.o_proj.weight_scale_inv");
  EXPECT_THAT(Refusal(), HasSubstr("layer 9 has no output matrix"));
  file_.tensors = good;
  Drop("lm_head.weight");
  EXPECT_THAT(Refusal(), HasSubstr("'lm_head.weight' is missing"));
  Drop("model.embed_tokens.weight");
  EXPECT_THAT(Refusal(), HasSubstr("'model.embed_tokens.weight' is missing"));
}

TEST_F(RefusedTest, SizesThatMakeNoSense) {
  const ModelFile::Metadata good = file_.metadata;
  const auto with = [&](const char* key, int64_t value) {
    file_.metadata = good;
    file_.metadata[key] = value;
    return Refusal();
  };
  EXPECT_THAT(with("num_hidden_layers", 0), HasSubstr("'num_hidden_layers'"));
  EXPECT_THAT(with("kv_lora_rank", 2000), HasSubstr("'kv_lora_rank'"));
  EXPECT_THAT(with("kv_lora_rank", 511), HasSubstr("expected a multiple of 4"));
  EXPECT_THAT(with("num_experts_per_tok", 17), HasSubstr("'num_experts_per_tok'"));
  EXPECT_THAT(with("v_head_dim", 256), HasSubstr("expected keys and 256 values"));
  EXPECT_THAT(with("num_attention_heads", 127), HasSubstr("127 heads"));
  file_.metadata = good;
  file_.metadata.erase("n_routed_experts");
  EXPECT_THAT(Refusal(), HasSubstr("'n_routed_experts'"));
}

TEST(OutlineTest, StackedExpertsHaveToBeAsManyAsTheConfigurationSays) {
  AlteredFile file("deepseek_v3.split.gguf");
  file.metadata["deepseek2.expert_count"] = int64_t{5};
  std::vector<MappedFile> shards;
  shards.push_back(MappedFile::Open(OpenGolden("deepseek_v3.split.gguf").path()));
  EXPECT_THAT(ErrorOf(ModelFile(std::move(shards), file.metadata, file.tensors)),
              HasSubstr("expected a stack of 5 experts"));
}

}  // namespace
}  // namespace fathom
