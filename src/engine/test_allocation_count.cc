#include "engine/test_allocation_count.h"

#include <atomic>
#include <cstdlib>
#include <new>

#include "base/allocation_guard.h"

#if defined(__has_feature)  // clang
#if __has_feature(address_sanitizer)
#define FATHOM_ALLOCATOR_TAKEN
#endif
#endif
#if defined(FATHOM_ALLOCATION_GUARD) || defined(__SANITIZE_ADDRESS__) || \
    defined(__SANITIZE_THREAD__)
#define FATHOM_ALLOCATOR_TAKEN
#endif

#ifndef FATHOM_ALLOCATOR_TAKEN

namespace {
std::atomic<int64_t> forbidden_allocations{0};
std::atomic<std::size_t> failing_size{0};  // 0: none
}  // namespace

void* operator new(std::size_t size) {
  if (fathom::NoAllocationScope::active()) ++forbidden_allocations;
  const std::size_t failing = failing_size;
  if (failing > 0 && size >= failing) throw std::bad_alloc();
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

std::optional<int64_t> fathom::TakeForbiddenAllocations() {
  return forbidden_allocations.exchange(0);
}

bool fathom::FailAllocationsFrom(std::size_t bytes) {
  failing_size = bytes;
  return true;
}

#else

std::optional<int64_t> fathom::TakeForbiddenAllocations() { return std::nullopt; }

bool fathom::FailAllocationsFrom(std::size_t) { return false; }

#endif
