// What a model is trained on: samples that are a pure function of their number, so that a run that
// was stopped goes on with the very same ones.
#pragma once

#include <cstdint>
#include <vector>

#include "models/training/trainable.h"

namespace fathom {

struct Sample {
  std::vector<int32_t> tokens;  // at least 2
  std::vector<float> weights;   // of each token as something to be predicted; empty: 1 for all
};

class SampleSource {
 public:
  virtual ~SampleSource() = default;
  // Sample number `index`, from 0 on, without end. May be called from one thread at a time.
  virtual Sample At(int64_t index) const = 0;
};

// Samples side by side in one pass.
struct SampleBatch {
  TrainingBatch tokens;
  std::vector<float> weights;  // one a token

  void Add(const Sample& sample);
  int64_t size() const { return static_cast<int64_t>(tokens.tokens.size()); }
};

// The samples from `first` on, until there are at least `step_tokens` tokens, in batches of at most
// `batch_tokens` each (a longer sample has a batch to itself). `first` becomes the next sample's.
// Throws Error(kInvalidArgument) that names a sample of fewer than two tokens or with one outside
// the vocabulary.
std::vector<SampleBatch> TakeSamples(const SampleSource& source, int64_t step_tokens,
                                     int64_t batch_tokens, int64_t vocabulary, int64_t& first);

}  // namespace fathom
