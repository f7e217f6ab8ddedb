// AdamW (Loshchilov and Hutter, arXiv 1711.05101), in float32 as PyTorch has it, and clipping.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/thread_pool.h"
#include "models/training/parameters.h"
#include "tensor/buffer.h"
#include "train/optimiser.h"

namespace fathom {

struct AdamWOptions {
  double beta1 = 0.9;
  double beta2 = 0.95;
  double epsilon = 1e-8;
  double weight_decay = 0.1;  // of matrices; embedding, head, norms and biases do not decay
};

// Which parameters an AdamW moves.
enum class AdamWCover : uint8_t {
  kAll,
  kAllButMatrices,  // ParameterKind::kMatrix is left to another optimiser
};

class AdamW final : public Optimiser {
 public:
  // Throws Error(kOutOfMemory) when there is no room for the moments.
  AdamW(const ParameterSet& parameters, const AdamWOptions& options,
        AdamWCover cover = AdamWCover::kAll);

  void Step(ThreadPool& pool, ParameterSet& parameters, double learning_rate,
            double gradient_scale) override;

  int64_t steps() const override { return steps_; }
  // One value a parameter that is moved each, in the order of the set.
  std::vector<CheckpointSection> Sections() const override {
    return {{"first moments", first_.as<float>().first(size_)},
            {"second moments", second_.as<float>().first(size_)}};
  }
  void Resume(int64_t steps) override { steps_ = steps; }

 private:
  bool Covers(const ParameterShape& shape) const {
    return cover_ == AdamWCover::kAll || shape.kind != ParameterKind::kMatrix;
  }

  AdamWOptions options_;
  AdamWCover cover_;
  int64_t steps_ = 0;
  std::size_t size_ = 0;
  Buffer first_, second_;  // moments, one of each a parameter that is moved
};

// The Euclidean norm of all gradients together, summed in one order.
double GradientNorm(ThreadPool& pool, const ParameterSet& parameters);

// What gradients are multiplied with so that their norm is at most `largest`.
double ClipScale(double norm, double largest);

}  // namespace fathom
