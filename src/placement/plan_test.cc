// The planner's arithmetic, with costs and machines made up so that results can be worked out by
// hand.
#include "placement/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.h"

namespace fathom {
namespace {

using ::testing::HasSubstr;

// Costs of round numbers, and a note of what was asked.
class FakeCosts final : public StepCosts {
 public:
  double MatrixSeconds(const WeightGroup& group, int64_t rows, int64_t together) override {
    if (group.chosen()) experts_together.push_back(together);
    // A microsecond for each output feature, and for each row half of that again.
    return 1e-6 * static_cast<double>(group.rows) * (1 + 0.5 * static_cast<double>(rows - 1));
  }
  double PairSeconds(const AttentionOutline&, CacheType, int64_t, int64_t, int64_t) override {
    return 1e-6;
  }
  double LayerSeconds(const ModelOutline&, int64_t rows) override {
    return 1e-4 * static_cast<double>(rows);
  }
  double ChoiceSeconds(const ModelOutline&) override { return 1e-3; }

  std::vector<int64_t> experts_together;
};

WeightGroup Group(WeightRole role, int64_t rows, int64_t columns, int64_t matrices) {
  WeightGroup group;
  group.name = std::string(RoleKey(role));
  group.role = role;
  group.format = Format::kF16;
  group.rows = rows;
  group.columns = columns;
  group.matrices = matrices;
  group.parameters = rows * columns * matrices;
  group.bytes = 2 * group.parameters;
  return group;
}

// Two layers with 8 experts, of which a token uses 2; a cache of 64 values per token and layer.
ModelOutline Small() {
  ModelOutline model;
  model.layers = 2;
  model.hidden = 1000;
  model.vocabulary = 5000;
  model.context_length = 4096;
  model.attention = {.latent = true, .heads = 4, .width = 64, .value_width = 48};
  model.groups = {
      Group(WeightRole::kEmbedding, 5000, 1000, 1), Group(WeightRole::kAttention, 1000, 1000, 2),
      Group(WeightRole::kRoutedExperts, 2000, 1000, 16), Group(WeightRole::kHead, 5000, 1000, 1),
      Group(WeightRole::kPrediction, 100, 1000, 1)};
  model.groups[0].choices = 5000;
  model.groups[0].multiplied = false;
  model.groups[2].choices = 8;
  model.groups[2].used = 2;
  return model;
}

Machine MachineWith(int64_t memory, double disk = 0) {
  Machine machine;
  machine.memory_total = machine.memory_available = memory;
  machine.read_bandwidth = 10e9;
  machine.disk.mapped = disk;
  return machine;
}

constexpr int64_t kMuch = int64_t{1} << 40;

TEST(PlanTest, ExpectedDistinctExperts) {
  EXPECT_DOUBLE_EQ(ExpectedDistinct(256, 8, 1), 8);
  // 64 (1 - (58/64)^2)
  EXPECT_DOUBLE_EQ(ExpectedDistinct(64, 6, 2), 11.4375);
  EXPECT_NEAR(ExpectedDistinct(256, 8, 512), 256, 1e-4);
  EXPECT_DOUBLE_EQ(ExpectedDistinct(1, 1, 7), 1);
}

TEST(PlanTest, Sizes) {
  const PlacementPlan plan =
      MakePlan(Small(), MachineWith(kMuch), {.context = 100, .users = 3}, nullptr);
  EXPECT_EQ(plan.all.parameters, 5'000'000 + 2'000'000 + 32'000'000 + 5'000'000);
  // Attention, a quarter of the experts and the head.
  EXPECT_EQ(plan.all.active_parameters, 2'000'000 + 8'000'000 + 5'000'000);
  EXPECT_EQ(plan.all.bytes_per_token, 2 * 15'000'000 + 2 * 1000);
  EXPECT_EQ(plan.cache_bytes_per_token, 2 * 64 * 2);
  EXPECT_EQ(plan.cache_bytes, 3 * 128 * 256);  // whole pages of 32 tokens
  EXPECT_EQ(plan.needed_bytes, 88'000'000 + plan.cache_bytes + plan.working_bytes);
  EXPECT_EQ(plan.always_bytes, 14'000'000 + plan.cache_bytes + plan.working_bytes);
  EXPECT_EQ(plan.verdict, Verdict::kFits);
  EXPECT_FALSE(plan.measured);
  ASSERT_EQ(plan.parts.size(), 5u);
  EXPECT_EQ(plan.parts.front().role, WeightRole::kAttention);
  EXPECT_EQ(plan.parts.back().role, WeightRole::kPrediction);
  EXPECT_EQ(plan.parts.back().home, Home::kNowhere);
  // A wider cache.
  EXPECT_EQ(MakePlan(Small(), MachineWith(kMuch),
                     {.context = 100, .users = 3, .cache_type = CacheType::kF32}, nullptr)
                .cache_bytes,
            2 * plan.cache_bytes);
}

TEST(PlanTest, R1CachesItsPublishedBytesPerToken) {
  ModelOutline model = Small();
  model.layers = 61;
  model.context_length = 163840;
  model.attention = {.latent = true, .heads = 128, .width = 576, .value_width = 512};
  const PlacementPlan plan =
      MakePlan(model, MachineWith(kMuch), {.context = 32768, .users = 2}, nullptr);
  EXPECT_EQ(plan.cache_bytes_per_token, 70272);
  EXPECT_EQ(plan.cache_bytes, int64_t{2} * 32768 * 70272);
}

TEST(PlanTest, DecodeIsTheSumOfItsParts) {
  FakeCosts costs;
  const PlacementPlan plan = MakePlan(Small(), MachineWith(kMuch), {.context = 999}, &costs);
  ASSERT_EQ(plan.decode.size(), 2u);
  const SpeedEstimate& near = plan.decode[0];
  const SpeedEstimate& far = plan.decode[1];
  EXPECT_EQ(near.position, 128);
  EXPECT_EQ(far.position, 999);
  // 2 x 1000, 2 layers x 2 experts x 2000 and 5000 features, a microsecond each.
  EXPECT_NEAR(far.weights.seconds, 15e-3, 1e-9);
  EXPECT_EQ(far.weights.bytes, 30'002'000);
  EXPECT_NEAR(far.cache.seconds, 2 * 1000 * 1e-6, 1e-9);
  EXPECT_EQ(far.cache.bytes, 1000 * 256);
  EXPECT_NEAR(near.cache.seconds, 2 * 129 * 1e-6, 1e-9);
  EXPECT_NEAR(far.other_seconds, 2 * 1e-4 + 1e-3, 1e-9);
  EXPECT_EQ(far.disk.bytes, 0);
  EXPECT_NEAR(far.tokens_per_second(), 1 / (15e-3 + 2e-3 + 1.2e-3), 1e-6);
  EXPECT_EQ(far.products, 2 * 15'000'000);
}

TEST(PlanTest, UsersShareTheWeights) {
  FakeCosts costs;
  const PlacementPlan plan =
      MakePlan(Small(), MachineWith(kMuch), {.context = 128, .users = 4}, &costs);
  ASSERT_EQ(plan.decode.size(), 1u);
  const SpeedEstimate& e = plan.decode[0];
  // 8 (1 - (3/4)^4) different experts for 8 choices: 1.463 rows each.
  const double distinct = 8 * (1 - 0.31640625);
  EXPECT_DOUBLE_EQ(e.distinct_experts, distinct);
  EXPECT_EQ(costs.experts_together.front(), 5);
  const double dense = (2 * 1000 + 5000) * 1e-6 * (1 + 0.5 * 3);
  const double experts = 2 * distinct * 2000e-6 * (1 + 0.5 * (8 / distinct - 1));
  EXPECT_NEAR(e.weights.seconds, dense + experts, 1e-9);
  EXPECT_EQ(e.tokens, 4);
  EXPECT_NEAR(e.cache.seconds, 2 * 4 * 129 * 1e-6, 1e-9);
}

TEST(PlanTest, PrefillGoesInSteps) {
  FakeCosts costs;
  const PlacementPlan plan =
      MakePlan(Small(), MachineWith(kMuch), {.context = 1100, .step_tokens = 400}, &costs);
  ASSERT_EQ(plan.prefill.size(), 2u);
  const SpeedEstimate& e = plan.prefill[1];
  EXPECT_EQ(e.position, 1100);
  // Two steps of 400 rows and one of 300, and the head for the last row of all.
  const auto step = [&](double rows) {
    const double distinct = ExpectedDistinct(8, 2, rows);
    const double rows_each = 2 * rows / distinct;  // a whole number, as good as
    return 2 * 1000e-6 * (1 + 0.5 * (rows - 1)) +
           2 * distinct * 2000e-6 * (1 + 0.5 * (rows_each - 1));
  };
  EXPECT_NEAR(e.weights.seconds, 2 * step(400) + step(300) + 5000e-6, 1e-6);
  EXPECT_NEAR(e.cache.seconds, 2 * 1100 * 1101 / 2 * 1e-6, 1e-9);
  EXPECT_NEAR(e.other_seconds, 2 * 1100 * 1e-4 + 1e-3, 1e-9);
  // Two operations for each weight and token, the head once.
  EXPECT_NEAR(e.products, 2 * (10e6 * 1100 + 5e6), 1);
}

TEST(PlanTest, ExpertsThatDoNotFitAreReadFromTheDisk) {
  const PlanRequest request{.context = 128};
  const PlacementPlan whole = MakePlan(Small(), MachineWith(kMuch), request, nullptr);
  EXPECT_EQ(MakePlan(Small(), MachineWith(whole.needed_bytes), request, nullptr).verdict,
            Verdict::kFits);
  EXPECT_EQ(MakePlan(Small(), MachineWith(whole.needed_bytes - 1), request, nullptr).verdict,
            Verdict::kFromDisk);
  // Room for a quarter of the 64 MB of experts.
  FakeCosts costs;
  const PlacementPlan plan =
      MakePlan(Small(), MachineWith(whole.always_bytes + 16'000'000, 1e9), request, &costs);
  EXPECT_EQ(plan.verdict, Verdict::kFromDisk);
  EXPECT_DOUBLE_EQ(plan.resident_experts, 0.25);
  // A token uses 2 of 8: 16 MB, of which three quarters are not there.
  EXPECT_NEAR(plan.decode[0].disk.bytes, 12e6, 1e-3);
  EXPECT_NEAR(plan.decode[0].disk.seconds, 12e-3, 1e-9);
  EXPECT_NEAR(plan.prefill[0].disk.bytes, 48e6, 1);  // all experts, in the one step there is
  EXPECT_EQ(plan.remedy.memory_needed, whole.needed_bytes);
  EXPECT_NEAR(plan.load_seconds, 0.088, 1e-9);
  // 30 MB of room for 44 M parameters.
  EXPECT_NEAR(plan.remedy.bits_per_weight, 30e6 * 8 / 44e6, 1e-6);
  EXPECT_EQ(plan.remedy.format, "Q4_K");
  const auto home = [&](WeightRole role) {
    for (const PlanPart& part : plan.parts) {
      if (part.role == role) return part.home;
    }
    return Home::kNowhere;
  };
  EXPECT_EQ(home(WeightRole::kHead), Home::kMemory);
  EXPECT_EQ(home(WeightRole::kRoutedExperts), Home::kMemoryAndDisk);
  EXPECT_EQ(home(WeightRole::kEmbedding), Home::kDisk);
}

TEST(PlanTest, WeightsThatEveryTokenNeeds) {
  const PlanRequest request{.context = 128};
  const PlacementPlan whole = MakePlan(Small(), MachineWith(kMuch), request, nullptr);
  FakeCosts costs;
  const PlacementPlan dense =
      MakePlan(Small(), MachineWith(whole.always_bytes - 1'000'000, 1e9), request, &costs);
  EXPECT_EQ(dense.verdict, Verdict::kDenseFromDisk);
  EXPECT_DOUBLE_EQ(dense.resident_experts, 0);
  EXPECT_NEAR(dense.decode[0].disk.bytes, 16e6 + 1e6, 1e-3);
  const PlacementPlan none = MakePlan(
      Small(), MachineWith(whole.cache_bytes + whole.working_bytes - 1, 1e9), request, nullptr);
  EXPECT_EQ(none.verdict, Verdict::kWillNotFit);
  EXPECT_EQ(none.remedy.bits_per_weight, 0);
  EXPECT_EQ(none.remedy.format, "");
}

TEST(PlanTest, WhatLoadingMakesStaysInMemory) {
  ModelOutline model = Small();
  WeightGroup keys = Group(WeightRole::kAttention, 512, 128, 8);
  keys.format = Format::kF32;
  keys.bytes = 300'000;
  keys.made_bytes = 4 * keys.parameters;
  model.groups.push_back(keys);
  const PlanRequest request{.context = 128};
  const PlacementPlan with = MakePlan(model, MachineWith(kMuch), request, nullptr);
  const PlacementPlan without = MakePlan(Small(), MachineWith(kMuch), request, nullptr);
  EXPECT_EQ(with.needed_bytes - with.working_bytes,
            without.needed_bytes - without.working_bytes + keys.made_bytes);
  EXPECT_EQ(with.all.bytes, without.all.bytes + 300'000);
  EXPECT_EQ(with.all.bytes_per_token,
            without.all.bytes_per_token + static_cast<double>(keys.made_bytes));
}

TEST(PlanTest, DefaultContextIsWhatAQuarterOfMemoryHolds) {
  const ModelOutline model = Small();
  EXPECT_EQ(DefaultContext(model, kMuch, CacheType::kF16, 1), 4096);
  const int64_t page = 32 * 256;
  EXPECT_EQ(DefaultContext(model, 4 * 10 * page + 5, CacheType::kF16, 1), 320);
  EXPECT_EQ(DefaultContext(model, 4 * 10 * page, CacheType::kF16, 5), 64);
  EXPECT_EQ(DefaultContext(model, 0, CacheType::kF16, 1), 32);
  EXPECT_EQ(MakePlan(model, MachineWith(4 * 10 * page), {}, nullptr).request.context, 320);
}

TEST(PlanTest, RequestsThatMakeNoSense) {
  const auto error = [](const PlanRequest& request) {
    try {
      MakePlan(Small(), MachineWith(kMuch), request, nullptr);
    } catch (const Error& e) {
      return std::string(ErrorCodeName(e.code())) + ": " + e.message();
    }
    return std::string();
  };
  EXPECT_THAT(error({.users = 0}), HasSubstr("invalid_argument: there are 0 users"));
  EXPECT_EQ(error({.context = 4097}),
            "context_overflow: a context of 4097 tokens was asked for, but the model is made for "
            "4096");
  // Sizes beyond all numbers end as sizes that do not fit.
  ModelOutline endless = Small();
  endless.context_length = int64_t{1} << 31;
  endless.layers = 4096;
  const PlacementPlan plan = MakePlan(endless, MachineWith(kMuch),
                                      {.context = int64_t{1} << 31, .users = 1 << 20}, nullptr);
  EXPECT_EQ(plan.verdict, Verdict::kWillNotFit);
}

}  // namespace
}  // namespace fathom
