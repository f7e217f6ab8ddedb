#include "train/trainer.h"

#include <string>

#include "base/clock.h"
#include "base/error.h"

namespace fathom {

Trainer::Trainer(TrainableModel& model, const SampleSource& samples, const TrainerOptions& options,
                 ThreadPool& pool)
    : model_(model),
      samples_(samples),
      options_(options),
      pool_(pool),
      optimiser_(MakeOptimiser(model.parameters(), options.optimiser_kind, options.optimiser,
                               options.muon)) {}

void Trainer::Accumulate(const SampleBatch& batch, const PredictedWeight& weight, int64_t sequences,
                         StepReport& report) {
  const double share =
      static_cast<double>(batch.tokens.spans.count()) / static_cast<double>(sequences);
  arena_.Release({});  // whatever a pass that threw has left
  {
    autograd::Tape tape(pool_, arena_);
    const TrainingPass pass = model_.Forward(
        tape, batch.tokens,
        {.balance_factor = options_.balance_factor * share, .recompute = options_.recompute});
    const LanguageLoss loss =
        LanguageLossOf(tape, pass, batch.tokens, batch.weights, weight, options_.mtp_factor);
    report.loss += loss.next / weight.next;
    if (weight.further > 0) report.mtp_loss += loss.further / weight.further;
    tape.Backward(loss.total);
  }
  counts_.Add(model_);
}

StepReport Trainer::Step() {
  const double start = MonotonicSeconds();
  StepReport report;
  report.step = optimiser_->steps();
  report.learning_rate = options_.schedule.At(report.step);
  int64_t next = samples_taken_;
  const std::vector<SampleBatch> batches =
      TakeSamples(samples_, options_.step_tokens, options_.batch_tokens, model_.vocabulary(), next);
  PredictedWeight weight;
  int64_t sequences = 0;
  for (const SampleBatch& batch : batches) {
    const PredictedWeight part = PredictedWeightOf(batch.tokens, batch.weights);
    weight.next += part.next;
    weight.further += part.further;
    sequences += batch.tokens.spans.count();
    report.tokens += batch.size();
  }
  if (!(weight.next > 0)) {
    throw Error(ErrorCode::kInvalidArgument,
                "step " + std::to_string(report.step) + " has nothing to predict: samples " +
                    std::to_string(samples_taken_) + " to " + std::to_string(next - 1) +
                    " weigh nothing",
                "every step needs a token, not the first of its sample, with a weight above 0");
  }
  model_.parameters().ClearGradients();
  counts_.Clear();
  for (const SampleBatch& batch : batches) Accumulate(batch, weight, sequences, report);
  report.gradient_norm = ApplyGradients(pool_, model_.parameters(), *optimiser_, report.step,
                                        report.loss, report.learning_rate, options_.largest_norm);
  counts_.MoveBiases(model_, options_.bias_rate);
  report.busiest_expert = counts_.Busiest();
  samples_taken_ = next;
  report.seconds = MonotonicSeconds() - start;
  return report;
}

void Trainer::Save(const std::filesystem::path& path, const std::string& fingerprint) const {
  WriteCheckpoint(path, {fingerprint, optimiser_->steps(), samples_taken_},
                  TrainingSections(model_, *optimiser_));
}

void Trainer::Load(const std::filesystem::path& path, const std::string& fingerprint) {
  const CheckpointHead head =
      ReadCheckpoint(path, fingerprint, TrainingSections(model_, *optimiser_));
  optimiser_->Resume(head.steps);
  samples_taken_ = head.samples;
}

}  // namespace fathom
