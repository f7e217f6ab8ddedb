#include "recipe/recipe_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "base/error.h"

namespace fathom {
namespace {

using ::testing::HasSubstr, ::testing::StartsWith;

constexpr std::string_view kWhole = R"([model]
config = "config.json"
tokenizer = "../out/tokenizer"

[data]
seed = 7
other_families = 0
prompt_weight = 0.5
families.addition = 3
families.clock = { weight = 2, levels = [3, 1] }
families.units = { levels = [2] }
forms = { worked = 3, text = 1, drills = 0.5 }

[train]
steps = 1000
step_tokens = 8192
batch_tokens = 4096
learning_rate = 3e-3
warmup_steps = 50
final_share = 0.05
optimiser = "adamw"
weight_decay = 0.2
clip = 2
mtp_factor = 0.2
balance_factor = 0.001
bias_rate = 0.002
recompute = true
seed = 9
threads = 2

[evaluate]
every = 100
problems = 64

[output]
folder = "out/pretrain"
checkpoint_every = 25
type = "bf16"
)";

std::string Replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) text.replace(at, from.size(), to);
  return text;
}

// The message for kWhole with a change.
std::string Refusal(std::string_view from, std::string_view to) {
  try {
    ParseTrainingRecipe(Replaced(std::string(kWhole), from, to), "r/f.toml",
                        TrainingKind::kPretrain);
  } catch (const Error& error) {
    return error.message() + (error.hint().empty() ? "" : " (" + error.hint() + ")");
  }
  return "nothing was refused";
}

TEST(RecipeConfig, EveryKeyOfATraining) {
  const TrainingRecipe recipe = ParseTrainingRecipe(kWhole, "r/f.toml", TrainingKind::kPretrain);
  EXPECT_EQ(recipe.model.config, "r/config.json");
  EXPECT_EQ(recipe.model.tokenizer, "out/tokenizer");
  EXPECT_TRUE(recipe.model.start.empty());
  EXPECT_EQ(recipe.data.seed, 7U);
  EXPECT_EQ(recipe.data.prompt_weight, 0.5);
  std::map<std::string, double> weights;
  for (const MixtureEntry& entry : recipe.data.tasks) {
    weights[entry.family + std::to_string(entry.level)] = entry.weight;
  }
  EXPECT_EQ(weights, (std::map<std::string, double>{{"addition1", 0.75},
                                                    {"addition2", 0.75},
                                                    {"addition3", 0.75},
                                                    {"addition4", 0.75},
                                                    {"clock1", 1},
                                                    {"clock3", 1},
                                                    {"units2", 1}}));
  EXPECT_EQ(recipe.data.forms.worked, 3);
  EXPECT_EQ(recipe.data.forms.text, 1);
  EXPECT_EQ(recipe.data.forms.answers, 0);
  EXPECT_EQ(recipe.data.forms.drills, 0.5);
  const TrainerOptions& train = recipe.trainer;
  EXPECT_EQ(train.schedule.steps, 1000);
  EXPECT_EQ(train.schedule.peak, 3e-3);
  EXPECT_EQ(train.schedule.warmup_steps, 50);
  EXPECT_EQ(train.schedule.final_share, 0.05);
  EXPECT_EQ(train.step_tokens, 8192);
  EXPECT_EQ(train.batch_tokens, 4096);
  EXPECT_EQ(train.optimiser_kind, OptimiserKind::kAdamW);
  EXPECT_EQ(train.optimiser.weight_decay, 0.2);
  EXPECT_EQ(train.muon.weight_decay, 0.2);
  EXPECT_EQ(train.largest_norm, 2);
  EXPECT_EQ(train.mtp_factor, 0.2);
  EXPECT_EQ(train.balance_factor, 0.001);
  EXPECT_EQ(train.bias_rate, 0.002);
  EXPECT_TRUE(train.recompute);
  EXPECT_EQ(recipe.seed, 9U);
  EXPECT_EQ(recipe.threads, 2);
  EXPECT_EQ(recipe.evaluate.every, 100);
  EXPECT_EQ(recipe.evaluate.problems, 64);
  EXPECT_EQ(recipe.output.folder, "r/out/pretrain");
  EXPECT_EQ(recipe.output.checkpoint_every, 25);
  EXPECT_EQ(recipe.output.type, Format::kBF16);
}

