// The draws of the task generators: a stream of Philox bits (base/random.h) under a seed, the same
// on every machine and with every standard library. Not for: sampling of tokens, secrets.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/check.h"
#include "base/random.h"

namespace fathom {

class Random {
 public:
  explicit Random(uint64_t seed, uint32_t stream = 0) : seed_(seed), stream_(stream) {}

  uint32_t Bits() {
    if (left_ == 0) {
      // The last word keeps these draws apart from UniformAt's, which has 0 there.
      block_ = Philox4x32(
          seed_, {static_cast<uint32_t>(at_), static_cast<uint32_t>(at_ >> 32), stream_, 1});
      ++at_;
      left_ = block_.size();
    }
    return block_[--left_];
  }

  // An integer in [low, high], both included; high - low < 2^32.
  int64_t Between(int64_t low, int64_t high) {
    const auto count = static_cast<uint64_t>(high - low) + 1;
    return low + static_cast<int64_t>((Bits() * count) >> 32);
  }

  bool OneIn(int64_t n) { return Between(1, n) == 1; }

  // `list` is anything with operator[] and size(), and is not empty.
  template <typename List>
  const auto& Pick(const List& list) {
    return list[static_cast<std::size_t>(Between(0, static_cast<int64_t>(std::size(list)) - 1))];
  }

  template <typename List>
  void Shuffle(List& list) {
    for (std::size_t i = std::size(list); i > 1; --i) {
      std::swap(list[i - 1],
                list[static_cast<std::size_t>(Between(0, static_cast<int64_t>(i) - 1))]);
    }
  }

  // `count` different entries of `list` in random order.
  template <typename List>
  List Sample(List list, std::size_t count) {
    CHECK(count <= list.size());
    Shuffle(list);
    list.resize(count);
    return list;
  }

 private:
  uint64_t seed_;
  uint32_t stream_;
  uint64_t at_ = 0;
  std::array<uint32_t, 4> block_{};
  std::size_t left_ = 0;
};

}  // namespace fathom
