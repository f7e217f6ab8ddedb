// Dense float32 products for training, through the system's BLAS. Serial: the caller splits the
// output over threads, in parts that do not depend on how many there are, so that a result has the
// same bits with any number of them.
#pragma once

#include <cstdint>

namespace fathom {

// A row-major matrix of float32 inside a larger one. As an operand it may be read transposed.
struct MatrixView {
  const float* data;
  int64_t stride;  // floats from one row to the next
  bool transposed = false;
};

inline MatrixView Transposed(const float* data, int64_t stride) { return {data, stride, true}; }

// out[m][n] = alpha * sum over k of a(m, k) * b(k, n) + beta * out[m][n]. Without rows, columns or
// depth it does what the formula says: `out` is scaled by beta, which must be 0 or 1.
void Gemm(int64_t rows, int64_t columns, int64_t depth, float alpha, MatrixView a, MatrixView b,
          float beta, float* out, int64_t out_stride) noexcept;

}  // namespace fathom
