// The tasks of src/grade as something to be learnt by reinforcement: rules alone say what a reply
// is worth (arXiv 2501.12948, section 2.2.2), no model does. Accuracy is Grade's verdict with
// strict extraction, so that an answer must be marked to count. Format is a marked answer behind
// one thinking that ended, in a reply that ended.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "recipe/grpo.h"
#include "recipe/task_format.h"
#include "recipe/task_mixture.h"

namespace fathom {

class TaskRewards final : public PolicyTask {
 public:
  // Both outlive it.
  TaskRewards(const TaskMixture& problems, const TaskFormat& format)
      : problems_(problems), format_(format) {}

  std::vector<int32_t> Prompt(int64_t index) const override;
  std::vector<Outcome> Judge(int64_t index, std::span<const Rollout> replies) const override;
  std::span<const int32_t> stops() const override { return format_.stops(); }

 private:
  const TaskMixture& problems_;
  const TaskFormat& format_;
};

}  // namespace fathom
