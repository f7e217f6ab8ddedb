// The "portable" table: Highway alone, for the least processor of each architecture that is
// supported.
#include "kernels/cpu/cpu_tables.h"
#include "kernels/cpu/simd_portable.h"
#include "kernels/cpu/table-inl.h"

namespace fathom {

const KernelTable& PortableKernels() {
  static const KernelTable table = MakeTable<Portable>("portable");
  return table;
}

}  // namespace fathom
