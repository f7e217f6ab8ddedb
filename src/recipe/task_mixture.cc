#include "recipe/task_mixture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/random.h"

namespace fathom {

std::vector<MixtureEntry> AllTasks(double family_weight) {
  std::vector<MixtureEntry> entries;
  for (const Family& family : Families()) {
    for (int level = 1; level <= family.levels; ++level) {
      entries.push_back({std::string(family.name), level, family_weight / family.levels});
    }
  }
  return entries;
}

TaskMixture::TaskMixture(std::vector<MixtureEntry> entries, Split split, uint64_t seed)
    : entries_(std::move(entries)), split_(split), seed_(seed) {
  if (entries_.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "a mixture of no tasks, expected at least one family");
  }
  double total = 0;
  for (const MixtureEntry& entry : entries_) {
    const Family& family = FindFamily(entry.family);
    if (entry.level < 1 || entry.level > family.levels) {
      throw Error(ErrorCode::kInvalidArgument,
                  "the family '" + entry.family + "' has no level " + std::to_string(entry.level) +
                      ", expected 1 to " + std::to_string(family.levels));
    }
    total += entry.weight;
    if (!(entry.weight > 0) || !std::isfinite(total)) {
      throw Error(ErrorCode::kInvalidArgument, "the weight of the family '" + entry.family +
                                                   "' is " + std::to_string(entry.weight) +
                                                   ", expected a number above 0");
    }
    bounds_.push_back(total);
  }
}

Problem TaskMixture::At(int64_t index) const {
  // A block of Philox gives the entry, and the stream of draws that the problem is made of. The
  // last word keeps it apart from the counters of UniformAt (0) and Random (1).
  constexpr uint32_t kMixture = 2;
  const auto number = static_cast<uint64_t>(index);
  const std::array<uint32_t, 4> block =
      Philox4x32(seed_, {static_cast<uint32_t>(number), static_cast<uint32_t>(number >> 32),
                         split_ == Split::kTest ? 1U : 0U, kMixture});
  const double place = block[0] * 0x1p-32 * bounds_.back();
  const auto found = std::upper_bound(bounds_.begin(), bounds_.end(), place);
  // Rounding may put the place onto the very end.
  const auto chosen =
      std::min(static_cast<std::size_t>(found - bounds_.begin()), entries_.size() - 1);
  const MixtureEntry& entry = entries_[chosen];
  Random random(static_cast<uint64_t>(block[1]) << 32 | block[2], block[3]);
  return FindFamily(entry.family).Generate(entry.level, split_, random);
}

}  // namespace fathom
