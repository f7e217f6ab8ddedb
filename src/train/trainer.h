// One model in training: takes samples, makes steps, and can be saved and gone on with bit for bit.
// Owns the optimiser's state and the place in the samples. Not for: what is trained on, how
// progress is shown, when to stop.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "base/thread_pool.h"
#include "models/training/trainable.h"
#include "train/language_loss.h"
#include "train/optimiser_kind.h"
#include "train/optimiser_step.h"
#include "train/samples.h"
#include "train/schedule.h"

namespace fathom {

struct TrainerOptions {
  Schedule schedule;
  OptimiserKind optimiser_kind = OptimiserKind::kAdamW;
  AdamWOptions optimiser;        // of all parameters, or of those that Muon leaves
  MuonOptions muon;              // of matrices, with OptimiserKind::kMuon
  int64_t step_tokens = 8192;    // at least so many in a step ...
  int64_t batch_tokens = 4096;   // ... and at most so many in one pass
  double largest_norm = 1.0;     // of all gradients together; above it they are scaled down
  double mtp_factor = 0.3;       // lambda of arXiv 2412.19437, eq. 25
  double balance_factor = 1e-4;  // alpha of eq. 17
  double bias_rate = 1e-3;       // gamma of section 2.1.2: a step of an expert's bias
  bool recompute = false;        // less memory for a third more time
};

struct StepReport {
  int64_t step = 0;    // number of the step, from 0 on
  int64_t tokens = 0;  // in it
  double learning_rate = 0;
  double loss = 0;      // mean -log p of the next token
  double mtp_loss = 0;  // of the one behind it
  double gradient_norm = 0;
  // Of the layers with experts: the share of the tokens of the busiest expert over an even share,
  // mean over layers; 1 when even.
  double busiest_expert = 0;
  double seconds = 0;
};

class Trainer {
 public:
  // All outlive the trainer.
  Trainer(TrainableModel& model, const SampleSource& samples, const TrainerOptions& options,
          ThreadPool& pool);

  // Makes one step. Throws Error(kInternal) that names the step and a tensor when loss or gradients
  // are no numbers any more; parameters are then as before the step.
  StepReport Step();
  int64_t steps_done() const { return optimiser_->steps(); }
  int64_t samples_taken() const { return samples_taken_; }

  // The whole state, as one file that appears when it is complete. `fingerprint` says what the
  // training is (model, data, options): Load refuses a file with another one, with
  // Error(kInvalidFile), as it does a damaged one. Save throws Error kNoSpace or kIo.
  void Save(const std::filesystem::path& path, const std::string& fingerprint) const;
  void Load(const std::filesystem::path& path, const std::string& fingerprint);

 private:
  void Accumulate(const SampleBatch& batch, const PredictedWeight& weight, int64_t sequences,
                  StepReport& report);

  TrainableModel& model_;
  const SampleSource& samples_;
  TrainerOptions options_;
  ThreadPool& pool_;
  autograd::Arena arena_;
  std::unique_ptr<Optimiser> optimiser_;
  int64_t samples_taken_ = 0;
  ExpertCounts counts_;
};

}  // namespace fathom
