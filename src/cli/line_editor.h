// Lines from a person at a terminal, with editing and history (libedit).
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "cli/reply.h"

namespace fathom::cli {

class LineEditor {
 public:
  enum class Outcome { kLine, kInterrupted, kEnd };

  // Reads the history file when it is there; `history` may be empty for none. `interrupts` must be
  // in force while Read runs.
  LineEditor(const std::filesystem::path& history, InterruptScope& interrupts);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  // Shows the prompt and waits for a line (without its line break). kInterrupted: Ctrl-C, what was
  // typed is gone. kEnd: Ctrl-D on an empty line, or the terminal is gone.
  Outcome Read(const std::string& prompt, std::string& line);
  // Adds the line to the history and its file; a failure is ignored, because nothing depends on it.
  void Remember(const std::string& line);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fathom::cli
