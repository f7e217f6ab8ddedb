// Log-probabilities of given tokens under softmax of a row of logits, and their gradient.
#pragma once

#include <cstdint>

namespace fathom {

// log softmax(logits)[target], of one row. Writes the log of the sum of exponentials.
float LogProbability(const float* logits, int64_t vocabulary, int64_t target,
                     float* log_sum) noexcept;

// dlogits += dlogprob * (1 at target - softmax(logits)).
void LogProbabilityBackward(const float* logits, int64_t vocabulary, int64_t target, float log_sum,
                            float dlogprob, float* dlogits) noexcept;

}  // namespace fathom
