#include "recipe/training_run.h"

#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/sha256.h"
#include "base/thread_pool.h"
#include "convert/part_file.h"
#include "loader/folder_lock.h"
#include "recipe/curves.h"
#include "recipe/model_start.h"
#include "recipe/task_format.h"
#include "recipe/task_samples.h"
#include "recipe/training_log.h"
#include "train/export.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

// What a fingerprint says under a key; nothing where it does not.
std::string ValueText(const OrderedJson& fingerprint, const std::string& key) {
  const auto found = fingerprint.find(key);
  return found == fingerprint.end() ? "not set" : found->dump();
}

// Refuses a checkpoint of another training and names what differs first.
void CompareFingerprints(const fs::path& path, const std::string& found,
                         const OrderedJson& expected) {
  OrderedJson other;
  try {
    other = ParseOrderedJson(found, path.string());
  } catch (const Error&) {
    other = nullptr;
  }
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorCode::kInvalidFile, path.string() + ": belongs to another training: " + what,
                "take another output folder, or move this one away");
  };
  if (!other.is_object()) refuse("its fingerprint is none of a recipe");
  std::vector<std::string> keys;
  for (const auto& [key, value] : expected.items()) keys.push_back(key);
  for (const auto& [key, value] : other.items()) {
    if (!expected.contains(key)) keys.push_back(key);
  }
  for (const std::string& key : keys) {
    const std::string here = ValueText(expected, key), there = ValueText(other, key);
    if (here != there) refuse("'" + key + "' is " + here + ", the checkpoint's is " + there);
  }
}

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

class Run {
 public:
  Run(const TrainingRecipe& recipe, TrainingKind kind, const TrainingHooks& hooks)
      : recipe_(recipe),
        hooks_(hooks),
        folder_(MadeFolder(recipe.output.folder)),
        lock_(folder_, "training in " + folder_.string()),
        started_(StartModel(recipe.model, recipe.seed, recipe.output.type)),
        format_(*started_.tokenizer, *started_.chat_template),
        train_tasks_(recipe.data.tasks, Split::kTrain, recipe.data.seed),
        test_tasks_(recipe.data.tasks, Split::kTest, recipe.data.seed),
        samples_(train_tasks_, format_, *started_.tokenizer, recipe.data.forms,
                 recipe.data.prompt_weight, started_.context_length, recipe.data.seed),
        held_out_(test_tasks_, format_, *started_.tokenizer, SampleForms{}, 0,
                  started_.context_length, recipe.data.seed),
        pool_(recipe.threads > 0 ? recipe.threads : PhysicalCores()),
        trainer_(*started_.model, samples_, recipe.trainer, pool_) {
    identity_ = OrderedJson::object();
    identity_["kind"] = kind == TrainingKind::kPretrain ? "pretrain" : "sft";
    for (const auto& [key, value] : started_.identities.items()) identity_[key] = value;
    const OrderedJson settings = StepSettings(recipe);
    for (const auto& [key, value] : settings.items()) identity_[key] = value;
    identity_["samples"] = SamplesDigest(samples_);
    fingerprint_ = identity_.dump();
  }

  TrainingOutcome Go() {
    const bool resumed = Load();
    const fs::path model = folder_ / "model";
    const int64_t steps = recipe_.trainer.schedule.steps;
    std::error_code ignored;
    if (fs::exists(model, ignored)) {
      if (resumed && trainer_.steps_done() >= steps) {
        return {TrainingEnd::kWasFinished, trainer_.steps_done(), model};
      }
      throw Error(ErrorCode::kAlreadyExists,
                  model.string() + " is there, without a checkpoint of its last step",
                  "take another output folder, or move this one away");
    }
    log_.emplace(folder_ / "log.jsonl", resumed ? trainer_.steps_done() : TrainingLog::kNothing);
    if (hooks_.begin) {
      hooks_.begin({started_.model->parameters().elements(), recipe_.trainer.step_tokens, steps,
                    trainer_.steps_done(), pool_.threads()});
    }
    while (trainer_.steps_done() < steps) {
      if (hooks_.stop && hooks_.stop()) {
        Save();
        return {TrainingEnd::kStopped, trainer_.steps_done(), {}};
      }
      Step();
    }
    ExportDirectory(*started_.model, recipe_.output.type, started_.texts, model);
    return {TrainingEnd::kFinished, trainer_.steps_done(), model};
  }

