// Encoders one by one: against the blocks of the PyPI package gguf where its rounding is the
// reference, and against what is known of least squares where it is a search.
#include "convert/quantizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/json.h"
#include "base/random.h"

namespace fathom {
namespace {

// Normal values, the same for everyone.
std::vector<float> NormalValues(int64_t count, double deviation) {
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i) {
    const auto position = static_cast<uint64_t>(i);
    const double u = 1.0 - UniformAt(5, position, 0), v = UniformAt(5, position, 1);
    values.push_back(static_cast<float>(deviation * std::sqrt(-2 * std::log(u)) *
                                        std::cos(2 * 3.14159265358979 * v)));
  }
  return values;
}

std::vector<float> RoundTrip(const FormatRow& row, const std::vector<float>& values,
                             const float* importance) {
  const auto count = static_cast<int64_t>(values.size());
  std::vector<std::byte> blocks(static_cast<std::size_t>(BytesOf(row.format, count)) + 1,
                                std::byte{0x5a});
  EncoderOf(row.format)(values.data(), importance, blocks.data(), count);
  EXPECT_EQ(blocks.back(), std::byte{0x5a}) << row.name;
  std::vector<float> decoded(values.size());
  row.decode(blocks.data(), decoded.data(), count);
  return decoded;
}

double RelativeError(const std::vector<float>& values, const std::vector<float>& decoded,
                     const std::vector<float>& weights) {
  double error = 0, square = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double w = weights.empty() ? 1.0 : static_cast<double>(weights[i]);
    error += w * std::pow(static_cast<double>(values[i]) - static_cast<double>(decoded[i]), 2);
    square += w * std::pow(static_cast<double>(values[i]), 2);
  }
  return std::sqrt(error / square);
}

class Encoder : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (EncoderOf(row().format) == nullptr) GTEST_SKIP() << "only read";
  }
  const FormatRow& row() const { return RowOf(static_cast<Format>(GetParam())); }
};

TEST_P(Encoder, ZerosStayZeros) {
  const std::vector<float> zeros(512);
  for (const float value : RoundTrip(row(), zeros, nullptr)) EXPECT_EQ(value, 0.0F);
  for (const float value : RoundTrip(row(), zeros, zeros.data())) EXPECT_EQ(value, 0.0F);
}

TEST_P(Encoder, ExtremesStayFinite) {
  for (const float size : {1e-45F, 1e-30F, 1e-10F, 1.0F, kLargestValue}) {
    std::vector<float> values = NormalValues(512, 0.2);
    for (float& value : values) value = std::clamp(value, -1.0F, 1.0F) * size;
    values[3] = size;
    values[300] = -size;
    for (const float value : RoundTrip(row(), values, nullptr)) {
      ASSERT_TRUE(std::isfinite(value)) << size;
      ASSERT_LE(std::fabs(value), 1.3F * size + 1e-6F) << size;
    }
  }
}

// What is decoded is encoded without an error larger than rounding's own.
TEST_P(Encoder, DecodedValuesAreNearlyFixed) {
  const std::vector<float> values = NormalValues(4096, 0.02);
  const std::vector<float> once = RoundTrip(row(), values, nullptr);
  const std::vector<float> twice = RoundTrip(row(), once, nullptr);
  EXPECT_LE(RelativeError(once, twice, {}), RelativeError(values, once, {}));
}

TEST_P(Encoder, ImportanceLowersTheErrorItWeighs) {
  if (row().block_elements == 1) GTEST_SKIP() << "not used";
  const std::vector<float> values = NormalValues(16384, 0.02);
  std::vector<float> weights;
  for (std::size_t i = 0; i < values.size(); ++i) {
    weights.push_back(static_cast<float>(std::pow(UniformAt(9, i), 6) + 1e-4));
  }
  const double plain = RelativeError(values, RoundTrip(row(), values, nullptr), weights);
  const double weighted = RelativeError(values, RoundTrip(row(), values, weights.data()), weights);
  EXPECT_LT(weighted, 0.95 * plain);
}

INSTANTIATE_TEST_SUITE_P(All, Encoder, ::testing::Range(0, kFormatCount), [](const auto& p) {
  return std::string(RowOf(static_cast<Format>(p.param)).name);
});

// ---- Against others (tests/goldens/formats_encode.json, tools/goldens/formats_encode.py) --------

std::vector<std::byte> FromHex(const std::string& hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

Json ReadGolden() {
  const std::string path = FATHOM_SOURCE_DIR "/tests/goldens/formats_encode.json";
  std::ifstream stream(path);
  std::ostringstream text;
  text << stream.rdbuf();
  return ParseJson(text.str(), path);
}

std::vector<float> Values(const Json& golden, const std::string& name) {
  const std::vector<std::byte> bytes = FromHex(golden.at(name).get<std::string>());
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

Format Named(const std::string& name) {
  for (int i = 0; i < kFormatCount; ++i) {
    if (RowOf(static_cast<Format>(i)).name == name) return static_cast<Format>(i);
  }
  ADD_FAILURE() << name;
  return Format::kF32;
}

TEST(EncoderGolden, RoundedFormatsBitForBit) {
  const Json golden = ReadGolden();
  int compared = 0;
  for (const auto& [name, rows] : golden.at("blocks").items()) {
    const Format format = Named(name);
    for (const auto& [kind, hex] : rows.items()) {
      const std::vector<float> values = Values(golden, kind);
      std::vector<std::byte> blocks(
          static_cast<std::size_t>(BytesOf(format, static_cast<int64_t>(values.size()))));
      EncoderOf(format)(values.data(), nullptr, blocks.data(), static_cast<int64_t>(values.size()));
      EXPECT_EQ(blocks, FromHex(hex.get<std::string>())) << name << " " << kind;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 21);
}

// At least as near to the values as llama.cpp's encoders without an importance matrix.
TEST(EncoderGolden, SearchedFormatsAreAsNearAsLlamaCpp) {
  const Json golden = ReadGolden();
  int compared = 0;
  for (const auto& [name, rows] : golden.at("llama_cpp_rmse").items()) {
    const FormatRow& row = RowOf(Named(name));
    for (const auto& [kind, bound] : rows.items()) {
      const std::vector<float> values = Values(golden, kind);
      const std::vector<float> decoded = RoundTrip(row, values, nullptr);
      double error = 0;
      for (std::size_t i = 0; i < values.size(); ++i) {
        error += std::pow(static_cast<double>(values[i]) - static_cast<double>(decoded[i]), 2);
      }
      const double found = std::sqrt(error / static_cast<double>(values.size()));
      EXPECT_LE(found, bound.get<double>()) << name << " " << kind;
      RecordProperty(name + "_" + kind, std::to_string(found / bound.get<double>()));
      ++compared;
    }
  }
  EXPECT_EQ(compared, 14);
}

}  // namespace
}  // namespace fathom
