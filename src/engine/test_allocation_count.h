// For tests: how many heap allocations were made inside a NoAllocationScope, and allocations that
// fail. Linking this file's implementation replaces the program's operator new.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace fathom {

// Allocations since the last call; nullopt where another hook is active: debug builds end the
// process instead, and sanitizers bring their own operator new.
std::optional<int64_t> TakeForbiddenAllocations();

// From now on allocations of at least `bytes` throw std::bad_alloc; 0: none does. False where
// another hook is active.
bool FailAllocationsFrom(std::size_t bytes);

}  // namespace fathom
