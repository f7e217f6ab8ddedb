// Owns: putting a model file, its architecture and its tokenizer together. Invariant: a
// LoadedModel's tokenizer and weights agree on the vocabulary.
// Not for: parsing files (formats), tokenizing (text), binding weights (models), reading tokenizers
// (gguf_tokenizer.cc and hf_tokenizer.cc).
#include "loader/loader.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/log.h"
#include "formats/gguf.h"
#include "formats/hf_directory.h"
#include "loader/fingerprint.h"
#include "loader/gguf_tokenizer.h"
#include "loader/hf_tokenizer.h"

namespace fathom {
namespace {

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

// Directories round their embeddings up: DeepSeek-V2-Lite has 2,385 rows (2.3 %) more than tokens,
// other models fewer. Further apart, the tokenizer is that of another model. GGUF files name the
// padding.
void RequireSameVocabulary(const ModelFile& file, int64_t tokens, int64_t rows) {
  const int64_t most = std::clamp<int64_t>(rows / 32, 256, 4096);
  const int64_t padding = file.kind() == ModelFileKind::kHuggingFace ? most : 0;
  if (tokens <= rows && tokens + padding >= rows) return;
  file.Fail("the tokenizer has " + std::to_string(tokens) + " tokens, but the embedding has " +
            std::to_string(rows) + " rows");
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
  std::optional<TokenizerSpec> spec = file.kind() == ModelFileKind::kHuggingFace
                                          ? HfTokenizerSpecOf(file)
                                          : GgufTokenizerSpecOf(file);
  if (spec && spec->eot < 0) spec->eot = UsualEndOfTurn(*spec);
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
