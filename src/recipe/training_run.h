// A whole training of a recipe in its output folder: steps with evaluation, a log and checkpoints,
// and the trained model at the end.
//
//   FOLDER/log.jsonl       a line a step and evaluation (training_log.h)
//   FOLDER/curves.svg      the same as a picture, as of the last checkpoint (curves.h)
//   FOLDER/checkpoint.bin  what a run goes on from (train/checkpoint.h)
//   FOLDER/model/          the trained model; there once the last step is made
//
// Invariants: a run that was stopped in any way and goes on makes the very steps of one that was
// not; its log has each step once. A checkpoint of another training is refused with the name of
// what differs. Not for: showing anything, signals.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "recipe/held_out.h"
#include "recipe/recipe_config.h"
#include "train/trainer.h"

namespace fathom {

// What a run is about to do.
struct TrainingPlan {
  int64_t parameters = 0;
  int64_t step_tokens = 0;
  int64_t steps = 0;       // of the whole training
  int64_t steps_done = 0;  // before this run
  int threads = 0;
};

struct TrainingHooks {
  std::function<void(const TrainingPlan&)> begin;  // before the first step of this run
  std::function<void(const StepReport&)> step;
  std::function<void(int64_t steps_done, const HeldOutLoss&)> evaluated;
  std::function<void(int64_t steps_done)> saved;
  std::function<bool()> stop;  // asked before each step
};

enum class TrainingEnd : uint8_t {
  kFinished,
  kStopped,        // a hook asked for it; a checkpoint is written
  kWasFinished,    // before this run
};

struct TrainingOutcome {
  TrainingEnd end = TrainingEnd::kFinished;
  int64_t steps_done = 0;
  std::filesystem::path model;  // where the trained model is
};

// Hooks may be empty. Throws Error as StartModel and Trainer do; kInvalidFile for a checkpoint that
// is damaged or of another training, kAlreadyExists for a model without its checkpoint,
// kUnavailable while another process trains in that folder, kNoSpace and kIo for what cannot be
// written. The last checkpoint that was written is there after each of them.
TrainingOutcome RunTraining(const TrainingRecipe& recipe, TrainingKind kind,
                            const TrainingHooks& hooks);

}  // namespace fathom
