#include "recipe/recipe_config.h"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>

#include "base/error.h"
#include "base/mapped_file.h"
#include "recipe/toml_reader.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

// Bounds that are far beyond any use, so that sums of values stay numbers.
constexpr int64_t kMostSteps = 1'000'000'000;
constexpr int64_t kMostTokens = 1 << 26;  // of a step
constexpr int64_t kMostProblems = 100'000'000;
constexpr double kMostWeight = 1e6;

template <class Value>
Value Needed(const TomlReader& reader, std::string_view key, const std::optional<Value>& value) {
  if (!value) reader.Fail(key, "is missing");
  return *value;
}

// A section that must be there.
TomlReader Section(TomlReader& root, std::string_view name) {
  std::optional<TomlReader> section = root.Table(name);
  if (!section) root.Fail(name, "is missing: the file needs a section [" + std::string(name) + "]");
  return *std::move(section);
}

fs::path PathIn(const fs::path& file, const std::string& text) {
  return (file.parent_path() / text).lexically_normal();
}

uint64_t Seed(TomlReader& reader, uint64_t absent) {
  const auto seed = reader.Integer("seed", 0, std::numeric_limits<int64_t>::max());
  return seed ? static_cast<uint64_t>(*seed) : absent;
}

// ---- [data] ------------------------------------------------------------------------------------

// A family's line: a weight, or a table of weight and levels. Its levels share the weight.
void AddFamily(TomlReader& families, const Family& family, std::optional<double> other,
               std::vector<MixtureEntry>& tasks) {
  const std::string name(family.name);
  std::vector<int64_t> levels;
  std::optional<double> weight = other;
  if (families.HasTable(name)) {
    TomlReader line = *families.Table(name);
    weight = line.Number("weight", 0, kMostWeight).value_or(1.0);
    const auto chosen = line.Integers("levels", 1, family.levels);
    if (chosen) levels = *chosen;
    line.Finish();
    std::sort(levels.begin(), levels.end());
    if (std::adjacent_find(levels.begin(), levels.end()) != levels.end()) {
      line.Fail("levels", "has a level twice");
    }
  } else if (const auto number = families.Number(name, 0, kMostWeight)) {
    weight = number;
  }
  if (!(*weight > 0)) return;
  if (levels.empty()) {
    for (int level = 1; level <= family.levels; ++level) levels.push_back(level);
  }
  for (const int64_t level : levels) {
    tasks.push_back({name, static_cast<int>(level), *weight / static_cast<double>(levels.size())});
  }
}

void ParseTasks(TomlReader& data, DataRecipe& recipe) {
  const double other = data.Number("other_families", 0, kMostWeight).value_or(1.0);
  const TomlValue none{TomlValue::Table{}, 0};
  std::optional<TomlReader> families = data.Table("families");
  TomlReader lines = families ? *families : TomlReader(none, "", "");
  for (const Family& family : Families()) AddFamily(lines, family, other, recipe.tasks);
  lines.Finish();
  if (recipe.tasks.empty()) {
    data.Fail("families", "leaves no family: none has a weight above 0");
  }
}

void ParseForms(TomlReader& data, SampleForms& forms) {
  std::optional<TomlReader> shares = data.Table("forms");
  if (!shares) return;
  forms.worked = shares->Number("worked", 0, kMostWeight).value_or(0.0);
  forms.text = shares->Number("text", 0, kMostWeight).value_or(0.0);
  forms.answers = shares->Number("answers", 0, kMostWeight).value_or(0.0);
  forms.drills = shares->Number("drills", 0, kMostWeight).value_or(0.0);
  shares->Finish();
  if (!(forms.worked + forms.text + forms.answers + forms.drills > 0)) {
    data.Fail("forms", "leaves no form: none has a share above 0");
  }
}

// Of a tokenizer, which learns from whole problems, only seed and tasks are read.
DataRecipe ParseData(TomlReader& root, bool of_training, double prompt_weight) {
  DataRecipe recipe;
  recipe.prompt_weight = prompt_weight;
  TomlReader data = Section(root, "data");
  recipe.seed = Seed(data, recipe.seed);
  ParseTasks(data, recipe);
  if (of_training) {
    ParseForms(data, recipe.forms);
    recipe.prompt_weight = data.Number("prompt_weight", 0, 1).value_or(recipe.prompt_weight);
  }
  data.Finish();
  return recipe;
}

// ---- The other sections ------------------------------------------------------------------------

