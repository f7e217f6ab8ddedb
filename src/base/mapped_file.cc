#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "base/error.h"

namespace fathom {

MappedFile MappedFile::Open(const std::filesystem::path& path) {
  // Opening a named pipe would wait for a writer; a regular file does not know the flag.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) throw SystemError(errno, "cannot open " + path.string());
  struct stat info {};
  if (::fstat(fd, &info) != 0) {
    const int error = errno;
    ::close(fd);
    throw SystemError(error, "cannot inspect " + path.string());
  }
  if (!S_ISREG(info.st_mode) || info.st_size == 0) {
    ::close(fd);
    throw Error(ErrorCode::kInvalidFile,
                path.string() + (S_ISREG(info.st_mode) ? " is empty" : " is not a regular file"));
  }
  void* mapping =
      ::mmap(nullptr, static_cast<std::size_t>(info.st_size), PROT_READ, MAP_SHARED, fd, 0);
  const int error = errno;
  ::close(fd);
  if (mapping == MAP_FAILED) throw SystemError(error, "cannot map " + path.string());
  MappedFile file;
  file.data_ = static_cast<const std::byte*>(mapping);
  file.size_ = static_cast<std::size_t>(info.st_size);
  file.path_ = path;
  return file;
}

MappedFile::MappedFile(MappedFile&& other) noexcept { *this = std::move(other); }

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(path_, other.path_);
  return *this;
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

void MappedFile::WillNeed(std::span<const std::byte> part) const {
  const auto offset =
      reinterpret_cast<std::uintptr_t>(part.data()) - reinterpret_cast<std::uintptr_t>(data_);
  if (offset > size_ || part.size() > size_ - offset) return;  // not of this file
  // Advice is given for whole pages; the mapping begins at one.
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t begin = offset / page * page;
  const std::size_t end = offset + part.size();
  ::madvise(const_cast<std::byte*>(data_) + begin, end - begin, MADV_WILLNEED);
}

}  // namespace fathom
