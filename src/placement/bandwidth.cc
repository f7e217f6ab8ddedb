// Owns: the read loop. Invariant: every byte of the buffer is loaded once per pass and goes into a
// sum that is used, so that no load can be left out. Not for: latency or writing.
#include "placement/bandwidth.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>

#include "base/clock.h"
#include "tensor/buffer.h"

namespace fathom {
namespace {

constexpr int kPasses = 5;
// Concurrent streams per thread: hardware prefetchers follow several at a time, and one alone does
// not fill the memory channels of a core.
constexpr std::size_t kStreams = 4;
constexpr std::size_t kLine = 64;
// Tasks are handed out in pieces of this size, so that a thread that was held up does not decide.
constexpr std::size_t kPiece = std::size_t{4} << 20;

// XOR of all 64-bit words, read as kStreams streams side by side.
uint64_t ReadPiece(const std::byte* data) {
  constexpr std::size_t kStride = kPiece / kStreams;
  constexpr std::size_t kWords = kLine / sizeof(uint64_t);
  uint64_t sums[kStreams][kWords] = {};
  for (std::size_t at = 0; at < kStride; at += kLine) {
    for (std::size_t stream = 0; stream < kStreams; ++stream) {
      uint64_t words[kWords];
      std::memcpy(words, data + stream * kStride + at, kLine);
      for (std::size_t i = 0; i < kWords; ++i) sums[stream][i] ^= words[i];
    }
  }
  uint64_t all = 0;
  for (const auto& stream : sums) {
    for (const uint64_t sum : stream) all ^= sum;
  }
  return all;
}

}  // namespace

double MeasureReadBandwidth(ThreadPool& pool, std::size_t bytes) {
  const int64_t pieces = static_cast<int64_t>(std::max<std::size_t>(bytes / kPiece, 1));
  const Buffer buffer(static_cast<std::size_t>(pieces) * kPiece, "the bandwidth measurement");
  const auto piece_at = [&](int64_t piece) {
    return buffer.data() + static_cast<std::size_t>(piece) * kPiece;
  };
  // Written once, because pages that were never written may all be one page of zeros.
  pool.ParallelFor(pieces, [&](int64_t piece, int) {
    std::memset(piece_at(piece), static_cast<int>(piece % 251), kPiece);
  });
  std::atomic<uint64_t> sum{0};
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const double start = MonotonicSeconds();
    pool.ParallelFor(pieces, [&](int64_t piece, int) {
      sum.fetch_xor(ReadPiece(piece_at(piece)), std::memory_order_relaxed);
    });
    const double seconds = MonotonicSeconds() - start;
    best = std::max(best, static_cast<double>(buffer.size()) / std::max(seconds, 1e-9));
  }
  // The sum is part of the answer, in a way that cannot change it.
  return sum.load() == 1 ? best * (1 + 1e-15) : best;
}

}  // namespace fathom
