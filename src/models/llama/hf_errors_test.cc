// Model directories of llama and qwen2 that must be refused, made from good ones by changing keys
// and tensors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "models/testing/altered_file.h"

namespace fathom {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string Text(const char* text) { return text; }

TEST(HfErrors, UnchangedDirectoriesBind) {
  EXPECT_EQ(AlteredFile("hf_llama_llama3").BindError(), "");
  EXPECT_EQ(AlteredFile("qwen2_untied").BindError(), "");
}

TEST(HfErrors, KeysAreRefusedByName) {
  const Change kChanges[] = {
      {"model_type", Text("qwen9"), "unsupported: "},
      {"model_type", std::nullopt, "key 'model_type' is missing"},
      {"architectures", std::vector<std::string>{"Qwen2ForSequenceClassification"},
       "config.json: key 'architectures' is 'Qwen2ForSequenceClassification'"},
      {"hidden_size", std::nullopt, "key 'hidden_size' is missing"},
      {"hidden_size", int64_t{0}, "key 'hidden_size' is 0, expected 1 to"},
      {"hidden_size", int64_t{47}, "expected a multiple of the number of heads"},
      {"num_hidden_layers", int64_t{1} << 40, "key 'num_hidden_layers' is 1099511627776"},
      {"num_attention_heads", Text("6"), "key 'num_attention_heads' is a string, expected"},
      {"num_key_value_heads", int64_t{4}, "multiple of 'num_key_value_heads', which is 4"},
      {"num_key_value_heads", std::nullopt, "key 'num_key_value_heads' is missing"},
      {"head_dim", int64_t{9}, "heads of 9 values, expected a multiple of 8"},
      {"rms_norm_eps", 1.5, "key 'rms_norm_eps' is 1.5"},
      {"hidden_act", Text("gelu"), "unsupported: "},
      {"vocab_size", int64_t{7}, "key 'vocab_size' is 7, expected 131, the rows of the embedding"},
      {"use_sliding_window", true, "unsupported: "},
      {"use_mrope", true, "key 'use_mrope' is true, expected false"},
      {"layer_types", std::vector<std::string>{"full_attention", "sliding_attention"},
       "key 'layer_types' has 'sliding_attention'"},
      {"layer_types", std::vector<std::string>{"full_attention"}, "has 1 entries, expected one"},
      {"attn_logit_softcapping", 30.0, "key 'attn_logit_softcapping' is not known to the qwen2"},
      {"attention_bias", true, "key 'attention_bias' is not known to the qwen2"},
      {"rope_parameters.rope_type", Text("longrope"), "is 'longrope', which is not supported"},
      {"quantization_config.quant_method", Text("gptq"),
       "key 'quantization_config.quant_method' is 'gptq', which is not supported"},
  };
  for (const Change& change : kChanges) ExpectRefused("qwen2_untied", change);
}

TEST(HfErrors, TheUnknownArchitectureIsNamed) {
  AlteredFile file("qwen2_untied");
  file.metadata["model_type"] = Text("mamba");
  EXPECT_THAT(file.BindError(),
              AllOf(HasSubstr("architecture 'mamba' is not supported"),
                    HasSubstr("supported: deepseek_v3, deepseek_v2, llama, qwen2")));
}

// An untied model without a head is not taken for a tied one.
TEST(HfErrors, MissingTensorsAreNamed) {
  for (const char* name :
       {"lm_head.weight", "model.norm.weight", "model.layers.1.self_attn.q_proj.bias",
        "model.layers.0.mlp.up_proj.weight", "model.embed_tokens.weight"}) {
    AlteredFile file("qwen2_untied");
    std::erase_if(file.tensors, [&](const NamedTensor& tensor) { return tensor.name == name; });
    EXPECT_THAT(file.BindError(), HasSubstr("tensor '" + std::string(name) + "' is missing"));
  }
}

TEST(HfErrors, BiasesThatTheConfigurationDoesNotHaveAreRefused) {
  AlteredFile file("hf_llama_yarn");
  file.metadata["attention_bias"] = false;
  EXPECT_THAT(file.BindError(), HasSubstr("_proj.bias' is not known to the llama architecture"));
  AlteredFile without("hf_llama_llama3");
  without.metadata["mlp_bias"] = true;
  EXPECT_THAT(without.BindError(), HasSubstr("mlp.gate_proj.bias' is missing"));
}

TEST(HfErrors, UnknownTensorsAreRefused) {
  for (const char* name :
       {"model.layers.2.mlp.up_proj.weight", "model.layers.00.mlp.up_proj.weight",
        "model.layers.0.self_attn.o_proj.bias", "model.layers.0.self_attn.q_norm.weight",
        "model.layers.-1.mlp.up_proj.weight", "model.layers.0", "lm_head.bias", "rope_freqs.weight",
        "blk.0.attn_q.weight"}) {
    AlteredFile file("qwen2_untied");
    file.tensors.push_back(file.Tensor("model.norm.weight"));
    file.tensors.back().name = name;
    EXPECT_THAT(file.BindError(), HasSubstr("tensor '" + std::string(name) + "' is not known"));
  }
}

TEST(HfErrors, FrequenciesThatOldFilesKeepAreLeftAlone) {
  AlteredFile file("qwen2_untied");
  file.tensors.push_back(file.Tensor("model.norm.weight"));
  file.tensors.back().name = "model.layers.1.self_attn.rotary_emb.inv_freq";
  EXPECT_EQ(file.BindError(), "");
}

TEST(HfErrors, WrongShapeNamesFileExpectedAndFound) {
  AlteredFile file("qwen2_bf16");
  TensorView& view = file.Tensor("model.layers.0.self_attn.k_proj.weight").view;
  view.shape[0] /= 2;
  EXPECT_THAT(file.BindError(),
              AllOf(HasSubstr("qwen2_bf16/model-0000"),
                    HasSubstr("tensor 'model.layers.0.self_attn.k_proj.weight' has shape [8, 48], "
                              "expected [16, 48]")));
}

// A tied model whose file has a head as well: transformers uses the head, whatever the key says.
TEST(HfErrors, AHeadInTheFileCountsForATiedModel) {
  AlteredFile file("qwen2_untied");
  file.metadata["tie_word_embeddings"] = true;
  EXPECT_EQ(file.BindError(), "");
}

// qwen2 in GGUF: biases are required there, too.
TEST(HfErrors, QwenInGgufNeedsItsBiases) {
  AlteredFile file("qwen2_untied.gguf");
  std::erase_if(file.tensors, [](const NamedTensor& t) { return t.name == "blk.0.attn_k.bias"; });
  EXPECT_THAT(file.BindError(), HasSubstr("tensor 'blk.0.attn_k.bias' is missing"));
  AlteredFile more("qwen2_untied.gguf");
  more.metadata["qwen2.attention.sliding_window"] = int64_t{512};
  EXPECT_THAT(more.BindError(),
              HasSubstr("key 'qwen2.attention.sliding_window' is not known to the qwen2"));
}

}  // namespace
}  // namespace fathom
