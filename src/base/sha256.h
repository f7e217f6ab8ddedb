// SHA-256 (FIPS 180-4) of streams and files.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace fathom {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(std::span<const std::byte> data);
  // The digest in lower-case hexadecimal; the object is used up afterwards.
  std::string HexDigest();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Hex digest of bytes in memory.
std::string Sha256OfText(std::string_view text);

// Hex digest of a file. `progress` (may be empty) is called with the bytes read so far.
// Throws Error when the file cannot be read.
std::string Sha256OfFile(const std::filesystem::path& path,
                         const std::function<void(uint64_t)>& progress = {});

}  // namespace fathom
