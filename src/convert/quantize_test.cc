// Whole models through Quantize: against the goldens of transformers, against the file's own
// decoded values, stopped and resumed, and with bad input.
#include "convert/quantize.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <fstream>
#include <memory>
#include <span>
#include <sstream>

#include "base/check.h"
#include "base/error.h"
#include "base/json.h"
#include "base/sha256.h"
#include "convert/quantizer.h"
#include "convert/synth.h"
#include "convert/testing/scratch_folder.h"
#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "formats/hf_directory.h"
#include "models/testing/altered_file.h"
#include "models/testing/model_runner.h"
#include "models/testing/mtp_runner.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

const fs::path kGoldens = fs::path(FATHOM_SOURCE_DIR) / "tests/goldens/model";

QuantizeOptions To(Format type) { return {.type = type, .threads = 2}; }

double Logprob(const float* row, std::size_t vocabulary, int32_t id) {
  const double best = *std::max_element(row, row + vocabulary);
  double sum = 0;
  for (std::size_t i = 0; i < vocabulary; ++i) sum += std::exp(row[i] - best);
  return row[id] - best - std::log(sum);
}

// A copy of a golden directory, to change a file of it.
fs::path Copied(const ScratchFolder& folder, const std::string& golden) {
  const fs::path copy = folder / "copy";
  fs::remove_all(copy);
  fs::copy(kGoldens / golden, copy);
  return copy;
}

std::string TextOf(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::stringstream text;
  text << stream.rdbuf();
  return text.str();
}

void Replace(const fs::path& path, const std::string& from, const std::string& to) {
  std::string text = TextOf(path);
  const std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), to);
  std::ofstream(path, std::ios::binary) << text;
}

// ---- What transformers computes ----------------------------------------------------------------

class GoldenDirectory : public ::testing::TestWithParam<const char*> {};

// Float32 copies of every weight, so the only differences are those that the model itself has from
// transformers; the tolerance is that of its own tests.
TEST_P(GoldenDirectory, AsFloat32GivesTheLogProbabilitiesOfTransformers) {
  const ScratchFolder folder;
  const fs::path path = folder / "out.gguf";
  Quantize(OpenGolden(GetParam()), path, To(Format::kF32));
  std::ifstream stream(kGoldens / (std::string(GetParam()) + ".json"));
  std::stringstream text;
  text << stream.rdbuf();
  const Json golden = ParseJson(text.str(), GetParam());

  const ModelFile file = OpenGguf(path);
  const auto model = BindModel(file);
  const auto ids = golden.at("ids").get<std::vector<int32_t>>();
  const auto expected = golden.at("logprobs").get<std::vector<double>>();
  ModelRunner runner(*model, ReferenceKernels(), CacheType::kF32, 2, 256);
  runner.context().latent_form = LatentForm::kNaive;
  const std::vector<float> logits = runner.Feed(ids);
  const auto vocabulary = static_cast<std::size_t>(model->spec().vocabulary);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    ASSERT_NEAR(Logprob(logits.data() + i * vocabulary, vocabulary, ids[i + 1]), expected[i], 1e-4)
        << "position " << i;
  }
}

// Every directory with a golden that GGUF can hold; for the others see UnknownKeyAndValue.
INSTANTIATE_TEST_SUITE_P(All, GoldenDirectory,
                         ::testing::Values("qwen2_tied", "qwen2_untied", "qwen2_bf16", "qwen2_yarn",
                                           "hf_llama_llama3", "hf_llama_dynamic", "deepseek_v2",
                                           "deepseek_v2lite", "deepseek_v3", "deepseek_heads",
                                           "deepseek_noqlora", "deepseek_nogroups", "deepseek_yarn",
                                           "deepseek_fp8"),
                         [](const auto& instance) { return std::string(instance.param); });

