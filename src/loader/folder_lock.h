// The lock on a folder that one process at a time works in: the one that a model is put together in
// (DATA/models/.NAME.partial/.lock), the one that a training writes to.
#pragma once

#include <filesystem>
#include <string>

namespace fathom {

// Holds the one download of a model that may run at a time, also against its removal, or the one
// training; released with the object or the process. Throws Error(kUnavailable) while another
// process holds it: "another process is DOING".
class FolderLock {
 public:
  static constexpr const char* kFileName = ".lock";

  FolderLock(const std::filesystem::path& folder, const std::string& doing);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int file_ = -1;
};

}  // namespace fathom