TEST(RecipeConfig, DefaultsDependOnTheKindOfTraining) {
  const std::string text =
      "[model]\nstart = '/models/a'\n[data]\n[train]\nsteps = 1\nstep_tokens = 2\n"
      "batch_tokens = 2\nlearning_rate = 1\n[output]\nfolder = '/out'\n";
  const TrainingRecipe pretrain = ParseTrainingRecipe(text, "f", TrainingKind::kPretrain);
  const TrainingRecipe sft = ParseTrainingRecipe(text, "f", TrainingKind::kSft);
  EXPECT_EQ(pretrain.data.prompt_weight, 1);
  EXPECT_EQ(sft.data.prompt_weight, 0);
  EXPECT_EQ(sft.model.start, "/models/a");
  EXPECT_EQ(sft.output.folder, "/out");
  EXPECT_EQ(sft.data.tasks.size(), AllTasks().size());
  EXPECT_EQ(sft.data.forms.worked, 1);
  EXPECT_EQ(sft.output.type, Format::kF32);
}

TEST(RecipeConfig, WhatIsWrongIsNamed) {
  EXPECT_EQ(Refusal("steps = 1000", "steps = -5"),
            "r/f.toml:15: 'train.steps' is -5, expected 1 to 1000000000");
  EXPECT_EQ(Refusal("steps = 1000", "step = 1000"),
            "r/f.toml:15: 'train.step' is a key that is not known (the nearest that is: "
            "train.steps)");
  EXPECT_EQ(Refusal("steps = 1000\n", ""), "r/f.toml:14: 'train.steps' is missing");
  EXPECT_EQ(Refusal("[train]", "[trian]"),
            "r/f.toml:14: 'trian' is a table that is not known (the nearest that is: train)");
  EXPECT_THAT(Refusal("batch_tokens = 4096", "batch_tokens = 0"),
              HasSubstr("'train.batch_tokens' is 0, expected 2 to"));
  EXPECT_THAT(Refusal("final_share = 0.05", "final_share = 1.5"),
              HasSubstr("'train.final_share' is 1.5, expected 0 to 1"));
  EXPECT_THAT(Refusal("learning_rate = 3e-3", "learning_rate = \"3e-3\""),
              HasSubstr("'train.learning_rate' is a text, expected a number"));
  EXPECT_THAT(Refusal("warmup_steps = 50", "warmup_steps = 5000"),
              HasSubstr("'train.warmup_steps' is 5000, expected at most the 1000 steps"));
  EXPECT_THAT(Refusal("\"adamw\"", "\"adam\""), HasSubstr("'train.optimiser' is 'adam', expected"));
  EXPECT_THAT(Refusal("families.addition", "families.adition"),
              HasSubstr("'data.families.adition' is a key that is not known (the nearest that is: "
                        "data.families.addition)"));
  EXPECT_THAT(Refusal("levels = [2]", "levels = [2, 4]"),
              HasSubstr("'data.families.units.levels' has 4 in it, expected 1 to 3"));
  EXPECT_THAT(Refusal("levels = [3, 1]", "levels = [3, 3]"), HasSubstr("has a level twice"));
  EXPECT_THAT(Refusal("families.addition = 3", "families.addition = -3"),
              HasSubstr("'data.families.addition' is -3, expected 0 to"));
  EXPECT_THAT(Refusal("worked = 3, text = 1, drills = 0.5", "worked = 0"),
              HasSubstr("leaves no form"));
  EXPECT_THAT(Refusal("config = \"config.json\"", "start = 'x'"),
              HasSubstr("'model.tokenizer' is of a new model, and 'model.start'"));
  EXPECT_THAT(Refusal("config = \"config.json\"", ""), HasSubstr("'model.config' is missing"));
  EXPECT_THAT(Refusal("folder = \"out/pretrain\"", ""), HasSubstr("'output.folder' is missing"));
  EXPECT_THAT(Refusal("problems = 64", "problems = 0"),
              HasSubstr("'evaluate.problems' is 0, expected 1 to"));
}

TEST(RecipeConfig, NoFamilyAtAllIsRefused) {
  const std::string text = "[tokenizer]\n[data]\nother_families = 0\n[output]\nfolder = 't'\n";
  try {
    ParseTokenizerRecipe(text, "f");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.message(), "f:2: 'data.families' leaves no family: none has a weight above 0");
  }
}