// The same weights are beside the directory as the PyPI package gguf wrote them.
TEST(QuantizeTest, HeadMatricesAreThoseOfTheGolden) {
  const ScratchFolder folder;
  Quantize(OpenGolden("deepseek_v3"), folder / "out.gguf", To(Format::kF32));
  const ModelFile written = OpenGguf(folder / "out.gguf");
  const ModelFile golden = OpenGolden("deepseek_v3.split.gguf");
  ASSERT_EQ(written.tensors().size(), golden.tensors().size());
  for (const NamedTensor& tensor : golden.tensors()) {
    const NamedTensor* found = written.FindTensor(tensor.name);
    ASSERT_NE(found, nullptr) << tensor.name;
    ASSERT_EQ(found->view.shape, tensor.view.shape) << tensor.name;
    const auto count = static_cast<std::size_t>(tensor.view.elements());
    std::vector<float> expected(count), values(count);
    RowOf(tensor.view.format).decode(tensor.view.data, expected.data(), tensor.view.elements());
    RowOf(found->view.format).decode(found->view.data, values.data(), tensor.view.elements());
    EXPECT_EQ(values, expected) << tensor.name;
  }
  for (const auto& [key, value] : golden.metadata()) {
    if (!key.starts_with("deepseek2.")) continue;
    const MetadataValue* found = written.Find(key);
    ASSERT_NE(found, nullptr) << key;
    EXPECT_EQ(*found, value) << key;
  }
}

// Logits of the module that predicts a further token, for states of the model itself.
std::vector<float> MtpLogits(const ModelFile& file, std::span<const int32_t> ids) {
  const auto model = BindModel(file);
  const auto module = BindMtpModule(file);
  CHECK(module != nullptr);
  ModelRunner runner(*model, ReferenceKernels(), CacheType::kF32, 2, 256, LatentForm::kNaive);
  std::vector<float> hidden(ids.size() * static_cast<std::size_t>(model->spec().hidden));
  runner.context().hidden_out = hidden.data();
  runner.Feed(ids);
  MtpRunner mtp(*module, model->spec(), ReferenceKernels(), CacheType::kF32, 2, LatentForm::kNaive);
  return mtp.Feed(ids.subspan(1), hidden.data());
}

// The golden with the mscale that GGUF has; the PyPI package gguf wrote the same weights beside it.
fs::path PredictingSource(const ScratchFolder& folder) {
  const fs::path copy = Copied(folder, "deepseek_mtp");
  Replace(copy / "config.json", "\"mscale\": 1.0", "\"mscale\": 0.707");
  return copy;
}

TEST(QuantizeTest, LayersThatPredictAreWrittenWhereAskedFor) {
  const ScratchFolder folder;
  const ModelFile source = OpenHuggingFaceDirectory(PredictingSource(folder));
  const ModelFile golden = OpenGolden("deepseek_mtp.kv_b.gguf");
  const Json json = ParseJson(TextOf(kGoldens / "deepseek_mtp.json"), "golden");
  const auto ids = json.at("ids").get<std::vector<int32_t>>();
  const std::vector<float> expected = MtpLogits(golden, ids);
  for (const Format type : {Format::kF32, Format::kQ4_0}) {
    QuantizeOptions options = To(type);
    options.prediction_layers = true;
    options.overwrite = Overwrite::kReplace;
    EXPECT_THAT(Quantize(source, folder / "out.gguf", options).left_out, ::testing::IsEmpty());
    const ModelFile file = OpenGguf(folder / "out.gguf");
    EXPECT_EQ(file.Integer("deepseek2.block_count"), 3);
    EXPECT_EQ(file.Integer("deepseek2.nextn_predict_layers"), 1);
    for (const NamedTensor& tensor : golden.tensors()) {
      if (tensor.name.find(".nextn.") == std::string::npos) continue;
      ASSERT_NE(file.FindTensor(tensor.name), nullptr) << tensor.name;
    }
    if (type == Format::kQ4_0) {  // as embedding and head
      EXPECT_EQ(file.FindTensor("blk.2.nextn.embed_tokens.weight")->view.format,
                file.FindTensor("token_embd.weight")->view.format);
      EXPECT_EQ(file.FindTensor("blk.2.nextn.shared_head_head.weight")->view.format,
                file.FindTensor("output.weight")->view.format);
      continue;
    }
    const std::vector<float> found = MtpLogits(file, ids);
    ASSERT_EQ(found.size(), expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) ASSERT_NEAR(found[i], expected[i], 1e-3) << i;
  }
  QuantizeOptions options = To(Format::kF32);
  options.prediction_layers = true;
  EXPECT_THROW(Quantize(OpenGolden("deepseek_v3"), folder / "none.gguf", options), Error);
}

