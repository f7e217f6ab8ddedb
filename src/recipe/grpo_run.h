// Reinforcement learning from rewards that rules give, by a recipe, in its output folder
// (run_steps.h). Not for: what a step is (grpo.h), showing anything, signals.
#pragma once

#include "recipe/grpo.h"
#include "recipe/recipe_config.h"
#include "recipe/training_run.h"

namespace fathom {

// `replies` (may be empty) is told how far the replies of a step are. Throws Error as StartModel,
// Grpo and RunSteps do.
TrainingOutcome RunGrpo(const GrpoRecipe& recipe, const TrainingHooks<GrpoReport>& hooks,
                        const std::function<void(const RolloutProgress&)>& replies);

}  // namespace fathom
