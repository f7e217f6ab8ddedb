// Owns: the lock file of a folder. Invariant: who holds the lock holds that of the folder which is
// there now, not of one that was deleted while it waited its turn. Not for: what is in the folder.
#include "loader/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.h"

namespace fathom {

FolderLock::FolderLock(const std::filesystem::path& folder, const std::string& doing) {
  const std::filesystem::path path = folder / kFileName;
  file_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0) throw SystemError(errno, "cannot write in the folder " + folder.string());
  struct stat held = {}, there = {};
  const bool locked = ::flock(file_, LOCK_EX | LOCK_NB) == 0;
  const bool current = locked && ::fstat(file_, &held) == 0 && ::stat(path.c_str(), &there) == 0 &&
                       held.st_dev == there.st_dev && held.st_ino == there.st_ino;
  if (current) return;
  ::close(file_);
  throw Error(ErrorCode::kUnavailable, "another process is " + doing,
              "wait for it, or end it and run this command again");
}

FolderLock::~FolderLock() { ::close(file_); }

}  // namespace fathom
