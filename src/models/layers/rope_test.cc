#include "models/layers/rope.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fathom {
namespace {

TEST(Rope, PlainFrequencies) {
  const RopeTable rope({.rotary_dim = 8, .base = 10000});
  ASSERT_EQ(rope.frequencies().size(), 4u);
  EXPECT_FLOAT_EQ(rope.frequencies()[0], 1.0f);
  EXPECT_FLOAT_EQ(rope.frequencies()[1], 0.1f);
  EXPECT_FLOAT_EQ(rope.frequencies()[3], 0.001f);
  float cosines[4], sines[4];
  rope.Angles(3, cosines, sines);
  EXPECT_FLOAT_EQ(cosines[0], std::cos(3.0f));
  EXPECT_FLOAT_EQ(sines[1], std::sin(0.3f));
}

TEST(Rope, LinearDividesEveryFrequency) {
  const RopeTable rope(
      {.rotary_dim = 8, .base = 10000, .scaling = RopeScaling::kLinear, .factor = 4});
  EXPECT_FLOAT_EQ(rope.frequencies()[0], 0.25f);
  EXPECT_FLOAT_EQ(rope.frequencies()[3], 0.00025f);
  EXPECT_EQ(rope.magnitude(), 1.0f);
}

TEST(Rope, DivisorsApplyPerFrequency) {
  const RopeTable rope({.rotary_dim = 4, .base = 100, .frequency_divisors = {1.0f, 8.0f}});
  EXPECT_FLOAT_EQ(rope.frequencies()[0], 1.0f);
  EXPECT_FLOAT_EQ(rope.frequencies()[1], 0.1f / 8);
}

// The interpolation band of DeepSeek's configuration (dim 64, base 1e4, 4096 tokens, betas 32 and
// 1) runs from frequency 10 to 23: below it nothing changes, above it all is divided.
TEST(Rope, YarnLeavesFastFrequenciesAndDividesSlowOnes) {
  const RopeSpec plain{.rotary_dim = 64, .base = 10000};
  RopeSpec yarn = plain;
  yarn.scaling = RopeScaling::kYarn;
  yarn.factor = 40;
  yarn.original_context = 4096;
  const RopeTable a(plain), b(yarn);
  for (std::size_t i = 0; i < 32; ++i) {
    const double ratio = b.frequencies()[i] / a.frequencies()[i];
    if (i <= 10) {
      EXPECT_NEAR(ratio, 1.0, 1e-6) << i;
    } else if (i >= 23) {
      EXPECT_NEAR(ratio, 1.0 / 40, 1e-6) << i;
    } else {
      EXPECT_NEAR(ratio, 1 - (static_cast<double>(i) - 10) / 13 * (1 - 1.0 / 40), 1e-6) << i;
    }
  }
  EXPECT_NEAR(b.magnitude(), 0.1 * std::log(40.0) + 1, 1e-6);
}

// Of a context of 4 tokens no frequency turns often enough: the band ends before it begins, and
// transformers' ramp then leaves all frequencies as they are.
TEST(Rope, YarnOfATinyContextChangesNoFrequency) {
  const RopeSpec plain{.rotary_dim = 64, .base = 10000};
  RopeSpec yarn = plain;
  yarn.scaling = RopeScaling::kYarn;
  yarn.factor = 40;
  yarn.original_context = 4;
  EXPECT_EQ(RopeTable(yarn).frequencies(), RopeTable(plain).frequencies());
}

// DeepSeek-R1's factor is 40 with an mscale of 1, V2-Lite's mscale is 0.707.
TEST(Rope, YarnMagnitudes) {
  EXPECT_NEAR(YarnMagnitude(40, 1.0), 1.36889, 1e-5);
  EXPECT_NEAR(YarnMagnitude(40, 0.707), 1.26080, 1e-5);
  EXPECT_EQ(YarnMagnitude(1, 0.707), 1.0);
}

}  // namespace
}  // namespace fathom
