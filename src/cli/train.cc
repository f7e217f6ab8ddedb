// fathom train: a tokenizer, a model from nothing, fine-tuning on worked solutions, and
// reinforcement learning, by recipes.
#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/reply.h"
#include "cli/terminal.h"
#include "recipe/eta.h"
#include "recipe/evaluation.h"
#include "recipe/grpo_run.h"
#include "recipe/recipe_config.h"
#include "recipe/sparkline.h"
#include "recipe/tokenizer_training.h"
#include "recipe/training_run.h"

namespace fathom::cli {
namespace {

namespace fs = std::filesystem;

struct TrainFlags {
  std::string config, out, mode;
  int threads = 0;
  float watts = 0;  // 0: not told
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
  std::string text = CountText(static_cast<double>(plan.parameters)) + " parameters, " +
                     std::to_string(plan.steps) + " steps";
  if (plan.step_tokens > 0) {
    text += " of at least " + CountText(static_cast<double>(plan.step_tokens)) + " tokens (" +
            CountText(static_cast<double>(plan.steps) * static_cast<double>(plan.step_tokens)) +
            " together)";
  }
  text += ", " + std::to_string(plan.threads) + (plan.threads == 1 ? " thread" : " threads") +
          ", in " + folder.string();
  if (plan.steps_done > 0) {
    text += "\ngoes on behind step " + std::to_string(plan.steps_done);
  }
  return text;
}

std::string MeasureText(int64_t steps, const TaskMeasure& measure) {
  const HeldOutLoss& predicted = measure.predicted;
  std::string text =
      "step " + std::to_string(steps) + ": held-out loss " + Significant(predicted.loss);
  if (predicted.mtp_loss > 0) text += ", mtp " + Significant(predicted.mtp_loss);
  text += ", right tokens " + Significant(100 * predicted.accuracy) + "%";
  if (!measure.replies) return text;
  const FamilyScore& mean = measure.replies->mean;
  text += ", solves " + Significant(100 * mean.pass_1) + "% of " + std::to_string(mean.problems) +
          " problems, thinking " + Significant(mean.thinking_tokens) + " tokens";
  if (measure.mtp) text += ", mtp right in " + Significant(100 * measure.mtp->share()) + "%";
  return text;
}

// How far a run is and what is left.
class RunClock {
 public:
  explicit RunClock(int64_t steps) : steps_(steps) {}

  // "step 120/8000"; behind a step of that many seconds.
  std::string Step(int64_t step, double seconds) {
    const double now = MonotonicSeconds();
    if (last_ > 0) remaining_.AddBetweenSteps(std::max(0.0, now - last_ - seconds));
    last_ = now;
    remaining_.AddStep(seconds);
    left_ = steps_ - step - 1;
    return "step " + std::to_string(step + 1) + "/" + std::to_string(steps_);
  }
  // ", 4 h 51 min left"
  std::string Left() const {
    return ", " + fathom::DurationText(remaining_.Seconds(left_)) + " left";
  }

 private:
  int64_t steps_, left_ = 0;
  RemainingTime remaining_;
  double last_ = 0;
};

// A number over several steps, so that it can be read.
class Smoothed {
 public:
  double Add(double count, double seconds) {
    constexpr double kKept = 0.9;
    count_ = kKept * count_ + count;
    seconds_ = kKept * seconds_ + seconds;
    return seconds_ > 0 ? count_ / seconds_ : 0;
  }

