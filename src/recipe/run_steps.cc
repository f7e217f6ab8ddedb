#include "recipe/run_steps.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "convert/part_file.h"
#include "loader/folder_lock.h"
#include "recipe/curves.h"
#include "recipe/training_log.h"
#include "train/checkpoint.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

fs::path MadeFolder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw SystemError(error.value(), "cannot make the folder " + folder.string());
  return folder;
}

// What an identity says under a key.
std::string ValueText(const OrderedJson& identity, const std::string& key) {
  const auto found = identity.find(key);
  return found == identity.end() ? "not set" : found->dump();
}

// The keys of both, those that only the second has where it has them.
std::vector<std::string> KeysOf(const OrderedJson& first, const OrderedJson& second) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : first.items()) keys.push_back(key);
  auto next = keys.begin();
  for (const auto& [key, value] : second.items()) {
    const auto found = std::find(keys.begin(), keys.end(), key);
    next = (found == keys.end() ? keys.insert(next, key) : found) + 1;
  }
  return keys;
}

// Refuses a checkpoint of another training and names what differs first.
void CompareIdentities(const fs::path& path, const std::string& fingerprint,
                       const OrderedJson& expected) {
  const auto refuse = [&](const std::string& what) {
    throw Error(ErrorCode::kInvalidFile, path.string() + ": belongs to another training: " + what,
                "take another output folder, or move this one away");
  };
  OrderedJson found;
  try {
    found = ParseOrderedJson(fingerprint, path.string());
  } catch (const Error&) {
    refuse("its fingerprint is none of a recipe");
  }
  if (!found.is_object()) refuse("its fingerprint is none of a recipe");
  for (const std::string& key : KeysOf(expected, found)) {
    const std::string here = ValueText(expected, key), there = ValueText(found, key);
    if (here != there) refuse("'" + key + "' is " + here + ", the checkpoint's is " + there);
  }
}

class Run {
 public:
  Run(TrainingSteps& training, const RunOptions& options)
      : training_(training),
        options_(options),
        folder_(MadeFolder(options.folder)),
        lock_(folder_, "training in " + folder_.string()),
        fingerprint_(options.identity.dump()) {}

  TrainingOutcome Go() {
    const bool resumed = Load();
    const fs::path model = folder_ / "model";
    std::error_code ignored;
    const bool was_finished = fs::exists(model, ignored);
    if (was_finished && !(resumed && steps_done() >= options_.steps)) {
      throw Error(ErrorCode::kAlreadyExists,
                  model.string() + " is there, without a checkpoint of its last step",
                  "take another output folder, or move this one away");
    }
    log_.emplace(folder_ / "log.jsonl", resumed ? steps_done() : TrainingLog::kNothing);
    if (was_finished) return Outcome(TrainingEnd::kWasFinished, model);
    if (options_.begin) options_.begin(steps_done());
    try {
      if (resumed) Evaluate();  // where it was stopped just before
      while (steps_done() < options_.steps && !StopAsked()) Step();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kCancelled || !StopAsked()) throw;
    }
    Save();
    if (steps_done() < options_.steps || EvaluationIsMissing()) {
      return Outcome(TrainingEnd::kStopped);
    }
    training_.Export(model);
    return Outcome(TrainingEnd::kFinished, model);
  }

 private:
  int64_t steps_done() const { return training_.steps_done(); }
  fs::path CheckpointPath() const { return folder_ / "checkpoint.bin"; }
  bool StopAsked() const { return options_.stop != nullptr && *options_.stop; }

  // Whether there was a checkpoint.
  bool Load() {
    const fs::path path = CheckpointPath();
    std::error_code ignored;
    if (!fs::exists(path, ignored)) return false;
    CompareIdentities(path, ReadCheckpointHead(path).fingerprint, options_.identity);
    training_.Load(path, fingerprint_);
    saved_ = steps_done();
    return true;
  }

  void Save() {
    if (steps_done() == saved_) return;
    try {
      training_.Save(CheckpointPath(), fingerprint_);
    } catch (const Error& error) {
      const std::string last = saved_ < 0
                                   ? "there is none yet"
                                   : "the one of step " + std::to_string(saved_) + " is kept";
      throw Error(
          error.code(),
          "the checkpoint of step " + std::to_string(steps_done()) + " cannot be written (" + last +
              "): " + error.message(),
          error.hint().empty() ? "the same command goes on from the last one" : error.hint());
    }
    saved_ = steps_done();
    DrawCurves();
    if (options_.saved) options_.saved(saved_);
  }

  void DrawCurves() const {
    const std::string svg =
        CurvesSvg(folder_.filename().string(),
                  "after " + std::to_string(saved_) + " steps of " + std::to_string(options_.steps),
                  PanelsOf(log_->entries()));
    PartFile file(folder_ / "curves.svg", svg.size(), "");
    file.Write(0, std::as_bytes(std::span(svg)));
    file.Publish();
  }

  // A step and what belongs to it. What is logged of a step comes before its checkpoint, so that a
  // log never lacks a line of a step that is not made again.
  void Step() {
    LogTimed([&] { return training_.Step(); });
    Evaluate();
    if (IsDue(options_.checkpoint_every)) Save();
  }

  bool IsDue(int64_t every) const {
    return steps_done() == options_.steps || (every > 0 && steps_done() % every == 0);
  }

  // Whether the model of this step is to be measured and was not yet: of a step that was, the log
  // has two lines.
  bool EvaluationIsMissing() const {
    const auto is_here = [&](const LogEntry& entry) { return entry.step == steps_done(); };
    return steps_done() > 0 && IsDue(options_.evaluate_every) &&
           std::ranges::count_if(log_->entries(), is_here) < 2;
  }

  void Evaluate() {
    if (EvaluationIsMissing()) LogTimed([&] { return training_.Evaluate(); });
  }

  // Logs what `work` says, and how long it took.
  template <class Work>
  void LogTimed(Work&& work) {
    const double begin = MonotonicSeconds();
    LogNumbers numbers = work();
    numbers.emplace_back("seconds", MonotonicSeconds() - begin);
    log_->Append({steps_done(), std::move(numbers)});
  }

  TrainingOutcome Outcome(TrainingEnd end, fs::path model = {}) const {
    double seconds = 0;
    for (const SeriesPoint& point : SeriesOf(log_->entries(), "seconds")) seconds += point.value;
    return {end, steps_done(), std::move(model), seconds};
  }

  TrainingSteps& training_;
  const RunOptions& options_;
  fs::path folder_;
  FolderLock lock_;
  std::string fingerprint_;
  std::optional<TrainingLog> log_;
  int64_t saved_ = -1;  // steps of the checkpoint that is there
};

}  // namespace

TrainingOutcome RunSteps(TrainingSteps& training, const RunOptions& options) {
  return Run(training, options).Go();
}

}  // namespace fathom
