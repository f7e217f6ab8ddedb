#include "train/initialise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "convert/random_blocks.h"
#include "models/testing/training_golden.h"

namespace fathom {
namespace {

const std::vector<ParameterShape>& Shapes() {
  static const std::vector<ParameterShape> kShapes = {
      {"model.embed_tokens.weight", ParameterKind::kEmbedding, 301, 33},
      {"model.layers.0.input_layernorm.weight", ParameterKind::kVector, 1, 33},
      {"model.layers.0.self_attn.q_proj.weight", ParameterKind::kMatrix, 130, 255},
      {"model.layers.0.self_attn.q_proj.bias", ParameterKind::kVector, 1, 130},
      {"model.norm.weight", ParameterKind::kVector, 1, 33}};
  return kShapes;
}

std::vector<float> Copy(std::span<const float> values) { return {values.begin(), values.end()}; }

TEST(Initialise, MatricesAreNormalNormsOneAndBiasesZero) {
  ParameterSet parameters(Shapes());
  Initialise(parameters, {.standard_deviation = 0.02, .seed = 5});
  for (const std::size_t i : {std::size_t{0}, std::size_t{2}}) {
    const std::span<const float> values = parameters.values(i);
    const auto count = static_cast<double>(values.size());
    double sum[5] = {};  // of powers of the value over the deviation
    int64_t within = 0;
    for (const float value : values) {
      const double z = value / 0.02;
      for (int power = 1; power <= 4; ++power) sum[power] += std::pow(z, power) / count;
      within += std::abs(z) < 1;
    }
    // Five standard errors of each moment's estimate: variances 1, 2, 15 and 96 over the count.
    EXPECT_NEAR(sum[1], 0, 5 * std::sqrt(1 / count));
    EXPECT_NEAR(sum[2], 1, 5 * std::sqrt(2 / count));
    EXPECT_NEAR(sum[3], 0, 5 * std::sqrt(15 / count));
    EXPECT_NEAR(sum[4], 3, 5 * std::sqrt(96 / count));
    const double share = std::erf(std::sqrt(0.5));  // within one deviation
    EXPECT_NEAR(static_cast<double>(within) / count, share,
                5 * std::sqrt(share * (1 - share) / count));
  }
  EXPECT_THAT(Copy(parameters.values(1)), ::testing::Each(1.0F));
  EXPECT_THAT(Copy(parameters.values(3)), ::testing::Each(0.0F));
  EXPECT_THAT(Copy(parameters.values(4)), ::testing::Each(1.0F));
}

TEST(Initialise, DependsOnSeedNameAndPlaceAlone) {
  ParameterSet parameters(Shapes());
  Initialise(parameters, {.seed = 5});
  std::vector<ParameterShape> reversed(Shapes().rbegin(), Shapes().rend());
  reversed.erase(reversed.begin());
  ParameterSet others(reversed);
  std::ranges::fill(others.values(), 7.0F);
  Initialise(others, {.seed = 5});
  for (std::size_t i = 0; i < reversed.size(); ++i) {
    const std::size_t same = parameters.IndexOf(reversed[i].name);
    EXPECT_EQ(Copy(others.values(i)), Copy(parameters.values(same))) << reversed[i].name;
  }
  // Another seed and another name give others.
  ParameterSet seeded(Shapes());
  Initialise(seeded, {.seed = 6});
  EXPECT_NE(Copy(seeded.values(0)), Copy(parameters.values(0)));
  ParameterSet named({{"lm_head.weight", ParameterKind::kEmbedding, 301, 33}});
  Initialise(named, {.seed = 5});
  EXPECT_NE(Copy(named.values(0)), Copy(parameters.values(0)));
}

TEST(Initialise, ElementsAreTheDrawsOfTheirTensorsKey) {
  ParameterSet parameters(Shapes());
  Initialise(parameters, {.standard_deviation = 0.5, .seed = 9});
  const std::span<const float> values = parameters.values(0);
  const uint64_t key = RandomState(9, "model.embed_tokens.weight", 0);
  const std::size_t last = values.size() - 1;
  for (const std::size_t e : {std::size_t{0}, std::size_t{1}, std::size_t{1002}, last}) {
    const auto draws = NormalsAt(key, {static_cast<uint32_t>(e / 4), 0, 0, 0});
    EXPECT_EQ(values[e], static_cast<float>(0.5 * draws[e % 4])) << e;
  }
}

TEST(Initialise, KnowsEveryTensorOfEveryModel) {
  for (const std::string& name : TrainingGoldenNames()) {
    TrainingGolden golden(name);
    ParameterSet& parameters = golden.model->parameters();
    std::ranges::fill(parameters.values(), std::numeric_limits<float>::quiet_NaN());
    Initialise(parameters, {.seed = 1});
    EXPECT_TRUE(std::ranges::all_of(parameters.values(), [](float v) { return std::isfinite(v); }));
  }
}

TEST(Initialise, RefusesADeviationThatIsNone) {
  ParameterSet parameters(Shapes());
  for (const double deviation : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    EXPECT_THROW(Initialise(parameters, {.standard_deviation = deviation}), Error);
  }
}

}  // namespace
}  // namespace fathom