TEST(QuantizeTest, LayersThatPredictAreLeftOutAndReported) {
  const ScratchFolder folder;
  const fs::path copy = PredictingSource(folder);
  const QuantizeReport report =
      Quantize(OpenHuggingFaceDirectory(copy), folder / "out.gguf", To(Format::kF32));
  EXPECT_THAT(report.left_out, ::testing::Contains("model.layers.2.eh_proj.weight"));
  EXPECT_EQ(BindModel(OpenGguf(folder / "out.gguf"))->spec().layers, 2);
}

// ---- Formats -----------------------------------------------------------------------------------

// A llama with rows that every format divides.
fs::path SyntheticSource(const ScratchFolder& folder) {
  std::ofstream(folder / "shape.json") << R"({"model_type": "llama", "hidden_size": 256,
    "intermediate_size": 512, "num_attention_heads": 4, "num_hidden_layers": 2,
    "num_key_value_heads": 2, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "vocab_size": 300,
    "max_position_embeddings": 128, "tie_word_embeddings": false})";
  const fs::path path = folder / "source.gguf";
  WriteSyntheticGguf(
      {.shape = (folder / "shape.json").string(), .type = Format::kF32, .threads = 2}, path);
  return path;
}

TEST(QuantizeTest, EveryTypeStaysNearTheSource) {
  const ScratchFolder folder;
  const ModelFile source = OpenGguf(SyntheticSource(folder));
  for (int i = 0; i < kFormatCount; ++i) {
    const Format type = static_cast<Format>(i);
    if (EncoderOf(type) == nullptr) continue;
    const FormatRow& row = RowOf(type);
    const fs::path path = folder / (std::string(row.name) + ".gguf");
    const QuantizeReport report = Quantize(source, path, To(type));
    EXPECT_TRUE(report.fallbacks.empty());
    const ModelFile file = OpenGguf(path);
    for (const NamedTensor& tensor : file.tensors()) {
      const NamedTensor* original = source.FindTensor(tensor.name);
      const auto count = static_cast<std::size_t>(tensor.view.elements());
      std::vector<float> expected(count), values(count);
      std::memcpy(expected.data(), original->view.data, count * sizeof(float));
      RowOf(tensor.view.format).decode(tensor.view.data, values.data(), tensor.view.elements());
      double error = 0, square = 0;
      for (std::size_t k = 0; k < count; ++k) {
        error += std::pow(static_cast<double>(values[k]) - expected[k], 2);
        square += std::pow(static_cast<double>(expected[k]), 2);
      }
      // A uniform quantiser of b bits over the four deviations of normal values that a block has,
      // has steps of 8 / 2^b of them, and errors of a step / sqrt 12: 2.3 / 2^b.
      const double bits = tensor.view.format == Format::kF32 ? 24
                          : tensor.view.format == Format::kBF16
                              ? 8
                              : std::min(12.0, RowOf(tensor.view.format).bits_per_element() - 0.5);
      EXPECT_LT(std::sqrt(error / square), 2.3 / std::exp2(bits)) << row.name << " " << tensor.name;
    }
    EXPECT_EQ(file.FindTensor("blk.0.attn_norm.weight")->view.format, Format::kF32);
    EXPECT_EQ(file.FindTensor("blk.0.attn_q.weight")->view.format, type);
  }
}

TEST(QuantizeTest, RowsThatAreNotDividedFallBackAndAreReported) {
  const ScratchFolder folder;
  const QuantizeReport report =
      Quantize(OpenGolden("deepseek_v3"), folder / "out.gguf", To(Format::kQ4_K));
  ASSERT_FALSE(report.fallbacks.empty());
  const ModelFile file = OpenGguf(folder / "out.gguf");
  for (const QuantizeReport::Fallback& fallback : report.fallbacks) {
    const TensorView& view = file.FindTensor(fallback.tensor)->view;
    EXPECT_EQ(view.format, fallback.written);
    EXPECT_EQ(fallback.written, view.columns() % 32 != 0           ? Format::kF16
                                : fallback.wanted == Format::kQ4_K ? Format::kQ5_0
                                                                   : Format::kQ8_0)
        << fallback.tensor;
  }
  for (const char* name : {"blk.1.ffn_gate_inp.weight", "blk.1.exp_probs_b.bias",
                           "blk.1.attn_norm.weight", "output_norm.weight"}) {
    EXPECT_EQ(file.FindTensor(name)->view.format, Format::kF32) << name;
  }
}

