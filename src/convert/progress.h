// How long work on a file shows where it is, and how it is stopped.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace fathom {

struct ConvertProgress {
  uint64_t done_bytes = 0;  // of the result
  uint64_t total_bytes = 0;
  uint64_t resumed_bytes = 0;  // of done_bytes, those of an earlier run
  std::string tensor;          // the one that is worked on
};

// Both may be empty; they are called now and then on the calling thread.
struct ConvertHooks {
  std::function<void(const ConvertProgress&)> progress;
  std::function<bool()> cancelled;
};

}  // namespace fathom
