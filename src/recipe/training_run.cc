#include "recipe/training_run.h"

#include <span>
#include <string>

#include "base/sha256.h"
#include "base/thread_pool.h"
#include "recipe/model_start.h"
#include "recipe/task_format.h"
#include "recipe/task_samples.h"
#include "train/export.h"

namespace fathom {
namespace {

// A digest of the first samples: what is drawn for a seed changes with the program's tasks.
std::string SamplesDigest(const SampleSource& samples) {
  constexpr int64_t kSamples = 24;
  Sha256 digest;
  for (int64_t i = 0; i < kSamples; ++i) {
    const Sample sample = samples.At(i);
    digest.Update(std::as_bytes(std::span(sample.tokens)));
  }
  return digest.HexDigest();
}

class SupervisedSteps final : public TrainingSteps {
 public:
  SupervisedSteps(const TrainingRecipe& recipe, const TrainingHooks& hooks)
      : recipe_(recipe),
        hooks_(hooks),
        started_(StartModel(recipe.model, recipe.seed, recipe.output.type)),
        format_(*started_.tokenizer, *started_.chat_template),
        train_tasks_(recipe.data.tasks, Split::kTrain, recipe.data.seed),
        test_tasks_(recipe.data.tasks, Split::kTest, recipe.data.seed),
        samples_(train_tasks_, format_, *started_.tokenizer, recipe.data.forms,
                 recipe.data.prompt_weight, started_.context_length, recipe.data.seed),
        held_out_(test_tasks_, format_, *started_.tokenizer, SampleForms{}, 0,
                  started_.context_length, recipe.data.seed),
        pool_(recipe.threads > 0 ? recipe.threads : PhysicalCores()),
        trainer_(*started_.model, samples_, recipe.trainer, pool_) {}

  OrderedJson Identity(TrainingKind kind) const {
    OrderedJson identity = OrderedJson::object();
    identity["kind"] = kind == TrainingKind::kPretrain ? "pretrain" : "sft";
    for (const auto& [key, value] : started_.identities.items()) identity[key] = value;
    const OrderedJson settings = StepSettings(recipe_);
    for (const auto& [key, value] : settings.items()) identity[key] = value;
    identity["samples"] = SamplesDigest(samples_);
    return identity;
  }

  TrainingPlan Plan() const {
    return {started_.model->parameters().elements(), recipe_.trainer.step_tokens,
            recipe_.trainer.schedule.steps, steps_done(), pool_.threads()};
  }

  int64_t steps_done() const override { return trainer_.steps_done(); }

  LogNumbers Step() override {
    const StepReport report = trainer_.Step();
    LogNumbers numbers = {{"loss", report.loss},
                          {"learning_rate", report.learning_rate},
                          {"gradient_norm", report.gradient_norm},
                          {"tokens", static_cast<double>(report.tokens)},
                          {"seconds", report.seconds}};
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
    const HeldOutLoss measured = HeldOutLossOf(
        *started_.model, held_out_, recipe_.evaluate.problems, recipe_.trainer.batch_tokens, pool_);
    LogNumbers numbers = {{"held_out_loss", measured.loss},
                          {"held_out_accuracy", measured.accuracy}};
    if (measured.mtp_loss > 0) numbers.emplace_back("held_out_mtp_loss", measured.mtp_loss);
    if (hooks_.evaluated) hooks_.evaluated(steps_done(), measured);
    return numbers;
  }

  void Save(const std::filesystem::path& path, const std::string& fingerprint) const override {
    trainer_.Save(path, fingerprint);
  }
  void Load(const std::filesystem::path& path, const std::string& fingerprint) override {
    trainer_.Load(path, fingerprint);
  }
  void Export(const std::filesystem::path& model) const override {
    ExportDirectory(*started_.model, recipe_.output.type, started_.texts, model);
  }

 private:
  const TrainingRecipe& recipe_;
  const TrainingHooks& hooks_;
  StartedModel started_;
  TaskFormat format_;
  TaskMixture train_tasks_, test_tasks_;
  TaskSamples samples_, held_out_;
  ThreadPool pool_;
  Trainer trainer_;
};

}  // namespace

TrainingOutcome RunTraining(const TrainingRecipe& recipe, TrainingKind kind,
                            const TrainingHooks& hooks) {
  SupervisedSteps steps(recipe, hooks);
  RunOptions options;
  options.folder = recipe.output.folder;
  options.steps = recipe.trainer.schedule.steps;
  options.evaluate_every = recipe.evaluate.every;
  options.checkpoint_every = recipe.output.checkpoint_every;
  options.identity = steps.Identity(kind);
  options.begin = [&](int64_t) {
    if (hooks.begin) hooks.begin(steps.Plan());
  };
  options.saved = hooks.saved;
  options.stop = hooks.stop;
  return RunSteps(steps, options);
}

}  // namespace fathom
