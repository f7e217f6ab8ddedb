// Cosines and sines of the rotary embedding for every row of a training batch.
#pragma once

#include <cstddef>
#include <vector>

#include "models/layers/rope.h"
#include "models/training/trainable.h"

namespace fathom {

struct BatchAngles {
  std::vector<float> cosines, sines;  // [rows][rotary_dim / 2]

  BatchAngles() = default;
  BatchAngles(const RopeTable& rope, const TrainingBatch& batch) {
    const int64_t pairs = rope.rotary_dim() / 2;
    cosines.resize(batch.tokens.size() * static_cast<std::size_t>(pairs));
    sines.resize(cosines.size());
    for (int64_t i = 0; i < batch.spans.count(); ++i) {
      const int64_t first = batch.spans.begins[static_cast<std::size_t>(i)];
      for (int64_t t = 0; t < batch.spans.tokens(i); ++t) {
        rope.Angles(t, cosines.data() + (first + t) * pairs, sines.data() + (first + t) * pairs);
      }
    }
  }
};

}  // namespace fathom
