// Which kernel tables exist and which of them this processor can run.
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <string>

#include "base/error.h"
#include "kernels/cpu/cpu_tables.h"
#include "kernels/kernels.h"

namespace fathom {
namespace {

// A table and the question whether the processor (and the operating system, which saves its
// registers) has every instruction set that the table's translation unit is compiled with.
struct Candidate {
  std::string_view name;
  bool runs;
  const KernelTable& (*table)();
};

#if defined(__x86_64__)
// Clang 14 does not know this feature by name.
bool HasF16c() {
  unsigned int a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

std::vector<Candidate> Candidates() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool v2 = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt") &&
                  __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("aes");
  const bool v3 = v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                  HasF16c() && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  std::vector<Candidate> candidates = {{"avx2", v3, Avx2Kernels},
                                       {"portable", v2, PortableKernels},
                                       {"ref", true, ReferenceKernels}};
#if !defined(FATHOM_NO_AVX512)
  const bool v4 = v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
  candidates.insert(candidates.begin(), {"avx512", v4, Avx512Kernels});
#endif
  return candidates;
#else
  return {{"portable", true, PortableKernels}, {"ref", true, ReferenceKernels}};
#endif
}

}  // namespace

std::vector<const KernelTable*> AvailableKernels() {
  std::vector<const KernelTable*> tables;
  for (const Candidate& candidate : Candidates()) {
    if (candidate.runs) tables.push_back(&candidate.table());
  }
  return tables;
}

const KernelTable& FindKernels(std::string_view name) {
  std::string names = "auto";
  for (const Candidate& candidate : Candidates()) {
    if (candidate.runs && (name == "auto" || name == candidate.name)) return candidate.table();
    if (name == candidate.name) {
      throw Error(ErrorCode::kUnsupported,
                  "this processor cannot run the " + std::string(name) + " kernels",
                  "use --kernels auto");
    }
    names.append(", ").append(candidate.name);
  }
  throw Error(ErrorCode::kInvalidArgument,
              "there are no kernels called '" + std::string(name) + "'",
              "expected one of " + names);
}

}  // namespace fathom
