#include "train/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include "base/error.h"
#include "base/random.h"
#include "base/sha256.h"
#include "formats/hf_directory.h"
#include "models/testing/training_golden.h"
#include "train/export.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

// Sequences that count upwards, with a start and a length of their own.
class Counting final : public SampleSource {
 public:
  explicit Counting(int64_t vocabulary) : vocabulary_(vocabulary) {}
  Sample At(int64_t index) const override {
    const auto number = static_cast<uint64_t>(index);
    const auto length = 5 + static_cast<int64_t>(UniformAt(7, number, 0) * 20);
    auto token = static_cast<int64_t>(UniformAt(7, number, 1) * static_cast<double>(vocabulary_));
    Sample sample;
    for (int64_t i = 0; i < length; ++i, ++token) {
      sample.tokens.push_back(static_cast<int32_t>(token % vocabulary_));
      sample.weights.push_back(i < 2 ? 0.0F : 1.0F);
    }
    return sample;
  }

 private:
  int64_t vocabulary_;
};

constexpr int64_t kVocabulary = 83;  // of deepseek_v3, whose model is trained here

TrainerOptions SmallSteps(OptimiserKind kind = OptimiserKind::kAdamW) {
  TrainerOptions options;
  options.optimiser_kind = kind;
  const double peak = kind == OptimiserKind::kMuon ? 1e-2 : 3e-3;
  options.schedule = {.peak = peak, .final_share = 0.1, .warmup_steps = 3, .steps = 90};
  options.step_tokens = 150;
  options.batch_tokens = 64;
  return options;
}

struct TrainingRun {
  explicit TrainingRun(OptimiserKind kind = OptimiserKind::kAdamW) : options(SmallSteps(kind)) {}

  TrainerOptions options;
  TrainingGolden golden{"deepseek_v3"};
  Counting samples{kVocabulary};
  ThreadPool pool{2};
  Trainer trainer{*golden.model, samples, options, pool};

  std::vector<double> Steps(int count) {
    std::vector<double> losses;
    for (int i = 0; i < count; ++i) losses.push_back(trainer.Step().loss);
    return losses;
  }
  std::vector<float> Values() {
    const std::span<float> values = golden.model->parameters().values();
    return {values.begin(), values.end()};
  }
};

class TrainerTest : public ::testing::Test {
 protected:
  TrainerTest() { fs::create_directories(folder_); }
  ~TrainerTest() override { fs::remove_all(folder_); }
  const fs::path folder_ =
      fs::temp_directory_path() / ("fathom_trainer_" + std::to_string(getpid()));
};

constexpr OptimiserKind kBothOptimisers[] = {OptimiserKind::kAdamW, OptimiserKind::kMuon};

TEST_F(TrainerTest, LearnsToCount) {
  for (const OptimiserKind kind : kBothOptimisers) {
    TrainingRun run(kind);
    const std::vector<double> losses = run.Steps(90);
    EXPECT_GT(losses.front(), 4.0);
    EXPECT_LT(losses.back(), 1.0);
  }
}

TEST_F(TrainerTest, SavedAnywhereAndGoneOnWithItIsTheSameBitForBit) {
  for (const OptimiserKind kind : kBothOptimisers) {
    TrainingRun whole(kind);
    std::vector<double> expected = whole.Steps(9);
    for (const int before : {0, 1, 4}) {
      const fs::path path = folder_ / std::to_string(before);
      std::vector<double> losses;
      {
        TrainingRun first(kind);
        losses = first.Steps(before);
        first.trainer.Save(path, "run");
      }
      TrainingRun second(kind);
      second.trainer.Load(path, "run");
      EXPECT_EQ(second.trainer.steps_done(), before);
      for (const double loss : second.Steps(9 - before)) losses.push_back(loss);
      EXPECT_EQ(losses, expected) << before;
      EXPECT_EQ(second.Values(), whole.Values()) << before;
    }
  }
}

TEST_F(TrainerTest, ACheckpointOfAnotherOptimiserIsRefusedByName) {
  const auto load = [&](OptimiserKind saved, OptimiserKind loaded) -> std::string {
    TrainingRun first(saved), second(loaded);
    first.trainer.Save(folder_ / "checkpoint", "run");
    try {
      second.trainer.Load(folder_ / "checkpoint", "run");
    } catch (const Error& error) {
      return error.message();
    }
    return "";
  };
  EXPECT_THAT(load(OptimiserKind::kMuon, OptimiserKind::kAdamW),
              ::testing::HasSubstr("holds \"Muon: momenta\" where 'first moments' is expected"));
  EXPECT_THAT(load(OptimiserKind::kAdamW, OptimiserKind::kMuon),
              ::testing::HasSubstr("holds \"first moments\" where 'Muon: momenta' is expected"));
}

