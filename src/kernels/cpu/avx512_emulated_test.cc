// The products of simd_avx512.h on processors without AVX-512: this translation unit compiles them
// over SIMDe's emulation of the instructions and compares them with the "avx2" table, bit for bit
// (every sum is defined to the last rounding, and both tables keep to that). matmul_test.cc
// compares "avx2" with the reference, and with "avx512" itself where the processor runs it.
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <gtest/gtest.h>
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>

#include <cstring>
#include <string>
#include <vector>

#include "kernels/kernel_cases.h"
#include "kernels/kernels.h"
#include "tensor/format.h"

namespace fathom {
namespace {

// Four instructions that SIMDe 0.7.4 does not have.
simde__m512 ConvertInts(simde__m512i a) {
  const simde__m512i_private from = simde__m512i_to_private(a);
  simde__m512_private to;
  for (int i = 0; i < 16; ++i) to.f32[i] = static_cast<float>(from.i32[i]);
  return simde__m512_from_private(to);
}
simde__m512 ConvertHalves(simde__m256i a) {
  const simde__m256i_private from = simde__m256i_to_private(a);
  simde__m512_private to;
  for (int i = 0; i < 16; ++i) to.f32[i] = HalfToFloat(from.u16[i]);
  return simde__m512_from_private(to);
}
simde__m256i NarrowInts(simde__m512i a) {
  const simde__m512i_private from = simde__m512i_to_private(a);
  simde__m256i_private to;
  for (int i = 0; i < 16; ++i) to.u16[i] = static_cast<uint16_t>(from.u32[i]);
  return simde__m256i_from_private(to);
}
simde__m512i ShiftInts(simde__m512i a, int bits) {
  simde__m512i_private lanes = simde__m512i_to_private(a);
  for (int i = 0; i < 16; ++i) lanes.i32[i] >>= bits;
  return simde__m512i_from_private(lanes);
}

}  // namespace
}  // namespace fathom

#undef _mm512_cvtepi32_ps
#undef _mm512_cvtph_ps
#undef _mm512_cvtepi32_epi16
#undef _mm512_srai_epi32
#define _mm512_cvtepi32_ps(a) ConvertInts(a)
#define _mm512_cvtph_ps(a) ConvertHalves(a)
#define _mm512_cvtepi32_epi16(a) NarrowInts(a)
#define _mm512_srai_epi32(a, bits) ShiftInts(a, bits)

#include "kernels/cpu/matmul_table-inl.h"
#include "kernels/cpu/simd_avx512.h"

namespace fathom {
namespace {

class EmulatedAvx512 : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    bool available = false;
    for (const KernelTable* table : AvailableKernels()) available |= table->name == "avx2";
    if (!available) GTEST_SKIP() << "the emulation needs AVX2";
  }
};

TEST_P(EmulatedAvx512, GivesTheBitsOfAvx2) {
  KernelTable emulated{};
  SetMatMuls<Avx512>(emulated);
  const auto index = static_cast<std::size_t>(GetParam());
  const auto format = static_cast<Format>(GetParam());
  const KernelTable& avx2 = FindKernels("avx2");
  EXPECT_EQ(emulated.quantized_activations[index], avx2.quantized_activations[index]);
  struct Shape {
    int64_t rows, columns, x_rows;
  };
  for (const Shape& shape : {Shape{70, 768, 13}, Shape{16, 256, 1}, Shape{33, 1536, 1},
                             Shape{17, 512, 6}, Shape{5, 256, 7}, Shape{32, 256, 40}}) {
    const RandomWeights weights(format, shape.rows, shape.columns, 1, 1);
    const RandomActivations x(shape.x_rows, shape.columns, 2);
    const auto run = [&](const KernelTable& table) {
      std::vector<float> out(static_cast<std::size_t>(shape.rows * shape.x_rows + 1), 7.0F);
      table.matmul[index](
          {weights.data(), weights.row_bytes, 0, shape.rows, x.View(), out.data(), shape.rows});
      return out;
    };
    const std::vector<float> got = run(emulated), expected = run(avx2);
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(std::memcmp(&got[i], &expected[i], sizeof(float)), 0)
          << shape.rows << "x" << shape.columns << ", activation rows " << shape.x_rows << ": "
          << got[i] << " vs " << expected[i] << " at " << i;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, EmulatedAvx512, testing::Range(0, kFormatCount),
                         [](const testing::TestParamInfo<int>& format) {
                           return std::string(RowOf(static_cast<Format>(format.param)).name);
                         });

}  // namespace
}  // namespace fathom
