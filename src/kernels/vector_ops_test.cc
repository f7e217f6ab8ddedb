// Operations over single rows: every table against the plain reference (whose sums are in double),
// at lengths that are no multiple of any vector, with guards after the outputs.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "kernels/kernel_cases.h"
#include "kernels/kernels.h"

namespace fathom {
namespace {

constexpr float kGuard = 1234.5F;
constexpr double kEpsilon = 0x1p-24;
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
const std::vector<int64_t> kLengths = {1, 2, 7, 8, 9, 15, 16, 17, 31, 33, 64, 100, 576, 1536, 4099};

std::vector<float> Guarded(int64_t n) {
  return std::vector<float>(static_cast<std::size_t>(n + 1), kGuard);
}

class VectorOps : public testing::TestWithParam<const KernelTable*> {
 protected:
  const KernelTable& table() const { return *GetParam(); }
};

// The exponential of the tables is off by at most 1.1e-7 of its value, or 1.9 epsilon (its header).
constexpr double kExpRoundings = 1.9;

TEST_P(VectorOps, RmsNorm) {
  for (const int64_t n : kLengths) {
    const std::vector<float> x = RandomFloats(n, 1), weight = RandomFloats(n, 2);
    std::vector<float> out = Guarded(n), expected = Guarded(n), in_place = x;
    table().rms_norm(x.data(), weight.data(), 1e-5F, n, out.data());
    ReferenceKernels().rms_norm(x.data(), weight.data(), 1e-5F, n, expected.data());
    table().rms_norm(in_place.data(), weight.data(), 1e-5F, n, in_place.data());
    EXPECT_EQ(out.back(), kGuard);
    // A chain of n / 4 roundings at worst, halved by the square root, and five of the last steps.
    const double tolerance = (static_cast<double>(n) / 8 + 5) * kEpsilon;
    for (std::size_t i = 0; i < x.size(); ++i) {
      ASSERT_NEAR(out[i], expected[i], tolerance * std::fabs(expected[i])) << n << " " << i;
      ASSERT_EQ(in_place[i], out[i]);
    }
  }
}

TEST_P(VectorOps, SiluMul) {
  for (const int64_t n : kLengths) {
    std::vector<float> gate = RandomFloats(n, 3), up = RandomFloats(n, 4);
    for (float& g : gate) g *= 20.0F;
    std::vector<float> out = Guarded(n), expected = Guarded(n);
    table().silu_mul(gate.data(), up.data(), n, out.data());
    ReferenceKernels().silu_mul(gate.data(), up.data(), n, expected.data());
    EXPECT_EQ(out.back(), kGuard);
    for (std::size_t i = 0; i < gate.size(); ++i) {
      const double tolerance = (kExpRoundings + 4) * kEpsilon * std::fabs(expected[i]);
      ASSERT_NEAR(out[i], expected[i], tolerance) << gate[i];
    }
    table().silu_mul(gate.data(), up.data(), n, up.data());
    EXPECT_EQ(std::memcmp(up.data(), out.data(), up.size() * 4), 0);
  }
}

TEST_P(VectorOps, SiluAtTheEnds) {
  const std::vector<float> gate = {0.0F, -0.0F, 100.0F, -100.0F, 1e30F, -1e30F, kNaN, kInfinity};
  const std::vector<float> up(gate.size(), 2.0F);
  std::vector<float> out(gate.size());
  table().silu_mul(gate.data(), up.data(), static_cast<int64_t>(gate.size()), out.data());
  EXPECT_EQ(out[0], 0.0F);
  EXPECT_EQ(out[1], 0.0F);
  EXPECT_EQ(out[2], 200.0F);
  EXPECT_NEAR(out[3], 0.0F, 1e-35F);
  EXPECT_EQ(out[4], 2e30F);
  EXPECT_LE(std::fabs(out[5]), 1e-7F);  // 1e30 times the smallest sigmoid there is
  EXPECT_TRUE(std::isnan(out[6]));
  EXPECT_EQ(out[7], kInfinity);
}

TEST_P(VectorOps, Add) {
  for (const int64_t n : kLengths) {
    const std::vector<float> x = RandomFloats(n, 5);
    std::vector<float> sum = RandomFloats(n + 1, 6);
    const std::vector<float> before = sum;
    table().add(x.data(), n, sum.data());
    for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(sum[i], before[i] + x[i]);
    EXPECT_EQ(sum.back(), before.back());
  }
}

TEST_P(VectorOps, AddScaled) {
  for (const int64_t n : kLengths) {
    const std::vector<float> x = RandomFloats(n, 5);
    std::vector<float> sum = RandomFloats(n + 1, 6);
    const std::vector<float> before = sum;
    table().add_scaled(x.data(), -1.75F, n, sum.data());
    for (std::size_t i = 0; i < x.size(); ++i) {
      // One rounding where multiply and add are fused, two where they are not.
      ASSERT_NEAR(sum[i], before[i] - 1.75 * x[i], 2 * kEpsilon * 2.75);
    }
    EXPECT_EQ(sum.back(), before.back());
  }
}

TEST_P(VectorOps, Rope) {
  for (const RopePairing pairing : {RopePairing::kInterleaved, RopePairing::kHalfSplit}) {
    for (const int64_t rotary : {2, 6, 16, 24, 40, 64, 128}) {
      const int64_t head_dim = rotary + 8, heads = 3;
      const std::vector<float> x = RandomFloats(heads * head_dim, 7);
      const std::vector<float> cosines = RandomFloats(rotary / 2, 8);
      const std::vector<float> sines = RandomFloats(rotary / 2, 9);
      std::vector<float> out = x, expected = x;
      RopeArgs args{out.data(), heads, head_dim, rotary, cosines.data(), sines.data(), pairing};
      table().rope(args);
      args.x = expected.data();
      ReferenceKernels().rope(args);
      for (std::size_t i = 0; i < x.size(); ++i) {
        ASSERT_NEAR(out[i], expected[i], 2 * 2 * kEpsilon) << "rotary " << rotary << " at " << i;
      }
    }
  }
}

TEST_P(VectorOps, QuantizeIsTheSameInEveryTable) {
  const int64_t rows = 5, columns = 96;
  std::vector<float> x = RandomFloats(rows * columns, 10);
  for (int64_t i = 0; i < 32; ++i) {
    x[static_cast<std::size_t>(i)] = 0.0F;
    x[static_cast<std::size_t>(32 + i)] = 1e-38F;
    x[static_cast<std::size_t>(64 + i)] = static_cast<float>(i * 8 - 127) * 0.5F;  // halves: ties
    x[static_cast<std::size_t>(96 + i)] *= 3e38F;
    x[static_cast<std::size_t>(128 + i)] *= 1e-29F;
  }
  x[170] = kInfinity;
  x[200] = kNaN;
  const auto run = [&](const KernelTable& kernels) {
    RandomActivations result(rows, columns, 0);
    std::fill(result.values.begin(), result.values.end(), int16_t{99});
    kernels.quantize(
        {x.data(), rows, columns, result.values.data(), result.scales.data(), result.sums.data()});
    return result;
  };
  const RandomActivations got = run(table()), expected = run(ReferenceKernels());
  EXPECT_EQ(got.values, expected.values);
  EXPECT_EQ(got.sums, expected.sums);
  for (std::size_t g = 0; g < got.scales.size(); ++g) {
    if (std::isnan(expected.scales[g])) {
      EXPECT_TRUE(std::isnan(got.scales[g]));
    } else {
      EXPECT_EQ(got.scales[g], expected.scales[g]);
    }
  }
}

TEST_P(VectorOps, QuantizedValuesAreClose) {
  const RandomActivations x(7, 576, 11);
  std::vector<int16_t> values(x.values.size());
  std::vector<float> scales(x.scales.size()), sums(x.sums.size());
  table().quantize({x.floats.data(), 7, 576, values.data(), scales.data(), sums.data()});
  for (std::size_t g = 0; g < scales.size(); ++g) {
    float largest = 0.0F;
    int sum = 0;
    for (std::size_t i = 32 * g; i < 32 * g + 32; ++i) {
      largest = std::max(largest, std::fabs(x.floats[i]));
      const int value = values[static_cast<std::size_t>(ActivationSlot(static_cast<int64_t>(i)))];
      sum += value;
      // Half a step, and the float32 roundings of the value's scaling and of the product here.
      const float slack = scales[g] * 0.5F + std::fabs(x.floats[i]) * 0x1p-22F;
      ASSERT_NEAR(static_cast<float>(value) * scales[g], x.floats[i], slack);
    }
    ASSERT_EQ(scales[g], largest / static_cast<float>(kActivationMax));
    ASSERT_EQ(sums[g], static_cast<float>(sum));
  }
}

TEST_P(VectorOps, ArgMax) {
  for (const int64_t n : kLengths) {
    std::vector<float> x = RandomFloats(n, 12);
    EXPECT_EQ(table().argmax(x.data(), n), ReferenceKernels().argmax(x.data(), n));
    for (int64_t at = 0; at < n; at += 1 + n / 9) {
      std::vector<float> peaked = x;
      for (int64_t i = at; i < n; i += 3) peaked[static_cast<std::size_t>(i)] = 7.0F;
      EXPECT_EQ(table().argmax(peaked.data(), n), at);
      peaked[static_cast<std::size_t>(at)] = kNaN;
      EXPECT_EQ(table().argmax(peaked.data(), n), ReferenceKernels().argmax(peaked.data(), n));
    }
    const std::vector<float> nothing(x.size(), kNaN), lowest(x.size(), -kInfinity);
    EXPECT_EQ(table().argmax(nothing.data(), n), 0);
    EXPECT_EQ(table().argmax(lowest.data(), n), 0);
  }
}

TEST_P(VectorOps, LogSumExp) {
  for (const int64_t n : kLengths) {
    for (const float scale : {0.0F, 1.0F, 30.0F, 1000.0F}) {
      std::vector<float> x = RandomFloats(n, 13);
      for (float& value : x) value = value * scale + scale;
      const float expected = ReferenceKernels().log_sum_exp(x.data(), n);
      // The sum's relative error becomes absolute; then the logarithm and the last sum round. The
      // argument of an exponential, a difference from the maximum, rounds as well.
      const double tolerance =
          kEpsilon * (static_cast<double>(n) / 4 + kExpRoundings + 3 + 3 * std::fabs(expected));
      EXPECT_NEAR(table().log_sum_exp(x.data(), n), expected, tolerance);
    }
  }
  const std::vector<float> huge(20, 1e38F), lowest(20, -kInfinity);
  EXPECT_EQ(table().log_sum_exp(huge.data(), 20), 1e38F);
  EXPECT_EQ(table().log_sum_exp(lowest.data(), 20), -kInfinity);
}

// log_sum_exp of one value far below another shows the exponential itself: exp(x) over its range.
TEST_P(VectorOps, ExponentialIsAccurate) {
  double worst = 0.0;
  for (int i = 0; i <= 80000; ++i) {
    // silu_mul(g, (1 + exp(-g)) / g) would hide it; sigmoid(g) for large -g is exp(g).
    const float g = -17.0F - static_cast<float>(i) * 0.0008F;
    const float gate[1] = {g}, up[1] = {1.0F};
    float out[1];
    table().silu_mul(gate, up, 1, out);
    const double sigmoid = 1.0 / (1.0 + std::exp(-static_cast<double>(g)));
    worst = std::max(worst, std::fabs(out[0] / (sigmoid * g) - 1.0));
  }
  EXPECT_LE(worst, (kExpRoundings + 2) * kEpsilon);
}

INSTANTIATE_TEST_SUITE_P(Tables, VectorOps, testing::ValuesIn(AvailableKernels()),
                         [](const testing::TestParamInfo<const KernelTable*>& table) {
                           return std::string(table.param->name);
                         });

TEST(Registry, FindsTablesByName) {
  const std::vector<const KernelTable*> tables = AvailableKernels();
  EXPECT_EQ(&FindKernels("auto"), tables.front());
  EXPECT_EQ(tables.back(), &ReferenceKernels());
  for (const KernelTable* table : tables) EXPECT_EQ(&FindKernels(table->name), table);
}

TEST(Registry, NamesWhatItDoesNotHave) {
  try {
    FindKernels("mmx");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_NE(error.message().find("mmx"), std::string::npos);
    EXPECT_NE(error.hint().find("portable, ref"), std::string::npos);
  }
}

TEST(Registry, EveryTableIsComplete) {
  for (const KernelTable* table : AvailableKernels()) {
    for (int f = 0; f < kFormatCount; ++f) {
      EXPECT_NE(table->matmul[f], nullptr);
      EXPECT_NE(table->decode[f], nullptr);
    }
  }
}

}  // namespace
}  // namespace fathom
