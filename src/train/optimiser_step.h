// What every kind of training does once its gradients are there: look whether they are numbers,
// clip them, make the optimiser's step, move the biases of the experts, and name what a checkpoint
// holds. Owns the counts of tokens by expert during a step. Not for: what the loss is.
#pragma once

#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "models/training/trainable.h"
#include "train/checkpoint.h"
#include "train/optimiser.h"

namespace fathom {

// How many tokens went to which expert in the passes of a step.
class ExpertCounts {
 public:
  void Clear();
  // Adds those of the model's last pass.
  void Add(const TrainableModel& model);
  // Moves the bias of every expert by `rate` towards an even load: gamma of arXiv 2412.19437,
  // section 2.1.2.
  void MoveBiases(const TrainableModel& model, double rate) const;
  // The share of the tokens of the busiest expert over an even share, mean over layers with
  // experts; 1 when even, 0 without such layers.
  double Busiest() const;

 private:
  std::vector<std::vector<int64_t>> tokens_;  // [layers with experts][experts]
};

// Throws Error(kInternal) that names the step and the first tensor whose gradient is no number,
// unless loss and norm are finite.
void CheckNumbers(const ParameterSet& parameters, int64_t step, double loss, double norm);

// Makes the optimiser's step with the gradients of `parameters`, scaled down where their norm is
// over `largest_norm`. Returns the norm before. Throws as CheckNumbers; parameters and optimiser
// are then unchanged.
double ApplyGradients(ThreadPool& pool, ParameterSet& parameters, Optimiser& optimiser,
                      int64_t step, double loss, double learning_rate, double largest_norm);

// All that training changes: parameters, the optimiser's moments, router biases.
std::vector<CheckpointSection> TrainingSections(const TrainableModel& model,
                                                const Optimiser& optimiser);

}  // namespace fathom
