// How the joint matrix of keys and values is taken apart: formats that cannot be transposed as they
// are, and scales whose blocks a head's rows begin or end inside.
#include "models/deepseek/weights.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

namespace fathom::deepseek {
namespace {

constexpr LatentAttentionShape kShape{
    .heads = 3, .latent = 160, .nope = 40, .rotary = 8, .value = 56, .scale = 1};
constexpr int64_t kRows = kShape.heads * (kShape.nope + kShape.value);  // 288: two and a bit blocks

// A joint matrix whose bytes are all different enough, as long as they are finite numbers.
Linear Joint(Format format, std::vector<std::byte>& bytes) {
  Linear joint;
  joint.weight = {nullptr, format, 2, {kRows, kShape.latent}};
  bytes.resize(static_cast<std::size_t>(joint.weight.bytes()));
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 37 % 61);
  joint.weight.data = bytes.data();
  return joint;
}

void ExpectHeadsAreTheRowsOf(const Linear& joint, Format key_format) {
  LayerWeights layer;
  SplitHeads(kShape, joint, BindDepth::kValues, layer);
  ASSERT_EQ(layer.heads.keys.size(), static_cast<std::size_t>(kShape.heads));
  std::vector<float> expected(kShape.latent), key(kShape.nope), value(kShape.latent);
  for (int64_t head = 0; head < kShape.heads; ++head) {
    const Linear& keys = layer.heads.keys[static_cast<std::size_t>(head)];
    const Linear& values = layer.heads.values[static_cast<std::size_t>(head)];
    const int64_t first = head * (kShape.nope + kShape.value);
    EXPECT_EQ(keys.weight.format, key_format);
    for (int64_t d = 0; d < kShape.nope; ++d) {
      DecodeRow(joint, first + d, expected.data());
      for (int64_t c = 0; c < kShape.latent; ++c) {
        DecodeRow(keys, c, key.data());
        ASSERT_EQ(key[static_cast<std::size_t>(d)], expected[static_cast<std::size_t>(c)])
            << "head " << head << ", key value " << d << ", latent " << c;
      }
    }
    for (int64_t d = 0; d < kShape.value; ++d) {
      DecodeRow(joint, first + kShape.nope + d, expected.data());
      DecodeRow(values, d, value.data());
      ASSERT_EQ(value, expected) << "head " << head << ", value " << d;
    }
  }
}

TEST(DeepseekWeights, SingleValuesAreTransposedAsTheyAre) {
  for (const Format format : {Format::kF32, Format::kF16, Format::kBF16}) {
    std::vector<std::byte> bytes;
    ExpectHeadsAreTheRowsOf(Joint(format, bytes), format);
  }
}

TEST(DeepseekWeights, BlocksOfValuesAreDecoded) {
  std::vector<std::byte> bytes;
  ExpectHeadsAreTheRowsOf(Joint(Format::kQ8_0, bytes), Format::kF32);
}

TEST(DeepseekWeights, ScalesFollowTheirRows) {
  std::vector<std::byte> bytes;
  Linear joint = Joint(Format::kF8_E4M3, bytes);
  const std::vector<float> scales = {1, 2, 3, 5, 7, 11};  // [3][2]
  joint.scales.mapped = scales.data();
  ExpectHeadsAreTheRowsOf(joint, Format::kF8_E4M3);
}

TEST(DeepseekWeights, HeadersAloneTakeNoMemory) {
  std::vector<std::byte> bytes;
  const Linear joint = Joint(Format::kF16, bytes);
  LayerWeights layer;
  SplitHeads(kShape, joint, BindDepth::kHeaders, layer);
  EXPECT_FALSE(layer.derived.has_value());
  EXPECT_EQ(layer.heads.keys.front().weight.data, nullptr);
  EXPECT_EQ(layer.heads.keys.front().weight.elements(), kShape.latent * kShape.nope);
}

}  // namespace
}  // namespace fathom::deepseek
