#include "recipe/grpo.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "models/testing/training_golden.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

// Rewards replies by a share of their tokens, or as a test likes.
class Toy final : public PolicyTask {
 public:
  using Rule = std::function<Outcome(const Rollout&)>;
  explicit Toy(Rule rule, std::vector<int32_t> stops = {})
      : rule_(std::move(rule)), stops_(std::move(stops)) {}
  std::vector<int32_t> Prompt(int64_t index) const override {
    return {5, static_cast<int32_t>(index % 7), 11};
  }
  std::vector<Outcome> Judge(int64_t, std::span<const Rollout> replies) const override {
    std::vector<Outcome> outcomes;
    for (const Rollout& reply : replies) outcomes.push_back(rule_(reply));
    return outcomes;
  }
  std::span<const int32_t> stops() const override { return stops_; }

 private:
  Rule rule_;
  std::vector<int32_t> stops_;
};

// The share of even ids.
Outcome Even(const Rollout& reply) {
  const auto even = std::ranges::count_if(reply.tokens, [](int32_t id) { return id % 2 == 0; });
  return {static_cast<double>(even) / static_cast<double>(reply.tokens.size()), 0};
}

GrpoOptions Small() {
  GrpoOptions options;
  options.prompts = 4;
  options.rollouts = {.samples = 6, .max_tokens = 8, .seed = 5};
  options.mask_truncated = false;
  options.schedule = {.peak = 3e-3, .final_share = 1, .warmup_steps = 0, .steps = 1};
  options.batch_tokens = 64;
  return options;
}

struct GrpoRun {
  TrainingGolden golden;
  Toy task;
  ThreadPool pool;
  Grpo grpo;

  explicit GrpoRun(const GrpoOptions& options = Small(), Toy toy = Toy(Even), int threads = 2,
                   const std::string& name = "deepseek_v3")
      : golden(name),
        task(std::move(toy)),
        pool(threads),
        grpo(*golden.model, *golden.file, task, options,
             {.threads = threads, .max_sequences = 16, .context_length = 64}, pool) {}

  std::vector<double> Steps(int count) {
    std::vector<double> numbers;
    for (int i = 0; i < count; ++i) {
      const GrpoReport report = grpo.Step();
      for (const double value : {report.reward, report.loss, report.gradient_norm, report.kl,
                                 report.mismatch, report.entropy, report.clipped}) {
        numbers.push_back(value);
      }
    }
    return numbers;
  }
  std::vector<float> Values() const {
    const std::span<float> values = golden.model->parameters().values();
    std::vector<float> all(values.begin(), values.end());
    for (const RouterBias& bias : golden.model->router_biases()) {
      all.insert(all.end(), bias.values.begin(), bias.values.end());
    }
    return all;
  }
};

TEST(Grpo, LearnsWhatIsRewarded) {
  for (const std::string name : {"deepseek_v3", "deepseek_mtp", "qwen2_tied"}) {
    GrpoRun run(Small(), Toy(Even), 2, name);
    const double first = run.grpo.Step().reward;
    GrpoReport report;
    for (int i = 0; i < 40; ++i) report = run.grpo.Step();
    EXPECT_LT(first, 0.75) << name;
    EXPECT_GT(report.reward, first + 0.2) << name;
    EXPECT_EQ(report.step, 40);
  }
}

