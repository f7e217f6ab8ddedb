// Matrix products of every table and format against the plain reference, at odd shapes and
// addresses; and their independence of the batch, the row range and whatever lies around the data.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <tuple>
#include <vector>

#include "kernels/kernel_cases.h"
#include "kernels/kernels.h"
#include "tensor/format.h"

namespace fathom {
namespace {

std::size_t Index(Format format) { return static_cast<std::size_t>(format); }

// Outputs [rows][stride] with guards around and between the rows; a guard is a NaN with a pattern.
class GuardedOutput {
 public:
  static constexpr int64_t kGuard = 19;

  GuardedOutput(int64_t rows, int64_t width)
      : width_(width),
        cells_(static_cast<std::size_t>((rows + 1) * kGuard + rows * width), Guard()) {}

  float* data() { return cells_.data() + kGuard; }
  int64_t stride() const { return width_ + kGuard; }
  float at(int64_t row, int64_t column) const {
    return cells_[static_cast<std::size_t>(kGuard + row * stride() + column)];
  }
  bool GuardsHold() const {
    const float guard = Guard();
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      const auto in_row = static_cast<int64_t>(i) % stride();
      if (in_row < kGuard && std::memcmp(&cells_[i], &guard, sizeof(guard)) != 0) return false;
    }
    return true;
  }
  static bool IsGuard(float value) {
    const float guard = Guard();
    return std::memcmp(&value, &guard, sizeof(guard)) == 0;
  }

 private:
  static float Guard() {
    const uint32_t bits = 0x7fc5a5a5U;
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    return value;
  }
  int64_t width_;
  std::vector<float> cells_;
};

MatMulArgs ArgsOf(const RandomWeights& weights, int64_t begin, int64_t end, const Activations& x,
                  float* out, int64_t out_stride) {
  return {weights.data(), weights.row_bytes, begin, end, x, out, out_stride};
}

// The activations as the table's kernel sees them, in float32.
std::vector<float> Dequantized(const RandomActivations& x) {
  std::vector<float> floats(x.values.size());
  for (std::size_t i = 0; i < floats.size(); ++i) {
    const auto slot = static_cast<std::size_t>(ActivationSlot(static_cast<int64_t>(i)));
    floats[i] = x.scales[i / kActivationGroup] * static_cast<float>(x.values[slot]);
  }
  return floats;
}

using Case = std::tuple<const KernelTable*, int>;

std::string CaseName(const testing::TestParamInfo<Case>& info) {
  return std::string(std::get<0>(info.param)->name) + "_" +
         std::string(RowOf(static_cast<Format>(std::get<1>(info.param))).name);
}

class MatMul : public testing::TestWithParam<Case> {
 protected:
  const KernelTable& table() const { return *std::get<0>(GetParam()); }
  Format format() const { return static_cast<Format>(std::get<1>(GetParam())); }
  bool quantized() const { return table().quantized_activations[Index(format())]; }
  void Run(const MatMulArgs& args) const { table().matmul[Index(format())](args); }

  // Column counts with whole blocks of the format; any count where a block is one value.
  std::vector<int64_t> ColumnCounts() const {
    switch (RowOf(format()).block_elements) {
      case 1:
        return {1, 7, 15, 33, 64, 127, 130, 288, 576};
      case 32:
        return {32, 64, 96, 288, 576, 1056, 1536};
      default:
        return {256, 512, 768, 1280, 1536};
    }
  }

  void CompareWithReference(int64_t rows, int64_t columns, int64_t x_rows, int64_t offset) const {
    SCOPED_TRACE("weights " + std::to_string(rows) + "x" + std::to_string(columns) + " +" +
                 std::to_string(offset) + ", activation rows " + std::to_string(x_rows));
    const auto seed = static_cast<uint64_t>(rows * 1000003 + columns * 101 + x_rows);
    const RandomWeights weights(format(), rows, columns, seed, offset);
    const RandomActivations x(x_rows, columns, seed + 1);
    GuardedOutput out(x_rows, rows);
    Run(ArgsOf(weights, 0, rows, x.View(), out.data(), out.stride()));
    ASSERT_TRUE(out.GuardsHold());

    const std::vector<float> seen = quantized() ? Dequantized(x) : x.floats;
    Activations plain = x.View();
    plain.floats = seen.data();
    GuardedOutput expected(x_rows, rows);
    ReferenceKernels().matmul[Index(format())](
        ArgsOf(weights, 0, rows, plain, expected.data(), expected.stride()));
    for (int64_t n = 0; n < rows; ++n) {
      const std::vector<double> weight = Magnitudes(weights, n, columns);
      for (int64_t r = 0; r < x_rows; ++r) {
        double norm = 0.0;
        for (int64_t k = 0; k < columns; ++k) {
          norm += weight[static_cast<std::size_t>(k)] *
                  std::fabs(seen[static_cast<std::size_t>(r * columns + k)]);
        }
        ASSERT_NEAR(out.at(r, n), expected.at(r, n), Tolerance(columns, norm))
            << "weight row " << n << ", activation row " << r;
      }
    }
  }

