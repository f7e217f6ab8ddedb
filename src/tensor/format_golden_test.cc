// The decoders against the values that the PyPI package `gguf` decodes from the same blocks:
// tests/goldens/formats, made by tools/goldens/formats.py. Equal bit for bit, except that any NaN
// equals any other.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/json.h"
#include "tensor/format.h"

namespace fathom {
namespace {

std::vector<std::byte> FromHex(const std::string& hex) {
  std::vector<std::byte> bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(static_cast<std::byte>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  }
  return bytes;
}

Json ReadGolden(std::string_view name) {
  const std::string path =
      std::string(FATHOM_SOURCE_DIR "/tests/goldens/formats/").append(name).append(".json");
  std::ifstream stream(path);
  std::ostringstream text;
  text << stream.rdbuf();
  return ParseJson(text.str(), path);
}

class FormatGolden : public testing::TestWithParam<int> {};

TEST_P(FormatGolden, DecodesBitForBit) {
  const FormatRow& row = RowOf(static_cast<Format>(GetParam()));
  const Json golden = ReadGolden(row.name);
  ASSERT_EQ(golden.at("format").get<std::string>(), row.name);
  ASSERT_FALSE(golden.at("blocks").empty());
  for (const Json& block : golden.at("blocks")) {
    const std::vector<std::byte> bytes = FromHex(block.at("bytes").get<std::string>());
    const std::vector<std::byte> raw = FromHex(block.at("values").get<std::string>());
    std::vector<float> expected(raw.size() / sizeof(float));
    std::memcpy(expected.data(), raw.data(), raw.size());
    const auto count = static_cast<int64_t>(expected.size());
    ASSERT_EQ(BytesOf(row.format, count), static_cast<int64_t>(bytes.size()));

    constexpr float kGuard = 12345.0F;
    std::vector<float> decoded(expected.size() + 1, kGuard);
    row.decode(bytes.data(), decoded.data(), count);
    EXPECT_EQ(decoded.back(), kGuard);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      if (std::isnan(expected[i])) {
        ASSERT_TRUE(std::isnan(decoded[i])) << "value " << i << " is " << decoded[i];
      } else {
        ASSERT_EQ(std::bit_cast<uint32_t>(decoded[i]), std::bit_cast<uint32_t>(expected[i]))
            << "value " << i << " is " << decoded[i] << ", expected " << expected[i];
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllFormats, FormatGolden, testing::Range(0, kFormatCount),
                         [](const testing::TestParamInfo<int>& instance) {
                           return std::string(RowOf(static_cast<Format>(instance.param)).name);
                         });

}  // namespace
}  // namespace fathom
