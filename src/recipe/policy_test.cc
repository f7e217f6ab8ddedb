#include "recipe/policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "base/random.h"
#include "models/testing/training_golden.h"
#include "train/trainer.h"

namespace fathom {
namespace {

// The golden's own sequences, again and again.
class GoldenSequences final : public SampleSource {
 public:
  explicit GoldenSequences(const TrainingBatch& batch) : batch_(batch) {}
  Sample At(int64_t index) const override {
    const auto at = static_cast<std::size_t>(index % batch_.spans.count());
    const auto begin = batch_.tokens.begin();
    return {{begin + batch_.spans.begins[at], begin + batch_.spans.begins[at + 1]}, {}};
  }

 private:
  const TrainingBatch& batch_;
};

std::vector<double> OfTheEngine(Engine& engine, const std::vector<int32_t>& ids) {
  Request request;
  request.prompt = ids;
  request.max_tokens = 0;
  request.score_prompt = true;
  std::vector<double> result;
  for (const TokenEvent& event : RunToCompletion(engine, std::move(request))) {
    if (event.error) throw *event.error;
    if (event.logprob) result.push_back(*event.logprob);
  }
  return result;
}

// The largest difference between the log-probabilities of the engine and of the trained model over
// all tokens of the golden's sequences.
double LargestDifference(TrainingGolden& golden, Engine& engine, ThreadPool& pool) {
  autograd::Arena arena;
  autograd::Tape tape(pool, arena);
  const TrainingPass pass = golden.model->Forward(tape, golden.batch, {});
  const GoldenSequences sequences(golden.batch);
  const auto vocabulary = static_cast<std::size_t>(golden.model->vocabulary());
  double largest = 0;
  for (int64_t s = 0; s < golden.batch.spans.count(); ++s) {
    const std::vector<int32_t> ids = sequences.At(s).tokens;
    const std::vector<double> found = OfTheEngine(engine, ids);
    EXPECT_EQ(found.size() + 1, ids.size());
    const int64_t first = golden.batch.spans.begins[static_cast<std::size_t>(s)];
    for (std::size_t i = 0; i < found.size(); ++i) {
      const double expected =
          Logprob(pass.logits->row(first + static_cast<int64_t>(i)), vocabulary, ids[i + 1]);
      largest = std::max(largest, std::abs(expected - found[i]));
    }
  }
  return largest;
}

class PolicyTest : public ::testing::TestWithParam<std::string> {};

// Every branch of the architectures: query latents or none, groups, YaRN, softmax and sigmoid
// routers, a layer that predicts further, grouped-query attention, tied heads.
TEST_P(PolicyTest, TheEngineSaysWhatTheTrainedModelSaysBeforeAndAfterSteps) {
  TrainingGolden golden(GetParam());
  ThreadPool pool(2);
  Policy policy(*golden.model, *golden.file, {.threads = 2, .max_sequences = 4});
  EXPECT_LT(LargestDifference(golden, policy.Refresh(), pool), 1e-4);

  const GoldenSequences samples(golden.batch);
  TrainerOptions options;
  options.schedule = {.peak = 1e-2, .final_share = 1, .warmup_steps = 1, .steps = 100};
  options.step_tokens = 1;
  options.bias_rate = 0.05;
  Trainer trainer(*golden.model, samples, options, pool);
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 3; ++i) trainer.Step();
    // An engine of before holds transposed keys, norms and biases of before.
    EXPECT_GT(LargestDifference(golden, policy.engine(), pool), 1e-3);
    EXPECT_LT(LargestDifference(golden, policy.Refresh(), pool), 1e-4);
  }
}

INSTANTIATE_TEST_SUITE_P(Goldens, PolicyTest, ::testing::ValuesIn(TrainingGoldenNames()),
                         GoldenTestName);

TEST(Policy, ValuesThatAreNoNumbersAreRefusedByName) {
  TrainingGolden golden("deepseek_v3");
  Policy policy(*golden.model, *golden.file, {.threads = 1, .max_sequences = 1});
  ParameterSet& parameters = golden.model->parameters();
  parameters.values(parameters.IndexOf("model.norm.weight"))[3] =
      std::numeric_limits<float>::infinity();
  try {
    policy.Refresh();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidFile);
    EXPECT_THAT(error.message(), ::testing::HasSubstr("the model in training"));
    EXPECT_THAT(error.message(), ::testing::HasSubstr("'model.norm.weight'"));
  }
}

}  // namespace
}  // namespace fathom
