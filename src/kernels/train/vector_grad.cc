#include "kernels/train/vector_grad.h"

#include <cmath>

namespace fathom {
namespace {

float Sigmoid(float x) { return 1.0F / (1.0F + std::exp(-x)); }

}  // namespace

double DotRow(const float* a, const float* b, int64_t n) noexcept {
  // Eight sums, which the compiler keeps in vectors.
  constexpr int kSums = 8;
  double sums[kSums] = {};
  int64_t i = 0;
  for (; i + kSums <= n; i += kSums) {
    for (int s = 0; s < kSums; ++s) sums[s] += static_cast<double>(a[i + s]) * b[i + s];
  }
  double total = 0;
  for (; i < n; ++i) total += static_cast<double>(a[i]) * b[i];
  for (const double sum : sums) total += sum;
  return total;
}

void AddScaledRow(const float* x, float scale, int64_t n, float* to) noexcept {
  for (int64_t i = 0; i < n; ++i) to[i] += scale * x[i];
}

float NormalizeRow(const float* x, const float* weight, float epsilon, int64_t n,
                   float* y) noexcept {
  const double mean = DotRow(x, x, n) / static_cast<double>(n);
  const auto inverse = static_cast<float>(1.0 / std::sqrt(mean + epsilon));
  for (int64_t i = 0; i < n; ++i) y[i] = weight[i] * (x[i] * inverse);
  return inverse;
}

void NormalizeRowBackward(const float* x, const float* weight, float inverse, const float* dy,
                          int64_t n, float* dx, float* dweight) noexcept {
  // With s = inverse and u = weight * dy: dx = s u - x s^3 (u . x) / n.
  double dot = 0;
  for (int64_t i = 0; i < n; ++i) {
    dot += static_cast<double>(weight[i] * dy[i]) * x[i];
    dweight[i] += dy[i] * (x[i] * inverse);
  }
  const auto along = static_cast<float>(dot / static_cast<double>(n) * inverse * inverse * inverse);
  for (int64_t i = 0; i < n; ++i) dx[i] += weight[i] * dy[i] * inverse - x[i] * along;
}

void RotateHead(RopePairing kind, const float* from, const float* cosines, const float* sines,
                int64_t pairs, bool backward, float* to) noexcept {
  const int64_t step = kind == RopePairing::kInterleaved ? 2 : 1;
  const int64_t partner = kind == RopePairing::kInterleaved ? 1 : pairs;
  for (int64_t i = 0; i < pairs; ++i) {
    const float a = from[i * step], b = from[i * step + partner];
    const float sine = backward ? -sines[i] : sines[i];
    to[i * step] = a * cosines[i] - b * sine;
    to[i * step + partner] = a * sine + b * cosines[i];
  }
}

void GateRow(const float* gate, const float* up, int64_t n, float* out) noexcept {
  for (int64_t i = 0; i < n; ++i) out[i] = gate[i] * Sigmoid(gate[i]) * up[i];
}

void GateRowBackward(const float* gate, const float* up, const float* dout, int64_t n, float* dgate,
                     float* dup) noexcept {
  for (int64_t i = 0; i < n; ++i) {
    const float sigmoid = Sigmoid(gate[i]);
    const float silu = gate[i] * sigmoid;
    dup[i] += dout[i] * silu;
    dgate[i] += dout[i] * up[i] * (sigmoid + silu * (1.0F - sigmoid));
  }
}

}  // namespace fathom
