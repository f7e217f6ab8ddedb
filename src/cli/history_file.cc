#include "cli/history_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <system_error>
#include <thread>

#include "base/check.h"
#include "base/durable_file.h"
#include "base/error.h"

namespace fathom::cli {
namespace {

// Another chat holds the lock for the writing of one small file.
constexpr int kLockTries = 20;
constexpr auto kLockWait = std::chrono::milliseconds(25);

// True where the file system knows no locks: two chats are rare, and a history is not worth a wait.
bool Lock(int folder) {
  for (int i = 0; i < kLockTries; ++i) {
    if (::flock(folder, LOCK_EX | LOCK_NB) == 0) return true;
    if (errno != EWOULDBLOCK && errno != EINTR) return true;
    std::this_thread::sleep_for(kLockWait);
  }
  return false;
}

// False unless all of it is on the disk.
bool Write(History* history, const std::filesystem::path& path) {
  std::FILE* const file = std::fopen(path.c_str(), "we");
  if (file == nullptr) return false;
  HistEvent event;
  bool good = ::history(history, &event, H_SAVE_FP, file) >= 0;
  good = std::fflush(file) == 0 && std::ferror(file) == 0 && ::fsync(::fileno(file)) == 0 && good;
  return std::fclose(file) == 0 && good;
}

}  // namespace

HistoryFile::~HistoryFile() {
  if (!unsaved_.empty()) Save();
}

History* HistoryFile::New() {
  History* const history = ::history_init();
  CHECK(history != nullptr);
  HistEvent event;
  ::history(history, &event, H_SETSIZE, kEntries);
  ::history(history, &event, H_SETUNIQUE, 1);
  return history;
}

bool HistoryFile::Load(History* history) const {
  if (path_.empty()) return true;
  std::FILE* const file = std::fopen(path_.c_str(), "re");
  if (file == nullptr) return errno == ENOENT;
  std::fclose(file);
  HistEvent event;
  ::history(history, &event, H_LOAD, path_.c_str());  // what is no history counts as an empty one
  return true;
}

void HistoryFile::Add(const std::string& line) {
  if (path_.empty()) return;
  unsaved_.push_back(line);
  if (Save()) unsaved_.clear();
}

bool HistoryFile::Save() const {
  std::error_code ignored;
  std::filesystem::create_directories(path_.parent_path(), ignored);
  const int folder = ::open(path_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return false;
  const bool saved = Lock(folder) && SaveLocked();
  ::close(folder);  // and with it the lock
  return saved;
}

bool HistoryFile::SaveLocked() const {
  History* const history = New();
  // A history that cannot be read is not written over.
  const bool readable = Load(history);
  HistEvent event;
  for (const std::string& line : unsaved_) ::history(history, &event, H_ENTER, line.c_str());
  std::filesystem::path next = path_;
  next += ".new";
  bool saved = readable && Write(history, next);
  ::history_end(history);
  try {
    if (saved) PublishPath(next, path_);
  } catch (const Error&) {
    saved = false;
  }
  std::error_code ignored;
  if (!saved) std::filesystem::remove(next, ignored);
  return saved;
}

}  // namespace fathom::cli
