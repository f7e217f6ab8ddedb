// Opens a model file or directory into everything needed to talk to it.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "formats/model_file.h"
#include "loader/recommended_sampling.h"
#include "models/model.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace fathom {

struct LoadedModel {
  std::string name;  // catalogue name, the file's stem or the directory's name
  std::unique_ptr<ModelFile> file;
  std::unique_ptr<Model> model;
  std::unique_ptr<Tokenizer> tokenizer;  // null: the file carries none (use token ids)
  std::unique_ptr<ChatTemplate>
      chat_template;        // null: not a chat model, or a template that is wrong
  std::string fingerprint;  // hex; differs when metadata or tensor layout differ
  RecommendedSampling sampling;
};

// Opens a GGUF file (any part of a split one) or a Hugging Face directory (or its config.json).
// Throws Error as the openers of either do.
ModelFile OpenModelFile(const std::filesystem::path& path);

// OpenModelFile with all that is needed to run it. Throws Error as that and BindModel do; also when
// the tokenizer and the model disagree about the vocabulary. A GGUF file must have as many tokens
// as the embedding has rows, since its writers name the rows beyond the vocabulary too. In a
// directory rows beyond the tokenizer's ids are common (sizes rounded up); such ids decode to
// nothing. More tokens than rows are refused everywhere. The sampling is that of
// generation_config.json or of GGUF's general.sampling.*, where they have it.
LoadedModel LoadModel(const std::filesystem::path& path, std::string name = {});

// The tokenizer a model file carries, or nullopt when it carries none ("tokenizer.ggml.model"
// absent or "none"/"no_vocab"; a directory without a tokenizer.json). Throws Error for one that is
// broken or not supported.
std::optional<TokenizerSpec> TokenizerSpecOf(const ModelFile& file);

// What generation_config.json or GGUF's general.sampling.* advises. Throws Error(kInvalidFile) for
// what is out of range.
RecommendedSampling RecommendedSamplingOf(const ModelFile& file);

}  // namespace fathom
