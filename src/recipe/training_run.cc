#include "recipe/training_run.h"

#include <string>

namespace fathom {
namespace {

class SupervisedSteps final : public TrainingSteps {
 public:
  SupervisedSteps(const TrainingRecipe& recipe, const TrainingHooks<StepReport>& hooks)
      : recipe_(recipe),
        hooks_(hooks),
        tasks_(recipe.model, recipe.data, recipe.evaluate, recipe.output, recipe.seed,
               recipe.threads),
        trainer_(tasks_.model(), tasks_.samples(), recipe.trainer, tasks_.pool()) {}

  TaskTraining& tasks() { return tasks_; }
  int64_t steps_done() const override { return trainer_.steps_done(); }

  LogNumbers Step() override {
    const StepReport report = trainer_.Step();
    LogNumbers numbers = {{"loss", report.loss},
                          {"learning_rate", report.learning_rate},
                          {"gradient_norm", report.gradient_norm},
                          {"tokens", static_cast<double>(report.tokens)}};
    if (report.seconds > 0) {
      numbers.emplace_back("tokens_per_second",
                           static_cast<double>(report.tokens) / report.seconds);
    }
    if (report.mtp_loss > 0) numbers.emplace_back("mtp_loss", report.mtp_loss);
    if (report.busiest_expert > 0) numbers.emplace_back("busiest_expert", report.busiest_expert);
    if (hooks_.step) hooks_.step(report);
    return numbers;
  }

  LogNumbers Evaluate() override {
    const TaskMeasure measure = tasks_.Measure(recipe_.trainer.batch_tokens, hooks_.stop);
    if (hooks_.measured) hooks_.measured(steps_done(), measure);
    return NumbersOf(measure);
  }

  void Save(const std::filesystem::path& path, const std::string& fingerprint) const override {
    trainer_.Save(path, fingerprint);
  }
  void Load(const std::filesystem::path& path, const std::string& fingerprint) override {
    trainer_.Load(path, fingerprint);
  }
  void Export(const std::filesystem::path& model) const override { tasks_.Export(model); }

 private:
  const TrainingRecipe& recipe_;
  const TrainingHooks<StepReport>& hooks_;
  TaskTraining tasks_;
  Trainer trainer_;
};

}  // namespace

TrainingOutcome RunTraining(const TrainingRecipe& recipe, TrainingKind kind,
                            const TrainingHooks<StepReport>& hooks) {
  SupervisedSteps steps(recipe, hooks);
  RunOptions options;
  options.folder = recipe.output.folder;
  options.steps = recipe.trainer.schedule.steps;
  options.evaluate_every = recipe.evaluate.every;
  options.checkpoint_every = recipe.output.checkpoint_every;
  options.identity = steps.tasks().Identity(kind == TrainingKind::kPretrain ? "pretrain" : "sft",
                                            StepSettings(recipe));
  options.begin = [&](int64_t steps_done) {
    if (!hooks.begin) return;
    hooks.begin({steps.tasks().parameters(), recipe.trainer.step_tokens, options.steps, steps_done,
                 steps.tasks().pool().threads()});
  };
  options.saved = hooks.saved;
  options.stop = hooks.stop;
  return RunSteps(steps, options);
}

}  // namespace fathom
