// Random model files: sane values, the same bytes for the same seed, and errors.
#include "convert/synth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"
#include "convert/random_blocks.h"
#include "convert/testing/scratch_folder.h"
#include "formats/gguf.h"
#include "models/testing/model_runner.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const fs::path kGoldens = fs::path(FATHOM_SOURCE_DIR) / "tests/goldens/model";

class RandomFormat : public ::testing::TestWithParam<int> {};

TEST_P(RandomFormat, HasTheDeviationAskedForAndNoMean) {
  const FormatRow& row = RowOf(static_cast<Format>(GetParam()));
  if (!CanBeRandom(row.format)) {
    EXPECT_THROW(MakeRandomBlocks(row.format, 1.0), Error);
    return;
  }
  const double deviation = row.format == Format::kF8_E4M3 ? kFloat8Deviation : 0.02;
  constexpr int64_t kValues = 256 * 1024;
  std::vector<std::byte> blocks(static_cast<std::size_t>(BytesOf(row.format, kValues)));
  const auto random = MakeRandomBlocks(row.format, deviation);
  random->Fill(RandomState(7, "blk.0.attn_q.weight", 0), blocks);
  std::vector<float> values(kValues);
  row.decode(blocks.data(), values.data(), kValues);
  double sum = 0, squares = 0;
  for (const float value : values) {
    ASSERT_TRUE(std::isfinite(value));
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  // Six standard errors of the mean of as many independent values, and twice that for formats whose
  // blocks share a sign.
  EXPECT_LT(std::fabs(sum / kValues), deviation * 12 / std::sqrt(kValues)) << row.name;
  EXPECT_NEAR(std::sqrt(squares / kValues), deviation, 0.03 * deviation) << row.name;
}

INSTANTIATE_TEST_SUITE_P(All, RandomFormat, ::testing::Range(0, kFormatCount), [](const auto& p) {
  return std::string(RowOf(static_cast<Format>(p.param)).name);
});

SynthOptions Options(const std::string& golden, Format type) {
  return {.shape = (kGoldens / golden / "config.json").string(), .type = type, .threads = 2};
}

TEST(SynthTest, ModelsOfEveryArchitectureKeepTheirActivationsSane) {
  const ScratchFolder folder;
  for (const char* golden : {"deepseek_v3", "deepseek_v2lite", "qwen2_untied", "hf_llama_llama3"}) {
    const fs::path path = folder / (std::string(golden) + ".gguf");
    WriteSyntheticGguf(Options(golden, Format::kF16), path);
    const ModelFile file = OpenGguf(path);
    const auto model = BindModel(file);
    ModelRunner runner(*model, ReferenceKernels(), CacheType::kF32, 1, 64);
    RecordingTap tap;
    runner.context().tap = &tap;
    const std::vector<float> logits = runner.Feed(std::vector<int32_t>{1, 2, 3, 4, 5, 6, 7, 8});
    for (const auto& [name, values] : tap.records) {
      if (!name.ends_with(".hidden")) continue;
      double squares = 0;
      for (const float value : values) squares += static_cast<double>(value) * value;
      const double size = std::sqrt(squares / static_cast<double>(values.size()));
      EXPECT_GT(size, 0.3) << golden << " " << name;
      EXPECT_LT(size, 4.0) << golden << " " << name;
    }
    for (const float logit : logits) ASSERT_TRUE(std::isfinite(logit)) << golden;
  }
}

TEST(SynthTest, SameSeedSameBytesWhateverTheThreads) {
  const ScratchFolder folder;
  SynthOptions options = Options("deepseek_v3", Format::kQ8_0);
  const SynthReport report = WriteSyntheticGguf(options, folder / "a.gguf");
  EXPECT_EQ(report.bytes, fs::file_size(folder / "a.gguf"));
  EXPECT_FALSE(fs::exists(folder / "a.gguf.part"));
  options.threads = 1;
  WriteSyntheticGguf(options, folder / "b.gguf");
  options.seed = 2;
  WriteSyntheticGguf(options, folder / "c.gguf");
  EXPECT_EQ(Sha256OfFile(folder / "a.gguf"), Sha256OfFile(folder / "b.gguf"));
  EXPECT_NE(Sha256OfFile(folder / "a.gguf"), Sha256OfFile(folder / "c.gguf"));
}

TEST(SynthTest, LayersCanBeFewer) {
  const ScratchFolder folder;
  SynthOptions options{
      .shape = (kGoldens / "deepseek_v3/config.json").string(), .type = Format::kF32, .layers = 1};
  WriteSyntheticGguf(options, folder / "a.gguf");
  EXPECT_EQ(BindModel(OpenGguf(folder / "a.gguf"))->spec().layers, 1);
}

std::string ErrorOf(const SynthOptions& options, const fs::path& path) {
  try {
    WriteSyntheticGguf(options, path);
  } catch (const Error& error) {
    return std::string(ErrorCodeName(error.code())) + ": " + error.what();
  }
  return "";
}

TEST(SynthTest, BadInput) {
  const ScratchFolder folder;
  const SynthOptions good = Options("deepseek_v3", Format::kQ8_0);
  EXPECT_THAT(ErrorOf({.shape = "r2"}, folder / "a.gguf"),
              HasSubstr("not_found: there is no shape or file 'r2' (shapes: r1, v2-lite"));
  SynthOptions eight_bits = good;
  eight_bits.type = Format::kF8_E4M3;
  EXPECT_THAT(ErrorOf(eight_bits, folder / "a.gguf"), HasSubstr("F8_E4M3 are not made"));
  EXPECT_THAT(ErrorOf(good, folder / "none/a.gguf"), HasSubstr("not_found: there is no folder"));
  std::ofstream(folder / "there.gguf") << "x";
  EXPECT_THAT(ErrorOf(good, folder / "there.gguf"), HasSubstr("already_exists: "));
  EXPECT_THAT(ErrorOf({.shape = "r1", .type = Format::kF32}, folder / "a.gguf"),
              HasSubstr("no_space: "));
  SynthOptions stopped = good;
  stopped.hooks.cancelled = [] { return true; };
  EXPECT_THAT(ErrorOf(stopped, folder / "a.gguf"), HasSubstr("cancelled: "));
  EXPECT_FALSE(fs::exists(folder / "a.gguf"));
  EXPECT_FALSE(fs::exists(folder / "a.gguf.part"));
  EXPECT_EQ(fs::file_size(folder / "there.gguf"), 1u);
}

}  // namespace
}  // namespace fathom
