#include "train/samples.h"

#include <string>

#include "base/check.h"
#include "base/error.h"

namespace fathom {

void SampleBatch::Add(const Sample& sample) {
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
                                     int64_t batch_tokens, int64_t vocabulary, int64_t& first) {
  std::vector<SampleBatch> batches;
  for (int64_t taken = 0; taken < step_tokens; ++first) {
    const Sample sample = source.At(first);
    const auto length = static_cast<int64_t>(sample.tokens.size());
    if (length < 2) {
      throw Error(ErrorCode::kInvalidArgument, "sample " + std::to_string(first) + " has " +
                                                   std::to_string(length) +
                                                   " tokens, expected at least 2");
    }
    for (const int32_t token : sample.tokens) {
      if (token >= 0 && token < vocabulary) continue;
      throw Error(ErrorCode::kInvalidArgument, "sample " + std::to_string(first) + " has token " +
                                                   std::to_string(token) + ", expected 0 to " +
                                                   std::to_string(vocabulary - 1));
    }
    if (batches.empty() || batches.back().size() + length > batch_tokens) batches.emplace_back();
    batches.back().Add(sample);
    taken += length;
  }
  return batches;
}

}  // namespace fathom
