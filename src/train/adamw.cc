#include "train/adamw.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace fathom {
namespace {

// Values that one task updates.
constexpr int64_t kBlock = 1 << 14;

}  // namespace

AdamW::AdamW(const ParameterSet& parameters, const AdamWOptions& options, AdamWCover cover)
    : options_(options), cover_(cover) {
  for (const ParameterShape& shape : parameters.shapes()) {
    if (Covers(shape)) size_ += static_cast<std::size_t>(shape.elements());
  }
  first_ = Buffer(size_ * sizeof(float), "the optimiser's first moments");
  second_ = Buffer(size_ * sizeof(float), "the optimiser's second moments");
}

void AdamW::Step(ThreadPool& pool, ParameterSet& parameters, double learning_rate,
                 double gradient_scale) {
  ++steps_;
  const auto beta1 = static_cast<float>(options_.beta1);
  const auto beta2 = static_cast<float>(options_.beta2);
  const auto epsilon = static_cast<float>(options_.epsilon);
  const auto scale = static_cast<float>(gradient_scale);
  const auto steps = static_cast<double>(steps_);
  const auto rate = static_cast<float>(learning_rate / (1.0 - std::pow(options_.beta1, steps)));
  const auto root = static_cast<float>(std::sqrt(1.0 - std::pow(options_.beta2, steps)));
  float* m = first_.as<float>().data();
  float* v = second_.as<float>().data();
  for (std::size_t i = 0; i < parameters.shapes().size(); ++i) {
    const ParameterShape& shape = parameters.shapes()[i];
    if (!Covers(shape)) continue;
    const bool decays = shape.kind == ParameterKind::kMatrix;
    const auto keep =
        static_cast<float>(1.0 - (decays ? learning_rate * options_.weight_decay : 0.0));
    float* value = parameters.values(i).data();
    const float* gradient = parameters.gradients(i).data();
    const int64_t count = shape.elements();
    pool.ParallelFor((count + kBlock - 1) / kBlock, [&](int64_t task, int) {
      for (int64_t k = task * kBlock; k < std::min(count, (task + 1) * kBlock); ++k) {
        const float g = gradient[k] * scale;
        m[k] += (1.0F - beta1) * (g - m[k]);
        v[k] = beta2 * v[k] + (1.0F - beta2) * g * g;
        value[k] = value[k] * keep - rate * m[k] / (std::sqrt(v[k]) / root + epsilon);
      }
    });
    m += count;
    v += count;
  }
}

double GradientNorm(ThreadPool& pool, const ParameterSet& parameters) {
  const std::span<const float> all = parameters.gradients();
  const auto count = static_cast<int64_t>(all.size());
  std::vector<double> sums(static_cast<std::size_t>((count + kBlock - 1) / kBlock));
  pool.ParallelFor(static_cast<int64_t>(sums.size()), [&](int64_t task, int) {
    double sum = 0;
    for (int64_t k = task * kBlock; k < std::min(count, (task + 1) * kBlock); ++k) {
      const double g = all[static_cast<std::size_t>(k)];
      sum += g * g;
    }
    sums[static_cast<std::size_t>(task)] = sum;
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  return std::sqrt(total);
}

double ClipScale(double norm, double largest) {
  constexpr double kSmallest = 1e-6;  // as PyTorch's clip_grad_norm_ has it
  return std::min(1.0, largest / (norm + kSmallest));
}

}  // namespace fathom
