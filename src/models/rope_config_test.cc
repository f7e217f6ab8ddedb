// The rotary embedding of a config.json, in both spellings, and where it is refused. What the
// numbers lead to is compared with transformers by the models' goldens.
#include "models/rope_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.h"
#include "formats/hf_json.h"

namespace fathom {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kPositions = 4096;

ModelFile FileWith(const std::string& config) {
  ModelFile::Metadata metadata;
  FlattenJson(config, "config.json", "", metadata);
  std::vector<MappedFile> shards;
  shards.push_back(MappedFile::Open(FATHOM_SOURCE_DIR "/README.md"));  // any file
  return ModelFile(std::move(shards), std::move(metadata), {}, ModelFileKind::kHuggingFace, "dir");
}

HfRope Parse(const std::string& config) {
  const ModelFile file = FileWith(config);
  return ParseHfRope(ConfigReader(file, ""), 64, kPositions);
}

std::string ParseError(const std::string& config) {
  try {
    Parse(config);
  } catch (const Error& error) {
    return std::string(ErrorCodeName(error.code())) + ": " + error.message();
  }
  return "no error";
}

TEST(RopeConfig, AbsentMeansPlain) {
  const HfRope rope = Parse(R"({"rope_scaling":null})");
  EXPECT_EQ(rope.spec.base, 10000.0);
  EXPECT_EQ(rope.spec.rotary_dim, 64);
  EXPECT_EQ(rope.spec.scaling, RopeScaling::kNone);
  EXPECT_EQ(rope.context_length, kPositions);
}

TEST(RopeConfig, BothSpellingsMeanTheSame) {
  for (const char* config :
       {R"({"rope_theta":500000,"rope_scaling":{"type":"linear","factor":4}})",
        R"({"rope_theta":5e5,"rope_scaling":{"rope_type":"linear","type":"linear","factor":4.0}})",
        R"({"rope_parameters":{"rope_theta":500000.0,"rope_type":"linear","factor":4.0}})",
        R"({"rope_theta":500000,"rope_scaling":{"type":"linear","factor":4},)"
        R"("rope_parameters":{"rope_theta":500000.0,"rope_type":"linear","factor":4.0}})"}) {
    const HfRope rope = Parse(config);
    EXPECT_EQ(rope.spec.base, 500000.0) << config;
    EXPECT_EQ(rope.spec.scaling, RopeScaling::kLinear) << config;
    EXPECT_EQ(rope.spec.factor, 4.0) << config;
  }
}

TEST(RopeConfig, YarnTakesItsMagnitudeFromTheScalesOrTheFactor) {
  const std::string start = R"({"rope_scaling":{"type":"yarn","factor":40,)"
                            R"("original_max_position_embeddings":4096)";
  const auto magnitude = [&](const std::string& more) {
    return RopeTable(Parse(start + more + "}}").spec).magnitude();
  };
  const auto paper = [](double scale) { return 0.1 * scale * std::log(40.0) + 1.0; };
  EXPECT_FLOAT_EQ(magnitude(""), static_cast<float>(paper(1)));
  EXPECT_FLOAT_EQ(magnitude(R"(,"mscale":1.0,"mscale_all_dim":1.0)"), 1.0f);
  EXPECT_FLOAT_EQ(magnitude(R"(,"mscale":0.5,"mscale_all_dim":1.5)"),
                  static_cast<float>(paper(0.5) / paper(1.5)));
  EXPECT_FLOAT_EQ(magnitude(R"(,"mscale":0.5)"), static_cast<float>(paper(1)));
  EXPECT_FLOAT_EQ(magnitude(R"(,"mscale":0.5,"mscale_all_dim":0)"), static_cast<float>(paper(1)));
  EXPECT_FLOAT_EQ(magnitude(R"(,"attention_factor":0.75,"mscale":1.0,"mscale_all_dim":0.5)"),
                  0.75f);
  const HfRope rope = Parse(start + "}}");
  EXPECT_EQ(rope.context_length, 40 * 4096);
  EXPECT_EQ(rope.spec.original_context, 4096);
  EXPECT_TRUE(rope.spec.whole_corrections);
  EXPECT_FALSE(Parse(start + R"(,"truncate":false}})").spec.whole_corrections);
}

TEST(RopeConfig, YarnExtendsTheTrainedPositions) {
  const HfRope rope = Parse(R"({"rope_scaling":{"type":"yarn","factor":4}})");
  EXPECT_EQ(rope.spec.original_context, kPositions);
  EXPECT_EQ(rope.context_length, 4 * kPositions);
}

TEST(RopeConfig, LlamaThreeDividesLongWaves) {
  const HfRope rope = Parse(
      R"({"rope_theta":500000.0,"rope_scaling":{"rope_type":"llama3","factor":8.0,)"
      R"("low_freq_factor":1.0,"high_freq_factor":4.0,"original_max_position_embeddings":8192}})");
  const std::vector<float>& divisors = rope.spec.frequency_divisors;
  ASSERT_EQ(divisors.size(), 32u);
  EXPECT_EQ(divisors.front(), 1.0f);
  EXPECT_EQ(divisors.back(), 8.0f);
  EXPECT_TRUE(std::is_sorted(divisors.begin(), divisors.end()));
  EXPECT_EQ(rope.context_length, kPositions);
}

TEST(RopeConfig, DynamicDoesNothingBeforeItsContextEnds) {
  const HfRope rope = Parse(R"({"rope_scaling":{"type":"dynamic","factor":2.0}})");
  EXPECT_EQ(rope.spec.scaling, RopeScaling::kNone);
  EXPECT_EQ(rope.context_length, kPositions);
}

TEST(RopeConfig, RefusesByName) {
  const struct {
    const char* config;
    const char* message;
  } kCases[] = {
      {R"({"rope_scaling":{"type":"longrope","factor":2}})",
       "unsupported: dir/config.json: key 'rope_scaling.type' is 'longrope', which is not"},
      {R"({"rope_parameters":{"rope_type":"proportional"}})",
       "unsupported: dir/config.json: key 'rope_parameters.rope_type' is 'proportional'"},
      {R"({"rope_scaling":{"type":3}})", "'rope_scaling.type' is an integer, expected a string"},
      {R"({"rope_scaling":{"type":"linear","rope_type":"yarn","factor":2}})",
       "'rope_scaling.type' contradicts 'rope_scaling.rope_type'"},
      {R"({"rope_theta":1e4,"rope_parameters":{"rope_type":"default","rope_theta":1e6}})",
       "'rope_theta' contradicts 'rope_parameters.rope_theta'"},
      {R"({"rope_scaling":{"type":"linear","factor":2},)"
       R"("rope_parameters":{"rope_type":"linear","factor":4}})",
       "'rope_scaling.factor' contradicts 'rope_parameters.factor'"},
      {R"({"rope_scaling":{"type":"linear","factor":2},"rope_parameters":{"rope_type":"linear"}})",
       "'rope_scaling.factor' is there, but 'rope_parameters.factor' is not"},
      {R"({"rope_scaling":{"type":"linear","factor":2},"rope_parameters":{"rope_theta":1e4}})",
       "is there, but 'rope_parameters."},
      {R"({"rope_scaling":{"type":"linear"}})", "'rope_scaling.factor' is missing"},
      {R"({"rope_scaling":{"type":"linear","factor":0}})", "expected a positive number"},
      {R"({"rope_scaling":{"type":"linear","factor":2,"beta_fast":32}})",
       "'rope_scaling.beta_fast' is no parameter of the rope type 'linear'"},
      {R"({"rope_scaling":{"factor":2}})",
       "'rope_scaling.factor' is no parameter of the rope type 'default'"},
      {R"({"rope_parameters":{"full_attention":{"rope_theta":1e4}}})",
       "'rope_parameters.full_attention.rope_theta' is no parameter"},
      {R"({"rope_scaling":{"type":"yarn","factor":0.5}})", "expected 1 or more"},
      {R"({"rope_scaling":{"type":"yarn","factor":2,"beta_fast":1,"beta_slow":2}})",
       "expected at least 'beta_slow'"},
      {R"({"rope_scaling":{"type":"yarn","factor":2,"truncate":1}})", "expected a boolean"},
      {R"({"rope_scaling":{"type":"yarn","factor":2,"mscale_all_dim":11}})",
       "'rope_scaling.mscale_all_dim' is 11, expected at most 10"},
      {R"({"rope_scaling":{"type":"yarn","factor":2,"mscale":1e300}})",
       "'rope_scaling.mscale' is 1e+300, expected at most 10"},
      {R"({"rope_scaling":{"type":"yarn","factor":2,"attention_factor":1001}})",
       "'rope_scaling.attention_factor' is 1001, expected at most 1000"},
      {R"({"rope_scaling":{"rope_type":"llama3","factor":8,"low_freq_factor":4,)"
       R"("high_freq_factor":1,"original_max_position_embeddings":8192}})",
       "expected more than 'low_freq_factor'"},
      {R"({"rope_theta":1})", "expected more than 1"},
      {R"({"rope_theta":-5})", "expected a positive number"},
      {R"({"partial_rotary_factor":0.5})", "'partial_rotary_factor' is 0.5, expected 1"},
      {R"({"original_max_position_embeddings":64,"rope_scaling":{"type":"yarn","factor":2,)"
       R"("original_max_position_embeddings":32}})",
       "'original_max_position_embeddings' contradicts"},
  };
  for (const auto& test : kCases) {
    EXPECT_THAT(ParseError(test.config), HasSubstr(test.message)) << test.config;
  }
}

}  // namespace
}  // namespace fathom
