// Owns: reading /proc and the control groups' files. Invariant: a file that is missing or has
// another shape than expected counts as no limit, never as a wrong one.
#include "base/system_memory.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace fathom {
namespace {

namespace fs = std::filesystem;

// The value of "KEY: 123 kB" in /proc/meminfo, in bytes; where that is absent, the system's answer
// to sysconf(`otherwise`), a number of pages.
int64_t MemInfo(const fs::path& root, const std::string& key, int otherwise) {
  std::ifstream file(root / "proc/meminfo");
  std::string name, unit;
  for (int64_t kilobytes = 0; file >> name >> kilobytes; std::getline(file, unit)) {
    if (name == key) return kilobytes * 1024;
  }
  return std::max<int64_t>(sysconf(otherwise), 0) * sysconf(_SC_PAGESIZE);
}

// One number from a control file; -1 for "max", for a number beyond int64_t, or when it is not
// there.
int64_t Number(const fs::path& path) {
  std::ifstream file(path);
  int64_t value = -1;
  return file >> value ? value : -1;
}

// The sum of the lines "KEY 123" of a memory.stat whose key is one of the two.
int64_t StatSum(const fs::path& path, const std::string& first, const std::string& second) {
  std::ifstream file(path);
  std::string name;
  int64_t sum = 0;
  for (int64_t value = 0; file >> name >> value;) {
    if (name == first || name == second) sum += value;
  }
  return sum;
}

// What the two versions call the same things. "total_" counts the groups inside, as version 2 does.
struct Version {
  const char* mount;
  const char* limit;
  const char* usage;
  const char* active;
  const char* inactive;
};
constexpr Version kVersion2 = {"sys/fs/cgroup", "memory.max", "memory.current", "active_file",
                               "inactive_file"};
constexpr Version kVersion1 = {"sys/fs/cgroup/memory", "memory.limit_in_bytes",
                               "memory.usage_in_bytes", "total_active_file", "total_inactive_file"};

// Version 1 says "no limit" as the largest number of pages.
constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max() >> 13;

int64_t Left(const CgroupMemory& memory) {
  return memory.limit < 0 ? std::numeric_limits<int64_t>::max() : memory.limit - memory.used;
}

void Tighten(const Version& version, const fs::path& folder, CgroupMemory& tightest) {
  CgroupMemory here;
  here.limit = Number(folder / version.limit);
  const int64_t usage = Number(folder / version.usage);
  if (here.limit < 0 || here.limit > kNoLimit || usage < 0) return;
  const int64_t files = StatSum(folder / "memory.stat", version.active, version.inactive);
  here.used = std::clamp<int64_t>(usage - files, 0, here.limit);
  if (Left(here) < Left(tightest)) tightest = here;
}

}  // namespace

CgroupMemory ReadCgroupMemory(const fs::path& root) {
  CgroupMemory tightest;
  std::ifstream groups(root / "proc/self/cgroup");
  // "0::/a/b" (version 2) or "7:cpu,memory:/a/b" (version 1). Inside a container the path may be
  // that of the host, which is not there; the mount itself is the container's group then.
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const bool unified = controllers == ",,";
    if (!unified && controllers.find(",memory,") == std::string::npos) continue;
    const Version& version = unified ? kVersion2 : kVersion1;
    const fs::path mount = root / version.mount;
    fs::path inner = fs::path(line.substr(second + 1)).relative_path().lexically_normal();
    for (; !inner.empty() && *inner.begin() != ".." && inner != "."; inner = inner.parent_path()) {
      Tighten(version, mount / inner, tightest);
    }
    Tighten(version, mount, tightest);
  }
  return tightest;
}

int64_t TotalMemoryBytes(const fs::path& root) {
  return MemInfo(root, "MemTotal:", _SC_PHYS_PAGES);
}

int64_t AvailableMemoryBytes(const fs::path& root) {
  const int64_t available = MemInfo(root, "MemAvailable:", _SC_AVPHYS_PAGES);
  return std::min(available, std::max<int64_t>(Left(ReadCgroupMemory(root)), 0));
}

int64_t ResidentMemoryBytes() {
  std::ifstream file("/proc/self/statm");
  int64_t total = 0, resident = 0;
  return file >> total >> resident ? resident * sysconf(_SC_PAGESIZE) : 0;
}

}  // namespace fathom
