// The cache of latents and attention over it, in Highway for the instruction set this translation
// unit is compiled for.
//
// All heads of a token read the same vectors, so a page is met by blocks of query rows, each a
// (token, head), as in attention-inl.h, whose online softmax and weighted sums these are. Only the
// scores differ: a cached vector is contiguous, so a lane is a dimension, and a score is summed
// lane by lane over the dimensions in ascending order and then over the lanes; this order is the
// same whatever rows and tokens share a tile.
#pragma once

#include <hwy/highway.h>

#include <cstdint>
#include <type_traits>

#include "kernels/cpu/attention-inl.h"
#include "kernels/cpu/vector_ops-inl.h"
#include "kernels/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace fathom {
namespace {

template <class T>
void StoreLatents(const LatentStoreArgs& args) {
  for (int64_t t = 0; t < args.tokens; ++t) {
    const int64_t position = args.first_position + t;
    T* slice = reinterpret_cast<T*>(args.pages[position / kPageTokens] + args.slice_offset);
    ConvertRow(args.x + t * args.x_stride, args.width, slice + position % kPageTokens * args.width);
  }
}

template <>
inline void StoreLatents<int8_t>(const LatentStoreArgs& args) {
  for (int64_t t = 0; t < args.tokens; ++t) {
    const int64_t position = args.first_position + t;
    StoreLatent(args.type, args.pages[position / kPageTokens] + args.slice_offset, args.width,
                position % kPageTokens, args.x + t * args.x_stride);
  }
}

void LatentStore(const LatentStoreArgs& args) noexcept {
  WithElement(args.type, [&]<class T>(T) { StoreLatents<T>(args); });
}

// The first `count` lanes of a cached vector, zeros in the others; nothing after them is read.
inline FloatVector LoadSomeCache(FloatTag d, const float* from, int64_t count) {
  return LoadSome(d, from, count);
}
template <class T>
FloatVector LoadSomeCache(FloatTag d, const T* from, int64_t count) {
  HWY_ALIGN T padded[kLanes];
  __builtin_memset(padded, 0, sizeof(padded));
  __builtin_memcpy(padded, from, static_cast<std::size_t>(count) * sizeof(T));
  return LoadCache(d, padded);
}

// Tokens of a register tile: kTileQueries x kTileTokens sums.
inline constexpr int kTileTokens = 4;

// Scores of kRows rows from `row` on with kTileTokens tokens from `token` on.
template <int kRows, class T>
void ScoreTile(QueryBlock& block, int64_t row, const T* page, int64_t token, int64_t width,
               float scale) {
  const FloatTag d;
  FloatVector sums[kRows][kTileTokens];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int t = 0; t < kTileTokens; ++t) sums[r][t] = hn::Zero(d);
  }
  const T* from = page + token * width;
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) {
#pragma GCC unroll 8
    for (int t = 0; t < kTileTokens; ++t) {
      const auto key = LoadCache(d, from + t * width + i);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        sums[r][t] = hn::MulAdd(hn::LoadU(d, block.q[row + r] + i), key, sums[r][t]);
      }
    }
  }
  if (i < width) {
    for (int t = 0; t < kTileTokens; ++t) {
      const auto key = LoadSomeCache(d, from + t * width + i, width - i);
      for (int r = 0; r < kRows; ++r) {
        sums[r][t] = hn::MulAdd(LoadSome(d, block.q[row + r] + i, width - i), key, sums[r][t]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int t = 0; t < kTileTokens; ++t) {
      block.weights[row + r][token + t] = scale * hn::GetLane(hn::SumOfLanes(d, sums[r][t]));
    }
  }
}

// All rows from `begin` on against the tiles of a page that any of them sees.
template <int kRows, class T>
void ScoreLatentRows(QueryBlock& block, int64_t begin, const T* page, int64_t seen, int64_t width,
                     float scale) {
  int64_t row = begin;
  for (; row + kRows <= block.rows; row += kRows) {
    for (int64_t token = 0; token < seen; token += kTileTokens) {
      ScoreTile<kRows>(block, row, page, token, width, scale);
    }
  }
  if constexpr (kRows > 1) {
    if (row < block.rows) ScoreLatentRows<kRows - 1>(block, row, page, seen, width, scale);
  }
}

// A block of query rows against one page of floats or halves.
template <class T>
void MeetPage(const LatentAttentionArgs& args, QueryBlock& block, int64_t begin, const T* page,
              const int64_t* counts, bool first) {
  // Positions ascend with the rows, so the last one sees the most.
  const int64_t seen = counts[block.rows - 1];
  ScoreLatentRows<kTileQueries>(block, begin, page, seen, args.width, args.scale);
  for (int64_t row = begin; row < block.rows; ++row) WeighPage(block, row, counts[row]);
  AddRows<kTileQueries>(block, begin, page, args.value_width, args.width, counts, first);
}

// A page of bytes and its scales as floats.
inline void WidenLatents(const int8_t* page, int64_t width, float* buffer) {
  const auto* scales = reinterpret_cast<const float*>(page + LatentScalesOffset(width));
  for (int64_t slot = 0; slot < kPageTokens; ++slot) {
    for (int64_t d = 0; d < width; d += kLatentGroup) {
      const int64_t count = width - d < kLatentGroup ? width - d : kLatentGroup;
      WidenRow(page + slot * width + d, count, *scales++, buffer + slot * width + d);
    }
  }
}

template <class T>
void AttendLatentBlock(const LatentAttentionArgs& args, QueryBlock& block) {
  const int64_t elements = args.width * kPageTokens;
  const int64_t last_page = block.position[block.rows - 1] / kPageTokens;
  HWY_ALIGN float buffer[kMaxLatentWidth * kPageTokens];
  int64_t begin = 0;
  for (int64_t page = 0; page <= last_page; ++page) {
    while (block.position[begin] < page * kPageTokens) ++begin;
    const T* latents = reinterpret_cast<const T*>(args.pages[page] + args.slice_offset);
    int64_t counts[kBlockRows];
    CountSeen(block, begin, page, counts);
    if constexpr (std::is_same_v<T, int8_t>) {
      WidenLatents(latents, args.width, buffer);
      MeetPage(args, block, begin, buffer, counts, page == 0);
    } else if (block.rows <= kDirectRows) {
      MeetPage(args, block, begin, latents, counts, page == 0);
    } else {
      // A page of halves is widened once for all rows, a page of floats is used as it is.
      MeetPage(args, block, begin, Widen(latents, elements / kLanes * kLanes, buffer), counts,
               page == 0);
    }
  }
  DivideByTotals(block, args.value_width);
}

template <class T>
void AttendLatents(const LatentAttentionArgs& args) {
  const int64_t rows = args.tokens * args.heads;
  for (int64_t first = 0; first < rows; first += kBlockRows) {
    QueryBlock block;
    block.rows = rows - first < kBlockRows ? rows - first : kBlockRows;
    for (int64_t i = 0; i < block.rows; ++i) {
      const int64_t token = (first + i) / args.heads;
      const int64_t head = (first + i) % args.heads;
      block.q[i] = args.q + token * args.q_token_stride + head * args.q_head_stride;
      block.out[i] = args.out + token * args.out_token_stride + head * args.out_head_stride;
      StartRow(block, i, args.first_position + token);
    }
    AttendLatentBlock<T>(args, block);
  }
}

void LatentAttention(const LatentAttentionArgs& args) noexcept {
  WithElement(args.type, [&]<class T>(T) { AttendLatents<T>(args); });
}

}  // namespace
}  // namespace fathom
HWY_AFTER_NAMESPACE();