TEST(RecipeConfig, ATokenizer) {
  const TokenizerRecipe recipe = ParseTokenizerRecipe(
      "[tokenizer]\nvocabulary = 512\nproblems = 900\n[data]\nseed = 3\n[output]\nfolder = 't'\n",
      "d/f.toml");
  EXPECT_EQ(recipe.vocabulary, 512);
  EXPECT_EQ(recipe.problems, 900);
  EXPECT_EQ(recipe.data.seed, 3U);
  EXPECT_EQ(recipe.folder, "d/t");
  EXPECT_THROW(ParseTokenizerRecipe("[tokenizer]\n[data]\nprompt_weight = 1\n[output]\n"
                                    "folder = 't'\n",
                                    "f"),
               Error);
}

constexpr std::string_view kGrpo = R"([model]
start = "sft/model"
[data]
seed = 4
[grpo]
problems = 5
group = 6
max_tokens = 70
temperature = 0.5
accuracy_reward = 2
format_reward = 0.25
clip_low = 0.1
clip_high = 0.3
kl = 0.01
reference_every = 8
updates = 2
epochs = 3
divide_by_deviation = true
drop_uniform_groups = false
mask_truncated = false
[train]
steps = 40
learning_rate = 1e-4
warmup_steps = 5
final_share = 0.5
batch_tokens = 900
weight_decay = 0.01
clip = 0.5
balance_factor = 0.1
bias_rate = 0.2
recompute = true
seed = 11
threads = 3
[evaluate]
every = 10
problems = 8
replies = 2
max_tokens = 60
[output]
folder = "out"
)";

TEST(RecipeConfig, EveryKeyOfReinforcement) {
  const GrpoRecipe recipe = ParseGrpoRecipe(kGrpo, "r/f.toml");
  EXPECT_EQ(recipe.model.start, "r/sft/model");
  EXPECT_EQ(recipe.threads, 3);
  EXPECT_EQ(recipe.evaluate.replies, 2);
  EXPECT_EQ(recipe.evaluate.max_tokens, 60);
  const GrpoOptions& options = recipe.options;
  EXPECT_EQ(options.prompts, 5);
  EXPECT_EQ(options.rollouts.samples, 6);
  EXPECT_EQ(options.rollouts.max_tokens, 70);
  EXPECT_EQ(options.rollouts.temperature, 0.5F);
  EXPECT_EQ(options.rollouts.seed, 11U);
  EXPECT_EQ(options.accuracy_weight, 2);
  EXPECT_EQ(options.format_weight, 0.25);
  EXPECT_EQ(options.objective.clip_low, 0.1);
  EXPECT_EQ(options.objective.clip_high, 0.3);
  EXPECT_EQ(options.objective.kl_coefficient, 0.01);
  EXPECT_EQ(options.reference_interval, 8);
  EXPECT_EQ(options.updates, 2);
  EXPECT_EQ(options.epochs, 3);
  EXPECT_TRUE(options.divide_by_deviation);
  EXPECT_FALSE(options.drop_uniform_groups);
  EXPECT_FALSE(options.mask_truncated);
  EXPECT_EQ(options.schedule.steps, 40);
  EXPECT_EQ(options.schedule.peak, 1e-4);
  EXPECT_EQ(options.schedule.warmup_steps, 5);
  EXPECT_EQ(options.schedule.final_share, 0.5);
  EXPECT_EQ(options.batch_tokens, 900);
  EXPECT_EQ(options.optimiser.weight_decay, 0.01);
  EXPECT_EQ(options.largest_norm, 0.5);
  EXPECT_EQ(options.balance_factor, 0.1);
  EXPECT_EQ(options.bias_rate, 0.2);
  EXPECT_TRUE(options.recompute);
}

