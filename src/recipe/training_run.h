// Pre-training and supervised fine-tuning by a recipe, in its output folder (run_steps.h). Not for:
// showing anything, signals.
#pragma once

#include <cstdint>
#include <functional>

#include "base/cancel.h"
#include "recipe/recipe_config.h"
#include "recipe/run_steps.h"
#include "recipe/task_training.h"
#include "train/trainer.h"

namespace fathom {

// What a run is about to do.
struct TrainingPlan {
  int64_t parameters = 0;
  int64_t step_tokens = 0;  // 0: not known before
  int64_t steps = 0;        // of the whole training
  int64_t steps_done = 0;   // before this run
  int threads = 0;
};

// Each may be empty.
template <class Report>
struct TrainingHooks {
  std::function<void(const TrainingPlan&)> begin;  // before the first step of this run
  std::function<void(const Report&)> step;
  std::function<void(int64_t steps_done, const TaskMeasure&)> measured;
  std::function<void(int64_t steps_done)> saved;
  const CancelFlag* stop = nullptr;  // ends the run soon; its last whole step is kept
};

// Throws Error as StartModel, Trainer and RunSteps do.
TrainingOutcome RunTraining(const TrainingRecipe& recipe, TrainingKind kind,
                            const TrainingHooks<StepReport>& hooks);

}  // namespace fathom
