#include "train/optimiser_step.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.h"
#include "train/adamw.h"

namespace fathom {

void ExpertCounts::Clear() {
  for (std::vector<int64_t>& layer : tokens_) std::ranges::fill(layer, 0);
}

void ExpertCounts::Add(const TrainableModel& model) {
  const std::span<const ExpertLoad> loads = model.expert_loads();
  tokens_.resize(loads.size());
  for (std::size_t i = 0; i < loads.size(); ++i) {
    if (tokens_[i].size() < loads[i].tokens.size()) tokens_[i].resize(loads[i].tokens.size());
    for (std::size_t e = 0; e < loads[i].tokens.size(); ++e) tokens_[i][e] += loads[i].tokens[e];
  }
}

void ExpertCounts::MoveBiases(const TrainableModel& model, double rate) const {
  const std::vector<RouterBias> biases = model.router_biases();
  for (std::size_t i = 0; i < std::min(tokens_.size(), biases.size()); ++i) {
    int64_t total = 0;
    for (const int64_t tokens : tokens_[i]) total += tokens;
    const double mean = static_cast<double>(total) / static_cast<double>(tokens_[i].size());
    for (std::size_t e = 0; e < tokens_[i].size(); ++e) {
      const auto tokens = static_cast<double>(tokens_[i][e]);
      const double step = tokens < mean ? rate : tokens > mean ? -rate : 0;
      biases[i].values[e] += static_cast<float>(step);
    }
  }
}

double ExpertCounts::Busiest() const {
  double sum = 0;
  int64_t layers = 0;
  for (const std::vector<int64_t>& layer : tokens_) {
    int64_t total = 0;
    for (const int64_t tokens : layer) total += tokens;
    if (total == 0) continue;  // a layer that the passes left out
    const auto most = static_cast<double>(*std::ranges::max_element(layer));
    sum += most * static_cast<double>(layer.size()) / static_cast<double>(total);
    ++layers;
  }
  return layers == 0 ? 0 : sum / static_cast<double>(layers);
}

void CheckNumbers(const ParameterSet& parameters, int64_t step, double loss, double norm) {
  if (std::isfinite(loss) && std::isfinite(norm)) return;
  std::string broken = "the loss alone";
  for (std::size_t i = 0; i < parameters.shapes().size(); ++i) {
    const std::span<const float> gradients = parameters.gradients(i);
    if (std::ranges::all_of(gradients, [](float g) { return std::isfinite(g); })) continue;
    broken = "first in the gradient of " + parameters.shapes()[i].name;
    break;
  }
  throw Error(ErrorCode::kInternal,
              "step " + std::to_string(step) + " has a value that is no number: " + broken,
              "the last checkpoint is untouched; a lower learning rate may help");
}

double ApplyGradients(ThreadPool& pool, ParameterSet& parameters, Optimiser& optimiser,
                      int64_t step, double loss, double learning_rate, double largest_norm) {
  const double norm = GradientNorm(pool, parameters);
  CheckNumbers(parameters, step, loss, norm);
  optimiser.Step(pool, parameters, learning_rate, ClipScale(norm, largest_norm));
  return norm;
}

std::vector<CheckpointSection> TrainingSections(const TrainableModel& model,
                                                const Optimiser& optimiser) {
  std::vector<CheckpointSection> sections = {{"parameters", model.parameters().values()}};
  for (const CheckpointSection& section : optimiser.Sections()) sections.push_back(section);
  for (const RouterBias& bias : model.router_biases()) {
    sections.push_back({bias.name, bias.values});
  }
  return sections;
}

}  // namespace fathom
