// Whole tokenizers: the goldens of tests/goldens/text, what a specification may not say, and the
// rule that text never becomes a control token.
#include "text/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <iterator>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "text/stream_decoder.h"
#include "text/test_vocabulary.h"

namespace fathom {
namespace {

using std::string_literals::operator""s;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<TokenId> Ids(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<TokenId>(in), std::istream_iterator<TokenId>()};
}

std::vector<std::string> Fields(const std::string& line) {
  std::vector<std::string> fields(1);
  for (const char c : line) {
    if (c == '|') {
      fields.emplace_back();
    } else {
      fields.back().push_back(c);
    }
  }
  return fields;
}

class Golden : public testing::TestWithParam<const char*> {};

TEST_P(Golden, EncodesAsTheReference) {
  const Tokenizer tokenizer = GoldenTokenizer(GetParam());
  std::istringstream lines(ReadGolden(std::string(GetParam()) + ".encode.txt"));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const std::vector<std::string> fields = Fields(line);
    ASSERT_EQ(fields.size(), 3u) << line;
    const std::string text = FromHex(fields[0]);
    EXPECT_EQ(tokenizer.Encode(text), Ids(fields[1])) << line;
    EXPECT_EQ(tokenizer.EncodeTrusted(text), Ids(fields[2] == "=" ? fields[1] : fields[2])) << line;
  }
  EXPECT_GE(count, 1500);
}

TEST_P(Golden, DecodesAsTheReferenceCutAtEveryToken) {
  const Tokenizer tokenizer = GoldenTokenizer(GetParam());
  std::istringstream lines(ReadGolden(std::string(GetParam()) + ".decode.txt"));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    const std::vector<std::string> fields = Fields(line);
    ASSERT_EQ(fields.size(), 2u) << line;
    const std::vector<TokenId> ids = Ids(fields[0]);
    EXPECT_EQ(tokenizer.Decode(ids), FromHex(fields[1])) << line;
    for (std::size_t end = 0; end <= ids.size(); ++end) {
      const std::span<const TokenId> prefix(ids.data(), end);
      StreamDecoder decoder(tokenizer);
      std::string text;
      for (const TokenId id : prefix) text += decoder.Push(id);
      EXPECT_EQ(text + decoder.Finish(), tokenizer.Decode(prefix)) << line;
    }
  }
  EXPECT_GE(count, 300);
}

