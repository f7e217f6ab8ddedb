#include "recipe/policy_loss.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <iterator>

#include "models/testing/training_golden.h"
#include "recipe/reply_pass.h"

namespace fathom {
namespace {

using ::testing::DoubleNear, ::testing::ElementsAre;

// The objective as the papers write it, to be differentiated numerically.
double Written(const PolicyObjective& o, double a, double p, double old, double ref) {
  const double r = std::exp(p - old);
  const double bounded = std::max(1 - o.clip_low, std::min(r, 1 + o.clip_high));
  const double k3 = std::exp(ref) / std::exp(p) - std::log(std::exp(ref) / std::exp(p)) - 1;
  return -std::min(r * a, bounded * a) + o.kl_coefficient * k3;
}

TEST(PolicyLoss, TokensHaveTheValueAndTheDerivativeOfTheFormula) {
  int clipped = 0, tokens = 0;
  for (const double beta : {0.0, 0.1}) {
    for (const auto& [low, high] : {std::pair{0.2, 0.28}, std::pair{10.0, 10.0}}) {
      const PolicyObjective objective{low, high, beta};
      for (const double a : {-2.0, -0.3, 0.0, 0.4, 1.5}) {
        for (const double p : {-3.0, -1.1, -0.7, -0.2}) {
          for (const double old : {-1.0, -0.5}) {
            const TokenLoss token = PolicyTokenLoss(objective, a, p, old, -0.9);
            EXPECT_NEAR(token.loss, Written(objective, a, p, old, -0.9), 1e-12);
            const double step = 1e-6;
            const double slope = (Written(objective, a, p + step, old, -0.9) -
                                  Written(objective, a, p - step, old, -0.9)) /
                                 (2 * step);
            EXPECT_NEAR(token.gradient, slope, 1e-6) << a << " " << p << " " << old;
            clipped += token.clipped;
            ++tokens;
          }
        }
      }
    }
  }
  EXPECT_GT(clipped, 8);
  EXPECT_LT(clipped, tokens / 2);
  // Of a ratio of 1 the gradient is the policy gradient, and exactly so.
  EXPECT_EQ(PolicyTokenLoss({}, 0.7, -1.3, -1.3).gradient, -0.7);
}

TEST(PolicyLoss, AdvantagesAreCentredAndDividedWhenAsked) {
  const std::vector<double> rewards = {1.0, 0.0, 0.0, 1.0, 0.5};
  EXPECT_THAT(Advantages(rewards, false),
              ElementsAre(DoubleNear(0.5, 1e-15), DoubleNear(-0.5, 1e-15), DoubleNear(-0.5, 1e-15),
                          DoubleNear(0.5, 1e-15), DoubleNear(0.0, 1e-15)));
  const double deviation = std::sqrt(4 * 0.25 / 5);
  EXPECT_THAT(Advantages(rewards, true)[0], DoubleNear(0.5 / deviation, 1e-12));
  EXPECT_THAT(Advantages(std::vector<double>{0.1, 0.1, 0.1}, true), ElementsAre(0, 0, 0));
  EXPECT_TRUE(IsUniform(std::vector<double>{0.1, 0.1, 0.1}));
  EXPECT_FALSE(IsUniform(rewards));
}

struct GrpoGolden {
  Json json;
  std::vector<float> gradients;
  std::vector<std::vector<int32_t>> prompts, tokens;
  std::vector<TrainedReply> replies;
  PolicyObjective objective;
  LossMean mean;

  explicit GrpoGolden(const std::string& name) {
    const std::filesystem::path folder =
        std::filesystem::path(FATHOM_SOURCE_DIR) / "tests/goldens/train";
    json = ParseJson(Bytes(folder / (name + ".json")), name);
    const std::string bytes = Bytes(folder / (name + ".bin"));
    gradients.resize(bytes.size() / sizeof(float));
    std::memcpy(gradients.data(), bytes.data(), bytes.size());
    objective = {json.at("clip_low").get<double>(), json.at("clip_high").get<double>(),
                 json.at("kl_coefficient").get<double>()};
    mean = json.at("mean") == "tokens" ? LossMean::kTokens : LossMean::kReplies;
    for (const Json& reply : json.at("replies")) {
      prompts.push_back(reply.at("prompt").get<std::vector<int32_t>>());
      tokens.push_back(reply.at("tokens").get<std::vector<int32_t>>());
      replies.push_back({.advantage = reply.at("advantage").get<double>(),
                         .old = reply.at("old").get<std::vector<float>>(),
                         .reference = reply.at("reference").get<std::vector<float>>()});
    }
    for (std::size_t i = 0; i < replies.size(); ++i) {
      replies[i].prompt = prompts[i];
      replies[i].tokens = tokens[i];
    }
  }

 private:
  static std::string Bytes(const std::filesystem::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
};

class GrpoGradients : public ::testing::TestWithParam<std::string> {};

TEST_P(GrpoGradients, AreThoseOfPyTorch) {
  GrpoGolden golden(GetParam());
  const ModelFile file = OpenGolden(golden.json.at("model").get<std::string>());
  const std::unique_ptr<TrainableModel> model = ReadTrainable(file);
  ThreadPool pool(2);
  autograd::Arena arena;
  Replies all;
  for (TrainedReply& reply : golden.replies) all.push_back(&reply);
  // In parts as in one.
  for (const int64_t rows : {1000, 36}) {
    model->parameters().ClearGradients();
    ObjectiveSums sums;
    const MeanOf mean(golden.mean, all);
    const std::vector<Replies> parts = PackReplies(all, rows);
    EXPECT_EQ(parts.size(), rows == 1000 ? 1U : 2U);
    for (const Replies& part : parts) {
      const ReplyPass pass(part);
      arena.Release({});
      autograd::Tape tape(pool, arena);
      const TrainingPass made = model->Forward(tape, pass.batch, {.predict_further = false});
      const autograd::Var log_probs = autograd::LogProbabilities(tape, made.logits, pass.targets);
      tape.Backward(ObjectiveOf(tape, log_probs, pass, part, golden.objective, mean, sums));
    }
    EXPECT_NEAR(sums.loss, golden.json.at("loss").get<double>(), 1e-5);
    EXPECT_EQ(sums.clipped, golden.json.at("clipped").get<int64_t>());
    EXPECT_EQ(sums.tokens, mean.tokens);
    const float* expected = golden.gradients.data();
    for (const Json& tensor : golden.json.at("tensors")) {
      const auto name = tensor.at("name").get<std::string>();
      const std::span<const float> found =
          model->parameters().gradients(model->parameters().IndexOf(name));
      ASSERT_EQ(found.size(), tensor.at("elements").get<std::size_t>()) << name;
      double error = 0, norm = 0;
      for (std::size_t i = 0; i < found.size(); ++i) {
        error += std::pow(static_cast<double>(found[i]) - expected[i], 2);
        norm += std::pow(expected[i], 2);
      }
      EXPECT_LE(std::sqrt(error), 1e-4 * std::sqrt(norm)) << name;
      expected += found.size();
    }
    EXPECT_EQ(expected, golden.gradients.data() + golden.gradients.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Goldens, GrpoGradients, ::testing::Values("grpo_tokens", "grpo_replies"));

}  // namespace
}  // namespace fathom
