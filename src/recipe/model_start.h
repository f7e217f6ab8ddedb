// The model that a training begins with, new or from a directory, its tokenizer, and what the
// directory of the trained model has beside the weights. Not for: steps.
#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "formats/model_file.h"
#include "models/training/trainable.h"
#include "recipe/recipe_config.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"
#include "train/export.h"

namespace fathom {

struct StartedModel {
  std::unique_ptr<TrainableModel> model;
  std::unique_ptr<Tokenizer> tokenizer;
  std::unique_ptr<ChatTemplate> chat_template;
  int64_t context_length = 0;
  // The metadata of its config.json, for whoever binds a model over the parameters.
  std::unique_ptr<ModelFile> config;
  DirectoryTexts texts;    // for ExportDirectory
  OrderedJson identities;  // what it is, each part under its key: for comparing checkpoints
};

// A new model has the values that Initialise draws with `seed` and the "initializer_range" of its
// config.json. Throws Error that names file, key, expected and found: what the readers of models
// and tokenizers throw, a tokenizer that does not fit the model, and kUnsupported for what is not
// trained from nothing, is stored in 8 bits, or has no chat template.
StartedModel StartModel(const ModelRecipe& recipe, uint64_t seed, Format type);

}  // namespace fathom