// What a file joins gets the type of what others have apart. The rows of the goldens are too short
// for it, which is reported.
TEST(QuantizeTest, JointHeadMatricesAreKeptFiner) {
  const ScratchFolder folder;
  for (const char* name : {"deepseek_v3.kv_b.gguf", "deepseek_v3.split.gguf", "deepseek_v3"}) {
    QuantizeOptions options = To(Format::kQ4_K);
    options.overwrite = Overwrite::kReplace;
    int found = 0;
    for (const auto& fallback :
         Quantize(OpenGolden(name), folder / "out.gguf", options).fallbacks) {
      const std::string& tensor = fallback.tensor;
      if (!tensor.ends_with("attn_kv_b.weight") && !tensor.ends_with("attn_v_b.weight")) continue;
      EXPECT_EQ(fallback.wanted, Format::kQ8_0) << tensor;
      ++found;
    }
    EXPECT_EQ(found, 3) << name;
  }
}

TEST(QuantizeTest, OverridesCountInOrder) {
  const ScratchFolder folder;
  QuantizeOptions options = To(Format::kQ4_0);
  options.overrides = {{"blk\\.0\\.ffn_down", Format::kQ8_0}, {"ffn_down", Format::kQ6_K}};
  Quantize(OpenGguf(SyntheticSource(folder)), folder / "out.gguf", options);
  const ModelFile file = OpenGguf(folder / "out.gguf");
  EXPECT_EQ(file.FindTensor("blk.0.ffn_down.weight")->view.format, Format::kQ8_0);
  EXPECT_EQ(file.FindTensor("blk.1.ffn_down.weight")->view.format, Format::kQ6_K);
  EXPECT_EQ(file.FindTensor("blk.1.ffn_up.weight")->view.format, Format::kQ4_0);
  EXPECT_EQ(file.FindTensor("output.weight")->view.format, Format::kQ6_K);
}

TEST(QuantizeTest, AGgufKeepsItsMetadataAndTheTypesOfOtherReaders) {
  const ScratchFolder folder;
  const ModelFile source = OpenGolden("llama_rope_yarn.gguf");
  Quantize(source, folder / "out.gguf", To(Format::kF16));
  const ModelFile file = OpenGguf(folder / "out.gguf");
  for (const auto& [key, value] : source.metadata()) {
    if (key == "general.file_type" || key == "general.quantization_version") continue;
    ASSERT_NE(file.Find(key), nullptr) << key;
    EXPECT_EQ(*file.Find(key), value) << key;
  }
  EXPECT_EQ(file.Integer("general.file_type"), 1);
}

// llama.cpp reads counts of 32 bits only, and this is how they were written.
TEST(QuantizeTest, CountsKeepTheir32Bits) {
  const ScratchFolder folder;
  Quantize(OpenGolden("llama_gqa.gguf"), folder / "out.gguf", To(Format::kF16));
  const std::string bytes = TextOf(folder / "out.gguf");
  const std::string key = "llama.block_count";
  const std::size_t at = bytes.find(key);
  ASSERT_NE(at, std::string::npos);
  uint32_t type = 0;
  std::memcpy(&type, bytes.data() + at + key.size(), sizeof type);
  EXPECT_EQ(type, 4u);  // uint32
}

// ---- Resuming ----------------------------------------------------------------------------------

TEST(QuantizeTest, StoppedAnywhereAndResumedGivesTheSameBytes) {
  const ScratchFolder folder;
  const ModelFile source = OpenGguf(SyntheticSource(folder));
  Quantize(source, folder / "whole.gguf", To(Format::kQ4_K));
  const std::string expected = Sha256OfFile(folder / "whole.gguf");
  uint64_t resumed = 0;
  for (int stop = 1; stop < 20; stop += 3) {
    QuantizeOptions options = To(Format::kQ4_K);
    int calls = 0;
    options.hooks.cancelled = [&] { return ++calls > stop; };
    EXPECT_THROW(Quantize(source, folder / "out.gguf", options), Error);
    EXPECT_FALSE(fs::exists(folder / "out.gguf"));
    options = To(Format::kQ4_K);
    options.threads = 1;
    resumed = Quantize(source, folder / "out.gguf", options).resumed_bytes;
    EXPECT_EQ(Sha256OfFile(folder / "out.gguf"), expected) << "stopped after " << stop;
    EXPECT_FALSE(fs::exists(folder / "out.gguf.part"));
    EXPECT_FALSE(fs::exists(folder / "out.gguf.part.journal"));
    fs::remove(folder / "out.gguf");
  }
  EXPECT_GT(resumed, 0u);
}

