// Owns: two descriptors of one file, one of them for direct reads. Not for: deciding what is worth
// keeping in memory.
#include "base/cold_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/error.h"

namespace fathom {

ColdFile::ColdFile(const std::filesystem::path& path) {
  // A named pipe is not waited for, but refused.
  buffered_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (buffered_ < 0) throw SystemError(errno, "cannot open " + path.string());
  struct stat info {};
  const int failed = ::fstat(buffered_, &info) != 0 ? errno : 0;
  if (failed != 0 || !S_ISREG(info.st_mode)) {
    ::close(buffered_);
    if (failed != 0) throw SystemError(failed, "cannot inspect " + path.string());
    throw Error(ErrorCode::kInvalidFile, path.string() + " is not a regular file");
  }
  size_ = info.st_size;
  direct_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
}

ColdFile::~ColdFile() {
  ::close(buffered_);
  if (direct_ >= 0) ::close(direct_);
}

bool ColdFile::HasData(int64_t offset, int64_t bytes) const {
  if (offset < 0 || bytes < 0 || offset + bytes > size_) return false;
  // File systems that keep no holes report data everywhere.
  return ::lseek(buffered_, offset, SEEK_DATA) == offset &&
         ::lseek(buffered_, offset, SEEK_HOLE) >= offset + bytes;
}

bool ColdFile::ReadDirect(int64_t offset, std::span<std::byte> to) const {
  if (direct_ < 0) return false;
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t count =
        ::pread(direct_, to.data() + done, to.size() - done, offset + static_cast<int64_t>(done));
    if (count < 0 && errno == EINTR) continue;
    // A short read inside the file would continue at an address that is not aligned.
    if (count <= 0 || count % kAlignment != 0) return false;
    done += static_cast<std::size_t>(count);
  }
  return true;
}

void ColdFile::Drop(int64_t offset, int64_t bytes) const {
  ::posix_fadvise(buffered_, offset, bytes, POSIX_FADV_DONTNEED);
}

bool OnSameDisk(const std::filesystem::path& a, const std::filesystem::path& b) {
  struct stat of_a {
  }, of_b{};
  return ::stat(a.c_str(), &of_a) == 0 && ::stat(b.c_str(), &of_b) == 0 &&
         of_a.st_dev == of_b.st_dev;
}

int64_t ResidentBytes(std::span<const std::byte> mapping) {
  if (mapping.empty()) return 0;
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(mapping.data()) / page * page;
  const uintptr_t end = reinterpret_cast<uintptr_t>(mapping.data()) + mapping.size();
  std::vector<unsigned char> pages((end - begin + page - 1) / page);
  if (::mincore(reinterpret_cast<void*>(begin), end - begin, pages.data()) != 0) return 0;
  const auto count = std::count_if(pages.begin(), pages.end(), [](auto p) { return (p & 1) != 0; });
  return static_cast<int64_t>(count) * static_cast<int64_t>(page);
}

}  // namespace fathom
