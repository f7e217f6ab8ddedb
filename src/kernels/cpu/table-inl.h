// Assembles the kernel table of one instruction set from the templates beside this file.
#pragma once

#include "kernels/cpu/attention-inl.h"
#include "kernels/cpu/latent_attention-inl.h"
#include "kernels/cpu/matmul_table-inl.h"
#include "kernels/cpu/vector_ops-inl.h"
#include "kernels/kernels.h"

namespace fathom {
namespace {

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
  table.add_scaled = AddScaled;
  table.cache_store = CacheStore;
  table.attention = Attention;
  table.latent_store = LatentStore;
  table.latent_attention = LatentAttention;
  table.argmax = ArgMax;
  table.log_sum_exp = LogSumExp;
  return table;
}

}  // namespace
}  // namespace fathom
