#include "loader/gguf_tokenizer.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"
#include "text/pre_tokenizer.h"

namespace fathom {
namespace {

// GGUF's token types.
int32_t TypeOf(TokenKind kind) {
  switch (kind) {
    case TokenKind::kNormal:
      return 1;
    case TokenKind::kControl:
      return 3;
    case TokenKind::kUserDefined:
      return 4;
    case TokenKind::kUnused:
      return 5;
  }
  return 5;
}

// Readers know a whole way of splitting text by its name, and normalization and the handling of
// merges with it.
void RefuseUnusual(const TokenizerSpec& spec, const std::string& path) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorCode::kUnsupported, path + ": the tokenizer " + what +
                                             ", which a GGUF file with the pre-tokenizer '" +
                                             spec.pre_tokenizer + "' cannot say");
  };
  const PreTokenizer* row = FindPreTokenizer(spec.pre_tokenizer);
  if (spec.nfc && row != nullptr && *spec.nfc != row->nfc) {
    refuse(*spec.nfc ? "normalizes to NFC" : "does not normalize to NFC");
  }
  if (spec.ignore_merges != (spec.pre_tokenizer == "llama-bpe")) {
    refuse(spec.ignore_merges ? "ignores merges for whole tokens"
                              : "merges what is a whole token already");
  }
}

}  // namespace

std::vector<std::pair<std::string, GgufValue>> GgufTokenizerKeys(const TokenizerSpec& spec,
                                                                 int64_t rows,
                                                                 const std::string& path) {
  RefuseUnusual(spec, path);
  const auto size = static_cast<std::size_t>(rows);
  if (spec.tokens.size() > size) {
    throw Error(ErrorCode::kInvalidFile,
                path + ": the tokenizer has " + std::to_string(spec.tokens.size()) +
                    " tokens, but the embedding has " + std::to_string(rows) + " rows");
  }
  std::vector<std::string> tokens = spec.tokens;
  std::vector<int32_t> types;
  types.reserve(size);
  for (const TokenKind kind : spec.kinds) types.push_back(TypeOf(kind));
  tokens.resize(size);
  types.resize(size, TypeOf(TokenKind::kUnused));
  for (std::size_t id = 0; id < size; ++id) {
    if (tokens[id].empty()) tokens[id] = "[PAD" + std::to_string(id) + "]";
  }
  std::vector<std::pair<std::string, GgufValue>> keys = {
      {"tokenizer.ggml.model", std::string("gpt2")},
      {"tokenizer.ggml.pre", spec.pre_tokenizer == "gpt2" ? "gpt-2" : spec.pre_tokenizer},
      {"tokenizer.ggml.tokens", std::move(tokens)},
      {"tokenizer.ggml.token_type", std::move(types)},
      {"tokenizer.ggml.merges", spec.merges}};
  const auto add_id = [&](const char* key, TokenId id) {
    if (id >= 0) keys.emplace_back(key, static_cast<uint32_t>(id));
  };
  add_id("tokenizer.ggml.bos_token_id", spec.bos);
  add_id("tokenizer.ggml.eos_token_id", spec.eos);
  add_id("tokenizer.ggml.padding_token_id", spec.pad);
  // One more id that ends a reply has a key.
  const auto other = std::find_if(spec.stops.begin(), spec.stops.end(),
                                  [&](TokenId id) { return id != spec.eos; });
  add_id("tokenizer.ggml.eot_token_id", other != spec.stops.end() ? *other : spec.eot);
  keys.emplace_back("tokenizer.ggml.add_bos_token", spec.add_bos);
  if (!spec.chat_template.empty()) {
    keys.emplace_back("tokenizer.chat_template", spec.chat_template);
  }
  return keys;
}

}  // namespace fathom