TEST(Grpo, ReportsWhatHappened) {
  GrpoOptions options = Small();
  options.format_weight = 0.5;
  // Right when the first token is even, of the right form when the second one is.
  const auto rule = [](const Rollout& reply) {
    return Outcome{reply.tokens[0] % 2 == 0 ? 1.0 : 0.0,
                   reply.tokens.size() > 1 && reply.tokens[1] % 2 == 0 ? 1.0 : 0.0};
  };
  GrpoRun run(options, Toy(rule));
  const GrpoReport report = run.grpo.Step();
  EXPECT_NEAR(report.reward, report.accuracy_reward + report.format_reward, 1e-12);
  EXPECT_NEAR(report.accuracy_reward, report.pass_1, 1e-12);
  EXPECT_GT(report.pass_group, report.pass_1);
  ASSERT_EQ(report.accuracies.size(), 4U);
  EXPECT_NEAR(std::accumulate(report.accuracies.begin(), report.accuracies.end(), 0.0) / 4,
              report.pass_1, 1e-12);
  EXPECT_EQ(report.truncated, 1.0);
  EXPECT_EQ(report.mean_length, 8.0);
  EXPECT_EQ(report.trained_tokens, 8 * report.trained_replies);
  EXPECT_EQ(report.updates, 1);
  // Engine and trainer agree, so ratios are 1 and the sampled entropy is near the exact one.
  EXPECT_LT(report.largest_mismatch, 1e-4);
  EXPECT_GT(report.largest_mismatch, 0);
  EXPECT_EQ(report.clipped, 0);
  EXPECT_NEAR(report.sampled_entropy, report.entropy, 0.4);
  EXPECT_LE(report.entropy, std::log(83.0));
  EXPECT_GT(report.entropy, 1.0);
  EXPECT_GT(report.busiest_expert, 1.0);
  EXPECT_GT(report.gradient_norm, 0);
  // Of a ratio of 1 the objective is the mean of -A: the sum over whole groups of equal lengths.
  EXPECT_NEAR(report.loss, 0.0, 1e-9);
}

TEST(Grpo, IsTheSameWithAnyNumberOfThreadsAndRecomputed) {
  GrpoOptions options = Small();
  options.updates = 3;
  options.epochs = 2;
  GrpoRun expected(options, Toy(Even), 1);
  const std::vector<double> numbers = expected.Steps(2);
  options.recompute = true;
  GrpoRun found(options, Toy(Even), 3);
  EXPECT_EQ(found.Steps(2), numbers);
  EXPECT_EQ(found.Values(), expected.Values());
}

TEST(Grpo, SeveralUpdatesUseTheRatiosToThePolicyThatSampled) {
  GrpoOptions options = Small();
  options.updates = 4;
  options.epochs = 3;
  options.schedule.peak = 2e-2;
  GrpoRun run(options);
  const GrpoReport report = run.grpo.Step();
  EXPECT_EQ(report.updates, 12);
  EXPECT_GT(report.clipped, 0.0) << "far steps meet the bounds";
  EXPECT_LT(report.clipped, 1.0);
  EXPECT_LT(report.largest_mismatch, 1e-4) << "taken before the first update";
}

class GrpoResume : public ::testing::TestWithParam<double> {
 protected:
  GrpoResume() { fs::create_directories(folder_); }
  ~GrpoResume() override { fs::remove_all(folder_); }
  const fs::path folder_ = fs::temp_directory_path() / ("fathom_grpo_" + std::to_string(getpid()));
};

TEST_P(GrpoResume, SavedAnywhereAndGoneOnWithItIsTheSameBitForBit) {
  GrpoOptions options = Small();
  options.objective.kl_coefficient = GetParam();
  options.reference_interval = 4;  // in the middle of the third step
  options.updates = 2;
  options.bias_rate = 1e-3;
  options.balance_factor = 1e-3;
  GrpoRun whole(options);
  const std::vector<double> expected = whole.Steps(5);
  for (const int before : {0, 2, 3}) {
    const fs::path path = folder_ / std::to_string(before);
    std::vector<double> numbers;
    {
      GrpoRun first(options);
      numbers = first.Steps(before);
      first.grpo.Save(path, "run");
    }
    GrpoRun second(options);
    EXPECT_THROW(second.grpo.Load(path, "another"), Error);
    second.grpo.Load(path, "run");
    EXPECT_EQ(second.grpo.steps_done(), before);
    for (const double value : second.Steps(5 - before)) numbers.push_back(value);
    EXPECT_EQ(numbers, expected) << before;
    EXPECT_EQ(second.Values(), whole.Values()) << before;
  }
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutReference, GrpoResume, ::testing::Values(0.0, 0.1));

