// The "avx512" table. Everything here is compiled for AVX-512: it has internal linkage, so that no
// other code can end up calling it.
#include <immintrin.h>

#include "kernels/cpu/cpu_tables.h"
#include "kernels/cpu/simd_avx512.h"
#include "kernels/cpu/table-inl.h"

namespace fathom {

const KernelTable& Avx512Kernels() {
  static const KernelTable table = MakeTable<Avx512>("avx512");
  return table;
}

}  // namespace fathom
