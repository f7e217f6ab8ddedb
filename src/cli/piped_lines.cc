#include "cli/piped_lines.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "base/error.h"

namespace fathom::cli {

PipedLines::Outcome PipedLines::Read(InterruptScope& interrupts, std::string& line) {
  line.clear();
  std::size_t end = std::string::npos;
  bool more = true;
  while (more && (end = ahead_.find('\n', searched_)) == std::string::npos) {
    searched_ = ahead_.size();
    if (searched_ > most_) {
      throw Error(ErrorCode::kInvalidArgument,
                  "standard input has a line of more than " + std::to_string(most_) + " bytes");
    }
    more = ReadMore(interrupts);
    if (interrupts.Take()) return Outcome::kInterrupted;
  }
  searched_ = 0;
  if (end == std::string::npos) {
    if (ahead_.empty()) return Outcome::kEnd;
    line = std::exchange(ahead_, {});
  } else {
    line = ahead_.substr(0, end);
    ahead_.erase(0, end + 1);
  }
  if (line.ends_with('\r')) line.pop_back();
  return Outcome::kLine;
}

// Waits for what the file has next, or for an interrupt. False at its end.
bool PipedLines::ReadMore(const InterruptScope& interrupts) {
  constexpr int kLookMilliseconds = 200;  // for a signal that came just before the wait
  char buffer[4096];
  while (!interrupts.pending()) {
    pollfd input{file_, POLLIN, 0};
    if (::poll(&input, 1, kLookMilliseconds) <= 0) continue;
    const ssize_t count = ::read(file_, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    ahead_.append(buffer, static_cast<std::size_t>(count));
    return true;
  }
  return true;
}

}  // namespace fathom::cli
