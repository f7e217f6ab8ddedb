// Importance matrices against those that transformers' modules give (tests/goldens/imatrix), both
// formats read back, and what a matrix that was made here does to a conversion.
#include "convert/imatrix_maker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "base/error.h"
#include "base/sha256.h"
#include "convert/imatrix.h"
#include "convert/quantize.h"
#include "convert/testing/scratch_folder.h"
#include "formats/gguf.h"
#include "models/layers/linear.h"
#include "models/testing/golden.h"

namespace fathom {
namespace {

using ::testing::HasSubstr;

// transformers' float32 is within 1.7e-6 of its float64 (float32_max_difference); the reference
// kernels, float32 with sums in double, are allowed a few times as much.
constexpr double kTolerance = 1e-5;

Json Reference(const std::string& name) {
  const std::filesystem::path folder =
      std::filesystem::path(FATHOM_SOURCE_DIR) / "tests/goldens/imatrix";
  std::ifstream stream(folder / (name.substr(0, name.find('.')) + ".json"));
  std::stringstream text;
  text << stream.rdbuf();
  return ParseJson(text.str(), name);
}

ImatrixOptions OptionsOf(const Json& reference) {
  ImatrixOptions options;
  options.text_name = "ids";
  options.chunk_tokens = reference.at("chunk").get<int64_t>();
  options.first_token = reference.at("first_id").get<int32_t>();
  options.head = true;
  options.kernels = &ReferenceKernels();
  options.threads = 2;
  return options;
}

// "blk.0.attn_k_b.weight": of latent attention, in one of the forms that files have.
bool IsOfHeads(const std::string& name) {
  return name.find("attn_k_b") != name.npos || name.find("attn_v_b") != name.npos;
}
bool IsJoint(const std::string& name) { return name.find("attn_kv_b") != name.npos; }

// What the golden says of the tensors that the model has: the matrices of the heads or the joint
// one, and those of the heads as one in the layout where they are one.
std::map<std::string, ChannelSums> Expected(const Json& reference, const std::string& model) {
  const bool joint = model.find(".kv_b.") != model.npos;
  const bool both = model.find(".both.") != model.npos;
  std::map<std::string, ChannelSums> expected;
  for (const auto& [name, entry] : reference.at("entries").items()) {
    if (joint ? IsOfHeads(name) : IsJoint(name)) continue;
    ChannelSums& sums = expected[name];
    sums.squares = entry.at("in_sum2").get<std::vector<float>>();
    sums.counts = entry.at("counts").get<std::vector<int64_t>>();
    if (!both || !IsOfHeads(name)) continue;
    const std::size_t columns = sums.squares.size() / sums.counts.size();
    for (std::size_t i = columns; i < sums.squares.size(); ++i) {
      sums.squares[i % columns] += sums.squares[i];
    }
    sums.squares.resize(columns);
    for (std::size_t i = 1; i < sums.counts.size(); ++i) sums.counts[0] += sums.counts[i];
    sums.counts.resize(1);
  }
  return expected;
}

double Length(std::span<const float> values) {
  double sum = 0;
  for (const double value : values) sum += value * value;
  return std::sqrt(sum);
}

void ExpectSums(const std::string& name, const ModelFile& file, const ChannelSums& expected) {
  const NamedTensor* found = file.FindTensor(name + ".in_sum2");
  const NamedTensor* counts = file.FindTensor(name + ".counts");
  ASSERT_TRUE(found != nullptr && counts != nullptr) << name;
  const auto matrices = static_cast<int64_t>(expected.counts.size());
  const auto columns = static_cast<int64_t>(expected.squares.size()) / matrices;
  ASSERT_EQ(found->view.rank, 2);
  ASSERT_EQ(found->view.shape[0], matrices) << name;
  ASSERT_EQ(found->view.shape[1], columns) << name;
  ASSERT_EQ(counts->view.shape[0], matrices) << name;
  ASSERT_EQ(counts->view.shape[1], 1) << name;
  for (int64_t i = 0; i < matrices; ++i) {
    float count;
    std::memcpy(&count, counts->view.row(i), sizeof count);
    EXPECT_EQ(count, static_cast<float>(expected.counts[static_cast<std::size_t>(i)]))
        << name << " " << i;
    std::vector<float> difference(static_cast<std::size_t>(columns));
    std::memcpy(difference.data(), found->view.row(i), difference.size() * sizeof(float));
    const auto row = std::span(expected.squares)
                         .subspan(static_cast<std::size_t>(i * columns), difference.size());
    for (std::size_t k = 0; k < row.size(); ++k) difference[k] -= row[k];
    EXPECT_LE(Length(difference), kTolerance * Length(row)) << name << " " << i;
  }
}

class GoldenImatrixTest : public ::testing::TestWithParam<std::string> {};

TEST_P(GoldenImatrixTest, SumsAreThoseOfTransformers) {
  const ScratchFolder folder;
  const Golden golden(GetParam());
  const Json reference = Reference(GetParam());
  const ImatrixReport report = MakeImportanceMatrix(*golden.model, *golden.file, golden.ids,
                                                    folder / "i.gguf", OptionsOf(reference));
  EXPECT_EQ(report.chunks, reference.at("chunks").get<int64_t>());
  EXPECT_EQ(report.bytes, std::filesystem::file_size(folder / "i.gguf"));
  const ModelFile file = OpenGguf(folder / "i.gguf");
  EXPECT_EQ(file.RequireString("general.type"), "imatrix");
  EXPECT_EQ(*file.Strings("imatrix.datasets"), std::vector<std::string>{"ids"});
  EXPECT_EQ(file.RequireInteger("imatrix.chunk_count"), report.chunks);
  EXPECT_EQ(file.RequireInteger("imatrix.chunk_size"), reference.at("chunk").get<int64_t>());
  const auto expected = Expected(reference, GetParam());
  EXPECT_EQ(file.tensors().size(), 2 * expected.size());
  EXPECT_EQ(report.tensors, expected.size());
  std::size_t unseen = 0;
  for (const auto& [name, sums] : expected) {
    ExpectSums(name, file, sums);
    unseen += static_cast<std::size_t>(std::count(sums.counts.begin(), sums.counts.end(), 0));
  }
  EXPECT_EQ(report.unseen, unseen);
}

INSTANTIATE_TEST_SUITE_P(Models, GoldenImatrixTest,
                         ::testing::Values("llama_bias.gguf", "qwen2_tied", "qwen2_tied.gguf",
                                           "deepseek_v3", "deepseek_v3.split.gguf",
                                           "deepseek_v3.both.gguf", "deepseek_v3.kv_b.gguf",
                                           "deepseek_v2lite", "deepseek_v2lite.kv_b.gguf"),
                         GoldenTestName);

TEST(ImatrixMakerTest, ThreadsAndStepsDoNotMatter) {
  const ScratchFolder folder;
  for (const char* name : {"llama_bias.gguf", "deepseek_v3.split.gguf"}) {
    const Golden golden(name);
    ImatrixOptions options = OptionsOf(Reference(name));
    options.overwrite = Overwrite::kReplace;
    for (const KernelTable* kernels : AvailableKernels()) {
      options.kernels = kernels;
      std::string first;
      for (const int threads : {1, 3}) {
        for (const int64_t step : {512, 35, 7}) {
          options.threads = threads;
          options.step_tokens = step;
          MakeImportanceMatrix(*golden.model, *golden.file, golden.ids, folder / "i", options);
          const std::string digest = Sha256OfFile(folder / "i");
          if (first.empty()) first = digest;
          EXPECT_EQ(digest, first)
              << name << ", " << kernels->name << ", " << threads << " threads, steps of " << step;
        }
      }
    }
  }
}

TEST(ImatrixMakerTest, BothFormatsReadBackAlike) {
  const ScratchFolder folder;
  const Golden golden("deepseek_v3");
  ImatrixOptions options = OptionsOf(Reference("deepseek_v3"));
  const ImatrixReport made =
      MakeImportanceMatrix(*golden.model, *golden.file, golden.ids, folder / "i.gguf", options);
  options.format = ImatrixFormat::kLegacy;
  const ImatrixReport legacy =
      MakeImportanceMatrix(*golden.model, *golden.file, golden.ids, folder / "i.dat", options);
  EXPECT_EQ(legacy.bytes, std::filesystem::file_size(folder / "i.dat"));
  const ImportanceMatrix a = ReadImportanceMatrix(folder / "i.gguf");
  const ImportanceMatrix b = ReadImportanceMatrix(folder / "i.dat");
  ASSERT_EQ(a.size(), made.tensors);
  ASSERT_EQ(b.size(), made.tensors);
  for (const auto& [name, means] : a) {
    const auto found = b.find(name);
    ASSERT_NE(found, b.end()) << name;
    ASSERT_EQ(found->second.size(), means.size()) << name;
    for (std::size_t i = 0; i < means.size(); ++i) {
      // Divided by the count, times the calls and divided by them: three roundings.
      EXPECT_NEAR(found->second[i], means[i], 4e-7 * means[i]) << name << " " << i;
    }
  }
}

// The bytes of the older format, as the description at the top of imatrix.cc and llama.cpp have it.
TEST(ImatrixMakerTest, LegacyBytes) {
  const ScratchFolder folder;
  ImportanceSums sums;
  sums["w"] = {{6, 12, 0, 0}, {6, 0}};
  sums["never"] = {{0}, {0}};
  const uint64_t bytes =
      WriteImportanceMatrix(folder / "i.dat", ImatrixFormat::kLegacy, sums, {"text", 3, 4});
  std::string expected;
  const auto put = [&](auto value) {
    expected.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  put(int32_t{1});  // entries
  put(int32_t{1});
  expected += "w";
  put(int32_t{2});  // 6 inputs fill two chunks of 4, one of them in part
  put(int32_t{4});
  for (const float value : {2.0F, 4.0F, 2.0F, 2.0F}) put(value);  // means x 2; the unseen is 1 x 2
  put(int32_t{3});
  put(int32_t{4});
  expected += "text";
  std::ifstream stream(folder / "i.dat", std::ios::binary);
  std::stringstream found;
  found << stream.rdbuf();
  EXPECT_EQ(found.str(), expected);
  EXPECT_EQ(bytes, expected.size());
}

TEST(ImatrixMakerTest, HeadOnlyWhenAskedFor) {
  const ScratchFolder folder;
  const Golden golden("llama_bias.gguf");
  ImatrixOptions options = OptionsOf(Reference("llama_bias"));
  options.head = false;
  options.most_chunks = 1;
  const ImatrixReport report =
      MakeImportanceMatrix(*golden.model, *golden.file, golden.ids, folder / "i.gguf", options);
  EXPECT_EQ(report.tokens, options.chunk_tokens);
  const ImportanceMatrix matrix = ReadImportanceMatrix(folder / "i.gguf");
  EXPECT_EQ(matrix.size(), 14u);
  EXPECT_FALSE(matrix.contains("output.weight"));
}

TEST(ImatrixMakerTest, ConversionsUseIt) {
  const ScratchFolder folder;
  for (const char* name : {"deepseek_v3", "deepseek_v3.both.gguf", "deepseek_v3.kv_b.gguf"}) {
    const Golden golden(name);
    MakeImportanceMatrix(*golden.model, *golden.file, golden.ids,
                         folder / (name + std::string("i")), OptionsOf(Reference(name)));
    QuantizeOptions options{.type = Format::kQ4_0, .overwrite = Overwrite::kReplace};
    Quantize(*golden.file, folder / "plain.gguf", options);
    options.imatrix = folder / (name + std::string("i"));
    const QuantizeReport report = Quantize(*golden.file, folder / "weighted.gguf", options);
    EXPECT_NE(Sha256OfFile(folder / "plain.gguf"), Sha256OfFile(folder / "weighted.gguf")) << name;
    for (const std::string& tensor : report.without_importance) {
      // The embedding is looked up, not multiplied; a joint matrix beside others is left alone.
      EXPECT_TRUE(tensor == "token_embd.weight" || IsJoint(tensor)) << name << ": " << tensor;
    }
  }
}

struct Refusal {
  const char* message;
  std::function<void(ImatrixOptions&, std::vector<int32_t>&)> change;
};

TEST(ImatrixMakerTest, Refusals) {
  const ScratchFolder folder;
  std::ofstream(folder / "there") << "old";
  const Golden golden("llama_bias.gguf");
  std::filesystem::path to = folder / "i.gguf";
  const Refusal refusals[] = {
      {"invalid_argument: the text has 47 tokens, expected at least the 48 of one chunk",
       [](auto&, auto& ids) { ids.resize(47); }},
      {"invalid_argument: chunks of 257 tokens were asked for, but the model is made for 256",
       [](auto& options, auto&) { options.chunk_tokens = 257; }},
      {"cancelled: interrupted",
       [](auto& options, auto&) { options.cancelled = [] { return true; }; }},
      {"already_exists: ", [&](auto&, auto&) { to = folder / "there"; }},
      {"not_found: there is no folder", [&](auto&, auto&) { to = folder / "none/i.gguf"; }},
  };
  for (const Refusal& refusal : refusals) {
    ImatrixOptions options = OptionsOf(Reference("llama_bias"));
    std::vector<int32_t> ids = golden.ids;
    refusal.change(options, ids);
    std::string found;
    try {
      MakeImportanceMatrix(*golden.model, *golden.file, ids, to, options);
    } catch (const Error& error) {
      found = std::string(ErrorCodeName(error.code())) + ": " + error.what();
    }
    EXPECT_THAT(found, HasSubstr(refusal.message));
  }
  // Nothing came of any of them, not even in part.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(ImatrixMakerTest, TheModelIsNotReplaced) {
  const ScratchFolder folder;
  std::filesystem::copy_file(kModelGoldens / "llama_bias.gguf", folder / "model.gguf");
  const ModelFile file = OpenGguf(folder / "model.gguf");
  const std::unique_ptr<Model> model = BindModel(file);
  ImatrixOptions options = OptionsOf(Reference("llama_bias"));
  options.overwrite = Overwrite::kReplace;
  const std::vector<int32_t> ids(96, 1);
  try {
    MakeImportanceMatrix(*model, file, ids, folder / "model.gguf", options);
    FAIL() << "it was replaced";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("is the model itself: it would be lost"));
  }
}

TEST(ImatrixMakerTest, ProgressEndsWithAllTokens) {
  const ScratchFolder folder;
  const Golden golden("llama_bias.gguf");
  ImatrixOptions options = OptionsOf(Reference("llama_bias"));
  options.step_tokens = 20;
  std::vector<int64_t> seen;
  options.progress = [&](int64_t done, int64_t total) {
    EXPECT_EQ(total, 96);
    seen.push_back(done);
  };
  MakeImportanceMatrix(*golden.model, *golden.file, golden.ids, folder / "i.gguf", options);
  EXPECT_THAT(seen, ::testing::ElementsAre(0, 20, 40, 48, 68, 88, 96));
}

TEST(ImatrixMakerTest, SumsThatAreNotFinite) {
  Linear layer;
  layer.weight = {nullptr, Format::kF32, 2, {1, 2}};
  ImportanceCollector collector({{.tensor = "w", .layer = &layer}});
  const float x[] = {1, 3e38F};
  collector.Observe(layer, x, 1, 2);
  EXPECT_THROW(collector.Sums(), Error);
  Linear other;
  collector.Observe(other, x, 1, 2);  // not listed: ignored
}

}  // namespace
}  // namespace fathom