TEST(QuantizeTest, APartOfAnotherRecipeIsNotUsed) {
  const ScratchFolder folder;
  const ModelFile source = OpenGguf(SyntheticSource(folder));
  QuantizeOptions options = To(Format::kQ4_K);
  int calls = 0;
  options.hooks.cancelled = [&] { return ++calls > 12; };
  EXPECT_THROW(Quantize(source, folder / "out.gguf", options), Error);
  EXPECT_TRUE(fs::exists(folder / "out.gguf.part"));
  const QuantizeReport report = Quantize(source, folder / "out.gguf", To(Format::kQ5_K));
  EXPECT_EQ(report.resumed_bytes, 0u);
  Quantize(source, folder / "fresh.gguf", To(Format::kQ5_K));
  EXPECT_EQ(Sha256OfFile(folder / "out.gguf"), Sha256OfFile(folder / "fresh.gguf"));
}

// Stopped after some megabytes, so that the journal has a checkpoint.
void Stop(const ModelFile& source, const fs::path& path) {
  QuantizeOptions options = To(Format::kQ4_K);
  int calls = 0;
  options.hooks.cancelled = [&] { return ++calls > 12; };
  EXPECT_THROW(Quantize(source, path, options), Error);
}

TEST(QuantizeTest, APartThatWasCutIsBegunAgain) {
  const ScratchFolder folder;
  const ModelFile source = OpenGguf(SyntheticSource(folder));
  const fs::path path = folder / "out.gguf", part = folder / "out.gguf.part";
  Quantize(source, folder / "whole.gguf", To(Format::kQ4_K));
  Stop(source, path);
  ASSERT_TRUE(fs::exists(part));
  const uint64_t size = fs::file_size(part);
  fs::resize_file(part, size - 1);
  const QuantizeReport report = Quantize(source, path, To(Format::kQ4_K));
  EXPECT_TRUE(report.begun_again);
  EXPECT_EQ(report.resumed_bytes, 0u);
  EXPECT_EQ(Sha256OfFile(path), Sha256OfFile(folder / "whole.gguf"));
  fs::remove(path);
  Stop(source, path);
  EXPECT_EQ(fs::file_size(part), size);
  const QuantizeReport resumed = Quantize(source, path, To(Format::kQ4_K));
  EXPECT_FALSE(resumed.begun_again);
  EXPECT_GT(resumed.resumed_bytes, 0u);
}

// One that encodes Q4_K in another way.
EncodeFunction OtherEncoderOf(Format format) {
  return EncoderOf(format == Format::kQ4_K ? Format::kQ4_0 : format);
}

TEST(QuantizeTest, OtherEncodersAreAnotherRecipe) {
  EXPECT_EQ(DigestOfEncoders(EncoderOf), DigestOfEncoders(EncoderOf));
  EXPECT_NE(DigestOfEncoders(EncoderOf), DigestOfEncoders(OtherEncoderOf));
}

TEST(PartFileTest, IsLockedUntilItHasItsName) {
  const ScratchFolder folder;
  const fs::path path = folder / "file";
  PartFile part(path, 1, "");
  part.Finish();
  fs::create_directory(path);  // what cannot be replaced by a file
  EXPECT_THROW(part.Publish(), Error);
  try {
    PartFile other(path, 1, "");
    ADD_FAILURE() << "another process could write it";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
  }
  EXPECT_TRUE(fs::exists(folder / "file.part"));
  fs::remove(path);
  part.Publish();
  EXPECT_TRUE(fs::is_regular_file(path));
}

// ---- Bad input ---------------------------------------------------------------------------------

std::string ErrorOf(const ModelFile& source, const fs::path& path, const QuantizeOptions& options) {
  try {
    Quantize(source, path, options);
  } catch (const Error& error) {
    return std::string(ErrorCodeName(error.code())) + ": " + error.what();
  }
  return "";
}

