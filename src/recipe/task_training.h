// What every training on tasks has around its steps: the model and its format, the problems of both
// splits, measuring on those that training never shows, and naming all of it for a checkpoint.
// Not for: steps (train/trainer.h, grpo.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/cancel.h"
#include "base/json.h"
#include "base/thread_pool.h"
#include "recipe/evaluation.h"
#include "recipe/held_out.h"
#include "recipe/model_start.h"
#include "recipe/mtp_acceptance.h"
#include "recipe/recipe_config.h"
#include "recipe/run_steps.h"
#include "recipe/task_format.h"
#include "recipe/task_samples.h"

namespace fathom {

// What was measured on held-out problems.
struct TaskMeasure {
  HeldOutLoss predicted;                    // of their worked solutions
  std::optional<EvaluationReport> replies;  // of the model's own
  std::optional<MtpAcceptance> mtp;         // of those replies, where the model has such a layer
};

class TaskTraining {
 public:
  // Throws Error as StartModel does.
  TaskTraining(const ModelRecipe& model, const DataRecipe& data, const EvaluateRecipe& evaluate,
               const OutputRecipe& output, uint64_t seed, int threads);

  TrainableModel& model() { return *started_.model; }
  const ModelFile& config() const { return *started_.config; }
  const TaskFormat& format() const { return format_; }
  const TaskMixture& train_tasks() const { return train_tasks_; }
  const TaskSamples& samples() const { return samples_; }
  ThreadPool& pool() { return pool_; }
  int64_t parameters() const { return started_.model->parameters().elements(); }

  // What the training is: `kind`, the model, and the settings that decide its steps.
  OrderedJson Identity(std::string_view kind, const OrderedJson& settings) const;

  // Throws Error(kCancelled) once `cancelled` (may be null) is set.
  TaskMeasure Measure(int64_t batch_tokens, const CancelFlag* cancelled);

  // Of prompt and reply, for replies of that length: no more memory than they need.
  int64_t EngineContext(int64_t max_tokens) const;

  void Export(const std::filesystem::path& folder) const;

 private:
  EvaluateRecipe evaluate_;
  Format type_;
  StartedModel started_;
  TaskFormat format_;
  TaskMixture train_tasks_, test_tasks_;
  TaskSamples samples_, held_out_;
  std::vector<Problem> problems_;  // that are replied to
  ThreadPool pool_;
};

// For the log.
LogNumbers NumbersOf(const TaskMeasure& measure);

}  // namespace fathom
