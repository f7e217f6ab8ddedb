// fathom train: a tokenizer, a model from nothing, and fine-tuning on worked solutions, by recipes.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/reply.h"
#include "cli/terminal.h"
#include "recipe/eta.h"
#include "recipe/recipe_config.h"
#include "recipe/tokenizer_training.h"
#include "recipe/training_run.h"

namespace fathom::cli {
namespace {

namespace fs = std::filesystem;

struct TrainFlags {
  std::string config, out;
  int threads = 0;
};

// ---- The tokenizer -----------------------------------------------------------------------------

int TrainTokenizerCommand(const TrainFlags& flags) {
  TokenizerRecipe recipe = ParseTokenizerRecipe(ReadRecipeFile(flags.config), flags.config);
  if (!flags.out.empty()) recipe.folder = flags.out;
  const TaskMixture mixture(recipe.data.tasks, Split::kTrain, recipe.data.seed);
  InterruptScope interrupts;
  ProgressLine line;
  const TokenizerSpec spec = TrainTokenizer(
      mixture,
      {.vocabulary = recipe.vocabulary, .problems = recipe.problems, .progress = [&](int64_t done) {
         if (interrupts.pending()) {
           throw Error(ErrorCode::kCancelled, "interrupted");
         }
         line.Show("reading problem " + std::to_string(done) + " of " +
                   std::to_string(recipe.problems));
       }});
  line.Clear();
  const std::string size = std::to_string(spec.tokens.size()) + " tokens";
  if (HasTokenizer(spec, recipe.folder)) {
    PrintLine(recipe.folder.string() + ": this tokenizer of " + size + " is there already");
    return kExitOk;
  }
  WriteTokenizer(spec, recipe.folder);
  PrintLine(recipe.folder.string() + ": " + size + " learned from " +
            std::to_string(recipe.problems) + " problems");
  return kExitOk;
}

// ---- Models ------------------------------------------------------------------------------------

// 9437184 is "9.44 million".
std::string CountText(double count) {
  if (count >= 1e9) return Significant(count / 1e9) + " billion";
  if (count >= 1e6) return Significant(count / 1e6) + " million";
  return std::to_string(static_cast<int64_t>(count));
}

std::string PlanText(const TrainingPlan& plan, const fs::path& folder) {
  const double tokens = static_cast<double>(plan.steps) * static_cast<double>(plan.step_tokens);
  std::string text = CountText(static_cast<double>(plan.parameters)) + " parameters, " +
                     std::to_string(plan.steps) + " steps, at least " + CountText(tokens) +
                     " tokens, " + std::to_string(plan.threads) +
                     (plan.threads == 1 ? " thread" : " threads") + ", in " + folder.string();
  if (plan.steps_done > 0) {
    text += "\ngoes on behind step " + std::to_string(plan.steps_done);
  }
  return text;
}

std::string HeldOutText(int64_t steps, const HeldOutLoss& measured) {
  std::string text =
      "step " + std::to_string(steps) + ": held-out loss " + Significant(measured.loss);
  if (measured.mtp_loss > 0) text += ", of the token behind " + Significant(measured.mtp_loss);
  return text + ", " + Significant(100 * measured.accuracy) + "% of tokens likeliest";
}

// "step 120/8000, loss 1.93, mtp 2.41, 2510 tokens/s, 4 h 51 min left, busiest expert 1.31, norm
// 0.87": what the run is doing now.
class StepText {
 public:
  explicit StepText(int64_t steps) : steps_(steps) {}

  std::string Of(const StepReport& report) {
    const double now = MonotonicSeconds();
    if (last_ > 0) remaining_.AddBetweenSteps(std::max(0.0, now - last_ - report.seconds));
    last_ = now;
    remaining_.AddStep(report.seconds);
    // Over several steps, so that the number can be read.
    constexpr double kKept = 0.9;
    tokens_ = kKept * tokens_ + static_cast<double>(report.tokens);
    seconds_ = kKept * seconds_ + report.seconds;
    std::string text = "step " + std::to_string(report.step + 1) + "/" + std::to_string(steps_) +
                       ", loss " + Significant(report.loss);
    if (report.mtp_loss > 0) text += ", mtp " + Significant(report.mtp_loss);
    if (seconds_ > 0) text += ", " + Significant(tokens_ / seconds_) + " tokens/s";
    text += ", " + fathom::DurationText(remaining_.Seconds(steps_ - report.step - 1)) + " left";
    if (report.busiest_expert > 0) text += ", busiest expert " + Significant(report.busiest_expert);
    return text + ", norm " + Significant(report.gradient_norm);
  }

