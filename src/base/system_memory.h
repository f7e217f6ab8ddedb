// How much memory this process may still use.
#pragma once

#include <cstdint>

namespace fathom {

// The smaller of what the kernel calls available and what a cgroup limit leaves, in bytes; 0 when
// neither can be read.
int64_t AvailableMemoryBytes();

// Resident memory of this process, in bytes; 0 when it cannot be read.
int64_t ResidentMemoryBytes();

}  // namespace fathom
