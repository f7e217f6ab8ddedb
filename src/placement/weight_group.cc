// Owns: the names of roles and the sums over groups.
#include "placement/weight_group.h"

#include <array>
#include <cmath>

namespace fathom {
namespace {

struct RoleRow {
  WeightRole role;
  std::string_view name;
  std::string_view key;
};
constexpr std::array<RoleRow, kWeightRoleCount> kRoles = {{
    {WeightRole::kNorms, "norms", "norms"},
    {WeightRole::kAttention, "attention", "attention"},
    {WeightRole::kRouter, "router", "router"},
    {WeightRole::kSharedExperts, "shared experts", "shared_experts"},
    {WeightRole::kDense, "dense feed-forward", "dense_feed_forward"},
    {WeightRole::kHead, "head", "head"},
    {WeightRole::kRoutedExperts, "routed experts", "routed_experts"},
    {WeightRole::kEmbedding, "embedding", "embedding"},
    {WeightRole::kPrediction, "prediction layer", "prediction_layer"},
    {WeightRole::kUnused, "not used", "not_used"},
}};

void Add(const WeightGroup& group, WeightTotals& totals) {
  totals.parameters += group.parameters;
  totals.bytes += group.bytes;
  totals.made_bytes += group.made_bytes;
  if (group.role == WeightRole::kPrediction || group.role == WeightRole::kUnused) return;
  totals.bytes_per_token += static_cast<double>(group.bytes_read()) * group.share_per_token();
  // Looking up a row of the embedding computes nothing.
  if (group.role == WeightRole::kEmbedding) return;
  totals.active_parameters += static_cast<double>(group.parameters) * group.share_per_token();
}

}  // namespace

std::string_view RoleName(WeightRole role) { return kRoles[static_cast<std::size_t>(role)].name; }
std::string_view RoleKey(WeightRole role) { return kRoles[static_cast<std::size_t>(role)].key; }

WeightTotals TotalsOf(const ModelOutline& model, WeightRole role) {
  WeightTotals totals;
  for (const WeightGroup& group : model.groups) {
    if (group.role == role) Add(group, totals);
  }
  return totals;
}

WeightTotals TotalsOf(const ModelOutline& model) {
  WeightTotals totals;
  for (const WeightGroup& group : model.groups) {
    if (group.role == WeightRole::kPrediction || group.role == WeightRole::kUnused) continue;
    Add(group, totals);
  }
  return totals;
}

double ExpectedDistinct(int64_t choices, int64_t used, double tokens) {
  const double untouched = 1.0 - static_cast<double>(used) / static_cast<double>(choices);
  return static_cast<double>(choices) * (1.0 - std::pow(untouched, tokens));
}

}  // namespace fathom
