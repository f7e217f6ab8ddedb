// DeepSeek-V2 and V3 against transformers (tests/goldens/model, float32): every case in each layout
// of its file and in both forms of attention; and against itself in other chunks, threads, company
// and kernels.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "base/error.h"
#include "base/json.h"
#include "formats/gguf.h"
#include "models/testing/model_runner.h"

namespace fathom {
namespace {

using ::testing::HasSubstr;

const std::filesystem::path kGoldens =
    std::filesystem::path(FATHOM_SOURCE_DIR) / "tests/goldens/model";
constexpr int64_t kContext = 256;

struct Golden {
  Json json;
  std::unique_ptr<ModelFile> file;
  std::unique_ptr<Model> model;
  std::vector<int32_t> ids;

  // `name` is that of a file: "deepseek_v3.split".
  explicit Golden(const std::string& name) {
    std::ifstream stream(kGoldens / (name.substr(0, name.find('.')) + ".json"));
    std::stringstream text;
    text << stream.rdbuf();
    json = ParseJson(text.str(), name);
    file = std::make_unique<ModelFile>(OpenGguf(kGoldens / (name + ".gguf")));
    model = BindModel(*file);
    ids = json.at("ids").get<std::vector<int32_t>>();
  }

  std::size_t vocabulary() const { return static_cast<std::size_t>(model->spec().vocabulary); }
};

std::vector<std::string> GoldenNames() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kGoldens)) {
    const std::string stem = entry.path().stem().string();
    if (entry.path().extension() == ".gguf" && stem.starts_with("deepseek_")) names.push_back(stem);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string TestName(const ::testing::TestParamInfo<std::string>& info) {
  std::string name = info.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

// log softmax of a row, at id.
double Logprob(const float* row, std::size_t vocabulary, int32_t id) {
  const double best = *std::max_element(row, row + vocabulary);
  double sum = 0;
  for (std::size_t i = 0; i < vocabulary; ++i) sum += std::exp(row[i] - best);
  return row[id] - best - std::log(sum);
}

constexpr LatentForm kForms[] = {LatentForm::kAbsorbed, LatentForm::kNaive};
std::string NameOf(LatentForm form) { return form == LatentForm::kAbsorbed ? "absorbed" : "naive"; }

class DeepseekGolden : public ::testing::TestWithParam<std::string> {};

// Float32's own noise in these models is below 2e-5 (float64_max_difference); log-probabilities of
// another summation order stay within 1e-4, logits, which are larger, within 1e-3.
TEST_P(DeepseekGolden, LogitsMatchTransformers) {
  const Golden golden(GetParam());
  for (const LatentForm form : kForms) {
    SCOPED_TRACE(NameOf(form));
    ModelRunner runner(*golden.model, ReferenceKernels(), CacheType::kF32, 2, kContext);
    runner.context().latent_form = form;
    const std::vector<float> logits = runner.Feed(golden.ids);
    const auto expected = golden.json.at("logprobs").get<std::vector<double>>();
    ASSERT_EQ(expected.size() + 1, golden.ids.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double found =
          Logprob(logits.data() + i * golden.vocabulary(), golden.vocabulary(), golden.ids[i + 1]);
      ASSERT_NEAR(found, expected[i], 1e-4) << "position " << i;
    }
    const auto last = golden.json.at("last_logits").get<std::vector<double>>();
    for (std::size_t i = 0; i < last.size(); ++i) {
      ASSERT_NEAR(logits[logits.size() - last.size() + i], last[i], 1e-3) << "logit " << i;
    }
  }
}

TEST_P(DeepseekGolden, HiddenStatesMatchTransformers) {
  const Golden golden(GetParam());
  const auto positions = golden.json.at("hidden_positions").get<std::vector<std::size_t>>();
  const auto hidden = static_cast<std::size_t>(golden.model->spec().hidden);
  for (const LatentForm form : kForms) {
    SCOPED_TRACE(NameOf(form));
    ModelRunner runner(*golden.model, ReferenceKernels(), CacheType::kF32, 1, kContext);
    RecordingTap tap;
    runner.context().tap = &tap;
    runner.context().latent_form = form;
    runner.Feed(golden.ids);
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
    EXPECT_EQ(compared, golden.model->spec().layers * static_cast<int64_t>(positions.size()));
  }
}

// The choice of every token in every layer, with float32's noise on the weights.
TEST_P(DeepseekGolden, RouterChoicesAreTransformers) {
  const Golden golden(GetParam());
  for (const LatentForm form : kForms) {
    SCOPED_TRACE(NameOf(form));
    ModelRunner runner(*golden.model, ReferenceKernels(), CacheType::kF32, 2, kContext);
    RecordingTap tap;
    runner.context().tap = &tap;
    runner.context().latent_form = form;
    runner.Feed(golden.ids);
    std::size_t compared = 0;
    for (const auto& [name, choices] : golden.json.at("router").items()) {
      const std::vector<float>& experts = tap.records.at(name + ".experts");
      const std::vector<float>& weights = tap.records.at(name + ".weights");
      const std::size_t used = experts.size() / golden.ids.size();
      for (std::size_t token = 0; token < golden.ids.size(); ++token) {
        const auto ids = choices.at("experts").at(token).get<std::vector<float>>();
        const auto expected = choices.at("weights").at(token).get<std::vector<double>>();
        ASSERT_EQ(ids.size(), used);
        for (std::size_t i = 0; i < used; ++i) {
          ASSERT_EQ(experts[token * used + i], ids[i]) << name << " token " << token;
          ASSERT_NEAR(weights[token * used + i], expected[i], 1e-4 * expected[i])
              << name << " token " << token;
          ++compared;
        }
      }
    }
    EXPECT_GE(compared, golden.ids.size());
  }
}

TEST_P(DeepseekGolden, GreedyContinuationMatchesTransformers) {
  const Golden golden(GetParam());
  const Json& greedy = golden.json.at("greedy");
  const auto expected = greedy.at("ids").get<std::vector<int32_t>>();
  ASSERT_EQ(expected.size(), 64u);
  for (const LatentForm form : kForms) {
    SCOPED_TRACE(NameOf(form));
    ModelRunner runner(*golden.model, ReferenceKernels(), CacheType::kF32, 2, kContext);
    runner.context().latent_form = form;
    std::vector<float> logits = runner.Feed(greedy.at("prompt").get<std::vector<int32_t>>());
    for (const int32_t id : expected) {
      const float* last = logits.data() + logits.size() - golden.vocabulary();
      const auto best = std::max_element(last, last + golden.vocabulary()) - last;
      ASSERT_EQ(best, id);
      logits = runner.Feed(std::span(&id, 1));
    }
  }
}

// One order of summation: the same bits in any chunking, with any number of threads.
TEST_P(DeepseekGolden, ResultsDoNotDependOnChunksOrThreads) {
  const Golden golden(GetParam());
  for (const KernelTable* kernels : AvailableKernels()) {
    for (const CacheType type : {CacheType::kF32, CacheType::kF16}) {
      ModelRunner whole(*golden.model, *kernels, type, 1, kContext);
      const std::vector<float> expected = whole.Feed(golden.ids);
      ModelRunner runner(*golden.model, *kernels, type, 3, kContext);
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

// SIMD kernels and a cache of halves agree with the reference within the bound that the default
// model is held to.
TEST_P(DeepseekGolden, FastKernelsStayCloseToTransformers) {
  const Golden golden(GetParam());
  const auto expected = golden.json.at("logprobs").get<std::vector<double>>();
  for (const KernelTable* kernels : AvailableKernels()) {
    ModelRunner runner(*golden.model, *kernels, CacheType::kF16, 2, kContext);
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

INSTANTIATE_TEST_SUITE_P(Goldens, DeepseekGolden, ::testing::ValuesIn(GoldenNames()), TestName);

TEST(Deepseek, GoldensAreThere) { EXPECT_EQ(GoldenNames().size(), 21u); }

TEST(Deepseek, SequencesInOneStepDoNotDisturbEachOther) {
  const Golden golden("deepseek_v3.split");
  for (const KernelTable* kernels : AvailableKernels()) {
    ModelRunner alone(*golden.model, *kernels, CacheType::kF16, 2, kContext);
    const std::vector<float> expected = alone.Feed(golden.ids);

    // The same ids twice in one step, the second one starting three tokens later.
    ThreadPool pool(2);
    Scratch scratch(golden.model->ScratchBytes(512, 512, 2));
    ExecContext context{*kernels, pool, scratch, CacheType::kF16};
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
    const auto middle = logits.begin() + golden.model->spec().vocabulary;
    EXPECT_EQ(std::vector<float>(logits.begin(), middle), last);
    EXPECT_EQ(std::vector<float>(middle, logits.end()), last);
  }
}

// All layouts hold the same values, so they give the same bits.
TEST(Deepseek, LayoutsOfTheFileMakeNoDifference) {
  for (const std::string name : {"deepseek_v3", "deepseek_heads", "deepseek_v2lite"}) {
    std::vector<std::vector<float>> logits;
    for (const std::string vintage : {".kv_b", ".both", ".split"}) {
      const Golden golden(name + vintage);
      ModelRunner runner(*golden.model, ReferenceKernels(), CacheType::kF32, 2, kContext);
      logits.push_back(runner.Feed(golden.ids));
    }
    EXPECT_EQ(logits[1], logits[0]) << name;
    EXPECT_EQ(logits[2], logits[0]) << name;
  }
}

TEST(Deepseek, CacheHoldsOneLatentPerTokenAndLayer) {
  const Golden golden("deepseek_v3.split");
  EXPECT_EQ(golden.model->cache_layout(CacheType::kF16).bytes_per_token(), 3 * (16 + 8) * 2);
}

// Counted by hand from the sizes of the case "nogroups": 2 layers, hidden 32, vocabulary 71.
TEST(Deepseek, SpecCountsParameters) {
  const int64_t attention = 32 * 24 + 24 + 24 * 96 + 32 * 24 + 16 + 16 * 4 * 32 + 64 * 32 + 2 * 32;
  const int64_t expert = 3 * 32 * 8;
  const int64_t head = 71 * 32 + 32;
  const int64_t always = 2 * attention + 3 * 32 * 48 + 32 * 8 + 8 + 2 * expert + head;
  for (const std::string vintage : {"kv_b", "both", "split"}) {
    const Golden golden("deepseek_nogroups." + vintage);
    EXPECT_EQ(golden.model->spec().parameters, always + 8 * expert + 71 * 32) << vintage;
    EXPECT_EQ(golden.model->spec().active_parameters, always + 3 * expert) << vintage;
  }
}

// ---- Files that must be refused, made from a good one by changing metadata ----

// The good file's metadata and tensors with some of them changed or removed, without a file of its
// own.
class Altered {
 public:
  explicit Altered(const std::string& name) : source_(OpenGguf(kGoldens / (name + ".gguf"))) {
    metadata = source_.metadata();
    tensors = source_.tensors();
  }

  std::string BindError() {
    std::vector<MappedFile> shards;
    shards.push_back(MappedFile::Open(source_.path()));
    const ModelFile file(std::move(shards), metadata, tensors);
    try {
      BindModel(file);
    } catch (const Error& error) {
      return std::string(ErrorCodeName(error.code())) + ": " + error.what();
    }
    return "";
  }
  std::string With(const std::string& key, const MetadataValue& value) {
    const auto before = metadata;
    metadata["deepseek2." + key] = value;
    std::string error = BindError();
    metadata = before;
    return error;
  }
  std::string Without(const std::string& key) {
    const auto before = metadata;
    metadata.erase("deepseek2." + key);
    std::string error = BindError();
    metadata = before;
    return error;
  }
  NamedTensor& Tensor(const std::string& name) {
    return *std::find_if(tensors.begin(), tensors.end(),
                         [&](const NamedTensor& tensor) { return tensor.name == name; });
  }

  ModelFile::Metadata metadata;
  std::vector<NamedTensor> tensors;

 private:
  ModelFile source_;
};

TEST(DeepseekErrors, UnchangedFilesBind) {
  for (const std::string& name : GoldenNames()) EXPECT_EQ(Altered(name).BindError(), "") << name;
}

TEST(DeepseekErrors, UnknownValuesOfSemanticKeysAreRefusedByName) {
  Altered file("deepseek_yarn.split");
  EXPECT_THAT(file.With("expert_gating_func", int64_t{3}), HasSubstr("unsupported: "));
  EXPECT_THAT(file.With("expert_gating_func", int64_t{3}),
              HasSubstr("'deepseek2.expert_gating_func' is 3, expected 1 (softmax) or 2"));
  EXPECT_THAT(file.With("rope.scaling.type", std::string("longrope")),
              HasSubstr("'deepseek2.rope.scaling.type' is 'longrope', expected none or yarn"));
  EXPECT_THAT(file.With("attention.sliding_window", int64_t{512}),
              HasSubstr("'deepseek2.attention.sliding_window' is not known"));
  EXPECT_THAT(file.With("attention.indexer.top_k", int64_t{512}), HasSubstr("is not known"));
}

TEST(DeepseekErrors, MissingKeysAreNamed) {
  Altered file("deepseek_yarn.split");
  for (const std::string key :
       {"block_count", "embedding_length", "attention.head_count", "attention.head_count_kv",
        "attention.kv_lora_rank", "attention.key_length", "attention.value_length_mla",
        "attention.layer_norm_rms_epsilon", "feed_forward_length", "expert_count",
        "expert_used_count", "expert_feed_forward_length", "expert_weights_scale",
        "expert_gating_func", "rope.dimension_count", "rope.scaling.factor",
        "rope.scaling.original_context_length", "rope.scaling.yarn_log_multiplier"}) {
    EXPECT_THAT(file.Without(key), HasSubstr("deepseek2." + key)) << key;
  }
}

TEST(DeepseekErrors, ValuesOutOfRangeAreNamed) {
  Altered file("deepseek_v3.split");
  EXPECT_THAT(file.With("block_count", int64_t{0}), HasSubstr("expected 1 to"));
  EXPECT_THAT(file.With("expert_count", int64_t{1} << 40), HasSubstr("expected 1 to 1024"));
  EXPECT_THAT(file.With("expert_used_count", int64_t{13}), HasSubstr("router makes no sense"));
  EXPECT_THAT(file.With("expert_group_count", int64_t{5}), HasSubstr("divides the number"));
  EXPECT_THAT(file.With("expert_group_used_count", int64_t{9}), HasSubstr("open group"));
  EXPECT_THAT(file.With("attention.head_count_kv", int64_t{4}),
              HasSubstr("'deepseek2.attention.head_count_kv' is 4, expected 1"));
  EXPECT_THAT(file.With("attention.key_length", int64_t{23}), HasSubstr("attention.key_length"));
  EXPECT_THAT(file.With("rope.dimension_count", int64_t{7}), HasSubstr("attention.key_length"));
  EXPECT_THAT(file.With("leading_dense_block_count", int64_t{4}), HasSubstr("4 dense layers"));
  EXPECT_THAT(file.With("vocab_size", int64_t{7}), HasSubstr("'deepseek2.vocab_size' is 7"));
  EXPECT_THAT(Altered("deepseek_v3.kv_b").With("attention.head_count_kv", int64_t{1}),
              HasSubstr("expected 4"));
}

TEST(DeepseekErrors, MissingTensorsAreNamed) {
  for (const std::string name :
       {"token_embd.weight", "output_norm.weight", "blk.0.attn_q_a.weight",
        "blk.1.attn_q_a_norm.weight", "blk.1.attn_kv_a_mqa.weight", "blk.2.attn_k_b.weight",
        "blk.1.attn_v_b.weight", "blk.0.ffn_gate.weight", "blk.1.ffn_gate_inp.weight",
        "blk.1.exp_probs_b.bias", "blk.2.ffn_up_exps.weight", "blk.2.ffn_down_shexp.weight"}) {
    Altered file("deepseek_v3.split");
    std::erase_if(file.tensors, [&](const NamedTensor& tensor) { return tensor.name == name; });
    EXPECT_THAT(file.BindError(), HasSubstr(name));
  }
}

TEST(DeepseekErrors, WrongShapesNameExpectedAndFound) {
  for (const std::string name : {"blk.0.attn_k_b.weight", "blk.1.ffn_gate_exps.weight",
                                 "blk.1.ffn_gate_inp.weight", "blk.2.attn_output.weight"}) {
    Altered file("deepseek_v3.split");
    TensorView& view = file.Tensor(name).view;
    view.shape[0] /= 2;
    EXPECT_THAT(file.BindError(), HasSubstr(name));
    EXPECT_THAT(file.BindError(), HasSubstr(ShapeText(view)));
  }
}

TEST(DeepseekErrors, UnknownTensorsAreRefused) {
  Altered file("deepseek_v3.split");
  file.Tensor("output.weight").name = "blk.0.attn_q_a.bias";
  EXPECT_THAT(file.BindError(), HasSubstr("'blk.0.attn_q_a.bias' is not known"));
}

TEST(DeepseekErrors, QuantisedRouterIsRefused) {
  Altered file("deepseek_v3.split");
  file.Tensor("blk.1.ffn_gate_inp.weight").view.format = Format::kQ8_0;
  EXPECT_THAT(file.BindError(), HasSubstr("router is stored as Q8_0"));
}

// Files from before the keys of groups: a published model's groups are known, others have none.
TEST(Deepseek, ExpertBiasNeedsItsScoringNamed) {
  Altered file("deepseek_v3.split");
  EXPECT_THAT(file.Without("expert_gating_func"), HasSubstr("'deepseek2.expert_gating_func'"));
  EXPECT_EQ(Altered("deepseek_v2lite.kv_b").Without("expert_gating_func"), "");
}

}  // namespace
}  // namespace fathom
