#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>
#include <numeric>

#include "base/random.h"

namespace fathom {
namespace {

using Logits = std::vector<float>;

int32_t Draw(const SamplingParams& params, Logits logits, std::vector<int32_t> context = {0},
             int64_t prompt_size = 1) {
  Sampler sampler(ReferenceKernels(), static_cast<int64_t>(logits.size()));
  return sampler.Sample(params, context, prompt_size, logits.data());
}

// Shares of `draws` draws, over as many positions.
std::map<int32_t, double> Shares(const SamplingParams& params, const Logits& logits, int draws) {
  Sampler sampler(ReferenceKernels(), static_cast<int64_t>(logits.size()));
  std::map<int32_t, double> shares;
  std::vector<int32_t> context = {0};
  for (int i = 0; i < draws; ++i) {
    Logits row = logits;
    context.push_back(0);
    shares[sampler.Sample(params, context, 1, row.data())] += 1.0 / draws;
  }
  return shares;
}

Logits FromProbabilities(const std::vector<double>& probabilities) {
  Logits logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

TEST(Sampler, GreedyTakesTheBestAndTheLowestIdOfEquals) {
  EXPECT_EQ(Draw({}, {1, 3, 2}), 1);
  EXPECT_EQ(Draw({}, {1, 3, 3}), 1);
  EXPECT_EQ(Draw({.temperature = 1, .top_k = 1}, {1, 3, 2}), 1);
}

TEST(Sampler, TemperatureOneDrawsTheDistribution) {
  const Logits logits = FromProbabilities({0.5, 0.3, 0.15, 0.05});
  const auto shares = Shares({.temperature = 1, .seed = 1}, logits, 20000);
  EXPECT_NEAR(shares.at(0), 0.5, 0.02);
  EXPECT_NEAR(shares.at(1), 0.3, 0.02);
  EXPECT_NEAR(shares.at(2), 0.15, 0.02);
  EXPECT_NEAR(shares.at(3), 0.05, 0.02);
}

TEST(Sampler, TemperatureSharpens) {
  const Logits logits = FromProbabilities({0.5, 0.3, 0.2});
  const auto shares = Shares({.temperature = 0.5, .seed = 1}, logits, 20000);
  EXPECT_NEAR(shares.at(0), 0.25 / 0.38, 0.02);
}

TEST(Sampler, ATinyTemperatureIsGreedy) {
  for (const float temperature : {1e-45f, 1e-40f, 1e-38f, 1e-30f}) {
    for (const float top_p : {1.0f, 0.9f}) {
      const SamplingParams params{.temperature = temperature, .top_p = top_p};
      EXPECT_EQ(Draw(params, {1, 2, 30, 29.99f}), 2) << temperature;
      EXPECT_EQ(Draw(params, {-30, -2, -1.5f, -40}), 2) << temperature;
      EXPECT_EQ(Draw(params, {-1, -2, 0, -1e-3f}), 2) << temperature;
    }
    const auto shares = Shares({.temperature = temperature, .seed = 1}, {7, 9, 9}, 2000);
    EXPECT_EQ(shares.size(), 2u);
    EXPECT_NEAR(shares.at(1), 0.5, 0.05);
  }
}

TEST(Sampler, TopKTopPAndMinPCutTheTail) {
  const Logits logits = FromProbabilities({0.05, 0.5, 0.15, 0.3});
  EXPECT_EQ(Shares({.temperature = 1, .top_k = 2, .seed = 1}, logits, 2000).size(), 2u);
  // 0.5 alone is below 0.6, so the next one still belongs.
  EXPECT_EQ(Shares({.temperature = 1, .top_p = 0.6f, .seed = 1}, logits, 2000).size(), 2u);
  EXPECT_EQ(Shares({.temperature = 1, .top_p = 0.0f, .seed = 1}, logits, 2000).size(), 1u);
  EXPECT_EQ(Shares({.temperature = 1, .min_p = 0.25f, .seed = 1}, logits, 2000).size(), 3u);
  // Top-p is a share of what top-k left: 0.5 / 0.8 is above 0.6.
  EXPECT_EQ(Shares({.temperature = 1, .top_k = 2, .top_p = 0.6f, .seed = 1}, logits, 2000).size(),
            1u);
}

TEST(Sampler, LargeFlatVocabularyIsSampledWhole) {
  const Logits logits(5000, 0.0f);
  double sum = 0;
  const auto shares = Shares({.temperature = 1, .top_p = 0.9f, .seed = 3}, logits, 4000);
  for (const auto& [id, share] : shares) {
    EXPECT_LT(id, 4501);  // 90 % of equals, lowest ids first
    sum += share * id;
  }
  EXPECT_NEAR(sum, 2250, 100);
}

TEST(Sampler, DrawDependsOnSeedAndPositionOnly) {
  Logits logits(100);
  for (std::size_t i = 0; i < logits.size(); ++i) logits[i] = static_cast<float>(UniformAt(5, i));
  const SamplingParams params{.temperature = 1, .seed = 9};
  const int32_t expected = Draw(params, logits, {1, 2, 3});
  EXPECT_EQ(Draw(params, logits, {4, 5, 6}), expected);
  int different = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    different += Draw({.temperature = 1, .seed = seed}, logits, {1, 2, 3}) != expected;
  }
  EXPECT_GT(different, 10);
}

TEST(Sampler, RepetitionPenaltyCountsPromptAndReplyOnce) {
  const SamplingParams params{.repetition_penalty = 2};
  EXPECT_EQ(Draw(params, {3, 2, 1}, {0}, 1), 1);        // 3 / 2 < 2
  EXPECT_EQ(Draw(params, {5, 2, 1}, {0, 0, 0}, 1), 0);  // not 5 / 8
  EXPECT_EQ(Draw(params, {-1, -1.5f, -3}, {0}, 1), 1);  // -1 * 2
}

TEST(Sampler, FrequencyAndPresenceCountTheReplyOnly) {
  EXPECT_EQ(Draw({.presence_penalty = 2}, {3, 2}, {0}, 1), 0);
  EXPECT_EQ(Draw({.presence_penalty = 2}, {3, 2}, {1, 0}, 1), 1);
  EXPECT_EQ(Draw({.frequency_penalty = 0.6f}, {3, 2}, {1, 0}, 1), 0);
  EXPECT_EQ(Draw({.frequency_penalty = 0.6f}, {3, 2}, {1, 0, 0}, 1), 1);
}

TEST(Sampler, CountsAreForgottenBetweenCalls) {
  Sampler sampler(ReferenceKernels(), 3);
  const SamplingParams params{.repetition_penalty = 2, .presence_penalty = 1};
  const std::vector<int32_t> context = {0, 1, 1};
  Logits first = {3, 2, 1}, second = {3, 2, 1};
  sampler.Sample(params, context, 1, first.data());
  sampler.Sample(params, context, 1, second.data());
  EXPECT_EQ(first, second);
}

TEST(Sampler, BrokenLogitsDoNotBreakTheSampler) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float temperature : {0.0f, 1.0f}) {
    for (const Logits& logits :
         {Logits{nan, nan, nan}, Logits{nan, 1, 2}, Logits{-infinity, -infinity, -infinity},
          Logits{infinity, 1, nan}}) {
      const int32_t id = Draw({.temperature = temperature, .top_p = 0.9f}, logits);
      EXPECT_GE(id, 0);
      EXPECT_LT(id, 3);
    }
  }
}