TEST(QuantizeErrors, SourceIsDestination) {
  const ScratchFolder folder;
  const fs::path path = SyntheticSource(folder);
  QuantizeOptions options = To(Format::kQ8_0);
  options.overwrite = Overwrite::kReplace;
  const std::string before = Sha256OfFile(path);
  EXPECT_THAT(ErrorOf(OpenGguf(path), path, options),
              HasSubstr("invalid_argument: " + path.string() + " is the model itself"));
  fs::create_symlink(path, folder / "link.gguf");
  EXPECT_THAT(ErrorOf(OpenGguf(path), folder / "link.gguf", options), HasSubstr("itself"));
  EXPECT_EQ(Sha256OfFile(path), before);
}

TEST(QuantizeErrors, ImportanceMatrixIsDestination) {
  const ScratchFolder folder;
  const fs::path path = SyntheticSource(folder);
  std::ofstream(folder / "matrix") << "precious";
  QuantizeOptions options = To(Format::kQ8_0);
  options.overwrite = Overwrite::kReplace;
  options.imatrix = folder / "matrix";
  EXPECT_THAT(ErrorOf(OpenGguf(path), folder / "matrix", options),
              HasSubstr("is the importance matrix: it would be lost"));
}

TEST(QuantizeErrors, OnlyGgufFilesAreReplaced) {
  const ScratchFolder folder;
  const fs::path path = SyntheticSource(folder);
  QuantizeOptions options = To(Format::kQ8_0);
  options.overwrite = Overwrite::kReplace;
  for (const std::string text : {"{}", "GGU", "precious notes"}) {
    std::ofstream(folder / "config.json") << text;
    EXPECT_THAT(ErrorOf(OpenGguf(path), folder / "config.json", options),
                HasSubstr("already_exists: " + (folder / "config.json").string() +
                          " is no GGUF file, and nothing else is replaced"));
    std::string kept;
    std::getline(std::ifstream(folder / "config.json"), kept);
    EXPECT_EQ(kept, text);
  }
  for (const std::string text : {"", "GGUF of before"}) {
    std::ofstream(folder / "out.gguf") << text;
    Quantize(OpenGguf(path), folder / "out.gguf", options);
    EXPECT_EQ(OpenGguf(folder / "out.gguf").kind(), ModelFileKind::kGguf);
  }
}

TEST(QuantizeErrors, WhatIsNoOrdinaryFileIsNotReplaced) {
  const ScratchFolder folder;
  const fs::path path = SyntheticSource(folder);
  QuantizeOptions options = To(Format::kQ8_0);
  options.overwrite = Overwrite::kReplace;
  const fs::path pipe = folder / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(ErrorOf(OpenGguf(path), pipe, options),
              HasSubstr("invalid_argument: " + pipe.string() + " is no ordinary file"));
  EXPECT_TRUE(fs::is_fifo(pipe));
}

TEST(QuantizeErrors, PredictionLayersOfAGgufFileAreNotAskedFor) {
  const ScratchFolder folder;
  QuantizeOptions options = To(Format::kQ8_0);
  options.prediction_layers = true;
  EXPECT_THAT(ErrorOf(OpenGguf(SyntheticSource(folder)), folder / "to.gguf", options),
              HasSubstr("--mtp is for model directories"));
}

TEST(QuantizeErrors, DestinationIsThere) {
  const ScratchFolder folder;
  std::ofstream(folder / "out.gguf") << "precious";
  EXPECT_THAT(ErrorOf(OpenGolden("qwen2_tied"), folder / "out.gguf", To(Format::kQ8_0)),
              HasSubstr("already_exists: "));
  EXPECT_EQ(fs::file_size(folder / "out.gguf"), 8u);
}

TEST(QuantizeErrors, FullDisk) {
  const ScratchFolder folder;
  EXPECT_THROW(CheckFreeSpace(folder.path(), uint64_t{1} << 62), Error);
  const ModelFile source = OpenGguf(SyntheticSource(folder));
  // A limit on the size of files stands in for a disk that fills up while it is written.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 300'000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string error = ErrorOf(source, folder / "out.gguf", To(Format::kQ8_0));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(error, HasSubstr("cannot write " + (folder / "out.gguf.part").string()));
  EXPECT_FALSE(fs::exists(folder / "out.gguf"));
}

