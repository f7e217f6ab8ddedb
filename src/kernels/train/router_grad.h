// The weights of chosen experts from the router's logits, and the balance between experts, with
// their gradients. Which experts are chosen is decided elsewhere, and has no gradient.
#pragma once

#include <cstdint>

namespace fathom {

enum class ExpertScores : uint8_t { kSoftmax, kSigmoid };

struct ExpertWeighting {
  ExpertScores scores;
  int64_t experts;
  int64_t used;    // per token
  bool normalize;  // a token's weights add up to 1, before `scale`
  float scale;
};

// Scores of all experts of one token, [experts].
void ScoreExperts(const ExpertWeighting& spec, const float* logits, float* scores) noexcept;

// dlogits += the gradient of ScoreExperts.
void ScoreExpertsBackward(const ExpertWeighting& spec, const float* scores, const float* dscores,
                          float* dlogits) noexcept;

// weights[i] of the chosen experts from the scores of one token (arXiv 2412.19437, eq. 12-13).
void WeighExperts(const ExpertWeighting& spec, const float* scores, const int32_t* chosen,
                  float* weights) noexcept;

// dscores ([experts]) += the gradient of WeighExperts.
void WeighExpertsBackward(const ExpertWeighting& spec, const float* scores, const int32_t* chosen,
                          const float* dweights, float* dscores) noexcept;

// The balance of one sequence (arXiv 2412.19437, eq. 17-20) without its factor alpha: sum over
// experts of f_e P_e, with f_e = experts / (used * tokens) times how often e is chosen, and P_e the
// mean of its share of a token's scores. 1 when all is even. `scores` is [tokens][experts],
// `chosen` [tokens][used]; `frequencies` and `shares` are scratch and result, [experts] each.
double SequenceBalance(const ExpertWeighting& spec, const float* scores, const int32_t* chosen,
                       int64_t tokens, double* frequencies, double* shares) noexcept;

// dscores ([tokens][experts]) += factor times the gradient of SequenceBalance.
void SequenceBalanceBackward(const ExpertWeighting& spec, const float* scores,
                             const double* frequencies, int64_t tokens, double factor,
                             float* dscores) noexcept;

}  // namespace fathom
