// What a model would need and how fast it would be on this machine, before anything is loaded: the
// planner (placement/plan.h) for a model file or directory.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "placement/plan.h"

namespace fathom {

struct PlanningOptions {
  PlanRequest request;
  const KernelTable* kernels = nullptr;  // required: the table that would run the model
  int threads = 0;                       // 0: one per physical core
  bool measure = true;                   // false: sizes only
  // Files whose disk may be timed in place of the model's, where they are on the same one and the
  // model's have no data.
  std::vector<std::filesystem::path> other_files;
};

// Reads headers and vectors only; measuring takes some seconds, reads some pieces of the model's
// data to time the disk, and forgets them. `name` is for the report; left empty it is that of the
// file. Throws Error as OpenModelFile, DescribeModel (for a model that cannot run), OutlineOf and
// MakePlan do.
PlacementPlan PlanModel(const std::filesystem::path& path, const std::string& name,
                        const PlanningOptions& options);

}  // namespace fathom