TEST_F(TrainerTest, BiasesMoveTowardsBalance) {
  TrainingRun run;
  const std::span<const float> biases = run.golden.model->router_biases()[0].values;
  const std::vector<float> before(biases.begin(), biases.end());
  run.trainer.Step();
  const ExpertLoad& load = run.golden.model->expert_loads()[0];
  ASSERT_EQ(load.tokens.size(), before.size());
  int moved = 0;
  for (std::size_t e = 0; e < before.size(); ++e) {
    const float step = biases[e] - before[e];
    EXPECT_NEAR(std::abs(step), step == 0 ? 0 : 1e-3, 1e-6);
    moved += step != 0;
  }
  EXPECT_GT(moved, 4);
}

TEST_F(TrainerTest, ALossThatIsNoNumberChangesNothingAndNamesStepAndTensor) {
  TrainingRun run;
  run.Steps(2);
  ParameterSet& parameters = run.golden.model->parameters();
  const std::size_t index = parameters.IndexOf("model.layers.1.self_attn.o_proj.weight");
  parameters.values(index)[0] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> before = run.Values();
  try {
    run.trainer.Step();
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), ::testing::HasSubstr("step 2"));
    EXPECT_THAT(error.message(), ::testing::HasSubstr("model.embed_tokens.weight"));
  }
  const std::vector<float> after = run.Values();
  EXPECT_EQ(0, std::memcmp(before.data(), after.data(), before.size() * sizeof(float)));
  EXPECT_EQ(run.trainer.steps_done(), 2);
}

void ExpectRefused(TrainingRun& run, const fs::path& path, const std::string& fingerprint,
                   const std::string& problem) {
  const std::vector<float> before = run.Values();
  try {
    run.trainer.Load(path, fingerprint);
    FAIL() << problem;
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), ::testing::HasSubstr(problem));
  }
  EXPECT_EQ(run.Values(), before);
}

TEST_F(TrainerTest, DamagedAndForeignCheckpointsAreRefused) {
  TrainingRun run;
  run.Steps(1);
  const fs::path path = folder_ / "checkpoint";
  run.trainer.Save(path, "run");
  std::string bytes;
  {
    std::ifstream stream(path, std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(stream), {});
  }
  const auto put = [&](const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
  };
  ExpectRefused(run, path, "another run", "another training");
  for (const std::size_t at : {std::size_t{20}, bytes.size() / 2, bytes.size() - 1}) {
    std::string broken = bytes;
    broken[at] = static_cast<char>(broken[at] ^ 1);
    put(broken);
    ExpectRefused(run, path, "run", "is damaged");
  }
  for (const std::size_t length : {std::size_t{1}, std::size_t{30}, bytes.size() - 4}) {
    put(bytes.substr(0, length));
    EXPECT_THROW(run.trainer.Load(path, "run"), Error);
  }
  // Whole files whose head makes no sense: the checksum is right.
  uint64_t head_bytes = 0;
  std::memcpy(&head_bytes, bytes.data() + 16, sizeof head_bytes);
  const std::string head = bytes.substr(24, head_bytes);
  const auto with_head = [&](const std::string& text) {
    std::string file = bytes.substr(0, 16) + std::string(8, '\0') + text +
                       bytes.substr(24 + head.size(), bytes.size() - 64 - 24 - head.size());
    const uint64_t length = text.size();
    std::memcpy(file.data() + 16, &length, sizeof length);
    return file + Sha256OfText(file);
  };
  put(with_head(head));
  EXPECT_NO_THROW(run.trainer.Load(path, "run"));
  const auto replaced = [&](const std::string& from, const std::string& to) {
    std::string text = head;
    text.replace(text.find(from), from.size(), to);
    return text;
  };
  for (const std::string& text :
       {std::string("[]"), std::string("3"), replaced("\"steps\":1", "\"steps\":-1"),
        replaced("\"steps\":1", "\"steps\":1e300"), replaced("\"steps\":1", "\"steps\":\"1\""),
        replaced("\"samples\":", "\"samples\":-"), replaced("\"run\"", "7")}) {
    put(with_head(text));
    ExpectRefused(run, path, "run", "makes no sense");
  }
  put("GGUF" + bytes);
  ExpectRefused(run, path, "run", "is not a checkpoint");
  std::string newer = bytes;
  newer[8] = 2;
  put(newer);
  ExpectRefused(run, path, "run", "has version 2, expected 1");

  TrainingGolden other("deepseek_heads");
  Trainer trainer(*other.model, run.samples, SmallSteps(), run.pool);
  put(bytes);
  try {
    trainer.Load(path, "run");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), ::testing::HasSubstr("other parameters"));
  }
}

