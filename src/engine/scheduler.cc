#include "engine/scheduler.h"

#include <algorithm>

namespace fathom {

void PlanStep(const SchedulerLimits& limits, std::span<const SequenceDemand> demands,
              std::vector<StepShare>& plan) {
  plan.clear();
  int64_t rows = limits.step_tokens;
  int64_t logits = limits.logit_rows;
  const auto take = [&](std::size_t index, int64_t tokens) {
    plan.push_back({static_cast<int32_t>(index), tokens});
    rows -= tokens;
    logits -= demands[index].all_logits ? tokens : 1;
  };
  for (std::size_t i = 0; i < demands.size() && rows > 0 && logits > 0; ++i) {
    if (demands[i].pending == 1) take(i, 1);
  }
  if (!plan.empty()) rows = std::min(rows, limits.prefill_beside_decode);
  for (std::size_t i = 0; i < demands.size() && rows > 0 && logits > 0; ++i) {
    if (demands[i].pending == 1) continue;
    const int64_t most = demands[i].all_logits ? std::min(rows, logits) : rows;
    take(i, std::min(demands[i].pending, most));
  }
}

}  // namespace fathom
