#include "kernels/train/log_probability.h"

#include <algorithm>
#include <cmath>

namespace fathom {

float LogProbability(const float* logits, int64_t vocabulary, int64_t target,
                     float* log_sum) noexcept {
  const float largest = *std::max_element(logits, logits + vocabulary);
  double sum = 0;
  for (int64_t i = 0; i < vocabulary; ++i) sum += std::exp(logits[i] - largest);
  *log_sum = largest + static_cast<float>(std::log(sum));
  return logits[target] - *log_sum;
}

void LogProbabilityBackward(const float* logits, int64_t vocabulary, int64_t target, float log_sum,
                            float dlogprob, float* dlogits) noexcept {
  for (int64_t i = 0; i < vocabulary; ++i) {
    dlogits[i] -= dlogprob * std::exp(logits[i] - log_sum);
  }
  dlogits[target] += dlogprob;
}

}  // namespace fathom
