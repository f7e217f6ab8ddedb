#include "engine/scheduler.h"

#include <gtest/gtest.h>

namespace fathom {
namespace {

std::vector<std::pair<int, int>> Plan(const SchedulerLimits& limits,
                                      const std::vector<SequenceDemand>& demands) {
  std::vector<StepShare> plan;
  PlanStep(limits, demands, plan);
  std::vector<std::pair<int, int>> shares;
  for (const StepShare& share : plan) {
    shares.emplace_back(share.sequence, static_cast<int>(share.tokens));
  }
  return shares;
}

using Shares = std::vector<std::pair<int, int>>;

TEST(Scheduler, NothingToDo) { EXPECT_EQ(Plan({}, {}), Shares{}); }

TEST(Scheduler, ReadsAPromptInChunks) {
  const SchedulerLimits limits{.step_tokens = 100, .logit_rows = 8, .prefill_beside_decode = 10};
  EXPECT_EQ(Plan(limits, {{250, false}}), (Shares{{0, 100}}));
  EXPECT_EQ(Plan(limits, {{50, false}}), (Shares{{0, 50}}));
}

TEST(Scheduler, DecodesComeFirstAndKeepPromptsShort) {
  const SchedulerLimits limits{.step_tokens = 100, .logit_rows = 8, .prefill_beside_decode = 10};
  EXPECT_EQ(Plan(limits, {{250, false}, {1, false}, {1, false}}),
            (Shares{{1, 1}, {2, 1}, {0, 10}}));
}

TEST(Scheduler, SeveralPromptsShareAStep) {
  const SchedulerLimits limits{.step_tokens = 100, .logit_rows = 8, .prefill_beside_decode = 10};
  EXPECT_EQ(Plan(limits, {{30, false}, {40, false}, {50, false}}),
            (Shares{{0, 30}, {1, 40}, {2, 30}}));
}

TEST(Scheduler, LogitRowsAreBounded) {
  const SchedulerLimits limits{.step_tokens = 100, .logit_rows = 8, .prefill_beside_decode = 10};
  EXPECT_EQ(Plan(limits, {{50, true}, {50, false}}), (Shares{{0, 8}}));
  EXPECT_EQ(Plan(limits, {{5, true}, {50, false}}), (Shares{{0, 5}, {1, 50}}));
  const std::vector<SequenceDemand> many(20, SequenceDemand{1, false});
  EXPECT_EQ(Plan(limits, many).size(), 8u);
}

TEST(Scheduler, RowsAreBounded) {
  const SchedulerLimits limits{.step_tokens = 4, .logit_rows = 64, .prefill_beside_decode = 10};
  const std::vector<SequenceDemand> many(20, SequenceDemand{1, false});
  EXPECT_EQ(Plan(limits, many).size(), 4u);
}

}  // namespace
}  // namespace fathom