  // What a weight adds to the size of the sums that are rounded on the way to an output. A weight
  // is scale * quant + offset; the two parts are summed apart, and each is at most |w| + |offset|.
  // The formats' offsets are at most twice the largest weight of 32 random ones.
  std::vector<double> Magnitudes(const RandomWeights& weights, int64_t n, int64_t columns) const {
    std::vector<float> row(static_cast<std::size_t>(columns));
    RowOf(format()).decode(weights.data() + n * weights.row_bytes, row.data(), columns);
    std::vector<double> magnitudes(row.size());
    for (std::size_t k = 0; k < row.size(); ++k) {
      float largest = 0.0F;
      for (std::size_t i = k / 32 * 32; i < row.size() && i < k / 32 * 32 + 32; ++i) {
        largest = std::max(largest, std::fabs(row[i]));
      }
      magnitudes[k] = quantized() ? std::fabs(row[k]) + 4.0 * largest : std::fabs(row[k]);
    }
    return magnitudes;
  }

  // A chain of m roundings of partial sums is off by at most m epsilon times the sum of magnitudes.
  // m: one a column with floats; one a group of 32 when quantised, and at most six more for scales,
  // offsets and the reference's own decoding and rounding.
  double Tolerance(int64_t columns, double norm) const {
    constexpr double kEpsilon = 0x1p-24;
    const double roundings =
        (quantized() ? static_cast<double>(columns) / 32 : static_cast<double>(columns)) + 6.0;
    return roundings * kEpsilon * norm;
  }
};

TEST_P(MatMul, MatchesTheReference) {
  for (const int64_t columns : ColumnCounts()) CompareWithReference(17, columns, 3, 0);
  const int64_t columns = ColumnCounts()[1];
  for (int64_t rows = 1; rows <= 40; ++rows) CompareWithReference(rows, columns, 2, rows % 5);
  for (int64_t x_rows = 1; x_rows <= 17; ++x_rows) CompareWithReference(33, columns, x_rows, 1);
  CompareWithReference(3, 4096, 2, 3);
}

// The rows of a batch, and the weight rows of a call, come out with the same bits in any company.
TEST_P(MatMul, IsTheSameAloneInABatchAndAtAnySplit) {
  const int64_t rows = 53;
  const int64_t x_rows = 19;
  for (const int64_t columns : {ColumnCounts()[2], ColumnCounts().back()}) {
    const RandomWeights weights(format(), rows, columns, 5, 1);
    const RandomActivations x(x_rows, columns, 6);
    GuardedOutput whole(x_rows, rows);
    Run(ArgsOf(weights, 0, rows, x.View(), whole.data(), whole.stride()));
    const auto expect_equal = [&](GuardedOutput& part, int64_t first, int64_t count, int64_t begin,
                                  int64_t end) {
      ASSERT_TRUE(part.GuardsHold());
      for (int64_t r = 0; r < count; ++r) {
        for (int64_t n = 0; n < rows; ++n) {
          const float got = part.at(r, n);
          if (n < begin || n >= end) {
            ASSERT_TRUE(GuardedOutput::IsGuard(got)) << "row " << n << " is outside the range";
            continue;
          }
          const float expected = whole.at(first + r, n);
          ASSERT_EQ(std::memcmp(&got, &expected, sizeof(got)), 0)
              << got << " vs " << expected << ": activation row " << first + r << " of " << count
              << ", weight row " << n << " of [" << begin << ", " << end << ")";
        }
      }
    };
    for (const int64_t count : {1, 2, 3, 5, 6, 7, 8, 11}) {
      const int64_t first = x_rows - count;
      GuardedOutput part(count, rows);
      Run(ArgsOf(weights, 0, rows, x.View(first, count), part.data(), part.stride()));
      expect_equal(part, first, count, 0, rows);
    }
    for (int64_t begin = 0; begin < rows; begin += 5) {
      for (const int64_t size : {1, 7, 8, 13, 16, 31, 33}) {
        const int64_t end = std::min(begin + size, rows);
        GuardedOutput part(4, rows);
        Run(ArgsOf(weights, begin, end, x.View(0, 4), part.data(), part.stride()));
        expect_equal(part, 0, 4, begin, end);
      }
    }
  }
}

// An activation group that cannot be quantised (it holds a NaN or an infinity) makes NaNs of its
// row and leaves the others alone.
TEST_P(MatMul, NaNStaysInItsRow) {
  const int64_t columns = 256;
  const RandomWeights weights(format(), 9, columns, 1);
  RandomActivations x(3, columns, 2);
  x.floats[static_cast<std::size_t>(columns + 40)] = std::numeric_limits<float>::quiet_NaN();
  ReferenceKernels().quantize(
      {x.floats.data(), 3, columns, x.values.data(), x.scales.data(), x.sums.data()});
  GuardedOutput out(3, 9);
  Run(ArgsOf(weights, 0, 9, x.View(), out.data(), out.stride()));
  for (int64_t n = 0; n < 9; ++n) {
    EXPECT_TRUE(std::isfinite(out.at(0, n)));
    EXPECT_TRUE(std::isnan(out.at(1, n)));
    EXPECT_TRUE(std::isfinite(out.at(2, n)));
  }
}

TEST_P(MatMul, DecodesAsTheReference) {
  const RandomWeights weights(format(), 1, 1024, 3, 1);
  std::vector<float> got(1024), expected(1024);
  table().decode[Index(format())](weights.data(), got.data(), 1024);
  RowOf(format()).decode(weights.data(), expected.data(), 1024);
  EXPECT_EQ(std::memcmp(got.data(), expected.data(), 4096), 0);
}

// Every code of E4M3, NaNs too, where whole vectors are widened and at a row's ragged end.
TEST(MatMulTables, EveryCodeOfFloat8) {
  constexpr int64_t kColumns = 19;
  for (const KernelTable* table : AvailableKernels()) {
    for (const int64_t at : {5, 18}) {
      std::vector<std::byte> weights(256 * kColumns);
      for (std::size_t n = 0; n < 256; ++n) {
        weights[n * kColumns + static_cast<std::size_t>(at)] = static_cast<std::byte>(n);
      }
      std::vector<float> x(kColumns), out(256);
      x[static_cast<std::size_t>(at)] = 1.0F;
      table->matmul[Index(Format::kF8_E4M3)]({weights.data(),
                                              kColumns,
                                              0,
                                              256,
                                              {.rows = 1, .columns = kColumns, .floats = x.data()},
                                              out.data(),
                                              256});
      for (std::size_t n = 0; n < 256; ++n) {
        const float expected = Float8ToFloat(static_cast<uint8_t>(n));
        if (std::isnan(expected)) {
          EXPECT_TRUE(std::isnan(out[n])) << table->name << ", code " << n;
        } else {
          EXPECT_EQ(out[n], expected) << table->name << ", code " << n;
        }
      }
    }
  }
}

// Weights with a grid of block scales.
struct GridCase {
  int64_t rows, columns, block_rows, block_columns;
};

class ScaledMatMul : public testing::TestWithParam<const KernelTable*> {
 protected:
  static constexpr Format kFormats[] = {Format::kF8_E4M3, Format::kF32, Format::kF16,
                                        Format::kBF16};

