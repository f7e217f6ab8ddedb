// What every optimiser is to training: it makes steps from gradients, and its state can be kept in
// a checkpoint and gone on with bit for bit. Not for: gradients, clipping, schedules
// (optimiser_step.h, schedule.h).
#pragma once

#include <cstdint>
#include <vector>

#include "base/thread_pool.h"
#include "models/training/parameters.h"
#include "train/checkpoint.h"

namespace fathom {

class Optimiser {
 public:
  virtual ~Optimiser() = default;

  // One step with the set's gradients times `gradient_scale`, at that learning rate. The bits of
  // the result do not depend on the number of threads.
  virtual void Step(ThreadPool& pool, ParameterSet& parameters, double learning_rate,
                    double gradient_scale) = 0;

  virtual int64_t steps() const = 0;
  // The state beside the number of steps, to be kept, and to be filled before Resume. The names
  // differ from those of every other optimiser, so that a checkpoint is of one alone.
  virtual std::vector<CheckpointSection> Sections() const = 0;
  // Goes on behind that many steps.
  virtual void Resume(int64_t steps) = 0;
};

}  // namespace fathom
