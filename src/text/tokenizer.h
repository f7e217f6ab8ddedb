// Byte-level BPE tokenizers, exact to Hugging Face `tokenizers`. A Tokenizer is const after
// construction and may be used from many threads.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fathom {

using TokenId = int32_t;

enum class TokenKind : uint8_t {
  kNormal,
  kControl,      // special: <|im_start|>, <|endoftext|>; never printed by default
  kUserDefined,  // added, matched in template text, printed: <think>
  kUnused,
};

// Everything a tokenizer is made of, free of any file format. Token texts of the normal kind are in
// GPT-2's printable byte alphabet; those of added tokens (control, user-defined) are plain UTF-8.
struct TokenizerSpec {
  std::string pre_tokenizer;  // "gpt2", "smollm", "llama-bpe", "qwen2": one row each in pre_tokenizer.h
  std::vector<std::string> tokens;
  std::vector<TokenKind> kinds;      // as many as tokens
  std::vector<std::string> merges;   // "left right", best first
  TokenId bos = -1, eos = -1, eot = -1, pad = -1;  // -1: none
  bool add_bos = false;
  bool ignore_merges = false;  // llama-bpe: a whole pre-token that is in the vocabulary is taken as is
  std::string chat_template;   // Jinja source as the file carries it; may be empty
};

// Reads a Hugging Face tokenizer.json. Throws Error(kInvalidFile) naming `source` and what is wrong;
// Error(kUnsupported) for another model, normalizer or pre-tokenizer than those implemented.
TokenizerSpec ParseTokenizerJson(std::string_view json, const std::string& source);

// A stretch of text and where it came from: only what the template wrote may become special tokens.
struct TextSpan {
  std::string text;
  bool from_template = false;
};

class Tokenizer {
 public:
  // Throws Error(kInvalidFile) for a specification that contradicts itself (a merge of unknown tokens,
  // an id out of range, duplicate tokens), Error(kUnsupported) for an unknown pre-tokenizer.
  explicit Tokenizer(TokenizerSpec spec);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  // Ids of text as plain text: nothing in it is a special token. Invalid UTF-8 is read as Python's
  // errors="replace" would (U+FFFD per maximal ill-formed subpart).
  std::vector<TokenId> Encode(std::string_view text) const;

  // Ids of a rendered prompt: added tokens are matched inside template spans only (never across a
  // span border), ordinary text runs on across borders.
  std::vector<TokenId> Encode(std::span<const TextSpan> spans) const;

  // As Encode(text), but added tokens are recognised everywhere: trusted text only (tests, score).
  std::vector<TokenId> EncodeTrusted(std::string_view text) const;

  // The bytes a token stands for (for control tokens: their text).
  std::string_view BytesOf(TokenId id) const;
  TokenKind KindOf(TokenId id) const;
  // The id of an added token by its text, or -1.
  TokenId FindAdded(std::string_view text) const;

  // UTF-8 of all ids; ill-formed bytes become U+FFFD. Control tokens are left out unless `keep_control`.
  std::string Decode(std::span<const TokenId> ids, bool keep_control = false) const;

  int size() const;  // number of ids
  const TokenizerSpec& spec() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fathom
