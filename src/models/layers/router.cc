#include "models/layers/router.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace fathom {
namespace {

// Added to the sum that weights are divided by, as in the reference: all scores may be zero.
constexpr double kSmallestSum = 1e-20;

void Score(const RouterSpec& spec, const float* logits, float* scores) {
  if (spec.scores == RouterScores::kSigmoid) {
    for (int64_t e = 0; e < spec.experts; ++e) {
      scores[e] = static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(logits[e]))));
    }
    return;
  }
  const double largest = *std::max_element(logits, logits + spec.experts);
  double total = 0.0;
  for (int64_t e = 0; e < spec.experts; ++e) total += std::exp(logits[e] - largest);
  for (int64_t e = 0; e < spec.experts; ++e) {
    scores[e] = static_cast<float>(std::exp(logits[e] - largest) / total);
  }
}

// The index of the greatest open value; of equals and among NaNs the first. There is one open.
int64_t TakeBest(const float* values, bool* open, int64_t count) {
  int64_t best = -1;
  for (int64_t i = 0; i < count; ++i) {
    if (open[i] && (best < 0 || values[i] > values[best])) best = i;
  }
  open[best] = false;
  return best;
}

float ScoreOfGroup(const RouterSpec& spec, const float* choice) {
  float best = -std::numeric_limits<float>::infinity(), second = best;
  for (int64_t i = 0; i < spec.experts / spec.groups; ++i) {
    if (choice[i] > best) {
      second = best;
      best = choice[i];
    } else if (choice[i] > second) {
      second = choice[i];
    }
  }
  return spec.group_score == GroupScore::kBest ? best : best + second;
}

// Opens the experts of the best groups.
void OpenGroups(const RouterSpec& spec, const float* choice, bool* open) {
  const int64_t size = spec.experts / spec.groups;
  if (spec.groups_used == spec.groups) {
    std::fill_n(open, spec.experts, true);
    return;
  }
  float scores[kMaxExperts];
  bool groups_open[kMaxExperts];
  for (int64_t g = 0; g < spec.groups; ++g) scores[g] = ScoreOfGroup(spec, choice + g * size);
  std::fill_n(groups_open, spec.groups, true);
  std::fill_n(open, spec.experts, false);
  for (int64_t i = 0; i < spec.groups_used; ++i) {
    std::fill_n(open + TakeBest(scores, groups_open, spec.groups) * size, size, true);
  }
}

}  // namespace

RouterProblem ProblemOf(const RouterSpec& spec) {
  if (spec.experts < 1 || spec.experts > kMaxExperts) {
    return {RouterPart::kExperts, "expected 1 to 1024 experts"};
  }
  if (spec.used < 1 || spec.used > kMaxExpertsUsed || spec.used > spec.experts) {
    return {RouterPart::kUsed, "expected 1 to 64 experts per token, and no more than there are"};
  }
  if (spec.groups < 1 || spec.experts % spec.groups != 0) {
    return {RouterPart::kGroups, "expected a number of groups that divides the number of experts"};
  }
  if (spec.groups_used < 1 || spec.groups_used > spec.groups) {
    return {RouterPart::kGroupsUsed,
            "expected at least one open group, and no more than there are"};
  }
  const int64_t size = spec.experts / spec.groups;
  if (spec.groups_used * size < spec.used) {
    return {RouterPart::kGroupsUsed,
            "expected the open groups to hold as many experts as a token uses"};
  }
  if (spec.groups_used < spec.groups && spec.group_score == GroupScore::kBestTwo && size < 2) {
    return {RouterPart::kGroups, "expected at least two experts in a group"};
  }
  if (!(std::isfinite(spec.scale) && spec.scale > 0)) {
    return {RouterPart::kScale, "expected a positive scale of weights"};
  }
  return {};
}

void Route(const RouterSpec& spec, const float* logits, const float* bias, int32_t* experts,
           float* weights) noexcept {
  float scores[kMaxExperts];
  float choice[kMaxExperts];
  bool open[kMaxExperts];
  Score(spec, logits, scores);
  bool finite = true;
  for (int64_t e = 0; e < spec.experts; ++e) {
    choice[e] = bias == nullptr ? scores[e] : scores[e] + bias[e];
    finite &= std::isfinite(logits[e]) && std::isfinite(choice[e]);
  }
  OpenGroups(spec, choice, open);
  for (int64_t i = 0; i < spec.used; ++i) {
    experts[i] = static_cast<int32_t>(TakeBest(choice, open, spec.experts));
  }
  std::sort(experts, experts + spec.used);
  double divisor = 1.0;
  if (spec.normalize) {
    divisor = kSmallestSum;
    for (int64_t i = 0; i < spec.used; ++i) divisor += scores[experts[i]];
  }
  for (int64_t i = 0; i < spec.used; ++i) {
    weights[i] = static_cast<float>(scores[experts[i]] / divisor * spec.scale);
  }
  // A NaN loses every comparison, and an infinity has an ordinary score: without this broken
  // weights would only choose other experts.
  if (!finite) std::fill_n(weights, spec.used, std::numeric_limits<float>::quiet_NaN());
}

}  // namespace fathom
