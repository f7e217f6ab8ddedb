// Which kernel tables exist and which of them this processor can run.
#include <string>

#include "base/error.h"
#include "kernels/kernels.h"

namespace fathom {

std::vector<const KernelTable*> AvailableKernels() { return {&ReferenceKernels()}; }

const KernelTable& FindKernels(std::string_view name) {
  const std::vector<const KernelTable*> tables = AvailableKernels();
  if (name == "auto") return *tables.front();
  for (const KernelTable* table : tables) {
    if (table->name == name) return *table;
  }
  for (const std::string_view known : {"avx512", "avx2", "portable"}) {
    if (name == known) {
      throw Error(ErrorCode::kUnsupported,
                  "this processor cannot run the " + std::string(name) + " kernels",
                  "use --kernels auto");
    }
  }
  throw Error(ErrorCode::kInvalidArgument, "unknown kernels '" + std::string(name) + "'",
              "expected auto, avx512, avx2, portable or ref");
}

}  // namespace fathom
