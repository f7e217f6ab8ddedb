// Work that nobody waits for any more: whoever asked for it sets a flag, and whoever does it looks
// at the flag now and then. No locks, no callbacks; what ends is up to the one who works.
#pragma once

#include <atomic>

#include "base/error.h"

namespace fathom {

using CancelFlag = std::atomic<bool>;

// Throws Error(kCancelled) once the flag is set. Null: nobody cancels.
inline void CheckCancelled(const CancelFlag* cancelled) {
  if (cancelled != nullptr && cancelled->load(std::memory_order_relaxed)) {
    throw Error(ErrorCode::kCancelled, "the request was cancelled");
  }
}

}  // namespace fathom