  static std::vector<float> Scales(const GridCase& c) {
    std::vector<float> scales = RandomFloats(GridRows(c) * GridColumns(c), 11);
    for (float& scale : scales) scale = 0.001F + 0.01F * std::fabs(scale);
    return scales;
  }
  static int64_t GridRows(const GridCase& c) { return (c.rows + c.block_rows - 1) / c.block_rows; }
  static int64_t GridColumns(const GridCase& c) {
    return (c.columns + c.block_columns - 1) / c.block_columns;
  }

  // Output n of activation row r of the whole product, and the sum of its terms' magnitudes.
  struct Sum {
    double value = 0.0, norm = 0.0;
  };
  static Sum Expected(Format format, const GridCase& c, const RandomWeights& weights,
                      const std::vector<float>& scales, const float* x, int64_t n) {
    std::vector<float> row(static_cast<std::size_t>(c.columns));
    RowOf(format).decode(weights.data() + n * weights.row_bytes, row.data(), c.columns);
    Sum sum;
    for (int64_t k = 0; k < c.columns; ++k) {
      const auto at =
          static_cast<std::size_t>(n / c.block_rows * GridColumns(c) + k / c.block_columns);
      const double term = double{row[static_cast<std::size_t>(k)]} * scales[at] * x[k];
      sum.value += term;
      sum.norm += std::fabs(term);
    }
    return sum;
  }

