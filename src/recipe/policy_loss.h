// The objective of GRPO (Shao et al., DeepSeekMath, arXiv 2402.03300, eq. 3 and 4), token by token,
// with its published variants. Pure functions of log-probabilities; no model, no tape.
#pragma once

#include <optional>
#include <span>
#include <vector>

namespace fathom {

struct PolicyObjective {
  // The ratio counts between 1 - clip_low and 1 + clip_high. The paper has one epsilon for both;
  // DAPO ("clip-higher", arXiv 2503.14476, section 3.1) 0.2 and 0.28.
  double clip_low = 0.2;
  double clip_high = 0.28;
  double kl_coefficient = 0;  // beta; 0: no reference
};

// What one token adds, before its share in the mean.
struct TokenLoss {
  double loss = 0;       // -min(r A, clip(r) A) + beta k3, with r = exp(log_prob - old)
  double gradient = 0;   // of that with respect to log_prob
  double kl = 0;         // k3 = exp(ref - log_prob) - (ref - log_prob) - 1, eq. 4
  bool clipped = false;  // the clipped ratio was taken, so nothing is learnt from the advantage
};

// `old` is the log-probability under the policy that sampled, by the trainer's own forward pass;
// `reference` that of the reference policy, needed when kl_coefficient is above 0.
//
// The gradient is exact, and whatever depends on the parameters does so through log_prob alone:
//   d/dx of exp(x - old) A is r A where the ratio itself is the smaller one, and 0 where its bound
//   is, since a bound is constant;
//   d/dx of exp(ref - x) - (ref - x) - 1 is 1 - exp(ref - x).
// By the chain rule the gradient of the whole objective is the sum over tokens of this number times
// the gradient of the token's log-probability. So a loss that is that sum, with the numbers held
// fixed, has the gradient of the objective though not its value, and needs no operation of its own
// on the tape. On the bounds themselves, where there is no derivative, the ratio's is taken.
TokenLoss PolicyTokenLoss(const PolicyObjective& objective, double advantage, double log_prob,
                          double old, std::optional<double> reference = std::nullopt);

// A reward less the mean of its group; with `divide` over the group's standard deviation (that of
// the population, 1/G) as eq. 3 has it. Without, as Dr. GRPO (arXiv 2503.20783, section 3.1): the
// division weighs groups that are almost solved or almost hopeless above the others. All zero when
// the rewards are equal.
std::vector<double> Advantages(std::span<const double> rewards, bool divide);

// Whether a group's rewards are all the same: it has no advantages.
bool IsUniform(std::span<const double> rewards);

}  // namespace fathom
