// The llama architecture and its relatives, from GGUF files and from directories, against
// transformers (tests/goldens/model, float32), and against themselves in other chunks, threads and
// kernels.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "base/json.h"
#include "models/testing/altered_file.h"
#include "models/testing/model_runner.h"

namespace fathom {
namespace {

using ::testing::HasSubstr;

const std::filesystem::path kGoldens =
    std::filesystem::path(FATHOM_SOURCE_DIR) / "tests/goldens/model";

// Files and directories of the family's goldens; NAME.json is the reference of both kinds.
std::vector<std::string> GoldenNames() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kGoldens)) {
    const std::string name = entry.path().filename().string();
    const bool ours =
        name.starts_with("llama_") || name.starts_with("qwen2_") || name.starts_with("hf_llama_");
    if (ours && entry.path().extension() != ".json") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

struct Golden {
  Json json;
  std::unique_ptr<ModelFile> file;
  std::unique_ptr<Model> model;
  std::vector<int32_t> ids;

  explicit Golden(const std::string& name) {
    const std::string stem = name.substr(0, name.find('.'));
    std::ifstream stream(kGoldens / (stem + ".json"));
    std::stringstream text;
    text << stream.rdbuf();
    json = ParseJson(text.str(), name);
    file = std::make_unique<ModelFile>(OpenGolden(name));
    model = BindModel(*file);
    ids = json.at("ids").get<std::vector<int32_t>>();
  }

  std::size_t vocabulary() const { return static_cast<std::size_t>(model->spec().vocabulary); }
};

// log softmax of a row, at id.
double Logprob(const float* row, std::size_t vocabulary, int32_t id) {
  const double best = *std::max_element(row, row + vocabulary);
  double sum = 0;
  for (std::size_t i = 0; i < vocabulary; ++i) sum += std::exp(row[i] - best);
  return row[id] - best - std::log(sum);
}

class LlamaGolden : public ::testing::TestWithParam<std::string> {};

TEST_P(LlamaGolden, LogProbabilitiesMatchTransformers) {
  const Golden golden(GetParam());
  ModelRunner runner(*golden.model, ReferenceKernels(), CacheType::kF32, 2, 256);
  const std::vector<float> logits = runner.Feed(golden.ids);
  const auto expected = golden.json.at("logprobs").get<std::vector<double>>();
  ASSERT_EQ(expected.size() + 1, golden.ids.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double found =
        Logprob(logits.data() + i * golden.vocabulary(), golden.vocabulary(), golden.ids[i + 1]);
    ASSERT_NEAR(found, expected[i], 1e-4) << "position " << i;
  }
}

TEST_P(LlamaGolden, HiddenStatesMatchTransformers) {
  const Golden golden(GetParam());
  ModelRunner runner(*golden.model, ReferenceKernels(), CacheType::kF32, 1, 256);
  RecordingTap tap;
  runner.context().tap = &tap;
  runner.Feed(golden.ids);
  const auto positions = golden.json.at("hidden_positions").get<std::vector<std::size_t>>();
  const auto hidden = static_cast<std::size_t>(golden.model->spec().hidden);
  int compared = 0;
  for (const auto& [name, rows] : golden.json.at("hidden").items()) {
    if (!name.starts_with("layer.")) continue;
    ASSERT_TRUE(tap.records.contains(name)) << name;
    for (std::size_t row = 0; row < positions.size(); ++row) {
      const auto expected = rows.at(row).get<std::vector<double>>();
      ASSERT_EQ(expected.size(), hidden);
      double error = 0, norm = 0;
      for (std::size_t i = 0; i < hidden; ++i) {
        const double found = tap.records[name][positions[row] * hidden + i];
        error += (found - expected[i]) * (found - expected[i]);
        norm += expected[i] * expected[i];
      }
      EXPECT_LE(std::sqrt(error / norm), 1e-4) << name << " position " << positions[row];
      ++compared;
    }
  }
  EXPECT_GT(compared, 0);
}

TEST_P(LlamaGolden, GreedyContinuationMatchesTransformers) {
  const Golden golden(GetParam());
  const Json& greedy = golden.json.at("greedy");
  const auto expected = greedy.at("ids").get<std::vector<int32_t>>();
  ASSERT_EQ(expected.size(), 64u);
  ModelRunner runner(*golden.model, ReferenceKernels(), CacheType::kF32, 2, 256);
  std::vector<float> logits = runner.Feed(greedy.at("prompt").get<std::vector<int32_t>>());
  for (const int32_t id : expected) {
    const float* last = logits.data() + logits.size() - golden.vocabulary();
    const auto best = std::max_element(last, last + golden.vocabulary()) - last;
    ASSERT_EQ(best, id);
    logits = runner.Feed(std::span(&id, 1));
  }
}

// One order of summation: the same bits in any chunking, with any number of threads.
TEST_P(LlamaGolden, ResultsDoNotDependOnChunksOrThreads) {
  const Golden golden(GetParam());
  for (const KernelTable* kernels : AvailableKernels()) {
    for (const CacheType type : {CacheType::kF32, CacheType::kF16}) {
      ModelRunner whole(*golden.model, *kernels, type, 1, 256);
      const std::vector<float> expected = whole.Feed(golden.ids);
      ModelRunner runner(*golden.model, *kernels, type, 3, 256);
      for (const std::size_t chunk : {1, 7, 33}) {
        runner.Restart();
        std::vector<float> found;
        for (std::size_t at = 0; at < golden.ids.size(); at += chunk) {
          const auto count = std::min(chunk, golden.ids.size() - at);
          const auto part = runner.Feed(std::span(golden.ids).subspan(at, count));
          found.insert(found.end(), part.begin(), part.end());
        }
        EXPECT_EQ(found, expected) << kernels->name << ", chunks of " << chunk;
      }
    }
  }
}

// SIMD kernels quantise activations to 8 bits, so they agree with the reference only roughly: the
// mean difference of log-probabilities stays below the bound the default model is held to.
TEST_P(LlamaGolden, FastKernelsStayCloseToTransformers) {
  const Golden golden(GetParam());
  const auto expected = golden.json.at("logprobs").get<std::vector<double>>();
  for (const KernelTable* kernels : AvailableKernels()) {
    ModelRunner runner(*golden.model, *kernels, CacheType::kF16, 2, 256);
    const std::vector<float> logits = runner.Feed(golden.ids);
    double sum = 0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      sum += std::abs(
          Logprob(logits.data() + i * golden.vocabulary(), golden.vocabulary(), golden.ids[i + 1]) -
          expected[i]);
    }
    EXPECT_LE(sum / static_cast<double>(expected.size()), 0.05) << kernels->name;
  }
}

