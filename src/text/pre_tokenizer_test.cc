// Cuts of each pre-tokenizer, taken from their regular expressions; the goldens of tokenizer_test
// compare far more strings with the reference.
#include "text/pre_tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace fathom {
namespace {

using testing::ElementsAre;

std::vector<std::string> Cut(std::string_view name, std::string_view text) {
  const PreTokenizer* row = FindPreTokenizer(name);
  std::vector<std::string> pieces;
  for (std::size_t at = 0; row != nullptr && at < text.size();) {
    const std::size_t end = row->next(text.data(), text.size(), at);
    if (end <= at || end > text.size()) {
      ADD_FAILURE() << name << " does not advance at " << at << " of " << text;
      break;
    }
    pieces.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return pieces;
}

TEST(PreTokenizer, RowsHaveDistinctNamesAndSteps) {
  std::set<std::string_view> names, steps;
  for (const PreTokenizer& row : PreTokenizers()) {
    EXPECT_TRUE(names.insert(row.name).second);
    EXPECT_TRUE(steps.insert(row.steps).second);
    EXPECT_EQ(FindPreTokenizer(row.name), &row);
  }
  EXPECT_EQ(FindPreTokenizer("nothing"), nullptr);
}

TEST(PreTokenizer, Gpt2) {
  EXPECT_THAT(Cut("gpt2", "Hello world"), ElementsAre("Hello", " world"));
  EXPECT_THAT(Cut("gpt2", "I'll don't we're I've I'm he'd it's"),
              ElementsAre("I", "'ll", " don", "'t", " we", "'re", " I", "'ve", " I", "'m", " he",
                          "'d", " it", "'s"));
  EXPECT_THAT(Cut("gpt2", "IT'S"), ElementsAre("IT", "'", "S"));
  EXPECT_THAT(Cut("gpt2", "a  b"), ElementsAre("a", " ", " b"));
  EXPECT_THAT(Cut("gpt2", "a \n b  "), ElementsAre("a", " \n", " b", "  "));
  EXPECT_THAT(Cut("gpt2", "\n\nx"), ElementsAre("\n", "\n", "x"));
  EXPECT_THAT(Cut("gpt2", "12345 678"), ElementsAre("12345", " 678"));
  EXPECT_THAT(Cut("gpt2", "x2²+ ?!"), ElementsAre("x", "2²", "+", " ?!"));
  EXPECT_THAT(Cut("gpt2", "e\u0301"), ElementsAre("e", "\u0301"));
  EXPECT_THAT(Cut("gpt2", "\u3000x"), ElementsAre("\u3000", "x"));
  EXPECT_THAT(Cut("gpt2", "\U00011DE0"), ElementsAre("\U00011DE0"));
  EXPECT_THAT(Cut("gpt2", "'"), ElementsAre("'"));
}

TEST(PreTokenizer, SmolLmCutsDigitsFirst) {
  EXPECT_THAT(Cut("smollm", "a12 34"), ElementsAre("a", "1", "2", " ", "3", "4"));
  EXPECT_THAT(Cut("smollm", "a   1"), ElementsAre("a", "   ", "1"));
  EXPECT_THAT(Cut("smollm", "a   b"), ElementsAre("a", "  ", " b"));
  EXPECT_THAT(Cut("smollm", "½x"), ElementsAre("½", "x"));
  // A number of Unicode 17.0 only: the digits step knows it, the expression would take it for a
  // sign.
  EXPECT_THAT(Cut("smollm", " \U00011DE0!"), ElementsAre(" ", "\U00011DE0", "!"));
  EXPECT_THAT(Cut("smollm", "!\U00011DE0"), ElementsAre("!", "\U00011DE0"));
}

TEST(PreTokenizer, LlamaBpe) {
  EXPECT_THAT(Cut("llama-bpe", "Hello world 12345"),
              ElementsAre("Hello", " world", " ", "123", "45"));
  EXPECT_THAT(Cut("llama-bpe", "IT'S we'Re 'ſ x'LL"),
              ElementsAre("IT", "'S", " we", "'Re", " '", "ſ", " x", "'LL"));
  EXPECT_THAT(Cut("llama-bpe", "a'ſt"), ElementsAre("a", "'ſ", "t"));
  EXPECT_THAT(Cut("llama-bpe", "'x"), ElementsAre("'x"));
  EXPECT_THAT(Cut("llama-bpe", "!a !!a"), ElementsAre("!a", " !!", "a"));
  EXPECT_THAT(Cut("llama-bpe", "x;\r\n\r\ny"), ElementsAre("x", ";\r\n\r\n", "y"));
  EXPECT_THAT(Cut("llama-bpe", "a \n \n  b"), ElementsAre("a", " \n \n", " ", " b"));
  EXPECT_THAT(Cut("llama-bpe", "a  "), ElementsAre("a", "  "));
  EXPECT_THAT(Cut("llama-bpe", "\tx\t\ty"), ElementsAre("\tx", "\t", "\ty"));
  EXPECT_THAT(Cut("llama-bpe", "\nx"), ElementsAre("\n", "x"));
  EXPECT_THAT(Cut("llama-bpe", "  1"), ElementsAre(" ", " ", "1"));
  EXPECT_THAT(Cut("llama-bpe", "\u0301a"), ElementsAre("\u0301a"));
  EXPECT_THAT(Cut("llama-bpe", "!"), ElementsAre("!"));
  EXPECT_THAT(Cut("llama-bpe", "\u00A0!"), ElementsAre("\u00A0", "!"));
}

TEST(PreTokenizer, Qwen2CutsEveryDigit) {
  EXPECT_THAT(Cut("qwen2", "a 123"), ElementsAre("a", " ", "1", "2", "3"));
  EXPECT_THAT(Cut("qwen2", "don't"), ElementsAre("don", "'t"));
}

TEST(PreTokenizer, DeepSeekV3) {
  EXPECT_THAT(Cut("deepseek-v3", "Hello, world 12345"),
              ElementsAre("Hello", ",", " world", " ", "123", "45"));
  EXPECT_THAT(Cut("deepseek-v3", "don't 'sé"), ElementsAre("don", "'t", " '", "s\u00E9"));
  EXPECT_THAT(Cut("deepseek-v3", "'sé"), ElementsAre("'s", "é"));
  EXPECT_THAT(Cut("deepseek-v3", "a你好b。カ・ナ"),
              ElementsAre("a", "你好", "b", "。", "カ", "・", "ナ"));
  EXPECT_THAT(Cut("deepseek-v3", "x;\r\n\r\ny 1"), ElementsAre("x", ";\r\n\r\n", "y", " ", "1"));
  // The line break is not in the stretch of ideographs and kana.
  EXPECT_THAT(Cut("deepseek-v3", "゛\n"), ElementsAre("゛", "\n"));
  EXPECT_THAT(Cut("deepseek-v3", "a \n \n  b"), ElementsAre("a", " \n \n", " ", " b"));
  EXPECT_THAT(Cut("deepseek-v3", "a  中"), ElementsAre("a", "  ", "中"));
  EXPECT_THAT(Cut("deepseek-v3", "e\u0301\u0301x"), ElementsAre("e\u0301\u0301x"));
  // Nothing matches characters of no class; the last one may begin a word.
  EXPECT_THAT(Cut("deepseek-v3", "\u200B\u200Ba!\u200B"),
              ElementsAre("\u200B", "\u200Ba", "!", "\u200B"));
}

TEST(PreTokenizer, DeepSeekLlm) {
  EXPECT_THAT(Cut("deepseek-llm", "Hello, world 12"),
              ElementsAre("Hello", ",", " world", " ", "1", "2"));
  // The step for punctuation takes the Latin letters out of a word.
  EXPECT_THAT(Cut("deepseek-llm", "größe"), ElementsAre("gr", "öß", "e"));
  EXPECT_THAT(Cut("deepseek-llm", "a\n\nb"), ElementsAre("a", "\n", "\n", "b"));
  EXPECT_THAT(Cut("deepseek-llm", "ا  ا  "), ElementsAre("ا  ا", "  "));
  EXPECT_THAT(Cut("deepseek-llm", "中  \n国 a"), ElementsAre("中", "  ", "\n", "国", " a"));
  EXPECT_THAT(Cut("deepseek-llm", "  !!a"), ElementsAre(" ", " !!", "a"));
}

TEST(PreTokenizer, DeepSeekCoder) {
  EXPECT_THAT(Cut("deepseek-coder", "größe, x=12"), ElementsAre("größe", ",", " x", "=", "1", "2"));
  EXPECT_THAT(Cut("deepseek-coder", "a中b\r\n+ -"),
              ElementsAre("a", "中", "b", "\r", "\n", "+", " -"));
  EXPECT_THAT(Cut("deepseek-coder", "+  "), ElementsAre("+  "));
}

}  // namespace
}  // namespace fathom
