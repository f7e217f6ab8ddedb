// Random model files: sane values, the same bytes for the same seed, and errors.
#include "convert/synth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/sha256.h"
#include "convert/quantize.h"
#include "convert/random_blocks.h"
#include "convert/testing/scratch_folder.h"
#include "formats/gguf.h"
#include "formats/hf_directory.h"
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

// ---- Directories -------------------------------------------------------------------------------

TEST(SynthDirectoryTest, CanBeReadAndConverted) {
  const ScratchFolder folder;
  struct Case {
    const char* golden;
    Format type;
  };
  for (const Case& c : {Case{"deepseek_fp8", Format::kF8_E4M3}, Case{"deepseek_v3", Format::kBF16},
                        Case{"deepseek_v2lite", Format::kF8_E4M3}, Case{"qwen2_tied", Format::kF16},
                        Case{"hf_llama_llama3", Format::kF32}}) {
    const fs::path path = folder / (std::string(c.golden) + "-hf");
    const SynthReport report = WriteSyntheticDirectory(Options(c.golden, c.type), path);
    EXPECT_FALSE(fs::exists(path.string() + ".part"));
    const ModelFile directory = OpenHuggingFaceDirectory(path);
    EXPECT_EQ(directory.tensors().size(), report.tensors);
    const fs::path gguf = folder / (std::string(c.golden) + ".gguf");
    Quantize(directory, gguf, {.type = Format::kF32});
    const ModelFile file = OpenGguf(gguf);
    const auto model = BindModel(file);
    ModelRunner runner(*model, ReferenceKernels(), CacheType::kF32, 1, 64);
    for (const float logit : runner.Feed(std::vector<int32_t>{1, 2, 3, 4})) {
      ASSERT_TRUE(std::isfinite(logit)) << c.golden;
      ASSERT_LT(std::fabs(logit), 50.0F) << c.golden;
    }
  }
}

TEST(SynthDirectoryTest, SameSeedSameBytes) {
  const ScratchFolder folder;
  SynthOptions options = Options("deepseek_fp8", Format::kF8_E4M3);
  WriteSyntheticDirectory(options, folder / "a");
  options.threads = 1;
  WriteSyntheticDirectory(options, folder / "b");
  options.seed = 2;
  WriteSyntheticDirectory(options, folder / "c");
  const auto digest = [&](const char* name) {
    return Sha256OfFile(folder / name / "model.safetensors");
  };
  EXPECT_EQ(digest("a"), digest("b"));
  EXPECT_NE(digest("a"), digest("c"));
}

// As V3.1's: "scale_fmt" ue8m0 says that they have an exponent and nothing else.
TEST(SynthDirectoryTest, ScalesArePowersOfTwoWhereTheConfigSaysSo) {
  const ScratchFolder folder;
  std::stringstream text;
  text << std::ifstream(kGoldens / "deepseek_fp8" / "config.json").rdbuf();
  OrderedJson config = ParseOrderedJson(text.str(), "config.json");
  for (const std::string rounding : {"", "float", "ue8m0"}) {
    const bool powers = rounding == "ue8m0";
    if (!rounding.empty()) config["quantization_config"]["scale_fmt"] = rounding;
    const fs::path shape = folder / "config.json";
    std::ofstream(shape) << config.dump();
    const fs::path path = folder / ("scales" + rounding);
    WriteSyntheticDirectory({.shape = shape.string(), .type = Format::kF8_E4M3, .threads = 1},
                            path);
    const ModelFile file = OpenHuggingFaceDirectory(path);
    int64_t scales = 0, without_fraction = 0;
    for (const NamedTensor& tensor : file.tensors()) {
      if (!tensor.name.ends_with("_scale_inv")) continue;
      const auto* values = reinterpret_cast<const float*>(tensor.view.data);
      for (int64_t i = 0; i < tensor.view.elements(); ++i, ++scales) {
        int exponent;
        without_fraction += std::frexp(values[i], &exponent) == 0.5F ? 1 : 0;
      }
    }
    ASSERT_GT(scales, 0);
    EXPECT_EQ(without_fraction, powers ? scales : 0);
  }
}

// Names, shapes and number of shards of the published DeepSeek-R1.
TEST(SynthDirectoryTest, AGhostOfR1) {
  const ScratchFolder folder;
  const SynthReport report = WriteSyntheticDirectory(
      {.shape = "r1", .type = Format::kF8_E4M3, .ghost = true}, folder / "ghost");
  int64_t on_disk = 0;
  int shards = 0;
  for (const auto& entry : fs::directory_iterator(folder / "ghost")) {
    struct stat status {};
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    on_disk += status.st_blocks * 512;
    shards += entry.path().extension() == ".safetensors" ? 1 : 0;
  }
  EXPECT_EQ(shards, 163);
  EXPECT_LT(on_disk, 40 << 20);
  const ModelFile file = OpenHuggingFaceDirectory(folder / "ghost");
  EXPECT_EQ(file.tensors().size(), 91991u);
  // 671.0 billion, and the layer that predicts with its copies of embedding and head.
  int64_t main = 0, prediction = 0;
  for (const NamedTensor& tensor : file.tensors()) {
    if (tensor.name.ends_with("_scale_inv")) continue;
    const bool last = tensor.name.starts_with("model.layers.61.");
    (last ? prediction : main) += tensor.view.elements();
  }
  EXPECT_EQ(main, 671026419200);
  EXPECT_EQ(main + prediction, report.parameters);
  EXPECT_EQ(
      file.RequireTensor("model.layers.3.self_attn.kv_a_proj_with_mqa.weight_scale_inv", {5, 56})
          .format,
      Format::kF32);
  EXPECT_EQ(file.FindTensor("model.layers.60.mlp.experts.255.down_proj.weight")->view.format,
            Format::kF8_E4M3);
  EXPECT_EQ(file.FindTensor("model.layers.3.mlp.gate.weight")->view.format, Format::kBF16);
}

TEST(SynthDirectoryTest, BadInput) {
  const ScratchFolder folder;
  const auto error_of = [&](const SynthOptions& options, const std::string& name) -> std::string {
    try {
      WriteSyntheticDirectory(options, folder / name);
    } catch (const Error& error) {
      return std::string(ErrorCodeName(error.code())) + ": " + error.what();
    }
    return "";
  };
  EXPECT_THAT(error_of(Options("deepseek_v3", Format::kQ4_0), "x"),
              HasSubstr("unsupported: a directory holds F32, F16, BF16 or FP8, not Q4_0"));
  EXPECT_THAT(error_of(Options("qwen2_tied", Format::kF8_E4M3), "x"), HasSubstr("only DeepSeek"));
  fs::create_directory(folder / "there");
  EXPECT_THAT(error_of(Options("qwen2_tied", Format::kF16), "there"), HasSubstr("already_exists"));
  EXPECT_THAT(error_of({.shape = "r1", .type = Format::kF8_E4M3}, "x"), HasSubstr("no_space"));
  SynthOptions stopped = Options("qwen2_tied", Format::kF16);
  stopped.hooks.cancelled = [] { return true; };
  EXPECT_THAT(error_of(stopped, "x"), HasSubstr("cancelled: "));
  EXPECT_FALSE(fs::exists(folder / "x"));
  EXPECT_FALSE(fs::exists(folder / "x.part"));
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
  EXPECT_THAT(ErrorOf(eight_bits, folder / "a.gguf"),
              HasSubstr("F8_E4M3 are not made (types: F32, F16, BF16, "));
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
