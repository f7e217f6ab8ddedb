// Lines of a chat's standard input where it is no terminal. Not for: texts as a whole (flags.h).
#pragma once

#include <cstddef>
#include <string>

#include "cli/reply.h"

namespace fathom::cli {

class PipedLines {
 public:
  enum class Outcome { kLine, kInterrupted, kEnd };

  // Lines of up to `most` bytes of that file descriptor, which stays the caller's.
  PipedLines(int file, std::size_t most) : file_(file), most_(most) {}

  // Waits for a line and gives it without its line break, NUL bytes and broken UTF-8 included, or
  // until an interrupt comes. Throws Error(kInvalidArgument) for a longer line.
  Outcome Read(InterruptScope& interrupts, std::string& line);

 private:
  bool ReadMore(const InterruptScope& interrupts);

  int file_;
  std::size_t most_;
  std::string ahead_;         // what was read of the next lines
  std::size_t searched_ = 0;  // of it: so much has no line break
};

}  // namespace fathom::cli
