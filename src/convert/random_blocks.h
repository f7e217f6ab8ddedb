// Owns: random weights in a storage format, made in that format at once, without float32 in
// between. The bytes depend on the seed, the name and the place in the tensor alone. Not for:
// quantising.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "tensor/format.h"

namespace fathom {

// Whether MakeRandomBlocks knows the format.
bool CanBeRandom(Format format);

// A source of blocks of one format whose values have mean 0 and the standard deviation asked for
// (within a few percent), or mean `mean` for the plain formats.
class RandomBlocks {
 public:
  virtual ~RandomBlocks() = default;
  // Fills whole blocks from a generator that starts at `state`. Safe from many threads.
  virtual void Fill(uint64_t state, std::span<std::byte> blocks) const noexcept = 0;
};

// Throws Error(kUnsupported) for a format that is not known here.
std::unique_ptr<RandomBlocks> MakeRandomBlocks(Format format, double deviation, double mean = 0);

// The state that belongs to piece `piece` of the tensor `name` under `seed`.
uint64_t RandomState(uint64_t seed, std::string_view name, uint64_t piece);

// The standard deviation of MakeRandomBlocks' E4M3 values before their scale: large enough to use
// the format's range, small enough that none is cut.
inline constexpr double kFloat8Deviation = 100.0;

}  // namespace fathom
