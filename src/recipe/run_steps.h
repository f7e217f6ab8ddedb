// The life of a training in its output folder, whatever kind of training it is: going on from a
// checkpoint, a log, curves, checkpoints while it runs, and the trained model at the end.
//
//   FOLDER/log.jsonl       a line a step and evaluation (training_log.h), with its "seconds"
//   FOLDER/curves.svg      the same as a picture, as of the last checkpoint (curves.h)
//   FOLDER/checkpoint.bin  what a run goes on from (train/checkpoint.h)
//   FOLDER/model/          the trained model; there once the last step is made
//
// Invariants: a run that was stopped in any way and goes on makes the very steps of one that was
// not; its log has each step once. A checkpoint of another training is refused with the name of
// what differs. Not for: what a step is, showing anything, signals.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/json.h"

namespace fathom {

using LogNumbers = std::vector<std::pair<std::string, double>>;

// A kind of training.
class TrainingSteps {
 public:
  virtual ~TrainingSteps() = default;
  virtual int64_t steps_done() const = 0;
  // Makes one step, and measures; what the log says of it. What throws Error(kCancelled) has
  // changed nothing.
  virtual LogNumbers Step() = 0;
  virtual LogNumbers Evaluate() = 0;
  // As Trainer has them.
  virtual void Save(const std::filesystem::path& path, const std::string& fingerprint) const = 0;
  virtual void Load(const std::filesystem::path& path, const std::string& fingerprint) = 0;
  // Writes the trained model as a folder that appears when it is complete.
  virtual void Export(const std::filesystem::path& model) const = 0;
};

struct RunOptions {
  std::filesystem::path folder;
  int64_t steps = 0;             // of the whole training
  int64_t evaluate_every = 0;    // 0: at the end alone
  int64_t checkpoint_every = 0;  // at least 1
  OrderedJson identity;          // what the training is: an object, each part under its key
  // May be empty. `begin` is told of the steps that were done before this run, `saved` of those
  // that a checkpoint has.
  std::function<void(int64_t steps_done)> begin, saved;
  // Looked at before each step, and when something was cancelled. May be null.
  const CancelFlag* stop = nullptr;
};

enum class TrainingEnd : uint8_t {
  kFinished,
  kStopped,      // `stop` asked for it; a checkpoint is written
  kWasFinished,  // before this run
};

struct TrainingOutcome {
  TrainingEnd end = TrainingEnd::kFinished;
  int64_t steps_done = 0;
  std::filesystem::path model;  // where the trained model is
  double seconds = 0;           // of all its steps and evaluations, in all runs: what the log has
};

// Throws what the steps throw; Error kInvalidFile for a checkpoint that is damaged or of another
// training, kAlreadyExists for a model without its checkpoint, kUnavailable while another process
// trains in that folder, kNoSpace, kPermission and kIo for what cannot be written. The last
// checkpoint that was written is there after each of them.
TrainingOutcome RunSteps(TrainingSteps& training, const RunOptions& options);

}  // namespace fathom
