// Owns: asking the system what there is, and timing its disk. Invariant: a speed comes from data
// that was not in memory when the clock started. Not for: memory bandwidth (bandwidth.h) and the
// speed of kernels (speed_probe.h).
#include "placement/machine.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <memory>
#include <utility>

#include "base/clock.h"
#include "base/cold_file.h"
#include "base/error.h"
#include "base/mapped_file.h"
#include "base/system_memory.h"
#include "tensor/buffer.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

// About the size of one expert's matrix, so that the disk is asked as it is by a model.
constexpr int64_t kReadPiece = int64_t{4} << 20;
constexpr int64_t kPieces = 24;
// Fewer say nothing.
constexpr int64_t kFewestPieces = 8;
constexpr double kMostSeconds = 2.0;

struct Piece {
  std::size_t file;
  int64_t offset;
};

// One shard or other file, opened for both ways of reading it.
struct Source {
  explicit Source(const fs::path& path) : cold(path), mapped(MappedFile::Open(path)) {}
  ColdFile cold;
  MappedFile mapped;
};

// Pieces with data behind them, `kPieces` places spread evenly over the files.
std::vector<Piece> PiecesOf(const std::vector<fs::path>& paths,
                            std::vector<std::unique_ptr<Source>>& sources) {
  int64_t total = 0;
  std::vector<int64_t> sizes;
  for (const fs::path& path : paths) {
    std::error_code error;
    const auto size = static_cast<int64_t>(fs::file_size(path, error));
    sizes.push_back(error ? 0 : size);
    total += sizes.back();
  }
  sources.resize(paths.size());
  std::vector<Piece> pieces;
  int64_t last_end = 0;
  for (int64_t i = 0; i < kPieces; ++i) {
    int64_t at = std::max(total / kPieces * i, last_end);
    std::size_t file = 0;
    int64_t before = 0;
    while (file < sizes.size() && at - before >= sizes[file]) before += sizes[file++];
    if (file == sizes.size()) break;
    const int64_t offset =
        (at - before + ColdFile::kAlignment - 1) / ColdFile::kAlignment * ColdFile::kAlignment;
    if (offset + kReadPiece > sizes[file]) continue;
    if (!sources[file]) sources[file] = std::make_unique<Source>(paths[file]);
    if (!sources[file]->cold.HasData(offset, kReadPiece)) continue;
    pieces.push_back({file, offset});
    last_end = before + offset + kReadPiece;
  }
  return pieces;
}

// Bytes per second of read(piece, worker), which says whether it read; 0 when too little was read.
template <class Read>
double Time(ThreadPool& pool, const std::vector<Piece>& pieces, Read&& read) {
  std::atomic<int64_t> bytes{0};
  const double start = MonotonicSeconds();
  pool.ParallelFor(static_cast<int64_t>(pieces.size()), [&](int64_t task, int worker) {
    if (MonotonicSeconds() - start > kMostSeconds) return;
    if (read(pieces[static_cast<std::size_t>(task)], worker)) bytes.fetch_add(kReadPiece);
  });
  const double seconds = MonotonicSeconds() - start;
  if (bytes.load() < kReadPiece) return 0;
  return static_cast<double>(bytes.load()) / std::max(seconds, 1e-9);
}

double TimeDirect(ThreadPool& pool, const std::vector<std::unique_ptr<Source>>& sources,
                  const std::vector<Piece>& pieces) {
  // A page more for each worker, to begin at an address that direct reads can take.
  constexpr int64_t kRoom = kReadPiece + ColdFile::kAlignment;
  const Buffer memory(static_cast<std::size_t>(pool.threads() * kRoom), "the disk measurement");
  return Time(pool, pieces, [&](const Piece& piece, int worker) {
    auto address = reinterpret_cast<uintptr_t>(memory.data() + worker * kRoom);
    address = (address + ColdFile::kAlignment - 1) / ColdFile::kAlignment * ColdFile::kAlignment;
    return sources[piece.file]->cold.ReadDirect(
        piece.offset,
        {reinterpret_cast<std::byte*>(address), static_cast<std::size_t>(kReadPiece)});
  });
}

std::span<const std::byte> BytesOf(const Source& source, const Piece& piece) {
  return source.mapped.bytes().subspan(static_cast<std::size_t>(piece.offset),
                                       static_cast<std::size_t>(kReadPiece));
}