  // Computes rows [begin, end) for activation rows from `first` on and holds them against `whole`,
  // bit for bit.
  void ExpectPart(Format format, const MatMulArgs& all, const RandomActivations& x, int64_t first,
                  int64_t count, int64_t begin, int64_t end, const GuardedOutput& whole) const {
    GuardedOutput part(count, all.row_end);
    MatMulArgs args = all;
    args.row_begin = begin;
    args.row_end = end;
    args.x = x.View(first, count);
    args.out = part.data();
    args.out_stride = part.stride();
    GetParam()->matmul[Index(format)](args);
    ASSERT_TRUE(part.GuardsHold());
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t n = 0; n < all.row_end; ++n) {
        const float got = part.at(r, n);
        if (n < begin || n >= end) {
          ASSERT_TRUE(GuardedOutput::IsGuard(got)) << n;
          continue;
        }
        const float expected = whole.at(first + r, n);
        ASSERT_EQ(std::memcmp(&got, &expected, sizeof(got)), 0)
            << got << " vs " << expected << ": row " << n << " of [" << begin << ", " << end
            << "), activation row " << first + r << " of " << count;
      }
    }
  }
};

// Shapes whose last blocks are cut off, blocks that a panel straddles or that are smaller than a
// panel or a chunk of columns, and ranges of rows that start inside a block.
TEST_P(ScaledMatMul, MatchesTheDefinitionAtAnySplit) {
  for (const GridCase& c :
       {GridCase{300, 320, 128, 128}, GridCase{64, 192, 128, 128}, GridCase{128, 256, 128, 128},
        GridCase{77, 321, 10, 48}, GridCase{40, 130, 3, 200}, GridCase{5, 17, 2, 5}}) {
    const std::vector<float> scales = Scales(c);
    const RandomActivations x(5, c.columns, 4);
    for (const Format format : kFormats) {
      SCOPED_TRACE(std::string(RowOf(format).name) + " " + std::to_string(c.rows) + "x" +
                   std::to_string(c.columns) + " in blocks of " + std::to_string(c.block_rows) +
                   "x" + std::to_string(c.block_columns));
      const RandomWeights weights(format, c.rows, c.columns, 3, 1);
      GuardedOutput whole(5, c.rows);
      MatMulArgs args = ArgsOf(weights, 0, c.rows, x.View(), whole.data(), whole.stride());
      args.scale_grid = {scales.data(), c.block_rows, c.block_columns};
      GetParam()->matmul[Index(format)](args);
      ASSERT_TRUE(whole.GuardsHold());
      for (int64_t r = 0; r < 5; ++r) {
        for (int64_t n = 0; n < c.rows; ++n) {
          const Sum sum = Expected(format, c, weights, scales, x.floats.data() + r * c.columns, n);
          // A rounding a column, of the sum so far; one of each weight's scaling; one at the end.
          const double tolerance = static_cast<double>(c.columns + 2) * 0x1p-24 * sum.norm;
          ASSERT_NEAR(whole.at(r, n), sum.value, tolerance) << "row " << n;
        }
      }
      for (const int64_t size : {1, 7, 16, 33, 130}) {
        for (int64_t begin = 0; begin < c.rows; begin += 61) {
          ExpectPart(format, args, x, 4, 1, begin, std::min(begin + size, c.rows), whole);
          ExpectPart(format, args, x, 1, 3, begin, std::min(begin + size, c.rows), whole);
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tables, ScaledMatMul, testing::ValuesIn(AvailableKernels()),
                         [](const testing::TestParamInfo<const KernelTable*>& instance) {
                           return std::string(instance.param->name);
                         });

// Every sum is defined to the last rounding; instruction sets with fused multiplication give its
// bits.
TEST(MatMulTables, Avx512AndAvx2Agree) {
  const KernelTable& best = FindKernels("auto");
  if (best.name != "avx512") GTEST_SKIP() << "for processors with AVX-512";
  for (std::size_t f = 0; f < kFormatCount; ++f) {
    const RandomWeights weights(static_cast<Format>(f), 77, 1536, 8, 1);
    const RandomActivations x(15, 1536, 9);
    for (const int64_t count : {1, 15}) {
      GuardedOutput got(count, 77), expected(count, 77);
      best.matmul[f](ArgsOf(weights, 0, 77, x.View(0, count), got.data(), got.stride()));
      FindKernels("avx2").matmul[f](
          ArgsOf(weights, 0, 77, x.View(0, count), expected.data(), expected.stride()));
      for (int64_t r = 0; r < count; ++r) {
        for (int64_t n = 0; n < 77; ++n) ASSERT_EQ(got.at(r, n), expected.at(r, n));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tables, MatMul,
                         testing::Combine(testing::ValuesIn(AvailableKernels()),
                                          testing::Range(0, kFormatCount)),
                         CaseName);

}  // namespace
}  // namespace fathom