// What is exported runs: the same log-probabilities from the model that inference binds, with its
// own kernels and attention.
TEST_F(TrainerTest, TheExportedDirectoryIsTheTrainedModel) {
  for (const std::string name : {"deepseek_v3", "qwen2_tied"}) {
    TrainingGolden golden(name);
    const Counting samples(60);
    ThreadPool pool(2);
    Trainer trainer(*golden.model, samples, SmallSteps(), pool);
    for (int i = 0; i < 5; ++i) trainer.Step();
    std::string config;
    std::ifstream stream(kModelGoldens / name / "config.json");
    config.assign(std::istreambuf_iterator<char>(stream), {});
    const fs::path path = folder_ / name;
    ExportDirectory(*golden.model, Format::kF32, {{"config.json", config}}, path);
    EXPECT_THROW(ExportDirectory(*golden.model, Format::kF32, {}, path), Error);

    const ModelFile file = OpenHuggingFaceDirectory(path);
    const std::unique_ptr<Model> model = BindModel(file);
    ModelRunner runner(*model, ReferenceKernels(), CacheType::kF32, 2, 256);
    autograd::Arena arena;
    autograd::Tape tape(pool, arena);
    const TrainingPass pass = golden.model->Forward(tape, golden.batch, {});
    const int64_t vocabulary = pass.logits->columns;
    for (int64_t s = 0; s < golden.batch.spans.count(); ++s) {
      const int64_t first = golden.batch.spans.begins[static_cast<std::size_t>(s)];
      const std::span<const int32_t> ids =
          std::span(golden.batch.tokens)
              .subspan(static_cast<std::size_t>(first),
                       static_cast<std::size_t>(golden.batch.spans.tokens(s)));
      runner.Restart();
      const std::vector<float> logits = runner.Feed(ids);
      for (std::size_t i = 0; i < ids.size(); ++i) {
        for (int32_t id = 0; id < static_cast<int32_t>(vocabulary); ++id) {
          const auto n = static_cast<std::size_t>(vocabulary);
          EXPECT_NEAR(Logprob(logits.data() + i * n, n, id),
                      Logprob(pass.logits->row(first + static_cast<int64_t>(i)), n, id), 1e-4);
        }
      }
    }
  }
}

// Samples that cannot be trained on.
class Given final : public SampleSource {
 public:
  explicit Given(Sample sample) : sample_(std::move(sample)) {}
  Sample At(int64_t) const override { return sample_; }

 private:
  Sample sample_;
};

TEST_F(TrainerTest, SamplesThatTeachNothingEndInAnErrorThatNamesThem) {
  TrainingGolden golden("deepseek_v3");
  ThreadPool pool(1);
  const auto expect = [&](Sample sample, const std::string& problem) {
    const Given samples(std::move(sample));
    Trainer trainer(*golden.model, samples, SmallSteps(), pool);
    try {
      trainer.Step();
      FAIL() << problem;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      EXPECT_THAT(error.message(), ::testing::HasSubstr(problem));
    }
  };
  expect({{5}, {}}, "sample 0 has 1 tokens, expected at least 2");
  expect({{5, 83}, {}}, "sample 0 has token 83, expected 0 to 82");
  expect({{-1, 5}, {}}, "sample 0 has token -1");
  expect({{1, 2, 3}, {1.0F, 0.0F, 0.0F}}, "step 0 has nothing to predict: samples 0 to 49");
}

TEST(Schedule, WarmsUpAndFallsToItsShare) {
  const Schedule schedule{.peak = 2.0, .final_share = 0.25, .warmup_steps = 4, .steps = 10};
  EXPECT_DOUBLE_EQ(schedule.At(0), 0.5);
  EXPECT_DOUBLE_EQ(schedule.At(3), 2.0);
  EXPECT_DOUBLE_EQ(schedule.At(4), 2.0);
  EXPECT_DOUBLE_EQ(schedule.At(9), 0.5);
  EXPECT_DOUBLE_EQ(schedule.At(1000), 0.5);
  for (int step = 5; step < 10; ++step) EXPECT_LT(schedule.At(step), schedule.At(step - 1));
}

TEST(Samples, AreTakenInOrderAndPacked) {
  const Counting source(kVocabulary);
  int64_t next = 3;
  const std::vector<SampleBatch> batches = TakeSamples(source, 200, 40, kVocabulary, next);
  std::vector<int32_t> all, expected;
  for (const SampleBatch& batch : batches) {
    EXPECT_LE(batch.size(), 40);
    EXPECT_EQ(batch.weights.size(), batch.tokens.tokens.size());
    all.insert(all.end(), batch.tokens.tokens.begin(), batch.tokens.tokens.end());
  }
  for (int64_t i = 3; i < next; ++i) {
    const Sample sample = source.At(i);
    expected.insert(expected.end(), sample.tokens.begin(), sample.tokens.end());
  }
  EXPECT_EQ(all, expected);
  EXPECT_GE(all.size(), 200U);
  EXPECT_LT(all.size() - source.At(next - 1).tokens.size(), 200U);
}

}  // namespace
}  // namespace fathom
