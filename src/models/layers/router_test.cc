// The choice of experts on cases worked out by hand; whole models compare it with the reference.
#include "models/layers/router.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <string>
#include <vector>

namespace fathom {
namespace {

using ::testing::Each;
using ::testing::IsNan;
using ::testing::Not;

struct Choice {
  std::vector<int32_t> experts;
  std::vector<float> weights;
};

Choice Ask(const RouterSpec& spec, const std::vector<float>& logits,
           const std::vector<float>& bias = {}) {
  Choice choice;
  choice.experts.resize(static_cast<std::size_t>(spec.used));
  choice.weights.resize(static_cast<std::size_t>(spec.used));
  Route(spec, logits.data(), bias.empty() ? nullptr : bias.data(), choice.experts.data(),
        choice.weights.data());
  return choice;
}

float Logit(double p) { return static_cast<float>(std::log(p / (1 - p))); }

RouterSpec Sigmoid() {
  RouterSpec spec;
  spec.experts = 6;
  spec.used = 2;
  spec.scores = RouterScores::kSigmoid;
  spec.groups = 3;
  spec.groups_used = 1;
  spec.group_score = GroupScore::kBestTwo;
  spec.normalize = true;
  spec.scale = 2.5;
  return spec;
}

TEST(Router, GroupsAreWorthTheirTwoBest) {
  // Group 0 has the best expert; group 1 the best pair.
  const std::vector<float> logits = {Logit(0.9), Logit(0.1), Logit(0.6),
                                     Logit(0.7), Logit(0.2), Logit(0.3)};
  const Choice two = Ask(Sigmoid(), logits);
  EXPECT_EQ(two.experts, (std::vector<int32_t>{2, 3}));
  EXPECT_NEAR(two.weights[0], 2.5 * 0.6 / 1.3, 1e-6);
  EXPECT_NEAR(two.weights[1], 2.5 * 0.7 / 1.3, 1e-6);
  RouterSpec best = Sigmoid();
  best.group_score = GroupScore::kBest;
  EXPECT_EQ(Ask(best, logits).experts, (std::vector<int32_t>{0, 1}));
}

TEST(Router, BiasChoosesButDoesNotWeigh) {
  RouterSpec spec = Sigmoid();
  spec.groups = 1;
  const std::vector<float> logits = {Logit(0.9), Logit(0.1), Logit(0.6),
                                     Logit(0.7), Logit(0.2), Logit(0.3)};
  const Choice choice = Ask(spec, logits, {0, 1, 0, 0, 0, 0});
  EXPECT_EQ(choice.experts, (std::vector<int32_t>{0, 1}));
  EXPECT_NEAR(choice.weights[0], 2.5 * 0.9, 1e-6);
  EXPECT_NEAR(choice.weights[1], 2.5 * 0.1, 1e-6);
}

// A closed group stays closed even where everything in the open one is negative.
TEST(Router, NegativeChoicesStayInTheirGroup) {
  const Choice choice = Ask(Sigmoid(), std::vector<float>(6, 0.0F), {-4, -4, -2, -2, -3, -1.5});
  EXPECT_EQ(choice.experts, (std::vector<int32_t>{2, 3}));
}

TEST(Router, SoftmaxWithoutRenormalising) {
  RouterSpec spec;
  spec.experts = 4;
  spec.used = 2;
  spec.scale = 16.0;
  const Choice choice = Ask(spec, {std::log(4.0F), 0.0F, std::log(3.0F), std::log(2.0F)});
  EXPECT_EQ(choice.experts, (std::vector<int32_t>{0, 2}));
  EXPECT_NEAR(choice.weights[0], 16.0 * 0.4, 1e-5);
  EXPECT_NEAR(choice.weights[1], 16.0 * 0.3, 1e-5);
}

TEST(Router, OfEqualsTheFirst) {
  EXPECT_EQ(Ask(Sigmoid(), std::vector<float>(6, 0.0F)).experts, (std::vector<int32_t>{0, 1}));
}

TEST(Router, AnyLogitsGiveDistinctExperts) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  for (const RouterScores scores : {RouterScores::kSoftmax, RouterScores::kSigmoid}) {
    RouterSpec spec = Sigmoid();
    spec.scores = scores;
    spec.groups_used = 2;
    spec.used = 4;
    for (const std::vector<float>& logits : {std::vector<float>{nan, nan, nan, nan, nan, nan},
                                             {nan, 1, nan, 2, inf, -inf},
                                             {inf, inf, inf, inf, inf, inf},
                                             {-inf, -inf, -inf, -inf, -inf, -inf}}) {
      const Choice choice = Ask(spec, logits);
      for (std::size_t i = 0; i < choice.experts.size(); ++i) {
        EXPECT_GE(choice.experts[i], 0);
        EXPECT_LT(choice.experts[i], 6);
        if (i > 0) {
          EXPECT_GT(choice.experts[i], choice.experts[i - 1]);
        }
      }
    }
  }
}

TEST(Router, WhatIsNotFiniteReachesTheWeightsWhicheverExpertItIsOf) {
  const std::vector<float> sound = {3, 2, 1, 0, -1, -2};
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (const RouterScores scores : {RouterScores::kSoftmax, RouterScores::kSigmoid}) {
    for (const int64_t groups_used : {1, 3}) {
      RouterSpec spec = Sigmoid();
      spec.scores = scores;
      spec.groups_used = groups_used;
      const std::vector<float> no_bias(sound.size(), 0.0F);
      EXPECT_THAT(Ask(spec, sound, no_bias).weights, Each(Not(IsNan())));
      for (const float broken : {std::nanf(""), kInfinity, -kInfinity}) {
        for (std::size_t e = 0; e < sound.size(); ++e) {
          std::vector<float> logits = sound, bias = no_bias;
          logits[e] = bias[e] = broken;
          EXPECT_THAT(Ask(spec, logits).weights, Each(IsNan()));
          EXPECT_THAT(Ask(spec, sound, bias).weights, Each(IsNan()));
        }
      }
    }
  }
}

TEST(Router, ProblemsAreNamed) {
  EXPECT_STREQ(ProblemOf(Sigmoid()).expected, "");
  const auto part = [](auto change) {
    RouterSpec spec = Sigmoid();
    change(spec);
    const RouterProblem problem = ProblemOf(spec);
    EXPECT_STRNE(problem.expected, "");
    return problem.part;
  };
  EXPECT_EQ(part([](RouterSpec& spec) { spec.experts = kMaxExperts + 1; }), RouterPart::kExperts);
  EXPECT_EQ(part([](RouterSpec& spec) { spec.used = 7; }), RouterPart::kUsed);
  EXPECT_EQ(part([](RouterSpec& spec) { spec.used = 3; }), RouterPart::kGroupsUsed);
  EXPECT_EQ(part([](RouterSpec& spec) { spec.groups = 4; }), RouterPart::kGroups);
  EXPECT_EQ(part([](RouterSpec& spec) { spec.groups_used = 4; }), RouterPart::kGroupsUsed);
  EXPECT_EQ(part([](RouterSpec& spec) { spec.groups = 6, spec.groups_used = 2; }),
            RouterPart::kGroups);
  EXPECT_EQ(part([](RouterSpec& spec) { spec.scale = 0; }), RouterPart::kScale);
}

}  // namespace
}  // namespace fathom