TEST(QuantizeErrors, TypeThatIsOnlyRead) {
  const ScratchFolder folder;
  EXPECT_THAT(ErrorOf(OpenGolden("qwen2_tied"), folder / "out.gguf", To(Format::kIQ1_S)),
              HasSubstr("unsupported: writing IQ1_S is not supported (types: F32, F16"));
  EXPECT_THAT(ErrorOf(OpenGolden("qwen2_tied"), folder / "out.gguf", To(Format::kF8_E4M3)),
              HasSubstr("unsupported: writing F8_E4M3"));
}

TEST(QuantizeErrors, Overrides) {
  const ScratchFolder folder;
  const ModelFile source = OpenGolden("qwen2_tied");
  QuantizeOptions options = To(Format::kQ8_0);
  options.overrides = {{"attn_(", Format::kF16}};
  EXPECT_THAT(ErrorOf(source, folder / "out.gguf", options), HasSubstr("no regular expression"));
  options.overrides = {{"atn_q", Format::kF16}};
  EXPECT_THAT(ErrorOf(source, folder / "out.gguf", options), HasSubstr("'atn_q' in its name"));
  options.overrides = {{"attn_norm", Format::kF16}};
  EXPECT_THAT(ErrorOf(source, folder / "out.gguf", options), HasSubstr("stay F32"));
}

TEST(QuantizeErrors, TypesThatCannotRunTogetherAreFoundBeforeAnythingIsWritten) {
  const ScratchFolder folder;
  QuantizeOptions options = To(Format::kQ4_0);
  options.overrides = {{"ffn_up_exps", Format::kF16}};
  bool began = false;
  options.hooks.progress = [&](const ConvertProgress&) { began = true; };
  const std::string gate = "the experts' gate matrices are stored as ";
  for (const char* name : {"deepseek_v3", "deepseek_v3.split.gguf"}) {
    EXPECT_THAT(ErrorOf(OpenGolden(name), folder / "out.gguf", options),
                HasSubstr("unsupported: " + (folder / "out.gguf").string() + ": in layer 1 " +
                          gate + "Q4_0 and their up matrices as F16"));
    EXPECT_FALSE(began);
    EXPECT_FALSE(fs::exists(folder / "out.gguf.part"));
  }
}

TEST(QuantizeErrors, ThoseOfALayerThatPredictsToo) {
  const ScratchFolder folder;
  QuantizeOptions options = To(Format::kQ4_0);
  options.overrides = {{"blk.2.ffn_up_exps", Format::kF16}};
  for (const bool directory : {true, false}) {
    options.prediction_layers = directory;  // of a file all layers are kept
    const ModelFile source = directory ? OpenHuggingFaceDirectory(PredictingSource(folder))
                                       : OpenGolden("deepseek_mtp.kv_b.gguf");
    EXPECT_THAT(ErrorOf(source, folder / "out.gguf", options),
                HasSubstr("in layer 2 the experts' gate matrices are stored as Q4_0 and their up "
                          "matrices as F16"));
    EXPECT_FALSE(fs::exists(folder / "out.gguf.part"));
  }
}

TEST(QuantizeErrors, UnknownArchitecture) {
  const ScratchFolder folder;
  const fs::path copy = Copied(folder, "qwen2_tied");
  Replace(copy / "config.json", "\"qwen2\"", "\"mamba\"");
  EXPECT_THAT(ErrorOf(OpenHuggingFaceDirectory(copy), folder / "out.gguf", To(Format::kQ8_0)),
              HasSubstr("unsupported: " + (copy / "config.json").string() +
                        ": key 'model_type' is 'mamba'"));
}

TEST(QuantizeErrors, UnknownKeyAndValue) {
  const ScratchFolder folder;
  const fs::path copy = Copied(folder, "deepseek_v3");
  Replace(copy / "config.json", "\"sigmoid\"", "\"sqrtsoftplus\"");
  EXPECT_THAT(ErrorOf(OpenHuggingFaceDirectory(copy), folder / "out.gguf", To(Format::kQ8_0)),
              HasSubstr("key 'scoring_func' is 'sqrtsoftplus', expected 'sigmoid'"));
  const fs::path again = Copied(folder, "deepseek_v3");
  Replace(again / "config.json", "\"q_lora_rank\"", "\"index_topk\": 3, \"q_lora_rank\"");
  EXPECT_THAT(ErrorOf(OpenHuggingFaceDirectory(again), folder / "out.gguf", To(Format::kQ8_0)),
              HasSubstr("key 'index_topk' is not known"));
  EXPECT_THAT(ErrorOf(OpenGolden("hf_llama_yarn"), folder / "out.gguf", To(Format::kQ8_0)),
              HasSubstr("'truncate' is false, which GGUF cannot say"));
  EXPECT_THAT(ErrorOf(OpenGolden("deepseek_mscale"), folder / "out.gguf", To(Format::kQ8_0)),
              HasSubstr("make cosines and sines longer or shorter than 1"));
}

