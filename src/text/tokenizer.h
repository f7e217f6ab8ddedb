// Byte-level BPE tokenizers, exact to Hugging Face `tokenizers`. A Tokenizer is const after
// construction and may be used from many threads.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/cancel.h"

namespace fathom {

using TokenId = int32_t;

enum class TokenKind : uint8_t {
  kNormal,
  kControl,      // special: <|im_start|>, <|endoftext|>; never printed by default
  kUserDefined,  // added, matched in template text, printed: <think>
  kUnused,
};

// How an added token is found in text, where it is not the usual way.
struct AddedTokenRule {
  bool strip_left = false;   // takes in the white space before it
  bool strip_right = false;  // and after it
  bool normalized = false;   // matched after normalization, and after all that are not
};

// Everything a tokenizer is made of, free of any file format. Token texts of the normal kind are in
// GPT-2's printable byte alphabet; those of added tokens (control, user-defined) are plain UTF-8.
struct TokenizerSpec {
  std::string pre_tokenizer;  // "gpt2", "deepseek-v3", ...: one row each in pre_tokenizer.h
  std::vector<std::string> tokens;
  std::vector<TokenKind> kinds;     // as many as tokens
  std::vector<std::string> merges;  // "left right", best first; a Tokenizer drops them once read
  TokenId bos = -1, eos = -1, eot = -1, pad = -1;  // -1: none
  std::vector<TokenId> stops;                      // that end a reply, besides eos and eot
  bool add_bos = false;
  bool ignore_merges =
      false;                // llama-bpe: a whole pre-token that is in the vocabulary is taken as is
  std::optional<bool> nfc;  // normalize to NFC; unset: as the pre-tokenizer's row says, as for GGUF
  std::unordered_map<TokenId, AddedTokenRule> added_rules;  // only for tokens with unusual rules
  std::string chat_template;         // Jinja source as the file carries it; may be empty
  std::string chat_template_origin;  // for messages: the file, and the key in it; may be empty
};

// Reads a Hugging Face tokenizer.json. Throws Error(kInvalidFile) naming `source` and what is
// wrong; Error(kUnsupported) for another model, normalizer, pre-tokenizer, post-processor or
// decoder than those implemented. The file names no end-of-text token and no chat template: those
// stay unset.
TokenizerSpec ParseTokenizerJson(std::string_view json, const std::string& source);

// The other way: a complete tokenizer.json, laid out byte for byte as Hugging Face's Tokenizer.save
// lays it out, with all tokens in the model's vocabulary. `spec` is one that a Tokenizer takes, its
// merges in place. Without a place in such a file, and so not written: eos, eot, pad, the stops,
// the chat template, and bos where `add_bos` is false.
std::string TokenizerJson(const TokenizerSpec& spec);

// A stretch of text and where it came from: only what the template wrote may become special tokens.
struct TextSpan {
  std::string text;
  bool from_template = false;
};

// The text of the spans, one behind the other.
std::string TextOf(std::span<const TextSpan> spans);

class Tokenizer {
 public:
  // Throws Error(kInvalidFile) for a specification that contradicts itself (a merge of unknown
  // tokens, an id out of range, duplicate tokens), Error(kUnsupported) for an unknown
  // pre-tokenizer. Merges that would make a control token are left out: text never becomes one.
  explicit Tokenizer(TokenizerSpec spec);
  ~Tokenizer();
  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;

  // None of the three adds a beginning-of-text token; spec().add_bos says whether the model wants
  // one. Invalid UTF-8 is read as Python's errors="replace" would (U+FFFD per maximal ill-formed
  // subpart). A byte that the vocabulary lacks is left out, as in the reference. Text is at most
  // kMaxTextBytes. Where `cancelled` is given, another thread ends the work with it:
  // Error(kCancelled).

  // Ids of text as plain text: nothing in it is a special token.
  std::vector<TokenId> Encode(std::string_view text, const CancelFlag* cancelled = nullptr) const;

  // Ids of a rendered prompt: added tokens are matched inside template spans only (never across a
  // span border), ordinary text runs on across borders.
  std::vector<TokenId> Encode(std::span<const TextSpan> spans,
                              const CancelFlag* cancelled = nullptr) const;

  // As Encode(text), but added tokens are recognised everywhere: trusted text only (tests, score).
  std::vector<TokenId> EncodeTrusted(std::string_view text) const;

  static constexpr std::size_t kMaxTextBytes = std::size_t{1} << 30;

  // The bytes a token stands for (for control tokens: their text); none for unused and unknown ids.
  std::string_view BytesOf(TokenId id) const;
  TokenKind KindOf(TokenId id) const;  // kUnused for an unknown id
  // The id of an added token by its text, or -1.
  TokenId FindAdded(std::string_view text) const;

  // UTF-8 of all ids; ill-formed bytes become U+FFFD. Control tokens are left out unless
  // `keep_control`.
  std::string Decode(std::span<const TokenId> ids, bool keep_control = false) const;

  int size() const;  // number of ids
  const TokenizerSpec& spec() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fathom
