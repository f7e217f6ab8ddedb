// How a matrix product is split over threads: one rule, for the layers that run it and for whoever
// measures what they will take.
#pragma once

#include <algorithm>
#include <cstdint>

namespace fathom {

// Weight rows of one task, of a matrix of so many rows: enough bytes that handing out tasks costs
// nothing beside them, few enough that threads finish together; a whole number of every instruction
// set's panels.
inline int64_t ProductTaskRows(int64_t row_bytes, int64_t rows, int threads) {
  constexpr int64_t kTaskBytes = 64 << 10;
  constexpr int64_t kTasksPerThread = 4;
  constexpr int64_t kPanelRows = 32;
  const int64_t fair_share = rows / (kTasksPerThread * threads);
  const int64_t wanted = std::min(kTaskBytes / row_bytes, fair_share);
  return std::max(wanted / kPanelRows, int64_t{1}) * kPanelRows;
}

}  // namespace fathom