INSTANTIATE_TEST_SUITE_P(PreTokenizers, Golden,
                         testing::Values("gpt2", "smollm", "llama-bpe", "qwen2", "deepseek-v3",
                                         "deepseek-llm", "deepseek-coder"),
                         [](const auto& one) {
                           std::string name = one.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(Tokenizer, PlainTextNeverBecomesAnAddedToken) {
  const Tokenizer tokenizer{ByteSpec()};
  for (const TokenId id : tokenizer.Encode("<|im_end|><think><|im_start|>")) EXPECT_LT(id, 256);
  EXPECT_THAT(tokenizer.EncodeTrusted("<|im_end|>a<think>"), ElementsAre(257, 'a', 258));
}

TEST(Tokenizer, NoMergeMakesAControlToken) {
  TokenizerSpec spec = ByteSpec({{"ab", TokenKind::kControl}, {"abc", TokenKind::kNormal}});
  spec.merges = {"a b", "ab c"};
  const Tokenizer tokenizer(std::move(spec));
  EXPECT_THAT(tokenizer.Encode("abc"), ElementsAre('a', 'b', 'c'));
  EXPECT_THAT(tokenizer.EncodeTrusted("abc"), ElementsAre(256, 'c'));
}

TEST(Tokenizer, MergesMayMakeUserDefinedTokens) {
  TokenizerSpec spec = ByteSpec({{"ab", TokenKind::kUserDefined}});
  spec.merges = {"a b"};
  const Tokenizer tokenizer(std::move(spec));
  EXPECT_THAT(tokenizer.Encode("abc"), ElementsAre(256, 'c'));
  EXPECT_THAT(tokenizer.spec().merges, IsEmpty());
}

TEST(Tokenizer, SpansMatchAddedTokensOnlyInsideTemplateText) {
  TokenizerSpec spec = ByteSpec();
  spec.tokens.insert(spec.tokens.end(), {"\u0120x", "yz"});
  spec.kinds.insert(spec.kinds.end(), 2, TokenKind::kNormal);
  spec.merges = {"\u0120 x", "y z"};
  const Tokenizer tokenizer(std::move(spec));
  const TextSpan prompt[] = {{"<|im_start|>a ", true}, {"x<|im_end|>y", false},
                             {"z<|im_", true},         {"end|>", true},
                             {"<think>", false},       {"<|im_end|>", true}};
  const std::vector<TokenId> ids = tokenizer.Encode(prompt);
  // Ordinary text runs on across borders: " x" and "yz" are tokens.
  EXPECT_THAT(ids, ElementsAre(256, 'a', 259, '<', '|', 'i', 'm', '_', 'e', 'n', 'd', '|', '>', 260,
                               '<', '|', 'i', 'm', '_', 'e', 'n', 'd', '|', '>', '<', 't', 'h', 'i',
                               'n', 'k', '>', 257));
  EXPECT_THAT(tokenizer.Encode(std::span<const TextSpan>()), IsEmpty());
}

TEST(Tokenizer, BrokenUtf8IsRepairedWithinItsSpan) {
  const Tokenizer tokenizer{ByteSpec()};
  EXPECT_THAT(tokenizer.Encode("\xC3"), ElementsAre(0xEF, 0xBF, 0xBD));
  EXPECT_THAT(tokenizer.Encode("a\0b"s), ElementsAre('a', 0, 'b'));
  const TextSpan spans[] = {{"\xC3", false}, {"\xA4", true}};
  EXPECT_THAT(tokenizer.Encode(spans), ElementsAre(0xEF, 0xBF, 0xBD, 0xEF, 0xBF, 0xBD));
}

TEST(Tokenizer, AddedTokensAreFoundLeftmostThenLongest) {
  const Tokenizer tokenizer{ByteSpec({{"ab", TokenKind::kUserDefined},
                                      {"abcd", TokenKind::kControl},
                                      {"bcde", TokenKind::kUserDefined},
                                      {"ce", TokenKind::kUserDefined}})};
  EXPECT_THAT(tokenizer.EncodeTrusted("abcde"), ElementsAre(257, 'e'));
  EXPECT_THAT(tokenizer.EncodeTrusted("abce"), ElementsAre(256, 259));
  EXPECT_THAT(tokenizer.EncodeTrusted("xbcde"), ElementsAre('x', 258));
  EXPECT_THAT(tokenizer.EncodeTrusted("bcdx"), ElementsAre('b', 'c', 'd', 'x'));
}

TEST(Tokenizer, AddedTokensFollowTheirRules) {
  TokenizerSpec spec = ByteSpec({{"<l>", TokenKind::kControl},
                                 {"<r>", TokenKind::kControl},
                                 {"caf\u00E9", TokenKind::kUserDefined},
                                 {"e\u0301!", TokenKind::kUserDefined}});
  spec.nfc = true;
  spec.added_rules[256].strip_left = true;
  spec.added_rules[257].strip_right = true;
  spec.added_rules[259].normalized = true;
  const Tokenizer tokenizer(std::move(spec));
  EXPECT_THAT(tokenizer.EncodeTrusted("a \u3000\n<l> b"), ElementsAre('a', 256, ' ', 'b'));
  EXPECT_THAT(tokenizer.EncodeTrusted("a <r>\t\u00A0 b"), ElementsAre('a', ' ', 257, 'b'));
  EXPECT_THAT(tokenizer.EncodeTrusted("<r> <l>"), ElementsAre(257, 256));
  EXPECT_THAT(tokenizer.EncodeTrusted(" <l>"), ElementsAre(256));
  // Not normalized: matched as written. Normalized: in any form.
  EXPECT_THAT(tokenizer.EncodeTrusted("caf\u00E9"), ElementsAre(258));
  EXPECT_THAT(tokenizer.EncodeTrusted("cafe\u0301"), ElementsAre('c', 'a', 'f', 0xC3, 0xA9));
  EXPECT_THAT(tokenizer.EncodeTrusted("\u00E9!"), ElementsAre(259));
  EXPECT_THAT(tokenizer.EncodeTrusted("e\u0301!"), ElementsAre(259));
}

TEST(Tokenizer, NormalizesWhereTheRowOrTheSpecificationSaysSo) {
  for (const char* kind : {"gpt2", "smollm", "llama-bpe", "qwen2"}) {
    TokenizerSpec spec = ByteSpec();
    spec.pre_tokenizer = kind;
    const std::size_t plain = spec.pre_tokenizer == "qwen2" ? 2 : 3;
    EXPECT_EQ(Tokenizer(spec).Encode("e\u0301").size(), plain) << kind;
    spec.nfc = true;
    EXPECT_EQ(Tokenizer(spec).Encode("e\u0301").size(), 2u) << kind;
    spec.nfc = false;
    EXPECT_EQ(Tokenizer(spec).Encode("e\u0301").size(), 3u) << kind;
  }
}

TEST(Tokenizer, DecodesControlTokensOnlyWhenAsked) {
  TokenizerSpec spec = ByteSpec();
  spec.tokens.emplace_back("[PAD]");
  spec.kinds.push_back(TokenKind::kUnused);
  spec.tokens.emplace_back("<\uFF5CUser\uFF5C>");
  spec.kinds.push_back(TokenKind::kControl);
  const Tokenizer tokenizer(std::move(spec));
  const TokenId ids[] = {256, 'H', 'i', 257, 258, 259, 0xC3, -1, 99999, 0xA4, 0xC3, 260};
  EXPECT_EQ(tokenizer.Decode(ids), "Hi<think>\u00E4\uFFFD");
  EXPECT_EQ(tokenizer.Decode(ids, true),
            "<|im_start|>Hi<|im_end|><think>\u00E4\uFFFD<\uFF5CUser\uFF5C>");
  EXPECT_EQ(tokenizer.BytesOf(256), "<|im_start|>");
  EXPECT_EQ(tokenizer.BytesOf(0xC3), "\xC3");
  EXPECT_EQ(tokenizer.BytesOf(-1), "");
  EXPECT_EQ(tokenizer.KindOf(261), TokenKind::kUnused);
  EXPECT_EQ(tokenizer.FindAdded("<think>"), 258);
  EXPECT_EQ(tokenizer.FindAdded("[PAD]"), -1);
  EXPECT_EQ(tokenizer.FindAdded("a"), -1);
  EXPECT_EQ(tokenizer.size(), 261);
}

struct Refusal {
  const char* what;
  std::function<void(TokenizerSpec&)> change;
  ErrorCode code;
  const char* message;
};

TEST(Tokenizer, RefusesSpecificationsThatContradictThemselves) {
  const Refusal refusals[] = {
      {"pre-tokenizer", [](TokenizerSpec& s) { s.pre_tokenizer = "viking"; },
       ErrorCode::kUnsupported,
       "'viking' is not implemented; known are gpt2, smollm, llama-bpe, qwen2"},
      {"empty",
       [](TokenizerSpec& s) {
         s.tokens.clear();
         s.kinds.clear();
       },
       ErrorCode::kInvalidFile, "empty"},
      {"kinds", [](TokenizerSpec& s) { s.kinds.pop_back(); }, ErrorCode::kInvalidFile,
       "259 tokens have 258 kinds"},
      {"bos", [](TokenizerSpec& s) { s.bos = 259; }, ErrorCode::kInvalidFile, "bos token 259"},
      {"eos", [](TokenizerSpec& s) { s.eos = -2; }, ErrorCode::kInvalidFile, "eos token -2"},
      {"duplicate", [](TokenizerSpec& s) { s.tokens[70] = s.tokens['A']; }, ErrorCode::kInvalidFile,
       "ids 65 and 70 are the same token 'A'"},
      {"one part", [](TokenizerSpec& s) { s.merges = {"ab"}; }, ErrorCode::kInvalidFile,
       "merge 0 'ab' is not two tokens"},
      {"empty part", [](TokenizerSpec& s) { s.merges = {"a "}; }, ErrorCode::kInvalidFile,
       "is not two tokens"},
      {"no merge", [](TokenizerSpec& s) { s.merges = {""}; }, ErrorCode::kInvalidFile,
       "is not two tokens"},
      {"unknown part", [](TokenizerSpec& s) { s.merges = {"a xyz"}; }, ErrorCode::kInvalidFile,
       "needs the token 'xyz'"},
      {"unknown whole", [](TokenizerSpec& s) { s.merges = {"a b"}; }, ErrorCode::kInvalidFile,
       "needs the token 'ab'"},
      {"unused part",
       [](TokenizerSpec& s) {
         s.kinds['a'] = TokenKind::kUnused;
         s.merges = {"a b"};
       },
       ErrorCode::kInvalidFile, "needs the token 'a'"},
      {"long", [](TokenizerSpec& s) { s.tokens[256] = std::string(513, 'x'); },
       ErrorCode::kInvalidFile, "added token 256 is 513 bytes long"},
  };
  for (const Refusal& refusal : refusals) {
    TokenizerSpec spec = ByteSpec();
    refusal.change(spec);
    try {
      Tokenizer tokenizer(std::move(spec));
      ADD_FAILURE() << refusal.what << " was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), refusal.code) << refusal.what;
      EXPECT_THAT(error.message(), HasSubstr(refusal.message)) << refusal.what;
    }
  }
}

TEST(Tokenizer, LongRunsTakeBoundedTime) {
  const Tokenizer tokenizer = GoldenTokenizer("qwen2");
  const std::pair<const char*, std::size_t> runs[] = {{"😀", 1000000},
                                                      {"a", 1000000},
                                                      {"<|im_start|>", 1000000},
                                                      {"👨‍👩‍👧‍👦", 200000},
                                                      {" ", 200000},
                                                      {"\n", 200000},
                                                      {" \n", 200000},
                                                      {"=", 200000},
                                                      {"的", 200000},
                                                      {"\u0301", 200000},
                                                      {"\u1100\u1161", 200000},
                                                      {"1", 200000},
                                                      {"'", 200000},
                                                      {"<", 200000},
                                                      {"\xC3", 200000}};
  for (const auto& [unit, size] : runs) {
    std::string text;
    while (text.size() < size) text += unit;
    const auto start = std::chrono::steady_clock::now();
    const std::vector<TokenId> ids = tokenizer.EncodeTrusted(text);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    EXPECT_FALSE(ids.empty());
    // Some 0.3 s per megabyte on a slow core; a quadratic step would take hours. The rest is room
    // for sanitizers and busy machines.
    EXPECT_LT(seconds.count(), 60) << unit;
  }
}

TEST(Tokenizer, EncodingIsCancelled) {
  const Tokenizer tokenizer = GoldenTokenizer("smollm");
  std::string words, word(2 << 20, 'a');
  while (words.size() < word.size()) words += " some words";
  for (const std::string& text : {words, word}) {
    CancelFlag cancelled = false;
    const TextSpan span{text, false};
    EXPECT_EQ(tokenizer.Encode(text.substr(0, 1000), &cancelled),
              tokenizer.Encode(text.substr(0, 1000)));
    std::thread canceller([&] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      cancelled = true;
    });
    const auto cancels = [&](const auto& input) {
      try {
        while (true) tokenizer.Encode(input, &cancelled);
      } catch (const Error& error) {
        return error.code() == ErrorCode::kCancelled;
      }
    };
    EXPECT_TRUE(cancels(text));
    EXPECT_TRUE(cancels(std::span(&span, 1)));
    canceller.join();
  }
}

TEST(Tokenizer, ServesManyThreads) {
  const Tokenizer tokenizer = GoldenTokenizer("smollm");
  const std::string text = "don't  stop 123 große 世界 counterrevolutionaries <|im_end|>\n";
  const std::vector<TokenId> expected = GoldenTokenizer("smollm").Encode(text);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 50; ++round) ASSERT_EQ(tokenizer.Encode(text), expected);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace fathom
