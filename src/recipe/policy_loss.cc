#include "recipe/policy_loss.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace fathom {

TokenLoss PolicyTokenLoss(const PolicyObjective& objective, double advantage, double log_prob,
                          double old, std::optional<double> reference) {
  TokenLoss token;
  const double ratio = std::exp(log_prob - old);
  const double bounded = std::clamp(ratio, 1.0 - objective.clip_low, 1.0 + objective.clip_high);
  token.clipped = bounded * advantage < ratio * advantage;
  token.loss = -(token.clipped ? bounded : ratio) * advantage;
  token.gradient = token.clipped ? 0.0 : -ratio * advantage;
  if (objective.kl_coefficient == 0) return token;
  CHECK(reference.has_value());
  const double away = *reference - log_prob;
  token.kl = std::exp(away) - away - 1.0;
  token.loss += objective.kl_coefficient * token.kl;
  token.gradient += objective.kl_coefficient * (1.0 - std::exp(away));
  return token;
}

std::vector<double> Advantages(std::span<const double> rewards, bool divide) {
  std::vector<double> advantages(rewards.size(), 0.0);
  if (IsUniform(rewards)) return advantages;
  const auto count = static_cast<double>(rewards.size());
  double mean = 0, squares = 0;
  for (const double reward : rewards) mean += reward / count;
  for (std::size_t i = 0; i < rewards.size(); ++i) {
    advantages[i] = rewards[i] - mean;
    squares += advantages[i] * advantages[i] / count;
  }
  if (!divide) return advantages;
  for (double& advantage : advantages) advantage /= std::sqrt(squares);
  return advantages;
}

bool IsUniform(std::span<const double> rewards) {
  return std::ranges::all_of(rewards, [&](double reward) { return reward == rewards.front(); });
}

}  // namespace fathom
