// Feeds the readers of recipes any bytes. They must be refused with fathom::Error in one printable
// line that names the file, or give recipes whose numbers are in their ranges.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/error.h"
#include "recipe/recipe_config.h"

namespace {

void CheckMessage(const fathom::Error& error) {
  const auto printable = [](const std::string& text) {
    return std::none_of(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; });
  };
  CHECK(error.message().starts_with("f.toml:"));
  CHECK(printable(error.message()) && printable(error.hint()));
}

void CheckData(const fathom::DataRecipe& data) {
  CHECK(!data.tasks.empty());
  const fathom::TaskMixture mixture(data.tasks, fathom::Split::kTrain, data.seed);
  CHECK(data.prompt_weight >= 0 && data.prompt_weight <= 1);
  CHECK(data.forms.worked + data.forms.text + data.forms.answers > 0);
}

void ReadTokenizer(std::string_view text) {
  try {
    const fathom::TokenizerRecipe recipe = fathom::ParseTokenizerRecipe(text, "f.toml");
    CheckData(recipe.data);
    CHECK(recipe.vocabulary > 0 && recipe.problems > 0 && !recipe.folder.empty());
  } catch (const fathom::Error& error) {
    CheckMessage(error);
  }
}

void ReadTraining(std::string_view text, fathom::TrainingKind kind) {
  try {
    const fathom::TrainingRecipe recipe = fathom::ParseTrainingRecipe(text, "f.toml", kind);
    CheckData(recipe.data);
    const fathom::TrainerOptions& train = recipe.trainer;
    CHECK(train.schedule.steps > 0 && train.step_tokens > 0 && train.batch_tokens > 0);
    CHECK(train.schedule.warmup_steps <= train.schedule.steps);
    for (const double value :
         {train.schedule.peak, train.schedule.final_share, train.largest_norm, train.mtp_factor,
          train.balance_factor, train.bias_rate, train.optimiser.weight_decay}) {
      CHECK(std::isfinite(value) && value >= 0);
    }
    CHECK(recipe.output.checkpoint_every > 0 && !recipe.output.folder.empty());
    CHECK(recipe.model.start.empty() != recipe.model.config.empty());
    CHECK(fathom::StepSettings(recipe).is_object());
  } catch (const fathom::Error& error) {
    CheckMessage(error);
  }
}

void ReadGrpo(std::string_view text, std::optional<fathom::GrpoMode> mode) {
  try {
    const fathom::GrpoRecipe recipe = fathom::ParseGrpoRecipe(text, "f.toml", mode);
    CheckData(recipe.data);
    const fathom::GrpoOptions& options = recipe.options;
    CHECK(options.prompts > 0 && options.rollouts.samples > 1 && options.rollouts.max_tokens > 0);
    CHECK(options.accuracy_weight + options.format_weight > 0);
    CHECK(!recipe.model.start.empty() && fathom::StepSettings(recipe).is_object());
  } catch (const fathom::Error& error) {
    CheckMessage(error);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  ReadTokenizer(text);
  ReadTraining(text, fathom::TrainingKind::kPretrain);
  ReadTraining(text, fathom::TrainingKind::kSft);
  ReadGrpo(text, std::nullopt);
  ReadGrpo(text, fathom::GrpoMode::kR1);
  return 0;
}
