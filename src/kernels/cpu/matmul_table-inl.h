// The matrix products' part of a kernel table. Apart from table-inl.h, because it needs nothing but
// S: the test of AVX-512 builds it over emulated instructions.
#pragma once

#include "kernels/cpu/blocks_iq-inl.h"
#include "kernels/cpu/blocks_k-inl.h"
#include "kernels/cpu/float_matmul-inl.h"
#include "kernels/cpu/matmul-inl.h"
#include "kernels/kernels.h"

namespace fathom {
namespace {

// S is one of Avx2, Avx512, Portable.
template <class S>
void SetMatMuls(KernelTable& table) {
  const auto set = [&](Format format, bool quantized, void (*matmul)(const MatMulArgs&) noexcept) {
    const auto index = static_cast<std::size_t>(format);
    table.quantized_activations[index] = quantized;
    table.matmul[index] = matmul;
  };
  set(Format::kF32, false, MatMulFloat<S, RowsF32<S>>);
  set(Format::kF16, false, MatMulFloat<S, RowsF16<S>>);
  set(Format::kBF16, false, MatMulFloat<S, RowsBF16<S>>);
  set(Format::kQ4_0, true, MatMulQuantized<S, BlockQ4_0>);
  set(Format::kQ4_1, true, MatMulQuantized<S, BlockQ4_1>);
  set(Format::kQ5_0, true, MatMulQuantized<S, BlockQ5_0>);
  set(Format::kQ5_1, true, MatMulQuantized<S, BlockQ5_1>);
  set(Format::kQ8_0, true, MatMulQuantized<S, BlockQ8_0>);
  set(Format::kQ4_K, true, MatMulQuantized<S, BlockQ4_K>);
  set(Format::kQ5_K, true, MatMulQuantized<S, BlockQ5_K>);
  set(Format::kQ6_K, true, MatMulQuantized<S, BlockQ6_K>);
  set(Format::kQ2_K, true, MatMulQuantized<S, BlockQ2_K>);
  set(Format::kQ3_K, true, MatMulQuantized<S, BlockQ3_K>);
  set(Format::kIQ1_S, true, MatMulQuantized<S, BlockIQ1_S>);
  set(Format::kIQ1_M, true, MatMulQuantized<S, BlockIQ1_M>);
  set(Format::kIQ2_XXS, true, MatMulQuantized<S, BlockIQ2_XXS>);
  set(Format::kIQ2_XS, true, MatMulQuantized<S, BlockIQ2_XS>);
  set(Format::kIQ2_S, true, MatMulQuantized<S, BlockIQ2_S>);
  set(Format::kIQ3_XXS, true, MatMulQuantized<S, BlockIQ3_XXS>);
  set(Format::kIQ3_S, true, MatMulQuantized<S, BlockIQ3_S>);
  set(Format::kIQ4_NL, true, MatMulQuantized<S, BlockIQ4_NL>);
  set(Format::kIQ4_XS, true, MatMulQuantized<S, BlockIQ4_XS>);
  set(Format::kTQ1_0, true, MatMulQuantized<S, BlockTQ1_0>);
  set(Format::kTQ2_0, true, MatMulQuantized<S, BlockTQ2_0>);
  set(Format::kMXFP4, true, MatMulQuantized<S, BlockMXFP4>);
  set(Format::kF8_E4M3, false, MatMulFloat<S, RowsF8_E4M3<S>>);
}

}  // namespace
}  // namespace fathom
