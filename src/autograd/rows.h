// How operations spread rows over threads: in blocks of a fixed size, so that what is summed up per
// block does not depend on the number of threads.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/thread_pool.h"

namespace fathom::autograd {

// Rows of a product that one task computes: enough for a product to run at full speed.
inline constexpr int64_t kProductRows = 256;
// Rows of row-wise operations.
inline constexpr int64_t kPlainRows = 64;

constexpr int64_t BlocksOf(int64_t rows, int64_t block) { return (rows + block - 1) / block; }

// body(first, count, block number) for every block.
template <class Body>
void ForBlocks(ThreadPool& pool, int64_t rows, int64_t block, Body&& body) {
  pool.ParallelFor(BlocksOf(rows, block), [&](int64_t task, int) {
    const int64_t first = task * block;
    body(first, std::min(block, rows - first), task);
  });
}

}  // namespace fathom::autograd
