// A bump allocator over one buffer made beforehand: Forward takes what it needs and gives it back
// all at once. Running out is a broken invariant (ScratchBytes was wrong), not an error.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "tensor/buffer.h"

namespace fathom {

inline constexpr std::size_t RoundUpToAlignment(std::size_t bytes) {
  return (bytes + Buffer::kAlignment - 1) / Buffer::kAlignment * Buffer::kAlignment;
}

class Scratch {
 public:
  explicit Scratch(std::size_t bytes) : buffer_(bytes, "scratch memory of the model") {}

  // `count` values of T, uninitialised, aligned to Buffer::kAlignment.
  template <class T>
  T* Take(int64_t count) {
    const std::size_t bytes = RoundUpToAlignment(static_cast<std::size_t>(count) * sizeof(T));
    CHECK(used_ + bytes <= buffer_.size());
    T* taken = reinterpret_cast<T*>(buffer_.data() + used_);
    used_ += bytes;
    return taken;
  }
  void Reset() { used_ = 0; }
  std::size_t capacity() const { return buffer_.size(); }

 private:
  Buffer buffer_;
  std::size_t used_ = 0;
};

// Has the same Take and only adds up what a Scratch would need: the code that carves buffers runs
// once over a meter to size the scratch and then over the scratch itself.
class ScratchMeter {
 public:
  template <class T>
  T* Take(int64_t count) {
    bytes_ += RoundUpToAlignment(static_cast<std::size_t>(count) * sizeof(T));
    return nullptr;
  }
  std::size_t bytes() const { return bytes_; }

 private:
  std::size_t bytes_ = 0;
};

}  // namespace fathom
