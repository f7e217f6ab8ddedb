// Owns: putting a model file, its architecture and its tokenizer together, and reading GGUF's
// tokenizer keys (those of directories are hf_tokenizer.cc's). Invariant: a LoadedModel's tokenizer
// and weights agree on the vocabulary.
// Not for: parsing files (formats), tokenizing (text), binding weights (models).
#include "loader/loader.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/error.h"
#include "base/log.h"
#include "base/sha256.h"
#include "formats/gguf.h"
#include "formats/hf_directory.h"
#include "loader/hf_tokenizer.h"

namespace fathom {
namespace {

// ---- Tokenizer keys ----------------------------------------------------------------------------

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

// Models whose file names no end of turn, but whose vocabulary has the usual one.
TokenId UsualEndOfTurn(const TokenizerSpec& spec) {
  for (const std::string_view text : {"<|im_end|>", "<|eot_id|>"}) {
    for (std::size_t id = 0; id < spec.tokens.size(); ++id) {
      if (spec.kinds[id] == TokenKind::kControl && spec.tokens[id] == text) {
        return static_cast<TokenId>(id);
      }
    }
  }
  return -1;
}

// ---- Fingerprint -------------------------------------------------------------------------------

// Feeds values to a hash so that no two different sequences of values feed the same bytes: numbers
// have a fixed width, strings and lists their length in front.
class FingerprintHash {
 public:
  void Add(std::string_view text) {
    Add(static_cast<uint64_t>(text.size()));
    hash_.Update(std::as_bytes(std::span(text.data(), text.size())));
  }
  void Add(const std::string& text) { Add(std::string_view(text)); }
  void Add(bool value) { Add(static_cast<uint64_t>(value)); }
  void Add(int64_t value) { Add(static_cast<uint64_t>(value)); }
  void Add(double value) { Add(std::bit_cast<uint64_t>(value)); }
  void Add(uint64_t value) {
    std::array<std::byte, 8> bytes;
    for (std::byte& byte : bytes) {
      byte = static_cast<std::byte>(value & 0xff);
      value >>= 8;
    }
    hash_.Update(bytes);
  }
  template <class T>
  void Add(const std::vector<T>& values) {
    Add(static_cast<uint64_t>(values.size()));
    for (const auto& value : values) Add(static_cast<T>(value));
  }
  void AddBytes(std::span<const std::byte> bytes) { hash_.Update(bytes); }
  std::string Digest() { return hash_.HexDigest(); }

