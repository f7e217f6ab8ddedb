#include "kernels/train/router_grad.h"

#include <algorithm>
#include <cmath>

namespace fathom {
namespace {

// Added to the sum that weights are divided by, as the models' own routers do.
constexpr double kSmallestSum = 1e-20;

double SumOfChosen(const ExpertWeighting& spec, const float* scores, const int32_t* chosen) {
  double sum = kSmallestSum;
  for (int64_t i = 0; i < spec.used; ++i) sum += scores[chosen[i]];
  return sum;
}

double SumOfScores(const ExpertWeighting& spec, const float* scores) {
  double sum = kSmallestSum;
  for (int64_t e = 0; e < spec.experts; ++e) sum += scores[e];
  return sum;
}

}  // namespace

void ScoreExperts(const ExpertWeighting& spec, const float* logits, float* scores) noexcept {
  if (spec.scores == ExpertScores::kSigmoid) {
    for (int64_t e = 0; e < spec.experts; ++e) {
      scores[e] = static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(logits[e]))));
    }
    return;
  }
  const double largest = *std::max_element(logits, logits + spec.experts);
  double total = 0;
  for (int64_t e = 0; e < spec.experts; ++e) total += std::exp(logits[e] - largest);
  for (int64_t e = 0; e < spec.experts; ++e) {
    scores[e] = static_cast<float>(std::exp(logits[e] - largest) / total);
  }
}

void ScoreExpertsBackward(const ExpertWeighting& spec, const float* scores, const float* dscores,
                          float* dlogits) noexcept {
  if (spec.scores == ExpertScores::kSigmoid) {
    for (int64_t e = 0; e < spec.experts; ++e) {
      dlogits[e] += dscores[e] * scores[e] * (1.0F - scores[e]);
    }
    return;
  }
  double mean = 0;
  for (int64_t e = 0; e < spec.experts; ++e) mean += static_cast<double>(dscores[e]) * scores[e];
  for (int64_t e = 0; e < spec.experts; ++e) {
    dlogits[e] += static_cast<float>(scores[e] * (dscores[e] - mean));
  }
}

void WeighExperts(const ExpertWeighting& spec, const float* scores, const int32_t* chosen,
                  float* weights) noexcept {
  const double divisor = spec.normalize ? SumOfChosen(spec, scores, chosen) : 1.0;
  for (int64_t i = 0; i < spec.used; ++i) {
    weights[i] = static_cast<float>(scores[chosen[i]] / divisor * spec.scale);
  }
}

void WeighExpertsBackward(const ExpertWeighting& spec, const float* scores, const int32_t* chosen,
                          const float* dweights, float* dscores) noexcept {
  double divisor = 1.0, mean = 0.0;
  if (spec.normalize) {
    divisor = SumOfChosen(spec, scores, chosen);
    for (int64_t i = 0; i < spec.used; ++i) {
      mean += static_cast<double>(dweights[i]) * scores[chosen[i]] / divisor;
    }
  }
  for (int64_t i = 0; i < spec.used; ++i) {
    dscores[chosen[i]] += static_cast<float>(spec.scale * (dweights[i] - mean) / divisor);
  }
}

double SequenceBalance(const ExpertWeighting& spec, const float* scores, const int32_t* chosen,
                       int64_t tokens, double* frequencies, double* shares) noexcept {
  std::fill_n(frequencies, spec.experts, 0.0);
  std::fill_n(shares, spec.experts, 0.0);
  for (int64_t t = 0; t < tokens; ++t) {
    const float* row = scores + t * spec.experts;
    const double sum = SumOfScores(spec, row) * static_cast<double>(tokens);
    for (int64_t e = 0; e < spec.experts; ++e) shares[e] += row[e] / sum;
    for (int64_t i = 0; i < spec.used; ++i) frequencies[chosen[t * spec.used + i]] += 1.0;
  }
  double balance = 0;
  for (int64_t e = 0; e < spec.experts; ++e) {
    frequencies[e] *= static_cast<double>(spec.experts) / static_cast<double>(spec.used * tokens);
    balance += frequencies[e] * shares[e];
  }
  return balance;
}

void SequenceBalanceBackward(const ExpertWeighting& spec, const float* scores,
                             const double* frequencies, int64_t tokens, double factor,
                             float* dscores) noexcept {
  for (int64_t t = 0; t < tokens; ++t) {
    const float* row = scores + t * spec.experts;
    const double sum = SumOfScores(spec, row);
    double mean = 0;
    for (int64_t e = 0; e < spec.experts; ++e) mean += frequencies[e] * row[e] / sum;
    for (int64_t e = 0; e < spec.experts; ++e) {
      dscores[t * spec.experts + e] += static_cast<float>(factor * (frequencies[e] - mean) /
                                                          (sum * static_cast<double>(tokens)));
    }
  }
}

}  // namespace fathom
