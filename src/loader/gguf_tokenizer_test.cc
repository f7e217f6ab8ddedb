// Tokenizers written as GGUF keys and read again.
#include "loader/gguf_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.h"
#include "base/random.h"
#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "loader/loader.h"

namespace fathom {
namespace {

TokenizerSpec Example() {
  TokenizerSpec spec;
  spec.pre_tokenizer = "deepseek-v3";
  spec.tokens = {"a", "b", "ab", "<|begin|>", "<|end|>", "<think>", ""};
  spec.kinds = {TokenKind::kNormal,  TokenKind::kNormal,  TokenKind::kNormal,
                TokenKind::kControl, TokenKind::kControl, TokenKind::kUserDefined,
                TokenKind::kUnused};
  spec.merges = {"a b"};
  spec.bos = 3;
  spec.eos = 4;
  spec.pad = 4;
  spec.stops = {4, 5};
  spec.add_bos = true;
  spec.chat_template = "{{ bos_token }}";
  return spec;
}

TEST(GgufTokenizerTest, ReadsBackAsItWas) {
  const std::filesystem::path path = std::filesystem::temp_directory_path() /
                                     ("fathom-tokenizer-" + std::to_string(RandomSeed()) + ".gguf");
  const TokenizerSpec spec = Example();
  {
    GgufWriter writer(path);
    for (const auto& [key, value] : GgufTokenizerKeys(spec, 8, "x")) writer.AddMetadata(key, value);
    writer.Publish();
  }
  const std::optional<TokenizerSpec> found = TokenizerSpecOf(OpenGguf(path));
  std::filesystem::remove(path);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->pre_tokenizer, spec.pre_tokenizer);
  EXPECT_THAT(found->tokens, ::testing::ElementsAre("a", "b", "ab", "<|begin|>", "<|end|>",
                                                    "<think>", "[PAD6]", "[PAD7]"));
  EXPECT_EQ(found->kinds.back(), TokenKind::kUnused);
  EXPECT_TRUE(std::equal(spec.kinds.begin(), spec.kinds.end(), found->kinds.begin()));
  EXPECT_EQ(found->merges, spec.merges);
  EXPECT_EQ(found->bos, 3);
  EXPECT_EQ(found->eos, 4);
  EXPECT_EQ(found->eot, 5);
  EXPECT_EQ(found->pad, 4);
  EXPECT_TRUE(found->add_bos);
  EXPECT_EQ(found->chat_template, spec.chat_template);
}

// The ids that end a reply, read back from the keys.
std::vector<TokenId> EndsOf(const TokenizerSpec& spec) {
  const std::filesystem::path path = std::filesystem::temp_directory_path() /
                                     ("fathom-tokenizer-" + std::to_string(RandomSeed()) + ".gguf");
  {
    GgufWriter writer(path);
    for (const auto& [key, value] : GgufTokenizerKeys(spec, 8, "x")) writer.AddMetadata(key, value);
    writer.Publish();
  }
  const std::optional<TokenizerSpec> found = TokenizerSpecOf(OpenGguf(path));
  std::filesystem::remove(path);
  std::vector<TokenId> ends = {found->eos, found->eot};
  ends.insert(ends.end(), found->stops.begin(), found->stops.end());
  return ends;
}

TEST(GgufTokenizerTest, ThreeTokensThatEndAReplyAreKept) {
  TokenizerSpec spec = Example();
  spec.stops = {4, 5, 2};
  EXPECT_THAT(EndsOf(spec), ::testing::ElementsAre(4, 5, 2));
  EXPECT_THAT(StopsWithoutKey(spec), ::testing::IsEmpty());
  spec.stops = {2, 4, 5, 1, 0};
  EXPECT_THAT(EndsOf(spec), ::testing::ElementsAre(4, 2, 5));
  EXPECT_THAT(StopsWithoutKey(spec), ::testing::ElementsAre(1, 0));
  spec.tokens[2] = "<|eom_id|>";
  spec.merges.clear();
  EXPECT_THAT(EndsOf(spec), ::testing::ElementsAre(4, 5, 2));
  spec.stops = {};
  spec.eot = 5;
  EXPECT_THAT(EndsOf(spec), ::testing::ElementsAre(4, 5));
}

TEST(GgufTokenizerTest, SamplingReadsBackAsItWas) {
  const auto directory = [](ModelFile::Metadata metadata) {
    return ModelFile({}, std::move(metadata), {}, ModelFileKind::kHuggingFace, "folder");
  };
  const auto keys = GgufSamplingKeys(directory({{"generation_config.temperature", 0.25},
                                                {"generation_config.top_p", 0.75},
                                                {"generation_config.top_k", int64_t{20}}}));
  EXPECT_THAT(
      keys, ::testing::Contains(::testing::Pair("general.sampling.top_k", GgufValue(int32_t{20}))));
  ModelFile::Metadata metadata;
  for (const auto& [key, value] : keys) {
    if (const auto* number = std::get_if<float>(&value)) metadata[key] = double{*number};
  }
  const RecommendedSampling found =
      RecommendedSamplingOf(ModelFile({}, metadata, {}, ModelFileKind::kGguf, "file"));
  EXPECT_EQ(found.temperature, 0.25);
  EXPECT_EQ(found.top_p, 0.75);
  EXPECT_TRUE(GgufSamplingKeys(directory({})).empty());
  EXPECT_THROW(GgufSamplingKeys(directory({{"generation_config.temperature", 5.0}})), Error);
}

TEST(GgufTokenizerTest, WhatGgufCannotSayIsRefused) {
  TokenizerSpec spec = Example();
  EXPECT_THROW(GgufTokenizerKeys(spec, 6, "x"), Error);  // more tokens than rows
  spec.ignore_merges = true;
  EXPECT_THROW(GgufTokenizerKeys(spec, 8, "x"), Error);
  spec = Example();
  spec.nfc = true;
  EXPECT_THROW(GgufTokenizerKeys(spec, 8, "x"), Error);
}

}  // namespace
}  // namespace fathom
