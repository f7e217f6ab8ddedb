#include "recipe/task_rewards.h"

#include <algorithm>

#include "grade/grade.h"

namespace fathom {

std::vector<int32_t> TaskRewards::Prompt(int64_t index) const {
  return format_.Prompt(problems_.At(index));
}

std::vector<Outcome> TaskRewards::Judge(int64_t index, std::span<const Rollout> replies) const {
  const Problem problem = problems_.At(index);
  const int32_t end = format_.end_of_thinking();
  std::vector<Outcome> outcomes;
  for (const Rollout& reply : replies) {
    const GradedReply graded = Grade(problem, format_.ReplyText(reply.tokens), Extraction::kStrict);
    // In a vocabulary without the token there is no thinking that could be told from the reply.
    const bool thought = end < 0 || std::ranges::count(reply.tokens, end) == 1;
    const bool formatted = graded.formatted && thought && !reply.truncated;
    outcomes.push_back({graded.correct ? 1.0 : 0.0, formatted ? 1.0 : 0.0});
  }
  return outcomes;
}

}  // namespace fathom
