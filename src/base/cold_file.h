// Reading a file as if it had never been read: past the page cache, or after dropping it from
// there. For measuring the disk and for data that would only push better data out of the cache.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

namespace fathom {

class ColdFile {
 public:
  // Offsets, sizes and addresses of direct reads are multiples of this: no disk has larger sectors.
  static constexpr int64_t kAlignment = 4096;

  // Throws Error as MappedFile::Open does, but for an empty file.
  explicit ColdFile(const std::filesystem::path& path);
  ~ColdFile();
  ColdFile(const ColdFile&) = delete;
  ColdFile& operator=(const ColdFile&) = delete;

  int64_t size() const { return size_; }
  // False where the file system knows no direct reads.
  bool direct() const { return direct_ >= 0; }

  // Whether the file system keeps bytes for all of [offset, offset + bytes): holes of a sparse file
  // are zeros that no disk is asked for.
  bool HasData(int64_t offset, int64_t bytes) const;
  // Reads past the page cache; false where that fails. All three are multiples of kAlignment.
  bool ReadDirect(int64_t offset, std::span<std::byte> to) const;
  // Asks the kernel to forget its copy, which it does unless somebody has the pages mapped.
  void Drop(int64_t offset, int64_t bytes) const;

 private:
  int buffered_ = -1;
  int direct_ = -1;
  int64_t size_ = 0;
};

// Whether two paths lead into one file system; false where one of them leads nowhere.
bool OnSameDisk(const std::filesystem::path& a, const std::filesystem::path& b);

// Of a mapping, the bytes whose pages are in memory. The span begins anywhere.
int64_t ResidentBytes(std::span<const std::byte> mapping);

}  // namespace fathom
