#include "recipe/grpo_run.h"

#include <string>

#include "recipe/task_rewards.h"

namespace fathom {
namespace {

using Progress = std::function<void(const RolloutProgress&)>;

class GrpoSteps final : public TrainingSteps {
 public:
  GrpoSteps(const GrpoRecipe& recipe, const TrainingHooks<GrpoReport>& hooks,
            const Progress& replies)
      : recipe_(recipe),
        hooks_(hooks),
        replies_(replies),
        tasks_(recipe.model, recipe.data, recipe.evaluate, recipe.output, 0, recipe.threads),
        rewards_(tasks_.train_tasks(), tasks_.format()),
        grpo_(tasks_.model(), tasks_.config(), rewards_, recipe.options,
              {.threads = tasks_.pool().threads(),
               .context_length = tasks_.EngineContext(recipe.options.rollouts.max_tokens)},
              tasks_.pool()) {}

  TaskTraining& tasks() { return tasks_; }
  int64_t steps_done() const override { return grpo_.steps_done(); }

  LogNumbers Step() override {
    const GrpoReport report = grpo_.Step(hooks_.stop, replies_);
    if (hooks_.step) hooks_.step(report);
    return {{"reward", report.reward},
            {"accuracy_reward", report.accuracy_reward},
            {"format_reward", report.format_reward},
            {"pass_at_1", report.pass_1},
            {"pass_at_g", report.pass_group},
            {"length", report.mean_length},
            {"truncated", report.truncated},
            {"entropy", report.entropy},
            {"sampled_entropy", report.sampled_entropy},
            {"mismatch", report.mismatch},
            {"largest_mismatch", report.largest_mismatch},
            {"dropped_groups", report.dropped_groups},
            {"trained_replies", static_cast<double>(report.trained_replies)},
            {"trained_tokens", static_cast<double>(report.trained_tokens)},
            {"objective", report.loss},
            {"clipped", report.clipped},
            {"kl", report.kl},
            {"gradient_norm", report.gradient_norm},
            {"learning_rate", report.learning_rate},
            {"busiest_expert", report.busiest_expert},
            {"rollout_seconds", report.rollout_seconds},
            {"training_seconds", report.training_seconds}};
  }

  LogNumbers Evaluate() override {
    const TaskMeasure measure = tasks_.Measure(recipe_.options.batch_tokens, hooks_.stop);
    if (hooks_.measured) hooks_.measured(steps_done(), measure);
    return NumbersOf(measure);
  }

  void Save(const std::filesystem::path& path, const std::string& fingerprint) const override {
    grpo_.Save(path, fingerprint);
  }
  void Load(const std::filesystem::path& path, const std::string& fingerprint) override {
    grpo_.Load(path, fingerprint);
  }
  void Export(const std::filesystem::path& model) const override { tasks_.Export(model); }

 private:
  const GrpoRecipe& recipe_;
  const TrainingHooks<GrpoReport>& hooks_;
  const Progress& replies_;
  TaskTraining tasks_;
  TaskRewards rewards_;
  Grpo grpo_;
};

}  // namespace

TrainingOutcome RunGrpo(const GrpoRecipe& recipe, const TrainingHooks<GrpoReport>& hooks,
                        const Progress& replies) {
  GrpoSteps steps(recipe, hooks, replies);
  RunOptions options;
  options.folder = recipe.output.folder;
  options.steps = recipe.options.schedule.steps;
  options.evaluate_every = recipe.evaluate.every;
  options.checkpoint_every = recipe.output.checkpoint_every;
  options.identity = steps.tasks().Identity("grpo", StepSettings(recipe));
  options.begin = [&](int64_t steps_done) {
    if (!hooks.begin) return;
    hooks.begin(
        {steps.tasks().parameters(), 0, options.steps, steps_done, steps.tasks().pool().threads()});
  };
  options.saved = hooks.saved;
  options.stop = hooks.stop;
  return RunSteps(steps, options);
}

}  // namespace fathom
