// The progress line of commands that write model files.
#pragma once

#include <string>

#include "base/clock.h"
#include "cli/terminal.h"
#include "convert/progress.h"
#include "loader/download.h"

namespace fathom::cli {

class ConvertProgressText {
 public:
  ConvertProgressText() : start_(MonotonicSeconds()) {}

  // "blk.3.ffn_up.weight: 1.2 GB of 8.9 GB (13%), 310 MB/s, 25s left"
  std::string Of(const ConvertProgress& progress) const {
    std::string text = progress.tensor + ": " + BytesText(progress.done_bytes) + " of " +
                       BytesText(progress.total_bytes);
    if (progress.total_bytes > 0) {
      text += " (" + std::to_string(progress.done_bytes * 100 / progress.total_bytes) + "%)";
    }
    const double seconds = MonotonicSeconds() - start_;
    const double speed =
        static_cast<double>(progress.done_bytes - progress.resumed_bytes) / seconds;
    if (seconds > 1 && speed >= 1) {
      text +=
          ", " + BytesText(static_cast<uint64_t>(speed)) + "/s, " +
          DurationText(static_cast<double>(progress.total_bytes - progress.done_bytes) / speed) +
          " left";
    }
    return text;
  }

 private:
  double start_;
};

}  // namespace fathom::cli
