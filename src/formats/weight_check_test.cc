// Weights that are no numbers are found wherever they lie, in every kind of format.
#include "formats/weight_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "formats/gguf_test_support.h"

namespace fathom {
namespace {

using testing::HasSubstr;

class WeightCheckTest : public testing::Test {
 protected:
  // A tensor of three rows of zeros in that format, `bytes` written at `offset` into its data.
  ModelFile With(Format format, int64_t columns, std::size_t offset,
                 const std::vector<unsigned char>& bytes, const char* name = "w") {
    TensorView view{nullptr, format, 2, {3, columns}};
    data_.assign(static_cast<std::size_t>(view.bytes()), std::byte{0});
    for (std::size_t i = 0; i < bytes.size(); ++i) data_[offset + i] = std::byte{bytes[i]};
    view.data = data_.data();
    std::vector<MappedFile> shards;
    shards.push_back(MappedFile::Open(folder_.Write("m.gguf", "0123456789")));
    return {std::move(shards), {}, {{name, view, 0, 0}}};
  }

  static std::string ErrorOf(const ModelFile& file) {
    try {
      CheckWeights(file, [](int64_t) { return true; });
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  }

  TestFolder folder_;
  std::vector<std::byte> data_;
};

TEST_F(WeightCheckTest, FiniteWeightsPass) {
  EXPECT_EQ(ErrorOf(With(Format::kF32, 64, 0, {0xff, 0xff, 0x7f, 0x7f})), "");  // the largest
  EXPECT_EQ(ErrorOf(With(Format::kQ4_K, 256, 0, {})), "");
  EXPECT_EQ(ErrorOf(With(Format::kF8_E4M3, 64, 5, {0x7e})), "");
}

TEST_F(WeightCheckTest, WhatIsNoNumberIsNamedWithItsPlace) {
  const auto expect = [&](const ModelFile& file, const std::string& place) {
    EXPECT_THAT(ErrorOf(file), HasSubstr("m.gguf: tensor 'w' holds "));
    EXPECT_THAT(ErrorOf(file), HasSubstr(place + ", expected finite numbers"));
  };
  expect(With(Format::kF32, 64, (2 * 64 + 63) * 4, {0, 0, 0xc0, 0x7f}), "row 2, column 63");
  expect(With(Format::kF32, 64, 0, {0, 0, 0x80, 0xff}), "-inf in row 0, column 0");
  expect(With(Format::kF16, 64, (64 + 1) * 2, {0, 0x7c}), "inf in row 1, column 1");
  expect(With(Format::kBF16, 64, 4, {0xc0, 0x7f}), "row 0, column 2");
  expect(With(Format::kF8_E4M3, 64, 64 + 9, {0x7f}), "row 1, column 9");
  expect(With(Format::kQ8_0, 64, 34, {0, 0x7e}), "row 0, column 32");  // the second block's scale
  expect(With(Format::kQ4_K, 256, 144 + 2, {0xff, 0x7f}), "row 1, column 0");
}

// As for running them: what is scaled by zero or less is no weight.
TEST_F(WeightCheckTest, ScalesMustBePositive) {
  const std::string name = "model.layers.0.mlp.up_proj.weight_scale_inv";
  const auto outcome = [&](float scale) {
    const float scales[] = {1, 1, 1, scale, 1, 1};
    std::vector<unsigned char> bytes(sizeof scales);
    std::memcpy(bytes.data(), scales, sizeof scales);
    return ErrorOf(With(Format::kF32, 2, 0, bytes, name.c_str()));
  };
  EXPECT_EQ(outcome(1e-30F), "");
  for (const float wrong : {0.0F, -1.0F, std::numeric_limits<float>::infinity(), std::nanf("")}) {
    EXPECT_THAT(outcome(wrong),
                HasSubstr("m.gguf: tensor '" + name + "' holds " + std::to_string(wrong) +
                          " at [1, 1], expected a positive number"));
  }
}

TEST_F(WeightCheckTest, ReadingStopsWhenAskedTo) {
  const ModelFile file = With(Format::kF32, 1 << 20, 0, {});  // 12 MB
  int64_t told = 0;
  try {
    CheckWeights(file, [&](int64_t done) {
      told = done;
      return false;
    });
    FAIL() << "it went on";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  EXPECT_EQ(told, 8 << 20);
}

}  // namespace
}  // namespace fathom
