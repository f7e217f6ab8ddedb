// The lock on the folder that a model is put together in: DATA/models/.NAME.partial/.lock.
#pragma once

#include <filesystem>
#include <string>

namespace fathom {

// Holds the one download of a model that may run at a time, also against its removal; released with
// the object or the process. Throws Error(kUnavailable) while another process holds it.
class FolderLock {
 public:
  static constexpr const char* kFileName = ".lock";

  FolderLock(const std::filesystem::path& folder, const std::string& name);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int file_ = -1;
};

}  // namespace fathom
