// Assembles the kernel table of one instruction set from the templates beside this file.
#pragma once

#include "kernels/cpu/attention-inl.h"
#include "kernels/cpu/float_matmul-inl.h"
#include "kernels/cpu/matmul-inl.h"
#include "kernels/cpu/vector_ops-inl.h"
#include "kernels/kernels.h"

namespace fathom {
namespace {

// The products alone, for S one of Avx2, Avx512, Portable.
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
  set(Format::kQ4_0, true, MatMulQuantized<S, BlockQ4_0<S>>);
  set(Format::kQ4_1, true, MatMulQuantized<S, BlockQ4_1<S>>);
  set(Format::kQ5_0, true, MatMulQuantized<S, BlockQ5_0<S>>);
  set(Format::kQ5_1, true, MatMulQuantized<S, BlockQ5_1<S>>);
  set(Format::kQ8_0, true, MatMulQuantized<S, BlockQ8_0<S>>);
  set(Format::kQ4_K, true, MatMulQuantized<S, BlockQ4_K<S>>);
  set(Format::kQ5_K, true, MatMulQuantized<S, BlockQ5_K<S>>);
  set(Format::kQ6_K, true, MatMulQuantized<S, BlockQ6_K<S>>);
}

template <class S>
KernelTable MakeTable(std::string_view name) {
  KernelTable table = ReferenceKernels();  // its decoders stay: they are exact
  table.name = name;
  SetMatMuls<S>(table);
  table.quantize = Quantize;
  table.rms_norm = RmsNorm;
  table.rope = Rope;
  table.silu_mul = SiluMul;
  table.add = Add;
  table.cache_store = CacheStore;
  table.attention = Attention;
  table.argmax = ArgMax;
  table.log_sum_exp = LogSumExp;
  return table;
}

}  // namespace
}  // namespace fathom