double TimeMapped(ThreadPool& pool, const std::vector<std::unique_ptr<Source>>& sources,
                  const std::vector<Piece>& pieces) {
  std::atomic<uint64_t> sum{0};
  const double speed = Time(pool, pieces, [&](const Piece& piece, int) {
    uint64_t here = 0;
    const std::span<const std::byte> bytes = BytesOf(*sources[piece.file], piece);
    for (std::size_t at = 0; at < bytes.size(); at += ColdFile::kAlignment) {
      here += static_cast<uint64_t>(bytes[at]);
    }
    sum.fetch_add(here, std::memory_order_relaxed);
    return true;
  });
  // The sum is part of the answer, in a way that cannot change it.
  return sum.load() == 1 ? speed * (1 + 1e-15) : speed;
}

// Fills the speeds from these files, or says why not.
void Measure(const std::vector<fs::path>& paths, ThreadPool& pool, DiskSpeed& speed) {
  std::vector<std::unique_ptr<Source>> sources;
  std::vector<Piece> pieces = PiecesOf(paths, sources);
  if (static_cast<int64_t>(pieces.size()) < kFewestPieces) {
    speed.why_not = "it has too little data on the disk";
    return;
  }
  speed.direct = TimeDirect(pool, sources, pieces);
  for (const Piece& piece : pieces) sources[piece.file]->cold.Drop(piece.offset, kReadPiece);
  std::erase_if(pieces, [&](const Piece& piece) {
    return ResidentBytes(BytesOf(*sources[piece.file], piece)) > kReadPiece / 16;
  });
  if (static_cast<int64_t>(pieces.size()) >= kFewestPieces) {
    speed.mapped = TimeMapped(pool, sources, pieces);
  }
  if (speed.direct <= 0 && speed.mapped <= 0) {
    speed.why_not = "it stays in memory, and its file system knows no direct reads";
    return;
  }
  speed.measured_on = paths.front().string();
  speed.why_not.clear();
}

std::string FirstLine(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// By number on the PCI bus.
struct Vendor {
  std::string_view id;
  std::string_view name;
};
constexpr std::array kVendors = {Vendor{"0x10de", "NVIDIA"}, Vendor{"0x1002", "AMD"},
                                 Vendor{"0x8086", "Intel"}};

}  // namespace

DiskSpeed MeasureDisk(const ModelFile& model, const std::vector<fs::path>& others,
                      ThreadPool& pool) {
  DiskSpeed speed;
  std::vector<fs::path> shards;
  for (const MappedFile& shard : model.shards()) shards.push_back(shard.path());
  Measure(shards, pool, speed);
  const std::string why_not = speed.why_not;
  for (const fs::path& other : others) {
    if (speed.why_not.empty()) break;
    if (!OnSameDisk(shards.front(), other)) continue;
    Measure({other}, pool, speed);
  }
  if (!speed.why_not.empty()) speed.why_not = why_not;
  return speed;
}

std::vector<std::string> ListGpus(const fs::path& root) {
  std::vector<std::string> gpus;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root / "proc/driver/nvidia/gpus", error)) {
    std::ifstream file(entry.path() / "information");
    for (std::string line; std::getline(file, line);) {
      if (!line.starts_with("Model:")) continue;
      const std::size_t begin = line.find_first_not_of(" \t", 6);
      if (begin != std::string::npos) gpus.push_back(line.substr(begin));
    }
  }
  const bool driver = !gpus.empty();  // names NVIDIA's by itself
  for (const auto& entry : fs::directory_iterator(root / "sys/class/drm", error)) {
    const std::string card = entry.path().filename().string();
    if (!card.starts_with("card") || card.find('-') != std::string::npos) continue;
    const std::string id = FirstLine(entry.path() / "device/vendor");
    for (const Vendor& vendor : kVendors) {
      if (vendor.id != id || (driver && vendor.name == "NVIDIA")) continue;
      gpus.push_back(std::string(vendor.name) + " (" + card + ")");
    }
  }
  std::sort(gpus.begin(), gpus.end());
  return gpus;
}

Machine DescribeMachine(int threads, std::string kernels) {
  Machine machine;
  machine.memory_total = TotalMemoryBytes();
  machine.memory_available = AvailableMemoryBytes();
  machine.cgroup_limit = ReadCgroupMemory().limit;
  machine.threads = threads;
  machine.kernels = std::move(kernels);
  machine.gpus = ListGpus();
  return machine;
}

}  // namespace fathom
