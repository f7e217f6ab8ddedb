// Which experts of a mixture a token goes to, and with which weights: the choice behind the
// router's product, for one token, from its logits alone. Scoring, grouping and renormalising are
// data, so that an architecture picks its own; the product itself is an ordinary linear layer.
#pragma once

#include <cstdint>
#include <vector>

namespace fathom {

inline constexpr int64_t kMaxExperts = 1024;
inline constexpr int64_t kMaxExpertsUsed = 64;

enum class RouterScores : uint8_t {
  kSoftmax,  // DeepSeek-V2, arXiv 2405.04434, section 2.2
  kSigmoid,  // DeepSeek-V3, arXiv 2412.19437, section 2.1.2
};

// What a group of experts is worth when only the best groups are open.
enum class GroupScore : uint8_t {
  kBest,     // its best expert: "group_limited_greedy"
  kBestTwo,  // the sum of its two best experts: "noaux_tc"
};

struct RouterSpec {
  int64_t experts = 0;
  int64_t used = 0;  // per token
  RouterScores scores = RouterScores::kSoftmax;
  int64_t groups = 1;       // of experts / groups neighbouring experts
  int64_t groups_used = 1;  // groups that are open to a token
  GroupScore group_score = GroupScore::kBest;
  bool normalize = false;  // the weights of a token add up to 1, before `scale`
  double scale = 1.0;
};

enum class RouterPart : uint8_t { kExperts, kUsed, kGroups, kGroupsUsed, kScale };

struct RouterProblem {
  RouterPart part = RouterPart::kExperts;  // what has to change
  const char* expected = "";               // empty: nothing is wrong
};

// Whether the spec can be used.
RouterProblem ProblemOf(const RouterSpec& spec);

// Writes the `used` chosen experts in ascending order and their weights. `bias` ([experts], or
// null) is added to the scores for choosing only; the weights are made of the scores without it. Of
// equals the one with the lower number wins. Any logits give distinct experts; one that is not
// finite, or such a bias, makes all weights NaN, so that it reaches what is computed.
void Route(const RouterSpec& spec, const float* logits, const float* bias, int32_t* experts,
           float* weights) noexcept;

}  // namespace fathom
