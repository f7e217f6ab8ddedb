// What the trainer learns, and the file it is written to, against the reference's own
// (tools/goldens/text_bpe_trainer.py), byte for byte.
#include "text/bpe_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "text/test_vocabulary.h"
#include "text/tokenizer.h"

namespace fathom {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Special = BpeTrainerOptions::Special;

// ---- Against the reference ---------------------------------------------------------------------

struct Setting {
  const char* name;
  const char* pre_tokenizer;
  std::size_t vocab_size;
  int64_t min_frequency;
  std::vector<Special> special_tokens;
  bool single_digits, add_bos, has_ids;
};

const Special kBos{"<｜begin▁of▁sentence｜>"}, kEos{"<｜end▁of▁sentence｜>"};
const Special kThink{"<think>", TokenKind::kUserDefined};
const Special kEndThink{"</think>", TokenKind::kUserDefined};

// The table of the script.
const Setting kSettings[] = {
    {"plain", "deepseek-v3", 560, 1, {}, false, false, true},
    {"special",
     "deepseek-v3",
     420,
     2,
     {kBos, kEos, {"<｜User｜>"}, kThink, kEndThink},
     false,
     true,
     true},
    {"digits", "deepseek-v3", 600, 2, {kBos, kThink}, true, false, true},
    {"frequent", "llama-bpe", 5000, 20, {}, false, false, true},
    {"composed", "qwen2", 400, 0, {{"<|endoftext|>"}}, false, false, true},
    {"taken", "gpt2", 400, 2, {{"e"}, {"the"}, {"Ġa"}, {"<s>"}}, false, false, false},
};

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

PreTokenCounts Corpus(const Setting& setting) {
  PreTokenCounts corpus(setting.pre_tokenizer, setting.single_digits);
  corpus.Add(ReadFile(std::string(FATHOM_SOURCE_DIR) + "/tests/data/loomings.txt"));
  std::istringstream lines(ReadGolden("bpe_trainer.corpus.txt"));
  for (std::string line; std::getline(lines, line);) corpus.Add(line + '\n');
  return corpus;
}

TokenizerSpec Train(const Setting& setting) {
  BpeTrainerOptions options;
  options.vocab_size = setting.vocab_size;
  options.min_frequency = setting.min_frequency;
  options.special_tokens = setting.special_tokens;
  TokenizerSpec spec = TrainBpe(Corpus(setting), options);
  if (setting.add_bos) {
    spec.bos = 0;
    spec.add_bos = true;
  }
  return spec;
}

std::vector<TokenId> Ids(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<TokenId>(in), std::istream_iterator<TokenId>()};
}

class BpeTrainerGolden : public testing::TestWithParam<Setting> {};

TEST_P(BpeTrainerGolden, LearnsAndWritesWhatTheReferenceDoes) {
  const std::string name = std::string("bpe_trainer.") + GetParam().name + ".json";
  const std::string expected = ReadGolden(name);
  const TokenizerSpec spec = Train(GetParam());
  const TokenizerSpec wanted = ParseTokenizerJson(expected, name);
  EXPECT_EQ(spec.tokens, wanted.tokens);
  EXPECT_EQ(spec.merges, wanted.merges);
  EXPECT_EQ(spec.kinds, wanted.kinds);
  // The first line that differs says more than two files.
  std::istringstream got_lines(TokenizerJson(spec)), want_lines(expected);
  for (std::string got, want; std::getline(want_lines, want);) {
    std::getline(got_lines, got);
    ASSERT_EQ(got, want);
  }
  EXPECT_TRUE(TokenizerJson(spec) == expected);
}

TEST_P(BpeTrainerGolden, TheWrittenFileGivesTheIdsOfTheReference) {
  const Tokenizer tokenizer(ParseTokenizerJson(TokenizerJson(Train(GetParam())), "written"));
  if (!GetParam().has_ids) {  // text never becomes control tokens, there it does
    EXPECT_THAT(tokenizer.Encode("e"), IsEmpty());
    return;
  }
  std::istringstream lines(
      ReadGolden(std::string("bpe_trainer.") + GetParam().name + ".encode.txt"));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    std::istringstream in(line);
    std::string hex, plain, trusted;
    std::getline(in, hex, '|');
    std::getline(in, plain, '|');
    std::getline(in, trusted, '|');
    const std::string text = FromHex(hex);
    EXPECT_EQ(tokenizer.Encode(text), Ids(plain)) << line;
    EXPECT_EQ(tokenizer.EncodeTrusted(text), Ids(trusted == "=" ? plain : trusted)) << line;
  }
  EXPECT_EQ(count, 150);
}

INSTANTIATE_TEST_SUITE_P(Settings, BpeTrainerGolden, testing::ValuesIn(kSettings),
                         [](const auto& one) { return std::string(one.param.name); });

// ---- What single_digits promises ---------------------------------------------------------------

TEST(BpeTrainer, WithSingleDigitsEveryDigitIsAToken) {
  PreTokenCounts corpus("deepseek-v3", true);
  for (int i = 0; i < 20; ++i) corpus.Add("2024 + 1 = 2025, a1b2");
  BpeTrainerOptions options;
  options.vocab_size = 300;
  const Tokenizer tokenizer(TrainBpe(corpus, options));
  EXPECT_THAT(tokenizer.spec().merges, IsEmpty());  // a Tokenizer drops them once read
  const std::vector<TokenId> ids = tokenizer.Encode("2024 20255");
  std::vector<std::string> texts;
  for (const TokenId id : ids) texts.emplace_back(tokenizer.BytesOf(id));
  EXPECT_THAT(texts, ElementsAre("2", "0", "2", "4", " ", "2", "0", "2", "5", "5"));

  PreTokenCounts whole("deepseek-v3");
  for (int i = 0; i < 20; ++i) whole.Add("2024 + 1 = 2025, a1b2");
  EXPECT_EQ(Tokenizer(TrainBpe(whole, options)).Encode("202").size(), 1u);
}