TEST(Grpo, TheReferenceHoldsThePolicyBackAndIsReplaced) {
  GrpoOptions options = Small();
  options.objective.kl_coefficient = 0.1;
  options.reference_interval = 3;
  GrpoRun run(options);
  std::vector<double> kl;
  for (int i = 0; i < 5; ++i) kl.push_back(run.grpo.Step().kl);
  EXPECT_LT(kl[0], 1e-9) << "the policy is its own reference";
  EXPECT_GT(kl[1], 1e-7);
  EXPECT_GT(kl[2], kl[1]);
  EXPECT_LT(kl[3], 1e-9) << "replaced after three updates";
  EXPECT_GT(kl[4], 1e-7);

  options.reference_interval = 1000;
  options.schedule.peak = 5e-4;
  options.objective.kl_coefficient = 3;
  GrpoRun held(options);
  options.objective.kl_coefficient = 1e-9;
  GrpoRun loose(options);
  double held_kl = 0, loose_kl = 0;
  for (int i = 0; i < 16; ++i) {
    held_kl = held.grpo.Step().kl;
    loose_kl = loose.grpo.Step().kl;
  }
  EXPECT_LT(held_kl, loose_kl * 0.7);
}

TEST(Grpo, AStepOfUniformGroupsChangesNothingAndSaysSo) {
  GrpoOptions options = Small();
  options.bias_rate = 1e-3;
  options.optimiser.weight_decay = 0.5;
  GrpoRun run(options, Toy([](const Rollout&) { return Outcome{1, 1}; }));
  const std::vector<float> before = run.Values();
  const GrpoReport report = run.grpo.Step();
  EXPECT_NEAR(report.dropped_groups, 1.0, 1e-12);
  EXPECT_EQ(report.trained_replies, 0);
  EXPECT_EQ(report.updates, 0);
  EXPECT_DOUBLE_EQ(report.pass_1, 1.0);
  EXPECT_EQ(report.loss, 0);
  EXPECT_EQ(run.Values(), before);
  EXPECT_EQ(run.grpo.steps_done(), 1);
  EXPECT_EQ(run.grpo.Step().step, 1);
}

TEST(Grpo, SomeGroupsAreDropped) {
  // Only replies to prompts 3 to 6 of seven can differ.
  GrpoOptions options = Small();
  options.prompts = 7;
  int calls = 0;
  GrpoRun run(options, Toy([&](const Rollout& reply) {
                return Outcome{calls++ / 6 < 3 ? 1.0 : Even(reply).accuracy, 0};
              }));
  const GrpoReport report = run.grpo.Step();
  EXPECT_GE(report.dropped_groups, 3.0 / 7 - 1e-9);
  EXPECT_LT(report.dropped_groups, 1.0);
  EXPECT_LE(report.trained_replies, 24);
  // In the way of the paper they stay, and weigh nothing but in the mean.
  calls = 0;
  options.drop_uniform_groups = false;
  GrpoRun kept(options, Toy([&](const Rollout& reply) {
                 return Outcome{calls++ / 6 < 3 ? 1.0 : Even(reply).accuracy, 0};
               }));
  const GrpoReport all = kept.grpo.Step();
  EXPECT_EQ(all.dropped_groups, 0);
  EXPECT_EQ(all.trained_replies, 42);
  EXPECT_NEAR(all.gradient_norm * 42,
              report.gradient_norm * static_cast<double>(report.trained_replies),
              1e-3 * report.gradient_norm * 42);
}

TEST(Grpo, TruncatedRepliesAreMaskedButCountInTheMean) {
  GrpoOptions options = Small();
  options.mask_truncated = true;
  std::vector<int32_t> stops;
  for (int32_t id = 0; id < 83; id += 9) stops.push_back(id);
  GrpoRun run(options, Toy(Even, stops));
  const GrpoReport report = run.grpo.Step();
  EXPECT_GT(report.truncated, 0.0);
  EXPECT_LT(report.truncated, 1.0);
  const double groups_left = 1.0 - report.dropped_groups;
  EXPECT_LT(report.trained_replies, 24 * groups_left);
  EXPECT_GT(report.trained_replies, 0);

  options.mask_truncated = false;
  GrpoRun unmasked(options, Toy(Even, stops));
  const GrpoReport all = unmasked.grpo.Step();
  EXPECT_EQ(all.reward, report.reward);
  EXPECT_GT(all.trained_replies, report.trained_replies);

  options.mask_truncated = true;
  GrpoRun cut(options, Toy(Even));  // nothing ends a reply
  const std::vector<float> before = cut.Values();
  const GrpoReport none = cut.grpo.Step();
  EXPECT_EQ(none.truncated, 1.0);
  EXPECT_EQ(none.trained_replies, 0);
  EXPECT_EQ(cut.Values(), before);
}

