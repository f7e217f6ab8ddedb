// All 256 bytes in GPT-2's printable alphabet, merges of letters with a space or another letter
// before them, one token each to begin and to end, and numbered words up to the size.
#include "convert/tiny_vocabulary.h"

#include <string_view>

#include "base/json.h"

namespace fathom {
namespace {

constexpr int32_t kNormal = 1, kControl = 3;  // GGUF's token types

void AppendUtf8(std::string& text, int code) {
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else {
    text += static_cast<char>(0xC0 | code >> 6);
    text += static_cast<char>(0x80 | (code & 63));
  }
}

// GPT-2's alphabet: printable bytes stand for themselves, the others for U+0100 and up, in order.
std::vector<std::string> ByteTokens() {
  std::vector<std::string> tokens;
  int next = 256;
  for (int byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) ||
                           (byte >= 0xAE && byte <= 0xFF);
    std::string text;
    AppendUtf8(text, printable ? byte : next++);
    tokens.push_back(std::move(text));
  }
  return tokens;
}

std::string_view PreTokenizerOf(const ModelShape& shape) {
  switch (shape.architecture) {
    case Architecture::kLlama:
      return "llama-bpe";
    case Architecture::kQwen2:
      return "qwen2";
    case Architecture::kDeepSeek:
      return shape.router.scores == RouterScores::kSigmoid ? "deepseek-v3" : "deepseek-llm";
  }
  return "";
}

}  // namespace

TinyVocabulary MakeTinyVocabulary(const ModelShape& shape) {
  TinyVocabulary vocabulary;
  const auto size = static_cast<std::size_t>(shape.vocabulary);
  constexpr std::size_t kFewest = 256 + 2 + 1;  // bytes, beginning and end, one merge
  if (size < kFewest) return vocabulary;
  const auto inside = [&](int64_t id) { return id >= 0 && id < shape.vocabulary; };
  const bool given = inside(shape.bos) && inside(shape.eos) && shape.bos != shape.eos;
  vocabulary.bos = given ? shape.bos : shape.vocabulary - 2;
  vocabulary.eos = given ? shape.eos : shape.vocabulary - 1;

  std::vector<std::string> words = ByteTokens();
  const std::string space = words[static_cast<std::size_t>(' ')];
  const std::string letters = "etaoinshrdlucmfwypvbgkjqxz";
  for (const std::string& left : {space, std::string("e"), std::string("t"), std::string("a"),
                                  std::string("o"), std::string("i"), std::string("n")}) {
    for (const char right : letters) {
      if (words.size() + 2 >= size) break;
      vocabulary.merges.push_back(left + " " + right);
      words.push_back(left + right);
    }
  }
  vocabulary.tokens.reserve(size);
  std::size_t next = 0;
  for (std::size_t id = 0; id < size; ++id) {
    const auto signed_id = static_cast<int64_t>(id);
    const bool control = signed_id == vocabulary.bos || signed_id == vocabulary.eos;
    vocabulary.types.push_back(control ? kControl : kNormal);
    if (control) {
      vocabulary.tokens.push_back(signed_id == vocabulary.bos ? "<|begin|>" : "<|end|>");
    } else if (next < words.size()) {
      vocabulary.tokens.push_back(words[next++]);
    } else {
      vocabulary.tokens.push_back("word" + std::to_string(id));
    }
  }
  return vocabulary;
}

GgufKeys KeysOf(const TinyVocabulary& vocabulary, const ModelShape& shape) {
  if (vocabulary.tokens.empty()) return {{"tokenizer.ggml.model", std::string("none")}};
  const auto id = [](int64_t value) { return static_cast<uint32_t>(value); };
  return {{"tokenizer.ggml.model", std::string("gpt2")},
          {"tokenizer.ggml.pre", std::string(PreTokenizerOf(shape))},
          {"tokenizer.ggml.tokens", vocabulary.tokens},
          {"tokenizer.ggml.token_type", vocabulary.types},
          {"tokenizer.ggml.merges", vocabulary.merges},
          {"tokenizer.ggml.bos_token_id", id(vocabulary.bos)},
          {"tokenizer.ggml.eos_token_id", id(vocabulary.eos)},
          {"tokenizer.ggml.padding_token_id", id(vocabulary.eos)},
          {"tokenizer.ggml.add_bos_token", false}};
}

std::string TokenizerJson(const TinyVocabulary& vocabulary) {
  if (vocabulary.tokens.empty()) return {};
  Json vocab = Json::object(), added = Json::array();
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    vocab[vocabulary.tokens[id]] = id;
    if (vocabulary.types[id] != kControl) continue;
    added.push_back(Json{{"id", id},
                         {"content", vocabulary.tokens[id]},
                         {"single_word", false},
                         {"lstrip", false},
                         {"rstrip", false},
                         {"normalized", false},
                         {"special", true}});
  }
  const Json level{{"type", "ByteLevel"},
                   {"add_prefix_space", false},
                   {"trim_offsets", true},
                   {"use_regex", true}};
  return DumpJson(Json{{"version", "1.0"},
                       {"truncation", nullptr},
                       {"padding", nullptr},
                       {"added_tokens", std::move(added)},
                       {"normalizer", nullptr},
                       {"pre_tokenizer", level},
                       {"post_processor", nullptr},
                       {"decoder", level},
                       {"model", Json{{"type", "BPE"},
                                      {"vocab", std::move(vocab)},
                                      {"merges", vocabulary.merges}}}},
                  1) +
         "\n";
}

std::string TokenizerConfigJson(const TinyVocabulary& vocabulary) {
  if (vocabulary.tokens.empty()) return {};
  const auto text = [&](int64_t id) { return vocabulary.tokens[static_cast<std::size_t>(id)]; };
  return DumpJson(Json{{"bos_token", text(vocabulary.bos)},
                       {"eos_token", text(vocabulary.eos)},
                       {"add_bos_token", false}},
                  1) +
         "\n";
}

}  // namespace fathom