// ---- The writer --------------------------------------------------------------------------------

TEST(TokenizerJsonWriter, WhatWasReadComesBackFromWhatIsWritten) {
  for (const char* kind :
       {"gpt2", "smollm", "llama-bpe", "qwen2", "deepseek-v3", "deepseek-llm", "deepseek-coder"}) {
    const std::string name = std::string(kind) + ".tokenizer.json";
    const TokenizerSpec read = ParseTokenizerJson(ReadGolden(name), name);
    const TokenizerSpec again = ParseTokenizerJson(TokenizerJson(read), "written");
    EXPECT_EQ(again.pre_tokenizer, read.pre_tokenizer);
    EXPECT_EQ(again.tokens, read.tokens) << kind;
    EXPECT_EQ(again.kinds, read.kinds) << kind;
    EXPECT_EQ(again.merges, read.merges) << kind;
    EXPECT_EQ(again.nfc, read.nfc) << kind;
    EXPECT_EQ(again.ignore_merges, read.ignore_merges) << kind;
    EXPECT_EQ(again.add_bos, read.add_bos) << kind;
    EXPECT_EQ(again.bos, read.bos) << kind;
    ASSERT_EQ(again.added_rules.size(), read.added_rules.size()) << kind;
    for (const auto& [id, rule] : read.added_rules) {
      const AddedTokenRule& same = again.added_rules.at(id);
      EXPECT_EQ(same.strip_left, rule.strip_left) << kind << ' ' << id;
      EXPECT_EQ(same.strip_right, rule.strip_right) << kind << ' ' << id;
      EXPECT_EQ(same.normalized, rule.normalized) << kind << ' ' << id;
    }
  }
}

// ---- Refusals ----------------------------------------------------------------------------------

std::string RefusalOf(const std::function<void(BpeTrainerOptions&)>& change,
                      bool with_text = true) {
  PreTokenCounts corpus("deepseek-v3");
  corpus.Add(with_text ? "some text" : "");
  BpeTrainerOptions options;
  options.vocab_size = 300;
  change(options);
  try {
    TrainBpe(corpus, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.message();
  }
  return "accepted";
}

TEST(BpeTrainer, SaysWhatIsWrong) {
  using O = BpeTrainerOptions;
  EXPECT_EQ(RefusalOf([](O&) {}), "accepted");
  EXPECT_THAT(RefusalOf([](O&) {}, false), HasSubstr("the corpus is empty"));
  EXPECT_THAT(RefusalOf([](O& o) { o.vocab_size = 255; }), HasSubstr("is 255; expected from 256"));
  EXPECT_THAT(RefusalOf([](O& o) {
                o.vocab_size = 257;
                o.special_tokens = {{"<s>"}, {"</s>"}};
              }),
              HasSubstr("is 257; expected from 258 (2 special tokens and the bytes)"));
  EXPECT_EQ(RefusalOf([](O& o) {
              o.vocab_size = 257;
              o.special_tokens = {{"<s>"}};
            }),
            "accepted");
  EXPECT_THAT(RefusalOf([](O& o) { o.vocab_size = 1 << 23; }), HasSubstr("to 4194304"));
  EXPECT_THAT(RefusalOf([](O& o) {
                o.special_tokens = {{"<s>"}, {"x"}, {"<s>"}};
              }),
              HasSubstr("'<s>' is listed twice"));
  EXPECT_THAT(RefusalOf([](O& o) {
                o.special_tokens = {{"<s>"}, {""}};
              }),
              HasSubstr("special token 1 is empty"));
  EXPECT_THAT(RefusalOf([](O& o) { o.special_tokens = {{"\xFF"}}; }), HasSubstr("not valid UTF-8"));
  EXPECT_THAT(RefusalOf([](O& o) {
                o.special_tokens = {{"<s>", TokenKind::kNormal}};
              }),
              HasSubstr("neither control nor user-defined"));
}

TEST(BpeTrainer, RefusesAPreTokenizerThatIsNotKnown) {
  try {
    const PreTokenCounts corpus("deepseek-v9");
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_THAT(error.message(), HasSubstr("'deepseek-v9' is not implemented; known are gpt2"));
  }
}

TEST(BpeTrainer, ReadsInvalidUtf8AsTheTokenizerDoes) {
  PreTokenCounts broken("deepseek-v3"), replaced("deepseek-v3");
  broken.Add("a\xF0\x9F\x98 b\xC3(\xFF");
  replaced.Add("a\uFFFD b\uFFFD(\uFFFD");
  EXPECT_EQ(broken.counts(), replaced.counts());
}

TEST(BpeTrainer, EndsWhenNothingIsLeftToMerge) {
  PreTokenCounts corpus("gpt2");
  corpus.Add("abab");
  BpeTrainerOptions options;
  options.vocab_size = 1000;
  const TokenizerSpec spec = TrainBpe(corpus, options);
  EXPECT_THAT(spec.merges, ElementsAre("a b", "ab ab"));
  EXPECT_EQ(spec.tokens.size(), 258u);
}

}  // namespace
}  // namespace fathom
