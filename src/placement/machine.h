// What the planner knows of the machine. Everything that can be measured is measured; what could
// not be says why.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "formats/model_file.h"

namespace fathom {

// How fast the disk gives data that is not in memory, in bytes per second.
struct DiskSpeed {
  double direct = 0;  // large reads past the page cache: what the disk can do; 0: not known
  double mapped = 0;  // pages of a memory map, touched in order: how models are read; 0: not known
  std::string measured_on;  // the path of the file
  std::string why_not;      // where nothing could be measured
};

// Reads some pieces, spread over the whole of the model's shards; where those are sparse, small or
// held in memory by others, pieces of the first of `others` on the same disk that will do. At most
// a few seconds.
DiskSpeed MeasureDisk(const ModelFile& model, const std::vector<std::filesystem::path>& others,
                      ThreadPool& pool);

// Graphics processors as the system names them: "NVIDIA H100 PCIe", "AMD (card0)". `root` is "/"
// but in tests.
std::vector<std::string> ListGpus(const std::filesystem::path& root = "/");

struct Machine {
  int64_t memory_total = 0;
  int64_t memory_available = 0;  // for this process, a cgroup's limit included
  int64_t cgroup_limit = -1;     // -1: none
  int threads = 1;
  std::string kernels;        // name of the kernel table
  double read_bandwidth = 0;  // of memory, bytes per second; 0: not measured
  DiskSpeed disk;
  std::vector<std::string> gpus;
};

// All that needs no measuring.
Machine DescribeMachine(int threads, std::string kernels);

}  // namespace fathom
