// Configurations: what a model cannot be run with, it is not converted with, and a shape needs no
// tensors.
#include "convert/shape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/error.h"
#include "convert/quantize_plan.h"
#include "models/testing/altered_file.h"
#include "models/testing/other_quantisations.h"

namespace fathom {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

template <class Function>
std::string ErrorOf(Function&& function) {
  try {
    function();
  } catch (const Error& error) {
    return std::string(ErrorCodeName(error.code())) + ": " + error.what();
  }
  return "";
}

// The golden with that change is not converted, and neither it nor its configuration alone can be
// synthesised.
void ExpectNoPlan(const char* golden, const Change& change) {
  AlteredFile altered(golden);
  if (change.value) {
    altered.metadata[change.key] = *change.value;
  } else {
    altered.metadata.erase(change.key);
  }
  const ModelFile file = altered.Open();
  const ModelFile alone({}, altered.metadata, {}, ModelFileKind::kHuggingFace, golden);
  const std::string error =
      ErrorOf([&] { PlanQuantize(file, Format::kQ8_0, {}, {}, /*prediction_layers=*/false); });
  EXPECT_THAT(error, AllOf(HasSubstr(change.message), HasSubstr(golden))) << change.key;
  EXPECT_EQ(error, altered.BindError()) << change.key;
  EXPECT_THAT(ErrorOf([&] { ParseShape(alone); }), HasSubstr(change.message)) << change.key;
}

TEST(ShapeTest, OtherQuantisationsAreRefusedByName) {
  for (const Change& change : OtherQuantisations()) ExpectNoPlan("deepseek_fp8", change);
}

TEST(ShapeTest, WhatBindingRequiresIsRequired) {
  const Change kChanges[] = {
      {"first_k_dense_replace", std::nullopt, "key 'first_k_dense_replace' is missing"},
      {"n_shared_experts", std::nullopt, "key 'n_shared_experts' is missing"},
      {"first_k_dense_replace", int64_t{4}, "key 'first_k_dense_replace' is 4"},
      {"kv_lora_rank", int64_t{18}, "key 'kv_lora_rank' is 18"},
  };
  for (const Change& change : kChanges) ExpectNoPlan("deepseek_v3", change);
  ExpectNoPlan("qwen2_untied",
               {"layer_types", std::vector<std::string>{"full_attention"},
                "key 'layer_types' has 1 entries, expected one for each of the 2 layers"});
  ExpectNoPlan("qwen2_untied",
               {"num_key_value_heads", std::nullopt, "key 'num_key_value_heads' is missing"});
}

TEST(ShapeTest, BuiltInShapesNeedNoTensors) {
  const ModelShape r1 = ParseShape(OpenShape("r1"));
  EXPECT_EQ(r1.GgufName(), "deepseek2");
  EXPECT_EQ(r1.layers, 61);
  EXPECT_EQ(r1.mtp_layers, 1);
  EXPECT_EQ(r1.hidden, 7168);
  EXPECT_EQ(r1.feed_forward, 18432);
  EXPECT_EQ(r1.heads, 128);
  EXPECT_EQ(r1.vocabulary, 129280);
  EXPECT_EQ(r1.context_length, 163840);
  EXPECT_EQ(r1.query_latent, 1536);
  EXPECT_EQ(r1.latent, 512);
  EXPECT_EQ(r1.rotary, 64);
  EXPECT_EQ(r1.nope, 128);
  EXPECT_EQ(r1.value, 128);
  EXPECT_EQ(r1.magnitude_all, 1.0);
  EXPECT_EQ(r1.dense_layers, 3);
  EXPECT_EQ(r1.expert_width, 2048);
  EXPECT_EQ(r1.shared_experts, 1);
  EXPECT_EQ(r1.router.experts, 256);
  EXPECT_EQ(r1.scale_block, 128);
  EXPECT_FALSE(r1.tied_head);
  const ModelShape lite = ParseShape(OpenShape("v2-lite"));
  EXPECT_EQ(lite.query_latent, 0);
  EXPECT_EQ(lite.shared_experts, 2);
  EXPECT_EQ(lite.scale_block, 0);
  const ModelShape qwen = ParseShape(OpenShape("qwen2-1.5b"));
  EXPECT_EQ(qwen.GgufName(), "qwen2");
  EXPECT_EQ(qwen.kv_heads, 2);
  EXPECT_EQ(qwen.head_dim, 128);
  EXPECT_TRUE(qwen.query_key_value_bias);
  EXPECT_FALSE(qwen.output_bias);
  EXPECT_FALSE(qwen.feed_forward_bias);
}

}  // namespace
}  // namespace fathom
