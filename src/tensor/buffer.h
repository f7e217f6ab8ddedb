// The owner of a block of memory: zeroed, aligned for any SIMD load, backed by huge pages when
// large.
#pragma once

#include <cstddef>
#include <span>

namespace fathom {

class Buffer {
 public:
  static constexpr std::size_t kAlignment = 64;

  Buffer() = default;
  // Small pages are those of mapped files, for measuring what reading these costs.
  enum class Pages { kHuge, kSmall };

  // Throws Error(kOutOfMemory) with `what` and the size when the memory is not there.
  Buffer(std::size_t bytes, const char* what, Pages pages = Pages::kHuge);
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }

  template <class T>
  std::span<T> as() const {
    return {reinterpret_cast<T*>(data_), size_ / sizeof(T)};
  }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace fathom
