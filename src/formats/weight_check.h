// Reading all weights of a model file, to find what no model means: infinities and NaN. Binding a
// model does not do that, since it would read the whole file.
#pragma once

#include <cstdint>
#include <functional>

#include "formats/model_file.h"

namespace fathom {

// Throws Error(kInvalidFile) that names file, tensor and place of the first value that is not
// finite (of scaled weights: before their scales). `go_on` hears after every few megabytes how many
// bytes of tensors are done; false ends the reading with Error(kCancelled).
void CheckWeights(const ModelFile& file, const std::function<bool(int64_t done)>& go_on);

}  // namespace fathom
