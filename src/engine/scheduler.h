// Decides what one step of the engine evaluates. Pure: state in, plan out; no model, no clock.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace fathom {

struct SchedulerLimits {
  int64_t step_tokens = 512;  // rows of one step
  int64_t logit_rows = 64;    // rows of one step whose logits are wanted
  // Rows of prompts in a step that also decodes: keeps running replies flowing while a long prompt
  // is read.
  int64_t prefill_beside_decode = 128;
};

// A running sequence as the scheduler sees it.
struct SequenceDemand {
  int64_t pending = 0;      // tokens not yet evaluated, at least 1; 1 for a sequence that decodes
  bool all_logits = false;  // every row's logits are wanted (scoring), not only the last one's
};

struct StepShare {
  int32_t sequence = 0;  // index into the demands
  int64_t tokens = 0;    // evaluated in this step, from the first pending one on
};

// Fills `plan` (cleared first; nothing is allocated when its capacity is demands.size()): every
// decoding sequence gets its token, then prompts are read in order of `demands` as far as the
// limits allow. At least one sequence gets something when there is one.
void PlanStep(const SchedulerLimits& limits, std::span<const SequenceDemand> demands,
              std::vector<StepShare>& plan);

}  // namespace fathom
