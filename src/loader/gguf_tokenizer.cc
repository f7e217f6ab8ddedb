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

// "tokenizer.ggml.pre" as files write it, and the pre-tokenizer it means. Several names stand for
// one regular expression: converters gave each base model its own.
struct PreTokenizerName {
  std::string_view file;
  std::string_view pre_tokenizer;
};
constexpr std::array kPreTokenizers = {
    PreTokenizerName{"gpt-2", "gpt2"},
    PreTokenizerName{"gpt2", "gpt2"},
    PreTokenizerName{"smollm", "smollm"},
    PreTokenizerName{"llama-bpe", "llama-bpe"},
    PreTokenizerName{"llama3", "llama-bpe"},
    PreTokenizerName{"llama-v3", "llama-bpe"},
    PreTokenizerName{"qwen2", "qwen2"},
    PreTokenizerName{"deepseek-r1-qwen", "qwen2"},
    PreTokenizerName{"deepseek-v3", "deepseek-v3"},
    PreTokenizerName{"deepseek-llm", "deepseek-llm"},
    PreTokenizerName{"deepseek-coder", "deepseek-coder"},
};

std::string PreTokenizerOf(const ModelFile& file) {
  const std::string* name = file.String("tokenizer.ggml.pre");
  if (name == nullptr) {
    file.Fail("'tokenizer.ggml.pre' is missing: how text is split before merging is not known",
              "convert the model again with a newer converter");
  }
  std::string known;
  for (const PreTokenizerName& row : kPreTokenizers) {
    if (row.file == *name) return std::string(row.pre_tokenizer);
    known += (known.empty() ? "" : ", ") + std::string(row.file);
  }
  throw Error(ErrorCode::kUnsupported,
              file.path().string() + ": pre-tokenizer " + QuotedName(*name) + " is not supported",
              "supported: " + known);
}

// GGUF's token types: 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte.
TokenKind KindFromGguf(const ModelFile& file, int64_t type, std::size_t id) {
  switch (type) {
    case 1:
      return TokenKind::kNormal;
    case 2:
    case 3:
      return TokenKind::kControl;
    case 4:
      return TokenKind::kUserDefined;
    case 5:
      return TokenKind::kUnused;
    default:
      // 6 (byte) belongs to tokenizers with byte fallback, which byte-level BPE has no use for.
      file.Fail("token " + std::to_string(id) + " has type " + std::to_string(type) +
                ", expected 1 to 5");
  }
}

TokenId TokenIdKey(const ModelFile& file, const std::string& key, std::size_t vocabulary) {
  const std::optional<int64_t> id = file.Integer(key);
  if (!id) return -1;
  // All ones is how some writers say "none".
  if (*id == -1 || *id == std::numeric_limits<uint32_t>::max()) return -1;
  if (*id < 0 || static_cast<uint64_t>(*id) >= vocabulary) {
    file.Fail("'" + key + "' is " + std::to_string(*id) + ", expected less than the " +
              std::to_string(vocabulary) + " tokens");
  }
  return static_cast<TokenId>(*id);
}

// The inverse of KindFromGguf.
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

std::optional<TokenizerSpec> GgufTokenizerSpecOf(const ModelFile& file) {
  const std::string* kind = file.String("tokenizer.ggml.model");
  if (kind == nullptr || *kind == "none" || *kind == "no_vocab") return std::nullopt;
  if (*kind != "gpt2") {
    throw Error(ErrorCode::kUnsupported,
                file.path().string() + ": tokenizer " + QuotedName(*kind) + " is not supported",
                "supported: gpt2 (byte-level BPE)");
  }
  TokenizerSpec spec;
  spec.pre_tokenizer = PreTokenizerOf(file);
  // Llama 3 takes a piece that is a token as a whole without merging; its files do not say so.
  spec.ignore_merges = spec.pre_tokenizer == "llama-bpe";

  const std::vector<std::string>* tokens = file.Strings("tokenizer.ggml.tokens");
  if (tokens == nullptr || tokens->empty())
    file.Fail("'tokenizer.ggml.tokens' is missing or empty");
  if (tokens->size() > static_cast<std::size_t>(std::numeric_limits<TokenId>::max())) {
    file.Fail("'tokenizer.ggml.tokens' has " + std::to_string(tokens->size()) + " tokens");
  }
  spec.tokens = *tokens;
  const std::vector<int64_t>* types = file.Integers("tokenizer.ggml.token_type");
  if (types == nullptr) file.Fail("'tokenizer.ggml.token_type' is missing");
  if (types->size() != tokens->size()) {
    file.Fail("'tokenizer.ggml.token_type' has " + std::to_string(types->size()) +
              " entries, expected one for each of the " + std::to_string(tokens->size()) +
              " tokens");
  }
  spec.kinds.reserve(types->size());
  for (std::size_t id = 0; id < types->size(); ++id) {
    spec.kinds.push_back(KindFromGguf(file, (*types)[id], id));
  }
  const std::vector<std::string>* merges = file.Strings("tokenizer.ggml.merges");
  if (merges == nullptr) file.Fail("'tokenizer.ggml.merges' is missing");
  spec.merges = *merges;

  spec.bos = TokenIdKey(file, "tokenizer.ggml.bos_token_id", tokens->size());
  spec.eos = TokenIdKey(file, "tokenizer.ggml.eos_token_id", tokens->size());
  spec.eot = TokenIdKey(file, "tokenizer.ggml.eot_token_id", tokens->size());
  spec.pad = TokenIdKey(file, "tokenizer.ggml.padding_token_id", tokens->size());
  const TokenId end_of_message = TokenIdKey(file, "tokenizer.ggml.eom_token_id", tokens->size());
  if (end_of_message >= 0) spec.stops.push_back(end_of_message);
  // Where the file does not say: Llama 3 was trained with the beginning-of-text token, GPT-2's
  // descendants without.
  spec.add_bos = file.Boolean("tokenizer.ggml.add_bos_token")
                     .value_or(spec.pre_tokenizer == "llama-bpe" && spec.bos >= 0);
  if (spec.add_bos && spec.bos < 0) {
    file.Fail(
        "'tokenizer.ggml.add_bos_token' is true, but there is no 'tokenizer.ggml.bos_token_id'");
  }
  if (const std::string* source = file.String("tokenizer.chat_template")) {
    spec.chat_template = *source;
    spec.chat_template_origin = file.path().string() + ": key tokenizer.chat_template";
  }
  return spec;
}

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
