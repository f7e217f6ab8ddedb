// Row-wise operations of training, each forward beside its backward: normalisation, rotary
// embedding, gated activation. Backward functions add to the gradients they are given. Serial: the
// caller splits rows over threads.
#pragma once

#include <cstdint>

#include "kernels/kernels.h"

namespace fathom {

// y = x / sqrt(mean(x^2) + epsilon) * weight, of one row of n. Returns the reciprocal of the root.
float NormalizeRow(const float* x, const float* weight, float epsilon, int64_t n,
                   float* y) noexcept;

// dx += and dweight += the gradients of NormalizeRow, whose result was `inverse`.
void NormalizeRowBackward(const float* x, const float* weight, float inverse, const float* dy,
                          int64_t n, float* dx, float* dweight) noexcept;

// Turns the pairs of one head (RoFormer, arXiv 2104.09864) by the angles of `cosines` and `sines`
// ([pairs] each), or back by the transposed matrix, which is the gradient's way. `from` and `to`
// may be the same.
void RotateHead(RopePairing kind, const float* from, const float* cosines, const float* sines,
                int64_t pairs, bool backward, float* to) noexcept;

// out = gate / (1 + exp(-gate)) * up, of n values.
void GateRow(const float* gate, const float* up, int64_t n, float* out) noexcept;

// dgate += and dup += the gradients of GateRow.
void GateRowBackward(const float* gate, const float* up, const float* dout, int64_t n, float* dgate,
                     float* dup) noexcept;

// The sum of a[i] * b[i].
double DotRow(const float* a, const float* b, int64_t n) noexcept;

// to += scale * x.
void AddScaledRow(const float* x, float scale, int64_t n, float* to) noexcept;

}  // namespace fathom
