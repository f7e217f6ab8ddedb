#include "train/samples.h"

#include "base/check.h"

namespace fathom {

void SampleBatch::Add(const Sample& sample) {
  CHECK(sample.tokens.size() >= 2);
  CHECK(sample.weights.empty() || sample.weights.size() == sample.tokens.size());
  if (tokens.spans.begins.empty()) tokens.spans.begins.push_back(0);
  tokens.tokens.insert(tokens.tokens.end(), sample.tokens.begin(), sample.tokens.end());
  tokens.spans.begins.push_back(size());
  if (sample.weights.empty()) {
    weights.resize(tokens.tokens.size(), 1.0F);
  } else {
    weights.insert(weights.end(), sample.weights.begin(), sample.weights.end());
  }
}

std::vector<SampleBatch> TakeSamples(const SampleSource& source, int64_t step_tokens,
                                     int64_t batch_tokens, int64_t& first) {
  std::vector<SampleBatch> batches;
  for (int64_t taken = 0; taken < step_tokens; ++first) {
    const Sample sample = source.At(first);
    const auto length = static_cast<int64_t>(sample.tokens.size());
    if (batches.empty() || batches.back().size() + length > batch_tokens) batches.emplace_back();
    batches.back().Add(sample);
    taken += length;
  }
  return batches;
}

}  // namespace fathom
