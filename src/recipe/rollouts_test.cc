#include "recipe/rollouts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "base/error.h"
#include "models/testing/training_golden.h"
#include "recipe/policy.h"

namespace fathom {
namespace {

using Groups = std::vector<std::vector<Rollout>>;

const std::vector<std::vector<int32_t>>& Prompts() {
  static const std::vector<std::vector<int32_t>> kPrompts = [] {
    std::vector<std::vector<int32_t>> prompts;
    for (int32_t length : {3, 40, 70, 33, 5, 32}) {
      std::vector<int32_t>& prompt = prompts.emplace_back();
      for (int32_t i = 0; i < length; ++i) prompt.push_back((7 * length + 3 * i) % 83);
    }
    return prompts;
  }();
  return kPrompts;
}

const std::vector<int32_t> kStops = {4, 9, 31};
const RolloutOptions kOptions{.samples = 5, .max_tokens = 40, .seed = 12};

struct Sampled {
  TrainingGolden golden{"deepseek_v3"};
  Policy policy;
  explicit Sampled(int threads = 2, int64_t sequences = 8)
      : policy(*golden.model, *golden.file,
               {.threads = threads, .max_sequences = sequences, .context_length = 200}) {
    policy.Refresh();
  }
  Groups Sample(const RolloutOptions& options = kOptions, int64_t step = 3) {
    return SampleRollouts(policy.engine(), Prompts(), kStops, options, step);
  }
};

TEST(Rollouts, AreTheSameAloneInCompanyAndWithAnyNumberOfThreads) {
  const Groups expected = Sampled(1, 1).Sample();
  ASSERT_EQ(expected.size(), Prompts().size());
  std::set<std::vector<int32_t>> different;
  int64_t truncated = 0, replies = 0;
  for (const std::vector<Rollout>& group : expected) {
    ASSERT_EQ(group.size(), 5U);
    for (const Rollout& rollout : group) {
      ASSERT_FALSE(rollout.tokens.empty());
      ASSERT_EQ(rollout.tokens.size(), rollout.log_probs.size());
      EXPECT_LE(rollout.tokens.size(), 40U);
      const bool stopped = std::ranges::count(kStops, rollout.tokens.back()) > 0;
      EXPECT_NE(stopped, rollout.truncated);
      for (std::size_t i = 0; i + 1 < rollout.tokens.size(); ++i) {
        EXPECT_EQ(std::ranges::count(kStops, rollout.tokens[i]), 0);
      }
      for (const float value : rollout.log_probs) EXPECT_LT(value, 0.0F);
      different.insert(rollout.tokens);
      truncated += rollout.truncated;
      ++replies;
    }
  }
  EXPECT_GT(different.size(), 25U);
  EXPECT_GT(truncated, 0);
  EXPECT_LT(truncated, replies);
  EXPECT_EQ(Sampled(2, 8).Sample(), expected);
  EXPECT_EQ(Sampled(2, 64).Sample(), expected);
  Sampled again(2, 3);
  EXPECT_EQ(again.Sample(), expected);
  EXPECT_EQ(again.Sample(), expected) << "with a cache that is warm";
}

TEST(Rollouts, DependOnSeedAndStep) {
  Sampled sampled;
  const Groups first = sampled.Sample();
  EXPECT_NE(sampled.Sample(kOptions, 4), first);
  RolloutOptions other = kOptions;
  other.seed = 13;
  EXPECT_NE(sampled.Sample(other), first);
  std::set<uint64_t> seeds;
  for (int64_t i = 0; i < 4; ++i) {
    seeds.insert({RolloutSeed(static_cast<uint64_t>(i), 9, 9, 9), RolloutSeed(9, i, 9, 9),
                  RolloutSeed(9, 9, i, 9), RolloutSeed(9, 9, 9, i)});
  }
  EXPECT_EQ(seeds.size(), 16U);
}

TEST(Rollouts, SamplesOfOnePromptShareItsPages) {
  Sampled sampled;
  RolloutOptions options = kOptions;
  options.samples = 16;
  sampled.Sample(options);
  int64_t prompt_tokens = 0;
  for (const auto& prompt : Prompts()) prompt_tokens += static_cast<int64_t>(prompt.size());
  const EngineStats stats = sampled.policy.engine().stats();
  // Each sample evaluates the last token of its prompt, and the rest is evaluated once: 279 tokens
  // and not 2928. A page that the small cache gave away meanwhile is evaluated again.
  EXPECT_LE(stats.prompt_tokens, 2 * (prompt_tokens + 16 * static_cast<int64_t>(Prompts().size())));
}

TEST(Rollouts, GreedyOnesAreOneAndTellTheirProgress) {
  Sampled sampled;
  RolloutOptions options = kOptions;
  options.samples = 2;
  options.temperature = 0;
  std::vector<RolloutProgress> told;
  const Groups groups =
      SampleRollouts(sampled.policy.engine(), Prompts(), kStops, options, 0, nullptr,
                     [&](const RolloutProgress& progress) { told.push_back(progress); });
  for (const auto& group : groups) EXPECT_TRUE(group[0] == group[1]);
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told.back().done, 12);
  EXPECT_EQ(told.back().total, 12);
  int64_t tokens = 0;
  for (const auto& group : groups) {
    for (const Rollout& rollout : group) tokens += static_cast<int64_t>(rollout.tokens.size());
  }
  EXPECT_EQ(told.back().tokens, tokens);
  EXPECT_EQ(told.back().RemainingSeconds(), 0);
}

TEST(Rollouts, EndWhenCancelledAndWithTheEnginesErrors) {
  Sampled sampled;
  Engine& engine = sampled.policy.engine();
  CancelFlag cancelled = false;
  const auto code_of = [&](const std::vector<std::vector<int32_t>>& prompts) {
    try {
      SampleRollouts(engine, prompts, {}, {.samples = 40, .max_tokens = 150}, 0, &cancelled,
                     [&](const RolloutProgress&) { cancelled = true; });
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code_of(Prompts()), ErrorCode::kCancelled);
  cancelled = false;
  EXPECT_EQ(code_of({{1, 2}, {}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of({{1, 2}, {83}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of({{1, 2}, std::vector<int32_t>(200, 1)}), ErrorCode::kContextOverflow);
  EXPECT_EQ(sampled.Sample(), Sampled(1, 2).Sample()) << "and goes on";
  EXPECT_THROW(sampled.Sample({.samples = 0}), Error);
  EXPECT_THROW(sampled.Sample({.max_tokens = 0}), Error);
}

}  // namespace
}  // namespace fathom