ModelRecipe ParseModel(TomlReader& root, const fs::path& file) {
  TomlReader model = Section(root, "model");
  const auto start = model.Text("start"), config = model.Text("config");
  const auto tokenizer = model.Text("tokenizer");
  model.Finish();
  if (start && (config || tokenizer)) {
    model.Fail(config ? "config" : "tokenizer",
               "is of a new model, and 'model.start' is a model to go on from: expected one of "
               "them");
  }
  ModelRecipe recipe;
  if (start) {
    recipe.start = PathIn(file, *start);
    return recipe;
  }
  if (!config && !tokenizer) {
    model.Fail("start",
               "is missing: expected 'start' (a model to go on from), or 'config' and 'tokenizer'");
  }
  recipe.config = PathIn(file, Needed(model, "config", config));
  recipe.tokenizer = PathIn(file, Needed(model, "tokenizer", tokenizer));
  return recipe;
}

void CheckWarmup(const TomlReader& train, const Schedule& schedule) {
  if (schedule.warmup_steps <= schedule.steps) return;
  train.Fail("warmup_steps", "is " + std::to_string(schedule.warmup_steps) +
                                 ", expected at most the " + std::to_string(schedule.steps) +
                                 " steps of 'train.steps'");
}

void ParseTrain(TomlReader& root, TrainingRecipe& recipe) {
  TomlReader train = Section(root, "train");
  TrainerOptions& options = recipe.trainer;
  Schedule& schedule = options.schedule;
  const auto steps = train.Integer("steps", 1, kMostSteps);
  const auto rate = train.Number("learning_rate", 1e-12, 1);
  const auto step_tokens = train.Integer("step_tokens", 2, kMostTokens);
  const auto batch_tokens = train.Integer("batch_tokens", 2, kMostTokens);
  schedule.warmup_steps = train.Integer("warmup_steps", 0, kMostSteps).value_or(0);
  schedule.final_share = train.Number("final_share", 0, 1).value_or(schedule.final_share);
  options.optimiser_kind = train.Choice("optimiser", {"adamw", "muon"}).value_or(0) == 0
                               ? OptimiserKind::kAdamW
                               : OptimiserKind::kMuon;
  options.optimiser.weight_decay =
      train.Number("weight_decay", 0, 1).value_or(options.optimiser.weight_decay);
  options.muon.weight_decay = options.optimiser.weight_decay;
  options.largest_norm = train.Number("clip", 1e-6, 1e6).value_or(options.largest_norm);
  options.mtp_factor = train.Number("mtp_factor", 0, 10).value_or(options.mtp_factor);
  options.balance_factor = train.Number("balance_factor", 0, 1).value_or(options.balance_factor);
  options.bias_rate = train.Number("bias_rate", 0, 1).value_or(options.bias_rate);
  options.recompute = train.Boolean("recompute").value_or(options.recompute);
  recipe.seed = Seed(train, recipe.seed);
  recipe.threads = static_cast<int>(train.Integer("threads", 1, 4096).value_or(0));
  train.Finish();
  // What is missing only now: the key may be there in another spelling.
  schedule.steps = Needed(train, "steps", steps);
  schedule.peak = Needed(train, "learning_rate", rate);
  options.step_tokens = Needed(train, "step_tokens", step_tokens);
  options.batch_tokens = Needed(train, "batch_tokens", batch_tokens);
  CheckWarmup(train, schedule);
}

// The mode stands for all that is not named beside it.
void ParseGrpo(TomlReader& root, std::optional<GrpoMode> mode, GrpoOptions& options) {
  TomlReader grpo = Section(root, "grpo");
  const bool named_r1 = grpo.Choice("mode", {"default", "r1"}).value_or(0) == 1;
  if (mode.value_or(named_r1 ? GrpoMode::kR1 : GrpoMode::kDefault) == GrpoMode::kR1) {
    options = R1Options();
  }
  const auto integer = [&](const char* key, int64_t least, int64_t most, int64_t& value) {
    value = grpo.Integer(key, least, most).value_or(value);
  };
  const auto number = [&](const char* key, double least, double most, double& value) {
    value = grpo.Number(key, least, most).value_or(value);
  };
  const auto flag = [&](const char* key, bool& value) {
    value = grpo.Boolean(key).value_or(value);
  };
  RolloutOptions& rollouts = options.rollouts;
  integer("problems", 1, 1 << 16, options.prompts);
  integer("group", 2, 1 << 12, rollouts.samples);
  integer("max_tokens", 1, 1 << 20, rollouts.max_tokens);
  rollouts.temperature =
      static_cast<float>(grpo.Number("temperature", 0.01, 10).value_or(rollouts.temperature));
  number("accuracy_reward", 0, 100, options.accuracy_weight);
  number("format_reward", 0, 100, options.format_weight);
  number("clip_low", 0, 1, options.objective.clip_low);
  number("clip_high", 0, 1e6, options.objective.clip_high);
  number("kl", 0, 100, options.objective.kl_coefficient);
  integer("reference_every", 1, kMostSteps, options.reference_interval);
  integer("updates", 1, 1 << 16, options.updates);
  integer("epochs", 1, 1000, options.epochs);
  flag("divide_by_deviation", options.divide_by_deviation);
  flag("drop_uniform_groups", options.drop_uniform_groups);
  flag("mask_truncated", options.mask_truncated);
  grpo.Finish();
  if (!(options.accuracy_weight + options.format_weight > 0)) {
    grpo.Fail("accuracy_reward", "and 'grpo.format_reward' are both 0: there is nothing to learn");
  }
}

