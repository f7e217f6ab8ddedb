// Memory for buffers. Small ones come from the heap; large ones are anonymous maps, which the
// kernel zeroes page by page as they are touched and backs with huge pages where it can. `size_`
// alone tells the two apart, so a buffer never changes its size.
#include "tensor/buffer.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/system_memory.h"

namespace fathom {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;      // x86-64 and ARM64 with 4 KiB pages
constexpr std::size_t kMapThreshold = std::size_t{4} << 20;  // two huge pages

constexpr std::size_t RoundUp(std::size_t bytes, std::size_t multiple) {
  return (bytes + multiple - 1) / multiple * multiple;
}

[[noreturn]] void FailAllocation(std::size_t bytes, int64_t available, const char* what) {
  std::string message =
      "not enough memory for " + std::string(what) + ": " + std::to_string(bytes) + " bytes needed";
  if (available > 0) message += ", " + std::to_string(available) + " available";
  throw Error(ErrorCode::kOutOfMemory, message);
}

// A map of RoundUp(bytes, kHugePage) bytes that starts on a huge page; null when refused.
std::byte* Map(std::size_t bytes, Buffer::Pages pages) {
  // The kernel aligns to small pages only, so one huge page more is mapped and the ends cut off.
  const std::size_t size = RoundUp(bytes, kHugePage);
  void* mapping = ::mmap(nullptr, size + kHugePage, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  auto* begin = static_cast<std::byte*>(mapping);
  const auto address = reinterpret_cast<std::uintptr_t>(begin);
  const std::size_t head = RoundUp(address, kHugePage) - address;
  if (head > 0) ::munmap(begin, head);
  if (head < kHugePage) ::munmap(begin + head + size, kHugePage - head);
  // A wish: a kernel without huge pages refuses it.
  ::madvise(begin + head, size, pages == Buffer::Pages::kHuge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  return begin + head;
}

}  // namespace

Buffer::Buffer(std::size_t bytes, const char* what, Pages pages) {
  if (bytes == 0) return;
  if (bytes < kMapThreshold) {
    void* memory = std::aligned_alloc(kAlignment, RoundUp(bytes, kAlignment));
    if (memory == nullptr) FailAllocation(bytes, 0, what);
    std::memset(memory, 0, bytes);
    data_ = static_cast<std::byte*>(memory);
  } else {
    // Linux grants more address space than there is memory and ends the process later, on a touch;
    // a size that cannot be there is refused here instead.
    const int64_t available = AvailableMemoryBytes();
    const bool absurd = bytes > static_cast<std::size_t>(std::numeric_limits<int64_t>::max()) / 2;
    if (absurd || (available > 0 && bytes > static_cast<std::size_t>(available))) {
      FailAllocation(bytes, available, what);
    }
    data_ = Map(bytes, pages);
    if (data_ == nullptr) FailAllocation(bytes, available, what);
  }
  size_ = bytes;
}

Buffer::Buffer(Buffer&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Buffer& Buffer::operator=(Buffer&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

Buffer::~Buffer() {
  if (size_ >= kMapThreshold) {
    ::munmap(data_, RoundUp(size_, kHugePage));
  } else {
    std::free(data_);
  }
}

}  // namespace fathom
