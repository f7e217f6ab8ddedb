// Reading the weights of a model file, to find what no model means: infinities, NaN, and scales
// that are not positive. Binding a model reads the scales alone, since all would be the whole file.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "formats/model_file.h"

namespace fathom {

// Ends the name of the scales of a weight in FP8, of which each square has one.
inline constexpr std::string_view kScaleSuffix = ".weight_scale_inv";
// Throws Error(kInvalidFile) that names file and tensor for a scale that is no positive number.
void CheckScales(const ModelFile& file, const NamedTensor& scales);

// Throws Error(kInvalidFile) that names file, tensor and place of the first value that is not
// finite (of scaled weights: before their scales), and as CheckScales does. `go_on` hears after
// every few megabytes how many bytes of tensors are done; false ends the reading with
// Error(kCancelled).
void CheckWeights(const ModelFile& file, const std::function<bool(int64_t done)>& go_on);

}  // namespace fathom
