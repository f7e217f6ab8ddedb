// The values that training begins with. A value depends on the seed, the name of its tensor and its
// place in there alone: not on threads, on the order of tensors, or on what other tensors there
// are. Not for: reading weights, the biases of routers (no parameters: zero until they move).
#pragma once

#include <cstdint>

#include "models/training/parameters.h"

namespace fathom {

struct InitialiseOptions {
  // Of matrices, embedding and head; 0.006 is DeepSeek-V3's (arXiv 2412.19437, section 4.2).
  double standard_deviation = 0.006;
  uint64_t seed = 0;
};

// Gives every parameter its first value. Matrices, embedding and head (ParameterKind::kMatrix and
// kEmbedding) are normal with mean 0. Of the vectors, biases (names that end in ".bias") are 0 and
// weights of norms ("norm.weight") are 1; there are no others. Throws Error(kInvalidArgument) for
// a deviation that is no number above 0.
void Initialise(ParameterSet& parameters, const InitialiseOptions& options);

}  // namespace fathom