 private:
  static fs::path MadeFolder(const fs::path& folder) {
    std::error_code error;
    fs::create_directories(folder, error);
    if (error) throw SystemError(error.value(), "cannot make the folder " + folder.string());
    return folder;
  }

  fs::path CheckpointPath() const { return folder_ / "checkpoint.bin"; }

  // Whether there was a checkpoint.
  bool Load() {
    std::error_code ignored;
    if (!fs::exists(CheckpointPath(), ignored)) return false;
    CompareFingerprints(CheckpointPath(), ReadCheckpointHead(CheckpointPath()).fingerprint,
                        identity_);
    trainer_.Load(CheckpointPath(), fingerprint_);
    saved_ = trainer_.steps_done();
    return true;
  }

  void Save() {
    if (trainer_.steps_done() == saved_) return;
    try {
      trainer_.Save(CheckpointPath(), fingerprint_);
    } catch (const Error& error) {
      const std::string last =
          saved_ < 0 ? "there is none yet" : "the one of step " + std::to_string(saved_) + " is kept";
      throw Error(error.code(),
                  "the checkpoint of step " + std::to_string(trainer_.steps_done()) +
                      " cannot be written (" + last + "): " + error.message(),
                  error.hint().empty() ? "the same command goes on from the last one"
                                       : error.hint());
    }
    saved_ = trainer_.steps_done();
    DrawCurves();
    if (hooks_.saved) hooks_.saved(saved_);
  }

  void DrawCurves() const {
    if (!log_) return;
    const std::vector<CurvePanel> panels = PanelsOf(log_->entries());
    const std::string svg =
        CurvesSvg(folder_.filename().string(),
                  "after " + std::to_string(saved_) + " steps of " +
                      std::to_string(recipe_.trainer.schedule.steps),
                  panels);
    PartFile file(folder_ / "curves.svg", svg.size(), "");
    file.Write(0, std::as_bytes(std::span(svg)));
    file.Publish();
  }

  // A step and what belongs to it. What is logged of a step comes before its checkpoint, so that a
  // log never lacks a line of a step that is not made again.
  void Step() {
    const StepReport report = trainer_.Step();
    const int64_t done = trainer_.steps_done(), steps = recipe_.trainer.schedule.steps;
    LogEntry entry{done,
                   {{"loss", report.loss},
                    {"learning_rate", report.learning_rate},
                    {"gradient_norm", report.gradient_norm},
                    {"tokens", static_cast<double>(report.tokens)},
                    {"seconds", report.seconds}}};
    if (report.seconds > 0) {
      entry.numbers.emplace_back("tokens_per_second",
                                 static_cast<double>(report.tokens) / report.seconds);
    }
    if (report.mtp_loss > 0) entry.numbers.emplace_back("mtp_loss", report.mtp_loss);
    if (report.busiest_expert > 0) {
      entry.numbers.emplace_back("busiest_expert", report.busiest_expert);
    }
    log_->Append(std::move(entry));
    if (hooks_.step) hooks_.step(report);
    const int64_t every = recipe_.evaluate.every;
    if (done == steps || (every > 0 && done % every == 0)) Evaluate();
    if (done == steps || done % recipe_.output.checkpoint_every == 0) Save();
  }

  void Evaluate() {
    const HeldOutLoss measured =
        HeldOutLossOf(*started_.model, held_out_, recipe_.evaluate.problems,
                      recipe_.trainer.batch_tokens, pool_);
    LogEntry entry{trainer_.steps_done(),
                   {{"held_out_loss", measured.loss}, {"held_out_accuracy", measured.accuracy}}};
    if (measured.mtp_loss > 0) entry.numbers.emplace_back("held_out_mtp_loss", measured.mtp_loss);
    log_->Append(std::move(entry));
    if (hooks_.evaluated) hooks_.evaluated(trainer_.steps_done(), measured);
  }

  const TrainingRecipe& recipe_;
  const TrainingHooks& hooks_;
  fs::path folder_;
  FolderLock lock_;
  StartedModel started_;
  TaskFormat format_;
  TaskMixture train_tasks_, test_tasks_;
  TaskSamples samples_, held_out_;
  ThreadPool pool_;
  Trainer trainer_;
  OrderedJson identity_;
  std::string fingerprint_;
  std::optional<TrainingLog> log_;
  int64_t saved_ = -1;  // steps of the checkpoint that is there
};

}  // namespace

TrainingOutcome RunTraining(const TrainingRecipe& recipe, TrainingKind kind,
                            const TrainingHooks& hooks) {
  return Run(recipe, kind, hooks).Go();
}

}  // namespace fathom
