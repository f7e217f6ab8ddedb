// The journal is text: the recipe in its first line, then one line per checkpoint, "N BYTES .": how
// much is done, and how long the part is at least. It is appended after the bytes are on the disk.
// A line that was cut off by a crash lacks its dot and is ignored.
#include "convert/part_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <utility>

#include "base/durable_file.h"
#include "base/error.h"
#include "formats/gguf_layout.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

// A crash loses at most the work on this much, and syncing it takes about a second on a slow disk.
constexpr uint64_t kCheckpointBytes = uint64_t{64} << 20;

void WriteAll(int fd, const void* data, std::size_t size, off_t offset, const fs::path& path) {
  const char* from = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t count = offset < 0 ? ::write(fd, from, size) : ::pwrite(fd, from, size, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw SystemError(errno, "cannot write " + path.string());
    from += count;
    size -= static_cast<std::size_t>(count);
    if (offset >= 0) offset += count;
  }
}

struct Checkpoint {
  std::size_t done = 0;
  uint64_t bytes = 0;
};

// The last one of a journal with this recipe, or zeros.
Checkpoint LastCheckpoint(const fs::path& path, const std::string& recipe) {
  std::ifstream journal(path);
  std::string line;
  Checkpoint last, next;
  if (!std::getline(journal, line) || line != recipe) return last;
  std::string dot;
  while (journal >> next.done >> next.bytes >> dot && dot == ".") last = next;
  return last;
}

// Whether the open file is still what the path names: whoever held its lock before may have given
// it another name.
bool IsStillAt(int fd, const fs::path& path) {
  struct stat opened = {};
  struct stat named = {};
  return ::fstat(fd, &opened) == 0 && ::stat(path.c_str(), &named) == 0 &&
         opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

fs::path FolderOf(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

fs::path With(fs::path path, const char* suffix) {
  path += suffix;
  return path;
}

}  // namespace

fs::path PartPath(const fs::path& destination) { return With(destination, ".part"); }

void CheckDestination(const fs::path& destination, bool folder, Overwrite overwrite) {
  std::error_code ignored;
  if (!destination.has_filename()) {
    throw Error(ErrorCode::kInvalidArgument, "'" + destination.string() + "' has no name",
                "leave the last slash away");
  }
  if (!fs::is_directory(FolderOf(destination), ignored)) {
    throw Error(ErrorCode::kNotFound, "there is no folder " + FolderOf(destination).string());
  }
  if (!fs::exists(fs::symlink_status(destination, ignored))) return;
  if (fs::is_directory(destination, ignored) != folder) {
    throw Error(ErrorCode::kInvalidArgument,
                destination.string() + (folder ? " is a file" : " is a folder") +
                    ", and what is written is " + (folder ? "a folder" : "a file"));
  }
  if (!folder && !fs::is_regular_file(destination, ignored)) {
    throw Error(ErrorCode::kInvalidArgument, destination.string() + " is no ordinary file",
                "give another name");
  }
  if (overwrite == Overwrite::kRefuse) {
    throw Error(ErrorCode::kAlreadyExists, destination.string() + " is there already",
                folder ? "take another name, or move this folder away"
                       : "give another name, or --force to replace a file of its kind");
  }
}

bool StartsAsGguf(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string magic(gguf::kMagic.size(), '\0');
  file.read(magic.data(), static_cast<std::streamsize>(magic.size()));
  return magic == gguf::kMagic;
}

void RefuseToReplaceUnlike(const fs::path& destination, const char* what,
                           bool (*is_one)(const fs::path&)) {
  std::error_code ignored;
  if (!fs::exists(destination, ignored) || fs::is_empty(destination, ignored)) return;
  if (is_one(destination)) return;
  throw Error(ErrorCode::kAlreadyExists,
              destination.string() + " is no " + what + ", and nothing else is replaced",
              "give another name, or remove it");
}

void RefuseToReplace(const fs::path& input, const char* what, const fs::path& destination) {
  std::error_code ignored;
  if (!fs::equivalent(input, destination, ignored)) return;
  throw Error(ErrorCode::kInvalidArgument,
              destination.string() + " is " + what + ": it would be lost", "give another name");
}

void CheckFreeSpace(const fs::path& folder, uint64_t bytes) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (error) return;  // a file system that does not say; writing does
  if (space.available >= bytes) return;
  throw Error(ErrorCode::kNoSpace,
              folder.string() + " has " + std::to_string(space.available) +
                  " bytes free, but the result needs " + std::to_string(bytes),
              "free some disk space or choose another place");
}

