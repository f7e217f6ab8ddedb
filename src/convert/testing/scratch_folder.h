// For tests: a folder of its own that is gone afterwards.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>

#include "base/random.h"

namespace fathom {

class ScratchFolder {
 public:
  ScratchFolder() {
    char name[48];
    std::snprintf(name, sizeof name, "fathom-convert-%016llx",
                  static_cast<unsigned long long>(RandomSeed()));
    path_ = std::filesystem::temp_directory_path() / name;
    std::filesystem::create_directory(path_);
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

}  // namespace fathom
