// Describes a model file to the planner (placement/weight_group.h) from its metadata and its
// tensors' names and shapes alone: no weight is read.
#pragma once

#include "formats/model_file.h"
#include "placement/weight_group.h"

namespace fathom {

// Throws Error(kUnsupported) for an architecture that is not known here and Error(kInvalidFile) for
// sizes that are missing or make no sense, for a tensor that the architecture does not have, and
// for a layer without its matrices; the message names file, key or tensor, expected and found.
ModelOutline OutlineOf(const ModelFile& file);

}  // namespace fathom
