// Tests of the format table's arithmetic, of buffers and of shapes. The decoders are held against
// goldens in format_golden_test.cc.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "base/error.h"
#include "tensor/buffer.h"
#include "tensor/format.h"
#include "tensor/tensor_view.h"

namespace fathom {
namespace {

// The value of a half by the definition of the format, in double arithmetic.
double HalfByDefinition(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int fraction = half & 1023;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return (half & 0x8000) != 0 ? -magnitude : magnitude;
}

bool IsNanHalf(uint16_t half) { return (half & 0x7fff) > 0x7c00; }

TEST(Half, ToFloatIsExactForEveryPattern) {
  for (uint32_t half = 0; half < 0x10000; ++half) {
    const float value = HalfToFloat(static_cast<uint16_t>(half));
    ASSERT_EQ(std::signbit(value), (half & 0x8000) != 0) << half;
    if (IsNanHalf(static_cast<uint16_t>(half))) {
      ASSERT_TRUE(std::isnan(value)) << half;
    } else if ((half & 0x7fff) == 0x7c00) {
      ASSERT_TRUE(std::isinf(value)) << half;
    } else {
      ASSERT_EQ(static_cast<double>(value), HalfByDefinition(static_cast<uint16_t>(half))) << half;
    }
  }
}

TEST(Half, FromFloatGivesBackEveryPattern) {
  for (uint32_t half = 0; half < 0x10000; ++half) {
    const uint16_t back = FloatToHalf(HalfToFloat(static_cast<uint16_t>(half)));
    const uint16_t quiet = IsNanHalf(static_cast<uint16_t>(half)) ? 0x200 : 0;
    ASSERT_EQ(back, half | quiet) << half;
  }
}

TEST(Half, FromFloatRoundsToNearestEvenBetweenNeighbours) {
  // 0x7bff is the largest finite half; its upper neighbour for rounding is 2^16.
  for (uint32_t half = 0; half < 0x7c00; ++half) {
    const double low = HalfByDefinition(static_cast<uint16_t>(half));
    const double high =
        half == 0x7bff ? 65536.0 : HalfByDefinition(static_cast<uint16_t>(half + 1));
    const auto middle = static_cast<float>((low + high) / 2);
    const float infinity = std::numeric_limits<float>::infinity();
    const uint32_t even = half % 2 == 0 ? half : half + 1;
    ASSERT_EQ(FloatToHalf(middle), even) << half;
    ASSERT_EQ(FloatToHalf(std::nextafter(middle, 0.0F)), half) << half;
    ASSERT_EQ(FloatToHalf(std::nextafter(middle, infinity)), half + 1) << half;
    ASSERT_EQ(FloatToHalf(-middle), even | 0x8000) << half;
  }
}

TEST(Half, FromFloatAtTheEnds) {
  EXPECT_EQ(FloatToHalf(std::numeric_limits<float>::infinity()), 0x7c00);
  EXPECT_EQ(FloatToHalf(-std::numeric_limits<float>::max()), 0xfc00);
  EXPECT_EQ(FloatToHalf(std::numeric_limits<float>::denorm_min()), 0);
  EXPECT_EQ(FloatToHalf(-0.0F), 0x8000);
  EXPECT_TRUE(IsNanHalf(FloatToHalf(std::bit_cast<float>(0x7f800001U))));
}

TEST(BFloat16, IsTheUpperHalfOfAFloat) {
  EXPECT_EQ(BFloat16ToFloat(0x3f80), 1.0F);
  EXPECT_EQ(BFloat16ToFloat(0xc040), -3.0F);
  EXPECT_EQ(std::bit_cast<uint32_t>(BFloat16ToFloat(0x0001)), 0x00010000U);
  EXPECT_TRUE(std::isnan(BFloat16ToFloat(0x7fc0)));
}

TEST(Format, RowsAreFoundByTheirGgufTypeAndNamedAlike) {
  int found = 0;
  for (int i = 0; i < kFormatCount; ++i) {
    const FormatRow& row = RowOf(static_cast<Format>(i));
    EXPECT_EQ(static_cast<int>(row.format), i);
    if (!row.gguf_type) continue;
    EXPECT_EQ(FormatFromGguf(*row.gguf_type), row.format);
    EXPECT_EQ(GgufTypeName(*row.gguf_type), row.name);
    ++found;
  }
  EXPECT_EQ(found, kFormatCount - 1);
  EXPECT_EQ(RowOf(Format::kF8_E4M3).gguf_type, std::nullopt);
  EXPECT_EQ(BytesOf(Format::kQ4_K, 512), 288);
  EXPECT_DOUBLE_EQ(RowOf(Format::kQ6_K).bits_per_element(), 6.5625);
}

TEST(Format, TypesThatAreNotReadHaveTheirNames) {
  EXPECT_EQ(FormatFromGguf(4), std::nullopt);
  EXPECT_EQ(GgufTypeName(4), "Q4_2");
  EXPECT_EQ(FormatFromGguf(15), std::nullopt);
  EXPECT_EQ(GgufTypeName(15), "Q8_K");
  EXPECT_EQ(GgufTypeName(28), "F64");
  EXPECT_EQ(GgufTypeName(31), "Q4_0_4_4");
  EXPECT_EQ(GgufTypeName(38), "IQ4_NL_8_8");
  EXPECT_EQ(FormatFromGguf(40), std::nullopt);
  EXPECT_EQ(GgufTypeName(40), "NVFP4");
  EXPECT_EQ(GgufTypeName(41), "Q1_0");
  EXPECT_EQ(GgufTypeName(42), "unknown");
  EXPECT_EQ(GgufTypeName(0xffffffffU), "unknown");
}

TEST(TensorView, CountsRowsAndBytes) {
  TensorView view{nullptr, Format::kQ8_0, 3, {2, 3, 64, 0}};
  EXPECT_EQ(view.elements(), 384);
  EXPECT_EQ(view.rows(), 6);
  EXPECT_EQ(view.row_bytes(), 68);
  EXPECT_EQ(view.bytes(), 408);
  EXPECT_EQ(ShapeText(view), "[2, 3, 64]");
  EXPECT_EQ(ShapeText(TensorView{}), "[]");
}

void ExpectZeroedAndAligned(std::size_t bytes, std::size_t alignment) {
  Buffer buffer(bytes, "a test");
  ASSERT_EQ(buffer.size(), bytes);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % alignment, 0U);
  for (std::size_t i = 0; i < bytes; i += 509) ASSERT_EQ(buffer.data()[i], std::byte{0});
  EXPECT_EQ(buffer.data()[bytes - 1], std::byte{0});
  std::memset(buffer.data(), 0xff, bytes);
}

TEST(Buffer, IsZeroedAndAligned) {
  for (std::size_t bytes : {std::size_t{1}, std::size_t{63}, std::size_t{1000}}) {
    // Twice: the second may get the dirty memory of the first back.
    ExpectZeroedAndAligned(bytes, Buffer::kAlignment);
    ExpectZeroedAndAligned(bytes, Buffer::kAlignment);
  }
}

TEST(Buffer, StartsOnAHugePageWhenLarge) {
  ExpectZeroedAndAligned((std::size_t{4} << 20) - 1, Buffer::kAlignment);
  ExpectZeroedAndAligned(std::size_t{4} << 20, std::size_t{2} << 20);
  ExpectZeroedAndAligned((std::size_t{5} << 20) + 17, std::size_t{2} << 20);
}

TEST(Buffer, MovesItsMemory) {
  Buffer first(128, "a test");
  std::byte* data = first.data();
  Buffer second(std::move(first));
  EXPECT_EQ(second.data(), data);
  Buffer third(std::size_t{8} << 20, "a test");
  third = std::move(second);
  EXPECT_EQ(third.data(), data);
  EXPECT_EQ(third.as<float>().size(), 32U);
  EXPECT_EQ(Buffer(0, "nothing").size(), 0U);
}

void ExpectRefused(std::size_t bytes) {
  try {
    Buffer buffer(bytes, "the cache of a test");
    FAIL() << bytes << " bytes were granted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kOutOfMemory);
    EXPECT_NE(error.message().find("the cache of a test"), std::string::npos) << error.what();
    EXPECT_NE(error.message().find(std::to_string(bytes)), std::string::npos) << error.what();
  }
}

TEST(Buffer, RefusesSizesThatAreNotThere) {
  ExpectRefused(std::numeric_limits<std::size_t>::max());
  ExpectRefused(std::numeric_limits<std::size_t>::max() / 2);
  ExpectRefused(std::size_t{1} << 50);
}

}  // namespace
}  // namespace fathom