TEST(RecipeConfig, AModeStandsForWhatIsNotNamed) {
  const std::string least =
      "[model]\nstart = 's'\n[data]\n[grpo]\n[train]\nsteps = 3\n[output]\nfolder = 'o'\n";
  const GrpoOptions plain = ParseGrpoRecipe(least, "f").options;
  EXPECT_EQ(plain.objective.kl_coefficient, GrpoOptions().objective.kl_coefficient);
  EXPECT_EQ(plain.schedule.peak, GrpoOptions().schedule.peak);
  const std::string named = Replaced(least, "[grpo]", "[grpo]\nmode = 'r1'\ngroup = 4");
  for (const GrpoOptions& r1 :
       {ParseGrpoRecipe(least, "f", GrpoMode::kR1).options, ParseGrpoRecipe(named, "f").options}) {
    EXPECT_EQ(r1.objective.kl_coefficient, R1Options().objective.kl_coefficient);
    EXPECT_EQ(r1.schedule.peak, R1Options().schedule.peak);
    EXPECT_EQ(r1.reference_interval, 400);
  }
  EXPECT_EQ(ParseGrpoRecipe(named, "f").options.rollouts.samples, 4);
  EXPECT_EQ(ParseGrpoRecipe(named, "f", GrpoMode::kDefault).options.schedule.peak,
            GrpoOptions().schedule.peak);
}

TEST(RecipeConfig, WhatIsWrongWithReinforcementIsNamed) {
  const auto refusal = [](std::string_view from, std::string_view to) {
    try {
      ParseGrpoRecipe(Replaced(std::string(kGrpo), from, to), "f");
    } catch (const Error& error) {
      return error.message();
    }
    return std::string("nothing was refused");
  };
  EXPECT_THAT(refusal("group = 6", "group = 1"), HasSubstr("'grpo.group' is 1, expected 2 to"));
  EXPECT_THAT(refusal("start = \"sft/model\"", "config = 'c'\ntokenizer = 't'"),
              HasSubstr("'model.start' is missing"));
  EXPECT_THAT(refusal("kl = 0.01", "lk = 0.01"), HasSubstr("'grpo.lk' is a key that is not known"));
  EXPECT_THAT(refusal("accuracy_reward = 2\nformat_reward = 0.25",
                      "accuracy_reward = 0\nformat_reward = 0"),
              HasSubstr("there is nothing to learn"));
  EXPECT_THAT(refusal("steps = 40", "steps = 4"), HasSubstr("expected at most the 4 steps"));
  EXPECT_THAT(refusal("seed = 4", "prompt_weight = 1"), HasSubstr("'data.prompt_weight'"));
}

TEST(RecipeConfig, StepSettingsHaveAllThatChangesAStep) {
  const auto settings = [](std::string_view from, std::string_view to) {
    return StepSettings(
        ParseTrainingRecipe(Replaced(std::string(kWhole), from, to), "f", TrainingKind::kPretrain));
  };
  const OrderedJson whole = settings("steps", "steps");
  for (const auto& [from, to] :
       std::map<std::string, std::string>{{"threads = 2", "threads = 1"},
                                          {"every = 100", "every = 10"},
                                          {"recompute = true", "recompute = false"},
                                          {"checkpoint_every = 25", "checkpoint_every = 2"}}) {
    EXPECT_EQ(settings(from, to), whole) << from;
  }
  for (const auto& [from, to] :
       std::map<std::string, std::string>{{"seed = 7", "seed = 8"},
                                          {"prompt_weight = 0.5", "prompt_weight = 0"},
                                          {"families.addition = 3", "families.addition = 4"},
                                          {"levels = [2]", "levels = [1]"},
                                          {"text = 1", "answers = 1"},
                                          {"drills = 0.5", "drills = 0.6"},
                                          {"steps = 1000", "steps = 1001"},
                                          {"step_tokens = 8192", "step_tokens = 8193"},
                                          {"batch_tokens = 4096", "batch_tokens = 4097"},
                                          {"learning_rate = 3e-3", "learning_rate = 4e-3"},
                                          {"warmup_steps = 50", "warmup_steps = 51"},
                                          {"final_share = 0.05", "final_share = 0.06"},
                                          {"\"adamw\"", "\"muon\""},
                                          {"weight_decay = 0.2", "weight_decay = 0.3"},
                                          {"clip = 2", "clip = 3"},
                                          {"mtp_factor = 0.2", "mtp_factor = 0.3"},
                                          {"balance_factor = 0.001", "balance_factor = 0.002"},
                                          {"bias_rate = 0.002", "bias_rate = 0.003"},
                                          {"seed = 9", "seed = 10"}}) {
    EXPECT_NE(settings(from, to), whole) << from;
  }
}

}  // namespace
}  // namespace fathom
