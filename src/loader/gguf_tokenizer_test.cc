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