TEST(Grpo, NumbersThatAreNoneAreNamed) {
  const auto expect = [](GrpoRun& run, const std::string& what) {
    try {
      run.grpo.Step();
      FAIL() << what;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInternal);
      EXPECT_THAT(error.message(), HasSubstr("step 1 has a value that is no number"));
      EXPECT_THAT(error.message(), HasSubstr(what));
    }
  };
  for (const char* tensor :
       {"model.layers.1.self_attn.o_proj.weight", "model.layers.1.input_layernorm.weight"}) {
    GrpoRun run;
    run.grpo.Step();
    ParameterSet& parameters = run.golden.model->parameters();
    parameters.values(parameters.IndexOf(tensor))[0] = std::numeric_limits<float>::quiet_NaN();
    expect(run, tensor);
  }
  // A rule that gives no number breaks the loss.
  int calls = 0;
  GrpoRun run(Small(), Toy([&](const Rollout& reply) {
                return ++calls > 30 ? Outcome{std::nan(""), 0} : Even(reply);
              }));
  run.grpo.Step();
  const std::vector<float> before = run.Values();
  expect(run, "gradient of model.embed_tokens.weight");
  EXPECT_EQ(run.Values(), before);
}

TEST(Grpo, OptionsWithoutSenseAreRefusedByName) {
  const auto expect = [](const std::function<void(GrpoOptions&)>& change, const char* name) {
    GrpoOptions options = Small();
    change(options);
    try {
      const GrpoRun run(options);
      FAIL() << name;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      EXPECT_THAT(error.message(), HasSubstr(name));
    }
  };
  expect([](GrpoOptions& o) { o.prompts = 0; }, "prompts is 0");
  expect([](GrpoOptions& o) { o.rollouts.samples = 1; }, "samples is 1, expected at least 2");
  expect([](GrpoOptions& o) { o.rollouts.temperature = 0; }, "temperature");
  expect([](GrpoOptions& o) { o.updates = 0; }, "updates");
  expect([](GrpoOptions& o) { o.objective.clip_low = -1; }, "clip_low");
  expect([](GrpoOptions& o) { o.objective.kl_coefficient = std::nan(""); }, "kl_coefficient");
  expect([](GrpoOptions& o) { o.largest_norm = 0; }, "largest_norm");
}

TEST(Grpo, ACancelledStepChangesNothing) {
  GrpoRun run;
  const std::vector<float> before = run.Values();
  CancelFlag cancelled = false;
  try {
    run.grpo.Step(&cancelled, [&](const RolloutProgress&) { cancelled = true; });
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
  EXPECT_EQ(run.Values(), before);
  EXPECT_EQ(run.grpo.steps_done(), 0);
  cancelled = false;
  run.grpo.Step(&cancelled);
  GrpoRun other;
  other.grpo.Step();
  EXPECT_EQ(run.Values(), other.Values());
}

TEST(Grpo, R1sOptionsAreThoseOfThePaperAndRun) {
  GrpoOptions options = R1Options();
  EXPECT_EQ(options.prompts * options.rollouts.samples, 8192);
  EXPECT_EQ(options.prompts / options.updates, 32);
  EXPECT_DOUBLE_EQ(options.schedule.At(0), 3e-6);
  EXPECT_DOUBLE_EQ(options.schedule.At(10400), 3e-6);
  options.prompts = 4;
  options.rollouts.samples = 4;
  options.rollouts.max_tokens = 6;
  GrpoRun run(options);
  const GrpoReport report = run.grpo.Step();
  EXPECT_EQ(report.updates, 16);
  EXPECT_EQ(report.trained_replies, 16);
}

}  // namespace
}  // namespace fathom
