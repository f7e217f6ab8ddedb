#include "train/muon.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "base/error.h"
#include "kernels/train/gemm.h"

namespace fathom {
namespace {

// Chosen by the authors for a steep slope at 0 and values near 1 after five iterations.
constexpr float kA = 3.4445F, kB = -4.7750F, kC = 2.0315F;
constexpr double kSmallestNorm = 1e-7;  // as torch.optim.Muon has it
// An update then has the root mean square that AdamW's typically has (arXiv 2502.16982, section
// 2.2), so both take the same learning rate and decay.
constexpr double kUpdateScale = 0.2;

}  // namespace

int64_t OrthogonaliseScratch(int64_t rows, int64_t columns) {
  const int64_t small = std::min(rows, columns);
  return rows * columns + 2 * small * small;
}

void Orthogonalise(float* matrix, int64_t rows, int64_t columns, int iterations,
                   float* scratch) noexcept {
  const int64_t count = rows * columns, n = std::min(rows, columns);
  double squares = 0;
  for (int64_t i = 0; i < count; ++i) squares += static_cast<double>(matrix[i]) * matrix[i];
  const auto scale = static_cast<float>(1.0 / std::max(std::sqrt(squares), kSmallestNorm));
  for (int64_t i = 0; i < count; ++i) matrix[i] *= scale;

  float* gram = scratch;         // [n][n]: X Xᵀ, or Xᵀ X of a matrix with more rows
  float* sum = gram + n * n;     // [n][n]: b gram + c gram²
  float* product = sum + n * n;  // [rows][columns]
  const MatrixView gram_view{gram, n}, sum_view{sum, n};
  for (int i = 0; i < iterations; ++i) {
    const MatrixView x{matrix, columns}, flipped = Transposed(matrix, columns);
    const bool wide = rows <= columns;
    if (wide) {
      Gemm(n, n, columns, 1.0F, x, flipped, 0.0F, gram, n);
    } else {
      Gemm(n, n, rows, 1.0F, flipped, x, 0.0F, gram, n);
    }
    std::copy_n(gram, n * n, sum);
    Gemm(n, n, n, kC, gram_view, gram_view, kB, sum, n);
    std::copy_n(matrix, count, product);
    Gemm(rows, columns, n, 1.0F, wide ? sum_view : x, wide ? x : sum_view, kA, product, columns);
    std::copy_n(product, count, matrix);
  }
}

Muon::Muon(const ParameterSet& parameters, const MuonOptions& options, const AdamWOptions& others)
    : options_(options), others_(parameters, others, AdamWCover::kAllButMatrices) {
  if (!(options.momentum >= 0 && options.momentum < 1)) {
    throw Error(ErrorCode::kInvalidArgument, "Muon's momentum is " +
                                                 std::to_string(options.momentum) +
                                                 ", expected at least 0 and below 1");
  }
  if (options.iterations < 1) {
    throw Error(ErrorCode::kInvalidArgument,
                "Muon has " + std::to_string(options.iterations) + " iterations, expected some");
  }
  for (std::size_t i = 0; i < parameters.shapes().size(); ++i) {
    const ParameterShape& shape = parameters.shapes()[i];
    if (shape.kind != ParameterKind::kMatrix) continue;
    matrices_.push_back({i, size_});
    size_ += static_cast<std::size_t>(shape.elements());
    scratch_size_ =
        std::max(scratch_size_, shape.elements() + OrthogonaliseScratch(shape.rows, shape.columns));
  }
  momentum_ = Buffer(size_ * sizeof(float), "Muon's momenta");
}

std::vector<CheckpointSection> Muon::Sections() const {
  std::vector<CheckpointSection> sections = {{"Muon: momenta", momentum_.as<float>().first(size_)}};
  for (const CheckpointSection& section : others_.Sections()) {
    sections.push_back({"Muon: " + section.name, section.values});
  }
  return sections;
}

void Muon::Step(ThreadPool& pool, ParameterSet& parameters, double learning_rate,
                double gradient_scale) {
  others_.Step(pool, parameters, learning_rate, gradient_scale);
  while (std::ssize(works_) < pool.threads()) {
    works_.emplace_back(static_cast<std::size_t>(scratch_size_) * sizeof(float),
                        "Muon's matrices in work");
  }
  const auto momentum = static_cast<float>(options_.momentum);
  const auto scale = static_cast<float>(gradient_scale);
  const auto keep = static_cast<float>(1.0 - learning_rate * options_.weight_decay);
  pool.ParallelFor(std::ssize(matrices_), [&](int64_t task, int worker) {
    const Matrix& matrix = matrices_[static_cast<std::size_t>(task)];
    const ParameterShape& shape = parameters.shapes()[matrix.index];
    const int64_t count = shape.elements();
    const float* gradient = parameters.gradients(matrix.index).data();
    float* value = parameters.values(matrix.index).data();
    float* m = momentum_.as<float>().data() + matrix.offset;
    float* update = works_[static_cast<std::size_t>(worker)].as<float>().data();
    for (int64_t k = 0; k < count; ++k) {
      const float g = gradient[k] * scale;
      m[k] = momentum * m[k] + g;
      update[k] = g + momentum * m[k];
    }
    Orthogonalise(update, shape.rows, shape.columns, options_.iterations, update + count);
    const double size = std::sqrt(static_cast<double>(std::max(shape.rows, shape.columns)));
    const auto rate = static_cast<float>(learning_rate * kUpdateScale * size);
    for (int64_t k = 0; k < count; ++k) value[k] = value[k] * keep - rate * update[k];
  });
}

}  // namespace fathom
