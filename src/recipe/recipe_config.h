// What a recipe's TOML file says: which model is trained on which tasks, and how. Every key is used
// or refused, every value is checked, and what may be left out has its default here. Paths in a
// file are relative to the file. Reads no other file than the TOML file itself.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "recipe/grpo.h"
#include "recipe/task_mixture.h"
#include "recipe/task_samples.h"
#include "tensor/format.h"
#include "train/trainer.h"

namespace fathom {

// [data]: which problems, in which forms.
struct DataRecipe {
  uint64_t seed = 1;
  // "other_families", [data.families]: relative weights of families, and which of their levels.
  std::vector<MixtureEntry> tasks;
  SampleForms forms;         // [data.forms]
  double prompt_weight = 0;  // of a question's tokens in the loss; a solution's weigh 1
};

// [tokenizer] and [data] of 'fathom train tokenizer'.
struct TokenizerRecipe {
  int64_t vocabulary = 2048;
  int64_t problems = 40000;
  DataRecipe data;
  std::filesystem::path folder;  // [output]
};

// [model]: a model directory to go on from, or the configuration and the tokenizer of a new model.
struct ModelRecipe {
  std::filesystem::path start;
  std::filesystem::path config, tokenizer;
};

// [evaluate]: what is measured on problems that training never shows.
struct EvaluateRecipe {
  int64_t every = 0;       // steps; 0: at the end alone
  int64_t problems = 256;  // whose worked solutions the model predicts
  // Of each family and level, that the model answers by itself; 0: none.
  int64_t replies = 0;
  int64_t max_tokens = 512;  // of a reply
};

// [output]
struct OutputRecipe {
  std::filesystem::path folder;
  int64_t checkpoint_every = 100;  // steps
  Format type = Format::kF32;      // of the trained model's weights; or BF16
};

// Of 'fathom train pretrain' and 'fathom train sft', which differ in their defaults.
struct TrainingRecipe {
  ModelRecipe model;
  DataRecipe data;
  TrainerOptions trainer;  // [train]
  uint64_t seed = 1;       // of the values that a new model begins with
  int threads = 0;         // 0: one per physical core
  EvaluateRecipe evaluate;
  OutputRecipe output;
};

enum class TrainingKind : uint8_t { kPretrain, kSft };

// Of 'fathom train grpo'.
struct GrpoRecipe {
  ModelRecipe model;    // a start
  DataRecipe data;      // of its forms nothing is used: replies are the model's own
  GrpoOptions options;  // [grpo] and [train]
  int threads = 0;      // 0: one per physical core
  EvaluateRecipe evaluate;
  OutputRecipe output;
};

// Whose hyper-parameters stand where a recipe names none.
enum class GrpoMode : uint8_t {
  kDefault,  // GrpoOptions
  kR1,       // R1Options
};

// Read a file's text. `path` is what messages call it, and what paths in it are relative to. Throw
// Error(kInvalidFile) for what is no TOML; Error(kInvalidArgument) with file, line, key, what was
// expected and what was found for all else.
TokenizerRecipe ParseTokenizerRecipe(std::string_view text, const std::filesystem::path& path);
TrainingRecipe ParseTrainingRecipe(std::string_view text, const std::filesystem::path& path,
                                   TrainingKind kind);
// With `mode` instead of the one that the file names.
GrpoRecipe ParseGrpoRecipe(std::string_view text, const std::filesystem::path& path,
                           std::optional<GrpoMode> mode = {});

// The text of a recipe's file. Throws Error(kNotFound), Error(kInvalidFile) for one that is too
// large, and as the system does.
std::string ReadRecipeFile(const std::filesystem::path& path);

// What decides the steps of a training, each value under its key, for comparing a checkpoint with
// it. Without what changes no step: threads, evaluation, output.
OrderedJson StepSettings(const TrainingRecipe& recipe);
OrderedJson StepSettings(const GrpoRecipe& recipe);

}  // namespace fathom
