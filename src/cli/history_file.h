// The file of the lines that were typed at the terminal, in libedit's own format. Several chats
// write it: each line is added to what is there by then, under a lock of the file's folder, and the
// whole is published by a rename. Not for: editing (line_editor.h).
#pragma once

#include <histedit.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace fathom::cli {

class HistoryFile {
 public:
  static constexpr int kEntries = 1000;  // the newest; one of several equal neighbours

  // `path` may be empty: then nothing is kept.
  explicit HistoryFile(std::filesystem::path path) : path_(std::move(path)) {}
  // Tries once more to write what could not be written.
  ~HistoryFile();
  HistoryFile(const HistoryFile&) = delete;
  HistoryFile& operator=(const HistoryFile&) = delete;

  // An empty history with these limits. The caller ends it.
  static History* New();
  // Adds what the file has. False for a file that is there but cannot be read.
  bool Load(History* history) const;
  // Writes the line to the file. A failure is ignored, because nothing depends on it.
  void Add(const std::string& line);

 private:
  bool Save() const;
  bool SaveLocked() const;

  std::filesystem::path path_;
  std::vector<std::string> unsaved_;
};

}  // namespace fathom::cli
