// Muon (Jordan et al., https://kellerjordan.github.io/posts/muon, 2024) as Moonlight was trained
// with it (Liu et al., arXiv 2502.16982): the momentum of a matrix is brought near to the closest
// matrix with orthogonal rows or columns, so that all its directions move alike. For matrices
// alone (ParameterKind::kMatrix, each expert's its own); embedding, head, norms and biases have
// AdamW, at the same learning rate. The bits do not depend on the number of threads: a matrix is
// one task.
//
//   M = momentum * M + G
//   W = W - rate * (0.2 * sqrt(max(rows, columns)) * NewtonSchulz(G + momentum * M) + decay * W)
#pragma once

#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "models/training/parameters.h"
#include "tensor/buffer.h"
#include "train/adamw.h"
#include "train/optimiser.h"

namespace fathom {

struct MuonOptions {
  double momentum = 0.95;  // Nesterov's
  double weight_decay = 0.1;
  int iterations = 5;  // of Newton and Schulz's
};

// Floats that Orthogonalise needs.
int64_t OrthogonaliseScratch(int64_t rows, int64_t columns);

// Replaces the row-major matrix, divided by its Frobenius norm (at least 1e-7), by `iterations` of
//   X = a X + (b X Xᵀ + c (X Xᵀ)²) X,   (a, b, c) = (3.4445, -4.7750, 2.0315)
// (for a matrix with more rows than columns the same of its transpose). It has the singular vectors
// it had, and after five iterations singular values of about 0.7 to 1.2; those below a thousandth
// of the norm stay smaller. A matrix of zeros stays one.
void Orthogonalise(float* matrix, int64_t rows, int64_t columns, int iterations,
                   float* scratch) noexcept;

class Muon final : public Optimiser {
 public:
  // Throws Error(kOutOfMemory) when there is no room for the state, and Error(kInvalidArgument) for
  // a momentum outside [0, 1) or without iterations.
  Muon(const ParameterSet& parameters, const MuonOptions& options, const AdamWOptions& others);

  void Step(ThreadPool& pool, ParameterSet& parameters, double learning_rate,
            double gradient_scale) override;
  int64_t steps() const override { return others_.steps(); }
  std::vector<CheckpointSection> Sections() const override;
  void Resume(int64_t steps) override { others_.Resume(steps); }

 private:
  struct Matrix {
    std::size_t index;   // in the parameter set
    std::size_t offset;  // of its momentum
  };

  MuonOptions options_;
  AdamW others_;
  std::vector<Matrix> matrices_;
  std::size_t size_ = 0;       // values of all matrices
  int64_t scratch_size_ = 0;   // floats for one matrix in work
  Buffer momentum_;            // [size_]
  std::vector<Buffer> works_;  // [threads] of scratch_size_
};

}  // namespace fathom
