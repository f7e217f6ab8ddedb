#include "kernels/train/gemm.h"

#include <cblas.h>

#include <algorithm>
#include <cstdlib>

namespace fathom {
namespace {

// The library has threads of its own, and gets none: only so are its functions both safe to call
// from several threads and the same from each. Already when a program starts it would make them, in
// a constructor of the usual priority; those threads would take the signals that a program's own
// threads block to wait for them.
__attribute__((constructor(101))) void StartWithoutThreads() {
  setenv("OPENBLAS_NUM_THREADS", "1", 1);
}

void KeepSerial() {
  static const bool kDone = [] {
    openblas_set_num_threads(1);
    return true;
  }();
  (void)kDone;
}

CBLAS_TRANSPOSE KindOf(const MatrixView& view) {
  return view.transposed ? CblasTrans : CblasNoTrans;
}

}  // namespace

void Gemm(int64_t rows, int64_t columns, int64_t depth, float alpha, MatrixView a, MatrixView b,
          float beta, float* out, int64_t out_stride) noexcept {
  if (rows == 0 || columns == 0) return;
  if (depth == 0) {
    if (beta != 0) return;
    for (int64_t m = 0; m < rows; ++m) std::fill_n(out + m * out_stride, columns, 0.0F);
    return;
  }
  KeepSerial();
  cblas_sgemm(CblasRowMajor, KindOf(a), KindOf(b), static_cast<blasint>(rows),
              static_cast<blasint>(columns), static_cast<blasint>(depth), alpha, a.data,
              static_cast<blasint>(a.stride), b.data, static_cast<blasint>(b.stride), beta, out,
              static_cast<blasint>(out_stride));
}

}  // namespace fathom