 private:
  int64_t steps_;
  RemainingTime remaining_;
  double last_ = 0, tokens_ = 0, seconds_ = 0;
};

int TrainModelCommand(const TrainFlags& flags, TrainingKind kind) {
  TrainingRecipe recipe = ParseTrainingRecipe(ReadRecipeFile(flags.config), flags.config, kind);
  if (!flags.out.empty()) recipe.output.folder = flags.out;
  if (flags.threads > 0) recipe.threads = flags.threads;
  InterruptScope interrupts;
  ProgressLine line;
  StepText text(recipe.trainer.schedule.steps);
  TrainingHooks hooks;
  hooks.begin = [&](const TrainingPlan& plan) { PrintLine(PlanText(plan, recipe.output.folder)); };
  hooks.step = [&](const StepReport& report) { line.Show(text.Of(report)); };
  hooks.evaluated = [&](int64_t steps, const HeldOutLoss& measured) {
    line.Clear();
    PrintLine(HeldOutText(steps, measured));
  };
  hooks.stop = [&] { return interrupts.pending(); };
  const TrainingOutcome outcome = RunTraining(recipe, kind, hooks);
  line.Clear();
  const std::string steps = std::to_string(outcome.steps_done);
  switch (outcome.end) {
    case TrainingEnd::kStopped:
      PrintError("stopped behind step " + steps + "; the same command goes on from there\n");
      return kExitInterrupted;
    case TrainingEnd::kWasFinished:
      PrintLine(outcome.model.string() + ": finished already, with " + steps + " steps");
      return kExitOk;
    case TrainingEnd::kFinished:
      PrintLine(outcome.model.string() + ": the trained model, after " + steps + " steps");
      return kExitOk;
  }
  return kExitOk;
}

// ---- Flags -------------------------------------------------------------------------------------

CLI::App* AddPart(CLI::App& train, Context& context, const std::string& name,
                  const std::string& about, const std::string& footer, bool threads,
                  std::function<int(const TrainFlags&)> run) {
  const auto flags = std::make_shared<TrainFlags>();
  CLI::App* command = train.add_subcommand(name, about);
  command->add_option("config", flags->config, "The recipe, a TOML file")
      ->type_name("CONFIG")
      ->required();
  command
      ->add_option("--out", flags->out,
                   "Folder to write to, instead of the recipe's [output] folder")
      ->type_name("DIR");
  if (threads) {
    command
        ->add_option("--threads", flags->threads,
                     "Threads, instead of the recipe's; the result is the same with any number")
        ->type_name("N")
        ->check(CLI::Range(1, 4096));
  }
  command->footer(footer);
  command->callback([&context, flags, run = std::move(run)] {
    context.run = [flags, run] { return run(*flags); };
  });
  return command;
}

}  // namespace

void AddTrain(CLI::App& app, Context& context) {
  CLI::App* train = app.add_subcommand("train", "Train a small reasoning model by a recipe");
  train->require_subcommand(1);
  train->footer(
      "Examples, the whole recipe of the model 'nano' one after the other:\n"
      "  fathom train tokenizer recipes/nano/tokenizer.toml\n"
      "  fathom train pretrain recipes/nano/pretrain.toml\n"
      "  fathom train sft recipes/nano/sft.toml\n"
      "  fathom run recipes/nano/out/sft/model -p \"Which is larger, 9.11 or 9.9?\"\n"
      "'fathom train PART --help' says more of a part.");
  AddPart(*train, context, "tokenizer", "Learn a vocabulary from the text of tasks",
          "Writes tokenizer.json and tokenizer_config.json, with R1's special tokens and chat "
          "template.\n"
          "Example:\n"
          "  fathom train tokenizer recipes/nano/tokenizer.toml",
          /*threads=*/false, TrainTokenizerCommand);
  const std::string goes_on =
      "Writes a log (log.jsonl), curves (curves.svg), checkpoints and at the end the folder "
      "model/,\n"
      "which 'fathom run' opens. What was stopped, even by kill -9, goes on from its last "
      "checkpoint\n"
      "when the same command is given again, and ends with the same bits.\n"
      "Example:\n";
  AddPart(
      *train, context, "pretrain", "Train a model from nothing, or go on with one",
      goes_on + "  fathom train pretrain recipes/nano/pretrain.toml", /*threads=*/true,
      [](const TrainFlags& flags) { return TrainModelCommand(flags, TrainingKind::kPretrain); });
  AddPart(*train, context, "sft", "Fine-tune a model on worked solutions",
          goes_on + "  fathom train sft recipes/nano/sft.toml", /*threads=*/true,
          [](const TrainFlags& flags) { return TrainModelCommand(flags, TrainingKind::kSft); });
  for (CLI::App* part : train->get_subcommands({})) part->fallthrough();
}

}  // namespace fathom::cli
