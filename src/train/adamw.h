// AdamW (Loshchilov and Hutter, arXiv 1711.05101), in float32 as PyTorch has it, and clipping.
#pragma once

#include <cstdint>
#include <span>

#include "base/thread_pool.h"
#include "models/training/parameters.h"
#include "tensor/buffer.h"

namespace fathom {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.1;  // of matrices; embedding, head, norms and biases do not decay
};

class AdamW {
 public:
  AdamW(const ParameterSet& parameters, const AdamWOptions& options);

  // One step with the set's gradients times `gradient_scale`, at that learning rate.
  void Step(ThreadPool& pool, ParameterSet& parameters, double learning_rate,
            double gradient_scale);

  int64_t steps() const { return steps_; }
  // One value a parameter each; to be kept, and to be filled before Resume.
  std::span<float> first_moments() const { return first_.as<float>().first(size_); }
  std::span<float> second_moments() const { return second_.as<float>().first(size_); }
  // Goes on behind that many steps.
  void Resume(int64_t steps) { steps_ = steps; }

 private:
  AdamWOptions options_;
  int64_t steps_ = 0;
  std::size_t size_;
  Buffer first_, second_;  // moments, one of each a parameter
};

// The Euclidean norm of all gradients together, summed in one order.
double GradientNorm(ThreadPool& pool, const ParameterSet& parameters);

// What gradients are multiplied with so that their norm is at most `largest`.
double ClipScale(double norm, double largest);

}  // namespace fathom
