// A read-only memory map of a whole regular file. The mapping lives as long as the object.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace fathom {

class MappedFile {
 public:
  // Throws Error: kNotFound, kPermission, kIo; kInvalidFile for what is empty or no regular file.
  static MappedFile Open(const std::filesystem::path& path);

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }

  // Tells the kernel that a part of bytes() will be read soon; of other memory it says nothing.
  void WillNeed(std::span<const std::byte> part) const;

 private:
  MappedFile() = default;
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::filesystem::path path_;
};

}  // namespace fathom
