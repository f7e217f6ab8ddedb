#include "train/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstring>
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
      optimiser_(model.parameters(), options.optimiser) {}

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
  const std::span<const ExpertLoad> loads = model_.expert_loads();
  loads_.resize(loads.size());
  for (std::size_t i = 0; i < loads.size(); ++i) {
    loads_[i].resize(loads[i].tokens.size());
    for (std::size_t e = 0; e < loads_[i].size(); ++e) loads_[i][e] += loads[i].tokens[e];
  }
}

void Trainer::CheckNumbers(const StepReport& report) const {
  if (std::isfinite(report.loss) && std::isfinite(report.gradient_norm)) return;
  const ParameterSet& parameters = model_.parameters();
  std::string broken = "the loss alone";
  for (std::size_t i = 0; i < parameters.shapes().size(); ++i) {
    const std::span<const float> gradients = parameters.gradients(i);
    if (std::ranges::all_of(gradients, [](float g) { return std::isfinite(g); })) continue;
    broken = "first in the gradient of " + parameters.shapes()[i].name;
    break;
  }
  throw Error(ErrorCode::kInternal,
              "step " + std::to_string(report.step) + " has a value that is no number: " + broken,
              "the last checkpoint is untouched; a lower learning rate may help");
}

void Trainer::MoveBiases(StepReport& report) {
  const std::vector<RouterBias> biases = model_.router_biases();
  for (std::size_t i = 0; i < loads_.size(); ++i) {
    int64_t total = 0;
    for (const int64_t tokens : loads_[i]) total += tokens;
    const double mean = static_cast<double>(total) / static_cast<double>(loads_[i].size());
    const int64_t most = *std::ranges::max_element(loads_[i]);
    report.busiest_expert += static_cast<double>(most) / mean / static_cast<double>(loads_.size());
    if (i >= biases.size()) continue;
    for (std::size_t e = 0; e < loads_[i].size(); ++e) {
      const auto tokens = static_cast<double>(loads_[i][e]);
      const double step = tokens < mean   ? options_.bias_rate
                          : tokens > mean ? -options_.bias_rate
                                          : 0;
      biases[i].values[e] += static_cast<float>(step);
    }
  }
}

StepReport Trainer::Step() {
  const double start = MonotonicSeconds();
  StepReport report;
  report.step = optimiser_.steps();
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
  for (std::vector<int64_t>& load : loads_) std::ranges::fill(load, 0);
  for (const SampleBatch& batch : batches) Accumulate(batch, weight, sequences, report);
  report.gradient_norm = GradientNorm(pool_, model_.parameters());
  CheckNumbers(report);
  optimiser_.Step(pool_, model_.parameters(), report.learning_rate,
                  ClipScale(report.gradient_norm, options_.largest_norm));
  MoveBiases(report);
  samples_taken_ = next;
  report.seconds = MonotonicSeconds() - start;
  return report;
}

std::vector<CheckpointSection> Trainer::Sections() const {
  std::vector<CheckpointSection> sections = {{"parameters", model_.parameters().values()},
                                             {"first moments", optimiser_.first_moments()},
                                             {"second moments", optimiser_.second_moments()}};
  for (const RouterBias& bias : model_.router_biases()) {
    sections.push_back({bias.name, bias.values});
  }
  return sections;
}

void Trainer::Save(const std::filesystem::path& path, const std::string& fingerprint) const {
  WriteCheckpoint(path, {fingerprint, optimiser_.steps(), samples_taken_}, Sections());
}

void Trainer::Load(const std::filesystem::path& path, const std::string& fingerprint) {
  const CheckpointHead head = ReadCheckpoint(path, fingerprint, Sections());
  optimiser_.Resume(head.steps);
  samples_taken_ = head.samples;
}

}  // namespace fathom