TEST(QuantizeErrors, MissingAndUnknownTensors) {
  const ScratchFolder folder;
  const fs::path copy = Copied(folder, "deepseek_v3");
  Replace(copy / "model.safetensors", "model.layers.1.mlp.experts.3.up_proj.weight",
          "model.layers.1.mlp.experts.3.xx_proj.weight");
  EXPECT_THAT(ErrorOf(OpenHuggingFaceDirectory(copy), folder / "out.gguf", To(Format::kQ8_0)),
              HasSubstr("tensor 'model.layers.1.mlp.experts.3.up_proj.weight' is missing"));
  const fs::path fp8 = Copied(folder, "deepseek_fp8");
  Replace(fp8 / "model.safetensors", "kv_a_proj_with_mqa.weight_scale_inv",
          "kv_a_proj_with_mqa.weight_scale_abc");
  EXPECT_THAT(ErrorOf(OpenHuggingFaceDirectory(fp8), folder / "out.gguf", To(Format::kQ8_0)),
              HasSubstr("kv_a_proj_with_mqa.weight_scale_inv' is missing, expected shape [2, 2]"));
  const fs::path more = Copied(folder, "qwen2_untied");
  Replace(more / "config.json", "\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1");
  Replace(more / "config.json", "\"full_attention\",\n", "");
  EXPECT_THAT(ErrorOf(OpenHuggingFaceDirectory(more), folder / "out.gguf", To(Format::kQ8_0)),
              HasSubstr("is not known to the qwen2 architecture"));
}

// What running the source refuses is found before anything of the tensor is written.
TEST(QuantizeErrors, ScalesThatAreNoPositiveNumbersAreRefused) {
  const ScratchFolder folder;
  const std::string name = "model.layers.1.self_attn.kv_b_proj.weight_scale_inv";
  for (const float wrong : {NAN, INFINITY, 0.0F, -1.0F}) {
    AlteredFile file("deepseek_fp8");
    const float values[] = {1.0F, 1.0F, 1.0F, wrong};
    file.Tensor(name).view.data = reinterpret_cast<const std::byte*>(values);
    const std::string error = ErrorOf(file.Open(), folder / "out.gguf", To(Format::kQ8_0));
    EXPECT_THAT(error, HasSubstr("tensor '" + name + "' holds " + std::to_string(wrong) +
                                 " at [1, 1], expected a positive number"));
    EXPECT_EQ(error, file.BindError());
    EXPECT_FALSE(fs::exists(folder / "out.gguf"));
  }
}

TEST(QuantizeErrors, WeightsThatAreNoNumbersAreRefusedByName) {
  const ScratchFolder folder;
  for (const Format type : {Format::kQ8_0, Format::kQ4_K, Format::kF32}) {
    for (const float bad : {NAN, INFINITY, 1e6F}) {
      const fs::path path = folder / "bad.gguf";
      fs::copy_file(SyntheticSource(folder), path, fs::copy_options::overwrite_existing);
      fs::remove(folder / "source.gguf");
      const ModelFile good = OpenGguf(path);
      const NamedTensor* tensor = good.FindTensor("blk.1.ffn_up.weight");
      std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(tensor->file_offset + 4 * (256 * 7 + 5)));
      file.write(reinterpret_cast<const char*>(&bad), sizeof bad);
      file.close();
      const std::string error = ErrorOf(OpenGguf(path), folder / "out.gguf", To(type));
      if (bad == 1e6F && type == Format::kF32) {
        EXPECT_EQ(error, "");
        fs::remove(folder / "out.gguf");
        continue;
      }
      EXPECT_THAT(error, HasSubstr("invalid_file: " + path.string() +
                                   ": tensor 'blk.1.ffn_up.weight' has "));
      EXPECT_THAT(error, HasSubstr("at row 7, column 5"));
      EXPECT_FALSE(fs::exists(folder / "out.gguf"));
    }
  }
}

}  // namespace
}  // namespace fathom
