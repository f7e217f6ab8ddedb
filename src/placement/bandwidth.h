// How fast this machine reads memory: the speed of light for decoding.
#pragma once

#include <cstddef>

#include "base/thread_pool.h"

namespace fathom {

// Bytes per second at which all threads of the pool together read a buffer of `bytes` bytes, the
// best of several passes. Each thread reads its own part as several streams. The buffer should be
// far larger than the caches. Throws Error(kOutOfMemory) when it is not to be had.
double MeasureReadBandwidth(ThreadPool& pool, std::size_t bytes);

}  // namespace fathom
