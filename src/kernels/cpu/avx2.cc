// The "avx2" table. Everything here is compiled for AVX2: it has internal linkage, so that no other
// code can end up calling it.
#include "kernels/cpu/cpu_tables.h"
#include "kernels/cpu/simd_avx2.h"
#include "kernels/cpu/table-inl.h"

namespace fathom {

const KernelTable& Avx2Kernels() {
  static const KernelTable table = MakeTable<Avx2>("avx2");
  return table;
}

}  // namespace fathom