void ParseGrpoTrain(TomlReader& root, GrpoRecipe& recipe) {
  TomlReader train = Section(root, "train");
  GrpoOptions& options = recipe.options;
  Schedule& schedule = options.schedule;
  const auto steps = train.Integer("steps", 1, kMostSteps);
  schedule.peak = train.Number("learning_rate", 1e-12, 1).value_or(schedule.peak);
  schedule.warmup_steps = train.Integer("warmup_steps", 0, kMostSteps).value_or(0);
  schedule.final_share = train.Number("final_share", 0, 1).value_or(schedule.final_share);
  options.batch_tokens =
      train.Integer("batch_tokens", 2, kMostTokens).value_or(options.batch_tokens);
  options.optimiser.weight_decay =
      train.Number("weight_decay", 0, 1).value_or(options.optimiser.weight_decay);
  options.largest_norm = train.Number("clip", 1e-6, 1e6).value_or(options.largest_norm);
  options.balance_factor = train.Number("balance_factor", 0, 1).value_or(options.balance_factor);
  options.bias_rate = train.Number("bias_rate", 0, 1).value_or(options.bias_rate);
  options.recompute = train.Boolean("recompute").value_or(options.recompute);
  options.rollouts.seed = Seed(train, 1);
  recipe.threads = static_cast<int>(train.Integer("threads", 1, 4096).value_or(0));
  train.Finish();
  schedule.steps = Needed(train, "steps", steps);
  CheckWarmup(train, schedule);
}

void ParseEvaluate(TomlReader& root, EvaluateRecipe& recipe) {
  std::optional<TomlReader> evaluate = root.Table("evaluate");
  if (!evaluate) return;
  recipe.every = evaluate->Integer("every", 1, kMostSteps).value_or(recipe.every);
  recipe.problems = evaluate->Integer("problems", 1, kMostProblems).value_or(recipe.problems);
  recipe.replies = evaluate->Integer("replies", 0, 1 << 16).value_or(recipe.replies);
  recipe.max_tokens = evaluate->Integer("max_tokens", 1, 1 << 20).value_or(recipe.max_tokens);
  evaluate->Finish();
}

OutputRecipe ParseOutput(TomlReader& root, const fs::path& file, bool of_training) {
  OutputRecipe recipe;
  TomlReader output = Section(root, "output");
  const auto folder = output.Text("folder");
  if (of_training) {
    recipe.checkpoint_every =
        output.Integer("checkpoint_every", 1, kMostSteps).value_or(recipe.checkpoint_every);
    const auto type = output.Choice("type", {"f32", "bf16"});
    if (type) recipe.type = *type == 0 ? Format::kF32 : Format::kBF16;
  }
  output.Finish();
  recipe.folder = PathIn(file, Needed(output, "folder", folder));
  return recipe;
}

OrderedJson DataSettings(const DataRecipe& data) {
  OrderedJson settings = OrderedJson::object();
  settings["data.seed"] = data.seed;
  for (const MixtureEntry& entry : data.tasks) {
    settings["data.families." + entry.family + " level " + std::to_string(entry.level)] =
        entry.weight;
  }
  return settings;
}

}  // namespace

TokenizerRecipe ParseTokenizerRecipe(std::string_view text, const fs::path& path) {
  const TomlValue file = ParseToml(text, path.string());
  TomlReader root(file, path.string());
  root.Expect({"tokenizer", "data", "output"});
  TokenizerRecipe recipe;
  TomlReader tokenizer = Section(root, "tokenizer");
  recipe.vocabulary = tokenizer.Integer("vocabulary", 264, 1 << 20).value_or(recipe.vocabulary);
  recipe.problems = tokenizer.Integer("problems", 1, kMostProblems).value_or(recipe.problems);
  tokenizer.Finish();
  recipe.data = ParseData(root, /*of_training=*/false, 0);
  recipe.folder = ParseOutput(root, path, /*of_training=*/false).folder;
  return recipe;
}

TrainingRecipe ParseTrainingRecipe(std::string_view text, const fs::path& path, TrainingKind kind) {
  const TomlValue file = ParseToml(text, path.string());
  TomlReader root(file, path.string());
  root.Expect({"model", "data", "train", "evaluate", "output"});
  TrainingRecipe recipe;
  recipe.model = ParseModel(root, path);
  recipe.data = ParseData(root, /*of_training=*/true, kind == TrainingKind::kPretrain ? 1 : 0);
  ParseTrain(root, recipe);
  ParseEvaluate(root, recipe.evaluate);
  recipe.output = ParseOutput(root, path, /*of_training=*/true);
  return recipe;
}

