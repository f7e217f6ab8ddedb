#include "loader/gguf_tokenizer.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string_view>

#include "base/error.h"
#include "loader/loader.h"
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

// The ids that end a reply, by the key that says so.
struct Stops {
  TokenId turn = -1;     // eot
  TokenId message = -1;  // eom: of a message, after which a tool may be asked
  std::vector<TokenId> others;
};

Stops StopsOf(const TokenizerSpec& spec) {
  Stops stops;
  std::vector<TokenId> ids = spec.stops;
  ids.push_back(spec.eot);
  for (const TokenId id : ids) {
    const auto& others = stops.others;
    if (id < 0 || id == spec.eos || id == stops.message ||
        std::find(others.begin(), others.end(), id) != others.end()) {
      continue;
    }
    if (spec.tokens[static_cast<std::size_t>(id)] == "<|eom_id|>") {
      stops.message = id;
    } else {
      stops.others.push_back(id);
    }
  }
  // Whoever reads these keys ends a reply with either token: any id may have one.
  for (TokenId* key : {&stops.turn, &stops.message}) {
    if (*key >= 0 || stops.others.empty()) continue;
    *key = stops.others.front();
    stops.others.erase(stops.others.begin());
  }
  return stops;
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
  const Stops stops = StopsOf(spec);
  add_id("tokenizer.ggml.eot_token_id", stops.turn);
  add_id("tokenizer.ggml.eom_token_id", stops.message);
  keys.emplace_back("tokenizer.ggml.add_bos_token", spec.add_bos);
  if (!spec.chat_template.empty()) {
    keys.emplace_back("tokenizer.chat_template", spec.chat_template);
  }
  return keys;
}

std::vector<TokenId> StopsWithoutKey(const TokenizerSpec& spec) { return StopsOf(spec).others; }

std::vector<std::pair<std::string, GgufValue>> GgufSamplingKeys(const ModelFile& directory) {
  RecommendedSamplingOf(directory);  // refuses what the file could not be loaded with
  struct Key {
    const char* directory;
    const char* gguf;
  };
  constexpr std::array kNumbers = {Key{"temperature", "temp"}, Key{"top_p", "top_p"},
                                   Key{"min_p", "min_p"},
                                   Key{"repetition_penalty", "penalty_repeat"}};
  std::vector<std::pair<std::string, GgufValue>> keys;
  const std::string from = "generation_config.", to = "general.sampling.";
  for (const Key& key : kNumbers) {
    const std::optional<double> value = directory.Number(from + key.directory);
    if (value) keys.emplace_back(to + key.gguf, static_cast<float>(*value));
  }
  if (const std::optional<int64_t> count = directory.Integer(from + "top_k")) {
    if (*count < 0 || *count > std::numeric_limits<int32_t>::max()) {
      directory.FailKey(from + "top_k", "is " + std::to_string(*count) + ", expected a count");
    }
    keys.emplace_back(to + "top_k", static_cast<int32_t>(*count));
  }
  return keys;
}

}  // namespace fathom
