// For tests: how many heap allocations were made inside a NoAllocationScope. Linking this file's
// implementation replaces the program's operator new.
#pragma once

#include <cstdint>
#include <optional>

namespace fathom {

// Allocations since the last call; nullopt where another hook is active: debug builds end the
// process instead, and sanitizers bring their own operator new.
std::optional<int64_t> TakeForbiddenAllocations();

}  // namespace fathom