 private:
  double count_ = 0, seconds_ = 0;
};

std::string BusiestText(double busiest) {
  return busiest > 0 ? ", busiest expert " + Significant(busiest) : std::string();
}

// "step 120/8000, loss 1.93, mtp 2.41, 2510 tokens/s, 4 h 51 min left, busiest expert 1.31, norm
// 0.87"
std::string StepText(const StepReport& report, RunClock& clock, Smoothed& speed) {
  std::string text = clock.Step(report.step, report.seconds) + ", loss " + Significant(report.loss);
  if (report.mtp_loss > 0) text += ", mtp " + Significant(report.mtp_loss);
  const double tokens = speed.Add(static_cast<double>(report.tokens), report.seconds);
  return text + ", " + Significant(tokens) + " tokens/s" + clock.Left() +
         BusiestText(report.busiest_expert) + ", norm " + Significant(report.gradient_norm);
}

// "step 12/300, reward 0.61, solved 55%, one of each group 81%, 96 tokens a reply, ..."
std::string StepText(const GrpoReport& report, RunClock& clock, Smoothed&) {
  const double seconds = report.rollout_seconds + report.training_seconds;
  return clock.Step(report.step, seconds) + ", reward " + Significant(report.reward) + ", solved " +
         Significant(100 * report.pass_1) + "%, in a group " +
         Significant(100 * report.pass_group) + "%, " + Significant(report.mean_length) +
         " tokens a reply, entropy " + Significant(report.entropy) + ", mismatch " +
         Significant(report.mismatch) + clock.Left() + BusiestText(report.busiest_expert);
}

// What has a curve in the terminal.
double CurveValue(const StepReport& report) { return report.loss; }
double CurveValue(const GrpoReport& report) { return report.reward; }
std::string_view CurveName(const StepReport&) { return "loss"; }
std::string_view CurveName(const GrpoReport&) { return "reward"; }

// "  loss ▇▅▃▂▁  busiest expert ▇▂▁▁▁" of all steps of this run.
template <class Report>
std::string CurvesText(std::span<const double> values, std::span<const double> busiest) {
  constexpr int kWidth = 30;
  return "  " + std::string(CurveName(Report())) + " " + Sparkline(values, kWidth) +
         "  busiest expert " + Sparkline(busiest, kWidth);
}

// "5500 steps in 3 h 40 min, 0.13 kWh at 35 watts"
std::string EffortText(const TrainingOutcome& outcome, double watts) {
  constexpr double kJoulesPerKilowattHour = 3.6e6;
  std::string text =
      std::to_string(outcome.steps_done) + " steps in " + fathom::DurationText(outcome.seconds);
  if (watts > 0) {
    text += ", " + Significant(outcome.seconds * watts / kJoulesPerKilowattHour) + " kWh at " +
            Significant(watts) + " watts";
  }
  return text;
}

// What a training says while it runs and at its end; `run` makes it with these hooks.
template <class Report>
int FollowTraining(
    int64_t steps, const fs::path& folder, double watts,
    const std::function<TrainingOutcome(const TrainingHooks<Report>&, ProgressLine&)>& run) {
  InterruptScope interrupts;
  ProgressLine line;
  RunClock clock(steps);
  Smoothed speed;
  TaskMeasure last;
  std::vector<double> values, busiest;  // of each step
  TrainingHooks<Report> hooks;
  hooks.begin = [&](const TrainingPlan& plan) { PrintLine(PlanText(plan, folder)); };
  hooks.step = [&](const Report& report) {
    values.push_back(CurveValue(report));
    busiest.push_back(report.busiest_expert);
    line.Show(StepText(report, clock, speed));
  };
  hooks.measured = [&](int64_t done, const TaskMeasure& measure) {
    line.Clear();
    PrintLine(MeasureText(done, measure));
    if (StdoutIsTerminal()) PrintLine(CurvesText<Report>(values, busiest));
    last = measure;
  };
  hooks.stop = &interrupts.flag();
  const TrainingOutcome outcome = run(hooks, line);
  line.Clear();
  switch (outcome.end) {
    case TrainingEnd::kStopped:
      PrintError("stopped behind step " + std::to_string(outcome.steps_done) +
                 "; the same command goes on from there\n");
      return kExitInterrupted;
    case TrainingEnd::kWasFinished:
      PrintLine(outcome.model.string() + ": finished already, " + EffortText(outcome, watts));
      return kExitOk;
    case TrainingEnd::kFinished:
      if (last.replies) Print(EvaluationTable(*last.replies));
      PrintLine(outcome.model.string() + ": the trained model, after " +
                EffortText(outcome, watts));
      return kExitOk;
  }
  return kExitOk;
}

int TrainModelCommand(const TrainFlags& flags, TrainingKind kind) {
  TrainingRecipe recipe = ParseTrainingRecipe(ReadRecipeFile(flags.config), flags.config, kind);
  if (!flags.out.empty()) recipe.output.folder = flags.out;
  if (flags.threads > 0) recipe.threads = flags.threads;
  return FollowTraining<StepReport>(recipe.trainer.schedule.steps, recipe.output.folder,
                                    flags.watts,
                                    [&](const TrainingHooks<StepReport>& hooks, ProgressLine&) {
                                      return RunTraining(recipe, kind, hooks);
                                    });
}

int TrainGrpoCommand(const TrainFlags& flags) {
  std::optional<GrpoMode> mode;
  if (!flags.mode.empty()) mode = flags.mode == "r1" ? GrpoMode::kR1 : GrpoMode::kDefault;
  GrpoRecipe recipe = ParseGrpoRecipe(ReadRecipeFile(flags.config), flags.config, mode);
  if (!flags.out.empty()) recipe.output.folder = flags.out;
  if (flags.threads > 0) recipe.threads = flags.threads;
  return FollowTraining<GrpoReport>(
      recipe.options.schedule.steps, recipe.output.folder, flags.watts,
      [&](const TrainingHooks<GrpoReport>& hooks, ProgressLine& line) {
        return RunGrpo(recipe, hooks, [&](const RolloutProgress& progress) {
          line.Show("replies " + std::to_string(progress.done) + "/" +
                    std::to_string(progress.total) + " of the next step");
        });
      });
}

// ---- Flags -------------------------------------------------------------------------------------

void AddPart(Command train, Context& context, const std::string& name, const std::string& about,
             const std::string& footer, bool trains_model,
             std::function<int(const TrainFlags&)> run) {
  const auto flags = std::make_shared<TrainFlags>();
  Command command = train.AddCommand(name, about);
  command.Add("config", flags->config, "The recipe, a TOML file").Type("CONFIG").Required();
  command.Add("--out", flags->out, "Folder to write to, instead of the recipe's [output] folder")
      .Type("DIR");
  if (trains_model) {
    command
        .Add("--threads", flags->threads,
             "Threads, instead of the recipe's; the result is the same with any number")
        .Type("N")
        .Between(1, 4096);
    command
        .Add("--watts", flags->watts,
             "What this machine draws while it computes, as you measured it; kilowatt-hours are "
             "then told at the end")
        .Type("WATTS")
        .Between(0.0F, 1e6F);
  }
  if (name == "grpo") {
    command
        .Add("--mode", flags->mode,
             "Whose hyper-parameters stand where the recipe names none: default, or r1 for "
             "those of DeepSeek-R1's paper")
        .Type("MODE")
        .OneOf({"default", "r1"});
  }
  command.Footer(footer);
  command.OnChosen([&context, flags, run = std::move(run)] {
    context.run = [flags, run] { return run(*flags); };
  });
}

}  // namespace

void AddTrain(Command app, Context& context) {
  Command train = app.AddCommand("train", "Train a small reasoning model by a recipe");
  train.RequireCommand();
  train.Footer(
      "Examples, the whole recipe of the model 'nano' one after the other:\n"
      "  fathom train tokenizer recipes/nano/tokenizer.toml\n"
      "  fathom train pretrain recipes/nano/pretrain.toml\n"
      "  fathom train sft recipes/nano/sft.toml\n"
      "  fathom train grpo recipes/nano/grpo.toml\n"
      "  fathom run recipes/nano/out/grpo/model -p \"Which is larger, 9.11 or 9.9?\"\n"
      "'fathom train PART --help' says more of a part.");
  AddPart(train, context, "tokenizer", "Learn a vocabulary from the text of tasks",
          "Writes tokenizer.json and tokenizer_config.json, with R1's special tokens and chat "
          "template.\n"
          "Example:\n"
          "  fathom train tokenizer recipes/nano/tokenizer.toml",
          /*trains_model=*/false, TrainTokenizerCommand);
  const std::string goes_on =
      "Writes a log (log.jsonl), curves (curves.svg), checkpoints and at the end the folder "
      "model/,\n"
      "which 'fathom run' opens. What was stopped, even by kill -9, goes on from its last "
      "checkpoint\n"
      "when the same command is given again, and ends with the same bits.\n"
      "Example:\n";
  AddPart(
      train, context, "pretrain", "Train a model from nothing, or go on with one",
      goes_on + "  fathom train pretrain recipes/nano/pretrain.toml", /*trains_model=*/true,
      [](const TrainFlags& flags) { return TrainModelCommand(flags, TrainingKind::kPretrain); });
  AddPart(train, context, "sft", "Fine-tune a model on worked solutions",
          goes_on + "  fathom train sft recipes/nano/sft.toml", /*trains_model=*/true,
          [](const TrainFlags& flags) { return TrainModelCommand(flags, TrainingKind::kSft); });
  AddPart(train, context, "grpo", "Improve a model by rewards for its own replies",
          goes_on +
              "  fathom train grpo recipes/nano/grpo.toml\n"
              "  fathom train grpo recipes/nano/grpo.toml --mode r1 --out out/r1",
          /*trains_model=*/true, TrainGrpoCommand);
}

}  // namespace fathom::cli