PartFile::PartFile(const fs::path& destination, uint64_t bytes, const std::string& recipe,
                   Room room)
    : destination_(destination),
      path_(PartPath(destination)),
      journal_path_(With(path_, ".journal")),
      bytes_(bytes),
      journaled_(!recipe.empty()) {
  try {
    Open(recipe, room);
  } catch (...) {
    Close();
    throw;
  }
}

void PartFile::Open(const std::string& recipe, Room room) {
  constexpr int kFlags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
  fd_ = ::open(path_.c_str(), kFlags, 0666);
  if (fd_ < 0) throw SystemError(errno, "cannot create " + path_.string());
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0 || !IsStillAt(fd_, path_)) {
    throw Error(ErrorCode::kUnavailable, path_.string() + " is being written by another process");
  }
  locked_ = true;
  std::error_code ignored;
  uint64_t present = fs::file_size(path_, ignored);
  if (journaled_ && present > 0) {
    const Checkpoint last = LastCheckpoint(journal_path_, recipe);
    was_short_ = present < last.bytes;
    if (!was_short_) {
      done_ = marked_ = last.done;
      end_ = last.bytes;
    }
  }
  if (done_ == 0) {
    if (::ftruncate(fd_, 0) != 0) throw SystemError(errno, "cannot write " + path_.string());
    present = 0;
  }
  if (room == Room::kChecked) {
    CheckFreeSpace(FolderOf(destination_), bytes_ > present ? bytes_ - present : 0);
  }
  if (!journaled_) return;
  journal_ = ::open(journal_path_.c_str(), kFlags | O_APPEND | (done_ > 0 ? 0 : O_TRUNC), 0666);
  if (journal_ < 0) throw SystemError(errno, "cannot create " + journal_path_.string());
  // A cut line is ended, so that it does not run into the next one.
  const std::string line = done_ > 0 ? "\n" : recipe + "\n";
  WriteAll(journal_, line.data(), line.size(), -1, journal_path_);
}

void PartFile::Close() {
  const bool removable = locked_ && !published_ && (!journaled_ || done_ == 0);
  if (removable) {
    ::unlink(path_.c_str());
    if (journal_ >= 0) ::unlink(journal_path_.c_str());
  }
  if (journal_ >= 0) ::close(std::exchange(journal_, -1));
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

PartFile::~PartFile() {
  if (!published_ && journaled_ && marked_ > done_) {
    try {
      Sync();
    } catch (const Error&) {
      // The disk is full or broken: what the journal says already is what there is.
    }
  }
  Close();
}

void PartFile::Write(uint64_t offset, std::span<const std::byte> data) {
  WriteAll(fd_, data.data(), data.size(), static_cast<off_t>(offset), path_);
  unsynced_ += data.size();
  end_ = std::max(end_, offset + data.size());
}

void PartFile::MarkDone(std::size_t done) {
  marked_ = done;
  if (journaled_ && unsynced_ >= kCheckpointBytes) Sync();
}

void PartFile::Sync() {
  if (::fdatasync(fd_) != 0) throw SystemError(errno, "cannot write " + path_.string());
  unsynced_ = 0;
  if (marked_ == done_) return;
  done_ = marked_;
  const std::string line = std::to_string(done_) + " " + std::to_string(end_) + " .\n";
  WriteAll(journal_, line.data(), line.size(), -1, journal_path_);
}

void PartFile::Finish() {
  if (::ftruncate(fd_, static_cast<off_t>(bytes_)) != 0) {
    throw SystemError(errno, "cannot write " + path_.string());
  }
}

void PartFile::Publish() {
  if (::fsync(fd_) != 0) throw SystemError(errno, "cannot write " + path_.string());
  // With the lock, which ends when the file is closed: nobody else may open what is renamed.
  PublishPath(path_, destination_);
  published_ = true;
  if (journaled_) ::unlink(journal_path_.c_str());
  ::close(std::exchange(fd_, -1));
}

}  // namespace fathom