GrpoRecipe ParseGrpoRecipe(std::string_view text, const fs::path& path,
                           std::optional<GrpoMode> mode) {
  const TomlValue file = ParseToml(text, path.string());
  TomlReader root(file, path.string());
  root.Expect({"model", "data", "grpo", "train", "evaluate", "output"});
  GrpoRecipe recipe;
  recipe.model = ParseModel(root, path);
  if (recipe.model.start.empty()) {
    Section(root, "model")
        .Fail("start", "is missing: a model that already solves some of the tasks");
  }
  recipe.data = ParseData(root, /*of_training=*/false, 0);
  ParseGrpo(root, mode, recipe.options);
  ParseGrpoTrain(root, recipe);
  ParseEvaluate(root, recipe.evaluate);
  recipe.output = ParseOutput(root, path, /*of_training=*/true);
  return recipe;
}

std::string ReadRecipeFile(const fs::path& path) {
  constexpr std::size_t kMostBytes = std::size_t{1} << 20;
  const MappedFile file = MappedFile::Open(path);
  if (file.bytes().size() > kMostBytes) {
    throw Error(ErrorCode::kInvalidFile, path.string() + ": has " +
                                             std::to_string(file.bytes().size()) +
                                             " bytes, expected a recipe's TOML file");
  }
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

OrderedJson StepSettings(const TrainingRecipe& recipe) {
  OrderedJson settings = DataSettings(recipe.data);
  settings["data.forms.worked"] = recipe.data.forms.worked;
  settings["data.forms.text"] = recipe.data.forms.text;
  settings["data.forms.answers"] = recipe.data.forms.answers;
  settings["data.forms.drills"] = recipe.data.forms.drills;
  settings["data.prompt_weight"] = recipe.data.prompt_weight;
  const TrainerOptions& train = recipe.trainer;
  settings["train.steps"] = train.schedule.steps;
  settings["train.learning_rate"] = train.schedule.peak;
  settings["train.warmup_steps"] = train.schedule.warmup_steps;
  settings["train.final_share"] = train.schedule.final_share;
  settings["train.step_tokens"] = train.step_tokens;
  settings["train.batch_tokens"] = train.batch_tokens;
  settings["train.optimiser"] = train.optimiser_kind == OptimiserKind::kAdamW ? "adamw" : "muon";
  settings["train.weight_decay"] = train.optimiser.weight_decay;
  settings["train.clip"] = train.largest_norm;
  settings["train.mtp_factor"] = train.mtp_factor;
  settings["train.balance_factor"] = train.balance_factor;
  settings["train.bias_rate"] = train.bias_rate;
  settings["train.seed"] = recipe.seed;
  return settings;
}

OrderedJson StepSettings(const GrpoRecipe& recipe) {
  OrderedJson settings = DataSettings(recipe.data);
  const GrpoOptions& options = recipe.options;
  settings["grpo.problems"] = options.prompts;
  settings["grpo.group"] = options.rollouts.samples;
  settings["grpo.max_tokens"] = options.rollouts.max_tokens;
  settings["grpo.temperature"] = options.rollouts.temperature;
  settings["grpo.accuracy_reward"] = options.accuracy_weight;
  settings["grpo.format_reward"] = options.format_weight;
  settings["grpo.clip_low"] = options.objective.clip_low;
  settings["grpo.clip_high"] = options.objective.clip_high;
  settings["grpo.kl"] = options.objective.kl_coefficient;
  settings["grpo.reference_every"] = options.reference_interval;
  settings["grpo.updates"] = options.updates;
  settings["grpo.epochs"] = options.epochs;
  settings["grpo.divide_by_deviation"] = options.divide_by_deviation;
  settings["grpo.drop_uniform_groups"] = options.drop_uniform_groups;
  settings["grpo.mask_truncated"] = options.mask_truncated;
  settings["grpo.mean"] = static_cast<int>(options.mean);
  settings["train.steps"] = options.schedule.steps;
  settings["train.learning_rate"] = options.schedule.peak;
  settings["train.warmup_steps"] = options.schedule.warmup_steps;
  settings["train.final_share"] = options.schedule.final_share;
  settings["train.batch_tokens"] = options.batch_tokens;
  settings["train.weight_decay"] = options.optimiser.weight_decay;
  settings["train.clip"] = options.largest_norm;
  settings["train.balance_factor"] = options.balance_factor;
  settings["train.bias_rate"] = options.bias_rate;
  settings["train.seed"] = options.rollouts.seed;
  return settings;
}

}  // namespace fathom
