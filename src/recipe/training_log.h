// The log of a run of training: a file of JSON lines, one a step or evaluation, each with the
// number of steps done by then ("step") and named numbers. Lines are only ever added at the end,
// and a line is there when its newline is: what a kill left half written is no line. A run that
// goes on from a checkpoint goes on in its log as well, without what came after that checkpoint.
// Not for: deciding what is logged, drawing it (curves.h), several writers of one file.
//
//   {"step":1,"loss":7.61,"learning_rate":3e-05}
//   {"step":1,"held_out_loss":7.58}
//
// A value that is no number (NaN, infinities) is null in the file and NaN when read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace fathom {

struct LogEntry {
  int64_t step = 0;  // steps done by then: the first step of a run writes 1
  std::vector<std::pair<std::string, double>> numbers;

  // The number of that name; null if there is none.
  const double* Find(std::string_view name) const;
};

struct SeriesPoint {
  int64_t step = 0;
  double value = 0;
};

// The points of one number, in the order of the log.
std::vector<SeriesPoint> SeriesOf(std::span<const LogEntry> entries, std::string_view name);

// The lines of a log. Throws Error kNotFound, kIo, and kInvalidFile that names the line which is
// no JSON object of a "step" and numbers.
std::vector<LogEntry> ReadTrainingLog(const std::filesystem::path& path);

class TrainingLog {
 public:
  // For a run that begins anew: what a file of that name held is gone.
  static constexpr int64_t kNothing = -1;

  // Opens the log, which is made if it is not there. Lines of more than `keep` steps are dropped,
  // and what is left of the last line if it was cut: the file is replaced as a whole, or stays as
  // it was. Throws as ReadTrainingLog does, and Error kNoSpace or kPermission.
  TrainingLog(const std::filesystem::path& path, int64_t keep);

  // Adds one line, which the system has when the call returns. Throws Error kNoSpace or kIo; the
  // log is then as before the call.
  void Append(LogEntry entry);

  // Everything in it.
  std::span<const LogEntry> entries() const { return entries_; }

 private:
  std::filesystem::path path_;
  std::ofstream stream_;
  uint64_t bytes_ = 0;  // of the file
  std::vector<LogEntry> entries_;
};

}  // namespace fathom
