// How much memory this machine has and this process may still use.
#pragma once

#include <cstdint>
#include <filesystem>

namespace fathom {

// What a control group allows its processes together. Version 1 and 2 of the interface.
struct CgroupMemory {
  int64_t limit = -1;  // bytes; -1: none, or no control group
  // Of it in use; files in the page cache do not count, since they give way.
  int64_t used = 0;
};

// The tightest limit (the one that leaves least) of the control group this process is in and of
// those around it. `root` is "/" but in tests: below it are proc/self/cgroup and sys/fs/cgroup.
CgroupMemory ReadCgroupMemory(const std::filesystem::path& root = "/");

// Memory of the machine, in bytes, without /proc too. `root` as above.
int64_t TotalMemoryBytes(const std::filesystem::path& root = "/");

// The smaller of what the kernel calls available and what a cgroup limit leaves, in bytes. Without
// /proc, memory that is free counts as available, and the page cache does not.
int64_t AvailableMemoryBytes(const std::filesystem::path& root = "/");

// Resident memory of this process, in bytes; 0 when it cannot be read.
int64_t ResidentMemoryBytes();

}  // namespace fathom
