// A bump allocator over one buffer made beforehand: Forward takes what it needs and gives it back all
// at once. Running out is a broken invariant (ScratchBytes was wrong), not an error.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/check.h"
#include "tensor/buffer.h"

namespace fathom {

class Scratch {
 public:
  explicit Scratch(std::size_t bytes) : buffer_(bytes, "scratch memory of the model") {}

  // Uninitialised, aligned to Buffer::kAlignment.
  template <class T>
  T* Take(int64_t count) {
    const std::size_t bytes = RoundUp(static_cast<std::size_t>(count) * sizeof(T));
    CHECK(used_ + bytes <= buffer_.size());
    T* taken = reinterpret_cast<T*>(buffer_.data() + used_);
    used_ += bytes;
    return taken;
  }
  void Reset() { used_ = 0; }
  std::size_t capacity() const { return buffer_.size(); }

  static constexpr std::size_t RoundUp(std::size_t bytes) {
    return (bytes + Buffer::kAlignment - 1) / Buffer::kAlignment * Buffer::kAlignment;
  }

 private:
  Buffer buffer_;
  std::size_t used_ = 0;
};

}  // namespace fathom