TEST(Sampler, LogprobsAreOfTheSoftmaxBestFirst) {
  Sampler sampler(ReferenceKernels(), 4);
  const Logits logits = FromProbabilities({0.05, 0.5, 0.15, 0.3});
  std::vector<TokenLogprob> top;
  EXPECT_NEAR(sampler.Logprob(logits.data(), 2, 3, top), std::log(0.15), 1e-5);
  ASSERT_EQ(top.size(), 3u);
  EXPECT_EQ(top[0].id, 1);
  EXPECT_EQ(top[1].id, 3);
  EXPECT_NEAR(top[1].logprob, std::log(0.3), 1e-5);
  sampler.Logprob(logits.data(), 2, 100, top);
  EXPECT_EQ(top.size(), 4u);
}

TEST(Sampler, ParametersAreChecked) {
  EXPECT_NO_THROW(Validate({.temperature = 0.6f, .top_k = 40, .top_p = 0.95f, .min_p = 0.05f}));
  EXPECT_THROW(Validate({.temperature = -1}), Error);
  EXPECT_THROW(Validate({.temperature = std::numeric_limits<float>::quiet_NaN()}), Error);
  EXPECT_THROW(Validate({.top_k = -1}), Error);
  EXPECT_THROW(Validate({.top_p = 1.5f}), Error);
  EXPECT_THROW(Validate({.min_p = -0.1f}), Error);
  EXPECT_THROW(Validate({.repetition_penalty = 0}), Error);
  EXPECT_THROW(Validate({.frequency_penalty = 1e9f}), Error);
}

}  // namespace
}  // namespace fathom