 private:
  Sha256 hash_;
};

// Over all metadata and the tensor table, and the end of each shard: fine-tunes of one model differ
// in nothing else but weights.
std::string FingerprintOf(const ModelFile& file) {
  constexpr std::size_t kTail = 4096;
  FingerprintHash hash;
  hash.Add(std::string_view("fathom model fingerprint 1"));
  for (const auto& [key, value] : file.metadata()) {
    hash.Add(key);
    hash.Add(static_cast<uint64_t>(value.index()));
    std::visit([&](const auto& held) { hash.Add(held); }, value);
  }
  for (const NamedTensor& tensor : file.tensors()) {
    const FormatRow& format = RowOf(tensor.view.format);
    hash.Add(tensor.name);
    if (format.gguf_type) {
      hash.Add(static_cast<uint64_t>(*format.gguf_type));
    } else {
      hash.Add(format.name);
    }
    hash.Add(static_cast<uint64_t>(tensor.view.rank));
    for (int i = 0; i < tensor.view.rank; ++i) hash.Add(tensor.view.shape[i]);
    hash.Add(static_cast<uint64_t>(tensor.shard));
    hash.Add(tensor.file_offset);
  }
  for (const MappedFile& shard : file.shards()) {
    const std::span<const std::byte> bytes = shard.bytes();
    hash.Add(static_cast<uint64_t>(bytes.size()));
    hash.AddBytes(bytes.last(std::min(kTail, bytes.size())));
  }
  return hash.Digest();
}

// The stem of a file, or the name of a directory, however it was reached.
std::string NameOf(const std::filesystem::path& path, const ModelFile& file) {
  if (file.kind() == ModelFileKind::kGguf) return path.stem().string();
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::canonical(file.path(), error);
  return folder.filename().string();
}

}  // namespace

ModelFile OpenModelFile(const std::filesystem::path& path) {
  if (IsHuggingFaceDirectory(path)) return OpenHuggingFaceDirectory(path);
  if (path.filename() == "config.json") {
    return OpenHuggingFaceDirectory(path.has_parent_path() ? path.parent_path() : ".");
  }
  if (path.extension() == ".safetensors") {
    throw Error(ErrorCode::kInvalidFile,
                path.string() + " is one file of a model directory, not a model",
                "give the path of the directory, which has a config.json");
  }
  return OpenGguf(path);
}

std::optional<TokenizerSpec> TokenizerSpecOf(const ModelFile& file) {
  if (file.kind() == ModelFileKind::kHuggingFace) {
    std::optional<TokenizerSpec> spec = HfTokenizerSpecOf(file);
    if (spec) spec->eot = UsualEndOfTurn(*spec);
    return spec;
  }
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
  if (spec.eot < 0) spec.eot = UsualEndOfTurn(spec);
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

RecommendedSampling RecommendedSamplingOf(const ModelFile& file) {
  const bool directory = file.kind() == ModelFileKind::kHuggingFace;
  RecommendedSampling sampling;
  const auto read = [&](const char* key, double most, double& value) {
    const std::optional<double> found = file.Number(key);
    if (!found) return;
    if (!(*found >= 0 && *found <= most)) {
      file.Fail("'" + std::string(key) + "' must be from 0 to " +
                std::to_string(static_cast<int>(most)) + ", found " + std::to_string(*found));
    }
    value = *found;
  };
  read(directory ? "generation_config.temperature" : "general.sampling.temp", 2,
       sampling.temperature);
  read(directory ? "generation_config.top_p" : "general.sampling.top_p", 1, sampling.top_p);
  return sampling;
}

namespace {

// Directories round their embeddings up: DeepSeek-V2-Lite has 2,385 rows more than tokens, other
// models fewer. Further apart, the tokenizer is that of another model. GGUF files name the padding.
void RequireSameVocabulary(const ModelFile& file, int64_t tokens, int64_t rows) {
  constexpr int64_t kMostPadding = 4096;
  const int64_t padding = file.kind() == ModelFileKind::kHuggingFace ? kMostPadding : 0;
  if (tokens <= rows && tokens + padding >= rows) return;
  file.Fail("the tokenizer has " + std::to_string(tokens) + " tokens, but the embedding has " +
            std::to_string(rows) + " rows");
}

}  // namespace

LoadedModel LoadModel(const std::filesystem::path& path, std::string name) {
  LoadedModel loaded;
  loaded.file = std::make_unique<ModelFile>(OpenModelFile(path));
  loaded.name = name.empty() ? NameOf(path, *loaded.file) : std::move(name);
  loaded.model = BindModel(*loaded.file);
  loaded.sampling = RecommendedSamplingOf(*loaded.file);
  if (std::optional<TokenizerSpec> spec = TokenizerSpecOf(*loaded.file)) {
    RequireSameVocabulary(*loaded.file, static_cast<int64_t>(spec->tokens.size()),
                          loaded.model->spec().vocabulary);
    try {
      loaded.tokenizer = std::make_unique<Tokenizer>(*std::move(spec));
    } catch (const Error& error) {
      throw Error(error.code(), path.string() + ": tokenizer: " + error.message(), error.hint());
    }
    try {
      loaded.chat_template = MakeChatTemplate(*loaded.tokenizer);
    } catch (const Error& error) {
      // The model still runs on plain prompts. The message names the file.
      Log(LogLevel::kWarning, error.message());
    }
  }
  loaded.fingerprint = FingerprintOf(*loaded.file);
  return loaded;
}

}  // namespace fathom
