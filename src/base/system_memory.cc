#include "base/system_memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>

namespace fathom {
namespace {

// The value of "KEY: 123 kB" in /proc/meminfo, in bytes; 0 when absent.
int64_t MemInfo(const std::string& key) {
  std::ifstream file("/proc/meminfo");
  std::string name, unit;
  for (int64_t kilobytes = 0; file >> name >> kilobytes; std::getline(file, unit)) {
    if (name == key) return kilobytes * 1024;
  }
  return 0;
}

// One number from a cgroup v2 file; -1 for "max" or when it is not there.
int64_t CgroupNumber(const char* path) {
  std::ifstream file(path);
  int64_t value = -1;
  return file >> value ? value : -1;
}

}  // namespace

int64_t AvailableMemoryBytes() {
  int64_t available = MemInfo("MemAvailable:");
  const int64_t limit = CgroupNumber("/sys/fs/cgroup/memory.max");
  const int64_t used = CgroupNumber("/sys/fs/cgroup/memory.current");
  if (limit >= 0 && used >= 0) available = std::min(available, std::max<int64_t>(limit - used, 0));
  return available;
}

int64_t ResidentMemoryBytes() {
  std::ifstream file("/proc/self/statm");
  int64_t total = 0, resident = 0;
  return file >> total >> resident ? resident * sysconf(_SC_PAGESIZE) : 0;
}

}  // namespace fathom