INSTANTIATE_TEST_SUITE_P(Goldens, LlamaGolden, ::testing::ValuesIn(GoldenNames()),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST(Llama, GoldensAreThere) { EXPECT_GE(GoldenNames().size(), 22u); }

TEST(Llama, SequencesInOneStepDoNotDisturbEachOther) {
  const Golden golden("llama_gqa.gguf");
  for (const KernelTable* kernels : AvailableKernels()) {
    ModelRunner alone(*golden.model, *kernels, CacheType::kF16, 2, 256);
    const std::vector<float> expected = alone.Feed(golden.ids);

    // The same ids twice in one step, the second one starting three tokens later.
    ThreadPool pool(2);
    Scratch scratch(golden.model->ScratchBytes(512, 512, 2));
    ExecContext context{*kernels, pool, scratch, CacheType::kF16, nullptr};
    const auto page_bytes =
        static_cast<std::size_t>(golden.model->cache_layout(CacheType::kF16).page_bytes);
    Buffer memory(16 * page_bytes, "test cache");
    std::vector<std::byte*> first, second;
    for (std::size_t i = 0; i < 8; ++i) {
      first.push_back(memory.data() + 2 * i * page_bytes);
      second.push_back(memory.data() + (2 * i + 1) * page_bytes);
    }
    const auto count = static_cast<int64_t>(golden.ids.size());
    std::vector<float> ignored(3 * golden.vocabulary());
    const std::vector<int32_t> start(golden.ids.begin(), golden.ids.begin() + 3);
    const SequenceSlice warm{0, 3, 0, second};
    const std::vector<int32_t> warm_rows = {0, 1, 2};
    golden.model->Forward(context, {start, {&warm, 1}, warm_rows}, ignored.data());

    std::vector<int32_t> ids(golden.ids);
    ids.insert(ids.end(), golden.ids.begin() + 3, golden.ids.end());
    const SequenceSlice slices[] = {{0, count, 0, first}, {count, count - 3, 3, second}};
    std::vector<int32_t> rows = {static_cast<int32_t>(count - 1),
                                 static_cast<int32_t>(2 * count - 4)};
    std::vector<float> logits(2 * golden.vocabulary());
    golden.model->Forward(context, {ids, slices, rows}, logits.data());
    const std::vector<float> last(expected.end() - static_cast<std::ptrdiff_t>(golden.vocabulary()),
                                  expected.end());
    EXPECT_EQ(std::vector<float>(logits.begin(), logits.begin() + golden.model->spec().vocabulary),
              last);
    EXPECT_EQ(std::vector<float>(logits.begin() + golden.model->spec().vocabulary, logits.end()),
              last);
  }
}

TEST(Llama, SpecCountsParameters) {
  const Golden tied("llama_tied.gguf");
  EXPECT_EQ(tied.model->spec().active_parameters, tied.model->spec().parameters);
  const Golden untied("llama_gqa.gguf");
  EXPECT_LT(untied.model->spec().active_parameters, untied.model->spec().parameters);
  EXPECT_EQ(untied.model->spec().architecture, "llama");
}

// ---- Files that must be refused, made from a good one by changing metadata ----

TEST(LlamaErrors, UnchangedFileBinds) { EXPECT_EQ(AlteredFile("llama_gqa.gguf").BindError(), ""); }

TEST(LlamaErrors, UnknownArchitectureIsNamed) {
  AlteredFile file("llama_gqa.gguf");
  file.metadata["general.architecture"] = std::string("mamba");
  EXPECT_THAT(file.BindError(), HasSubstr("unsupported: "));
  EXPECT_THAT(file.BindError(), HasSubstr("architecture 'mamba' is not supported"));
}

TEST(LlamaErrors, UnknownSemanticKeyIsRefused) {
  AlteredFile file("llama_gqa.gguf");
  file.metadata["llama.attention.sliding_window"] = int64_t{512};
  EXPECT_THAT(file.BindError(), HasSubstr("'llama.attention.sliding_window' is not known"));
}

TEST(LlamaErrors, MissingKeyIsNamed) {
  AlteredFile file("llama_gqa.gguf");
  file.metadata.erase("llama.attention.head_count");
  EXPECT_THAT(file.BindError(), HasSubstr("llama.attention.head_count"));
}

TEST(LlamaErrors, ExpertsAreRefused) {
  AlteredFile file("llama_gqa.gguf");
  file.metadata["llama.expert_count"] = int64_t{8};
  EXPECT_THAT(file.BindError(), HasSubstr("8 experts"));
}

TEST(LlamaErrors, HeadCountsMustDivide) {
  AlteredFile file("llama_gqa.gguf");
  file.metadata["llama.attention.head_count_kv"] = int64_t{5};
  EXPECT_THAT(file.BindError(), HasSubstr("expected a multiple of"));
}

TEST(LlamaErrors, UnknownRopeScalingIsNamed) {
  AlteredFile file("llama_gqa.gguf");
  file.metadata["llama.rope.scaling.type"] = std::string("longrope");
  EXPECT_THAT(file.BindError(), HasSubstr("rope scaling 'longrope'"));
}

TEST(LlamaErrors, OutOfRangeNumbersAreRefused) {
  AlteredFile file("llama_gqa.gguf");
  file.metadata["llama.block_count"] = int64_t{0};
  EXPECT_THAT(file.BindError(), HasSubstr("expected 1 to"));
  file.metadata["llama.block_count"] = int64_t{1} << 40;
  EXPECT_THAT(file.BindError(), HasSubstr("expected 1 to"));
}

TEST(LlamaErrors, MissingTensorIsNamed) {
  AlteredFile file("llama_gqa.gguf");
  file.Tensor("blk.1.ffn_up.weight").name = "blk.1.ffn_up.gone";
  EXPECT_THAT(file.BindError(), HasSubstr("'blk.1.ffn_up.gone' is not known"));
  std::erase_if(file.tensors, [](const NamedTensor& t) { return t.name == "blk.1.ffn_up.gone"; });
  EXPECT_THAT(file.BindError(), HasSubstr("blk.1.ffn_up.weight"));
}

TEST(LlamaErrors, WrongShapeNamesExpectedAndFound) {
  AlteredFile file("llama_gqa.gguf");
  TensorView& view = file.Tensor("blk.0.attn_k.weight").view;
  view.shape[0] /= 2;
  EXPECT_THAT(file.BindError(), HasSubstr("blk.0.attn_k.weight"));
  EXPECT_THAT(file.BindError(), HasSubstr(ShapeText(view)));
}

TEST(LlamaErrors, VocabularyMustAgreeWithTheEmbedding) {
  AlteredFile file("llama_gqa.gguf");
  file.metadata["llama.vocab_size"] = int64_t{7};
  EXPECT_THAT(file.BindError(), HasSubstr("'llama.vocab_size' is 7"));
}

}  // namespace
}  // namespace fathom
