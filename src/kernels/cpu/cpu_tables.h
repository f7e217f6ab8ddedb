// The SIMD tables of this build. Each may be called only on a processor that has the instructions
// its translation unit is compiled for; registry.cc asks the processor.
#pragma once

#include "kernels/kernels.h"

namespace fathom {

#if defined(__x86_64__)
const KernelTable& Avx2Kernels();    // AVX2, FMA, F16C, BMI
const KernelTable& Avx512Kernels();  // AVX-512 F, BW, CD, DQ, VL and VNNI besides
#endif
const KernelTable& PortableKernels();  // SSE4.2 on x86-64, NEON on ARM64

}  // namespace fathom
