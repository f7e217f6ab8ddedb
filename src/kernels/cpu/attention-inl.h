// The paged cache and attention over it, in Highway for the instruction set this translation unit
// is compiled for.
//
// Softmax is taken online, page by page: the running maximum, the running sum of weights and the
// output so far are rescaled when a page raises the maximum. A page is first scored (a lane is a
// token: keys are stored transposed), then its values are added (a lane is a dimension). Several
// query rows, each a (token, head), meet a page while it is in the L1 cache, but every row goes
// through the same operations in the same order whatever the other rows are. Nothing of a page
// after the row's own position enters: scores there are masked and values are not read.
#pragma once

#include <hwy/highway.h>

#include <cstdint>
#include <limits>
#include <type_traits>

#include "kernels/cpu/vector_ops-inl.h"
#include "kernels/kernels.h"
#include "tensor/format.h"

HWY_BEFORE_NAMESPACE();
namespace fathom {
namespace {

// SSE4 has no conversion of halves, and Highway's substitutes cut where they should round, and read
// infinities and NaNs as numbers.
inline constexpr bool kConvertsHalves = HWY_TARGET != HWY_SSE4 && HWY_TARGET != HWY_SSSE3;

// ---- Storing
// -------------------------------------------------------------------------------------

inline void ConvertValue(float value, float* to) { *to = value; }
inline void ConvertValue(float value, hwy::float16_t* to) {
  const uint16_t half = FloatToHalf(value);
  __builtin_memcpy(to, &half, sizeof(half));
}
inline void ConvertValue(float value, hwy::bfloat16_t* to) {
  const uint16_t bits = FloatToBFloat16(value);
  __builtin_memcpy(to, &bits, sizeof(bits));
}

// Converts a row of values to the cache's type.
template <class T>
void ConvertRow(const float* from, int64_t n, T* to) {
  int64_t i = 0;
  if constexpr (std::is_same_v<T, hwy::float16_t> && kConvertsHalves) {
    const FloatTag d;
    const hn::Rebind<hwy::float16_t, FloatTag> dh;
    for (; i + kLanes <= n; i += kLanes) {
      hn::StoreU(hn::DemoteTo(dh, hn::LoadU(d, from + i)), dh, to + i);
    }
  }
  for (; i < n; ++i) ConvertValue(from[i], to + i);
}

template <class T>
void StoreTokens(const CacheStoreArgs& args) {
  for (int64_t t = 0; t < args.tokens; ++t) {
    const int64_t position = args.first_position + t;
    const int64_t slot = position % kPageTokens;
    T* slice = reinterpret_cast<T*>(args.pages[position / kPageTokens] + args.slice_offset);
    T keys[kMaxHeadDim];
    ConvertRow(args.keys + t * args.key_stride, args.head_dim, keys);
    for (int64_t d = 0; d < args.head_dim; ++d) slice[d * kPageTokens + slot] = keys[d];
    ConvertRow(args.values + t * args.value_stride, args.head_dim,
               slice + args.head_dim * kPageTokens + slot * args.head_dim);
  }
}

// Bytes are quantised as the reference does it: once a token, it is no work to speed up.
template <>
inline void StoreTokens<int8_t>(const CacheStoreArgs& args) {
  for (int64_t t = 0; t < args.tokens; ++t) {
    const int64_t position = args.first_position + t;
    std::byte* slice = args.pages[position / kPageTokens] + args.slice_offset;
    const int64_t slot = position % kPageTokens;
    StoreKey(args.type, slice, args.head_dim, slot, args.keys + t * args.key_stride);
    StoreValue(args.type, slice, args.head_dim, slot, args.values + t * args.value_stride);
  }
}

// body(an element of the cache's type)
template <class Body>
void WithElement(CacheType type, Body&& body) {
  switch (type) {
    case CacheType::kF32:
      return body(float{});
    case CacheType::kF16:
      return body(hwy::float16_t{});
    case CacheType::kBF16:
      return body(hwy::bfloat16_t{});
    case CacheType::kQ8:
      return body(int8_t{});
  }
}

void CacheStore(const CacheStoreArgs& args) noexcept {
  WithElement(args.type, [&]<class T>(T) { StoreTokens<T>(args); });
}

// ---- Attention
// -----------------------------------------------------------------------------------

// Query rows that go through a page together: with a head of 64 their queries, outputs and weights
// are 15 KB, beside 16 KB of a float32 page.
inline constexpr int64_t kBlockRows = 24;
// Query rows of a register tile: kPageTokens / kLanes score vectors each, and four output vectors.
inline constexpr int kTileQueries = kLanes >= 16 ? 6 : kLanes >= 8 || HWY_ARCH_ARM_A64 ? 3 : 2;
// Blocks of more rows than this turn a page of halves into floats once, fewer do it on the fly.
inline constexpr int64_t kDirectRows = kTileQueries;

template <class D>
HWY_INLINE hn::Vec<D> LoadCache(D d, const float* from) {
  return hn::LoadU(d, from);
}
template <class D>
HWY_INLINE hn::Vec<D> LoadCache(D d, const hwy::float16_t* from) {
  if constexpr (kConvertsHalves) {
    return hn::PromoteTo(d, hn::LoadU(hn::Rebind<hwy::float16_t, D>(), from));
  } else {
    // As Portable::HalfToFloats.
    const hn::RebindToUnsigned<D> du;
    const auto* bits = reinterpret_cast<const uint16_t*>(from);
    const auto half = hn::PromoteTo(du, hn::LoadU(hn::Rebind<uint16_t, D>(), bits));
    const auto magnitude = hn::ShiftLeft<13>(hn::And(half, hn::Set(du, 0x7fffU)));
    const auto scaled = hn::Mul(hn::BitCast(d, magnitude), hn::Set(d, 0x1p112F));
    const auto special =
        hn::Ge(hn::BitCast(d, magnitude), hn::BitCast(d, hn::Set(du, 0x7c00U << 13)));
    const auto infinite = hn::BitCast(d, hn::Or(magnitude, hn::Set(du, 0x7f800000U)));
    const auto sign = hn::BitCast(d, hn::ShiftLeft<16>(hn::And(half, hn::Set(du, 0x8000U))));
    return hn::Or(hn::IfThenElse(special, infinite, scaled), sign);
  }
}
template <class D>
HWY_INLINE hn::Vec<D> LoadCache(D d, const hwy::bfloat16_t* from) {
  const auto* bits = reinterpret_cast<const uint16_t*>(from);
  const hn::RebindToUnsigned<D> wide;
  const auto promoted = hn::PromoteTo(wide, hn::LoadU(hn::Rebind<uint16_t, D>(), bits));
  return hn::BitCast(d, hn::ShiftLeft<16>(promoted));
}
// Without its scale.
template <class D>
HWY_INLINE hn::Vec<D> LoadCache(D d, const int8_t* from) {
  const hn::RebindToSigned<D> wide;
  return hn::ConvertTo(d, hn::PromoteTo(wide, hn::LoadU(hn::Rebind<int8_t, D>(), from)));
}

// The state of a block of query rows.
struct QueryBlock {
  const float* q[kBlockRows];
  float* out[kBlockRows];
  int64_t position[kBlockRows];
  float largest[kBlockRows];  // score so far
  float total[kBlockRows];    // of the weights, relative to `largest`
  float rescale[kBlockRows];  // what the present page does to output and total
  HWY_ALIGN float weights[kBlockRows][kPageTokens];
  int64_t rows = 0;
};

// Scores of kRows rows from `row` on with every token of a page, into block.weights.
template <int kRows, class T>
void ScorePage(QueryBlock& block, int64_t row, const T* keys, int64_t head_dim, float scale) {
  const FloatTag d;
  constexpr int64_t kVectors = kPageTokens / kLanes;
  FloatVector sums[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int64_t v = 0; v < kVectors; ++v) sums[r][v] = hn::Zero(d);
  }
  for (int64_t i = 0; i < head_dim; ++i) {
#pragma GCC unroll 8
    for (int64_t v = 0; v < kVectors; ++v) {
      const auto key = LoadCache(d, keys + i * kPageTokens + v * kLanes);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        sums[r][v] = hn::MulAdd(hn::Set(d, block.q[row + r][i]), key, sums[r][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int64_t v = 0; v < kVectors; ++v) {
      hn::Store(hn::Mul(sums[r][v], hn::Set(d, scale)), d, block.weights[row + r] + v * kLanes);
    }
  }
}

// Turns a row's scores of a page into weights; tokens from `count` on get weight 0.
inline void WeighPage(QueryBlock& block, int64_t row, int64_t count) {
  const FloatTag d;
  constexpr int64_t kVectors = kPageTokens / kLanes;
  const auto lowest = hn::Set(d, -std::numeric_limits<float>::infinity());
  float* weights = block.weights[row];
  FloatVector scores[kVectors];
  auto page_largest = lowest;
#pragma GCC unroll 8
  for (int64_t v = 0; v < kVectors; ++v) {
    const auto lane = hn::Iota(d, static_cast<float>(v * kLanes));
    const auto used = hn::Lt(lane, hn::Set(d, static_cast<float>(count)));
    scores[v] = hn::IfThenElse(used, hn::Load(d, weights + v * kLanes), lowest);
    page_largest = hn::Max(page_largest, scores[v]);
  }
  const float found = hn::GetLane(hn::MaxOfLanes(d, page_largest));
  const float before = block.largest[row];
  const float largest = found > before ? found : before;
  auto sum = hn::Zero(d);
#pragma GCC unroll 8
  for (int64_t v = 0; v < kVectors; ++v) {
    const auto weight = Exp(d, hn::Sub(scores[v], hn::Set(d, largest)));
    hn::Store(weight, d, weights + v * kLanes);
    sum = hn::Add(sum, weight);
  }
  const hn::CappedTag<float, 1> one;
  const float rescale = hn::GetLane(Exp(one, hn::Set(one, before - largest)));
  block.rescale[row] = rescale;
  block.largest[row] = largest;
  block.total[row] = block.total[row] * rescale + hn::GetLane(hn::SumOfLanes(d, sum));
}

// Adds the values of a page, weighted, to kVectors vectors of the outputs of kRows rows, from
// dimension `at` on. Values of neighbouring tokens are `stride` apart; `counts` are the tokens each
// row may see.
template <int kRows, int kVectors, class D, class T>
HWY_INLINE void AddValues(D d, QueryBlock& block, int64_t row, const T* values, int64_t stride,
                          int64_t at, const int64_t* counts, bool first) {
  constexpr int64_t kStep = hn::MaxLanes(D());
  hn::Vec<D> sums[kRows][kVectors];
  int64_t shared = kPageTokens;
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    shared = counts[r] < shared ? counts[r] : shared;
    const auto rescale = hn::Set(d, block.rescale[row + r]);
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      sums[r][v] =
          first ? hn::Zero(d) : hn::Mul(hn::LoadU(d, block.out[row + r] + at + v * kStep), rescale);
    }
  }
  for (int64_t j = 0; j < shared; ++j) {
    const T* from = values + j * stride + at;
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      const auto value = LoadCache(d, from + v * kStep);
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) {
        sums[r][v] = hn::MulAdd(hn::Set(d, block.weights[row + r][j]), value, sums[r][v]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    for (int64_t j = shared; j < counts[r]; ++j) {
      const T* from = values + j * stride + at;
      const auto weight = hn::Set(d, block.weights[row + r][j]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        sums[r][v] = hn::MulAdd(weight, LoadCache(d, from + v * kStep), sums[r][v]);
      }
    }
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      hn::StoreU(sums[r][v], d, block.out[row + r] + at + v * kStep);
    }
  }
}

template <int kRows, class T>
void AddPage(QueryBlock& block, int64_t row, const T* values, int64_t head_dim, int64_t stride,
             const int64_t* counts, bool first) {
  const FloatTag d;
  const hn::CappedTag<float, 4> small;
  constexpr int64_t kSmall = 4 < kLanes ? 4 : kLanes;
  constexpr int kWide = 4;
  int64_t at = 0;
  for (; at + kWide * kLanes <= head_dim; at += kWide * kLanes) {
    AddValues<kRows, kWide>(d, block, row, values, stride, at, counts, first);
  }
  for (; at + kLanes <= head_dim; at += kLanes) {
    AddValues<kRows, 1>(d, block, row, values, stride, at, counts, first);
  }
  for (; at < head_dim; at += kSmall) {
    AddValues<kRows, 1>(small, block, row, values, stride, at, counts, first);
  }
}

// All rows from `begin` on (those that may see the page) against one page of keys.
template <int kRows, class T>
void ScoreRows(QueryBlock& block, int64_t begin, const T* keys, int64_t head_dim, float scale) {
  int64_t row = begin;
  for (; row + kRows <= block.rows; row += kRows) {
    ScorePage<kRows>(block, row, keys, head_dim, scale);
  }
  if constexpr (kRows > 1) {
    if (row < block.rows) ScoreRows<kRows - 1>(block, row, keys, head_dim, scale);
  }
}

template <int kRows, class T>
void AddRows(QueryBlock& block, int64_t begin, const T* values, int64_t head_dim, int64_t stride,
             const int64_t* counts, bool first) {
  int64_t row = begin;
  for (; row + kRows <= block.rows; row += kRows) {
    AddPage<kRows>(block, row, values, head_dim, stride, counts + row, first);
  }
  if constexpr (kRows > 1) {
    if (row < block.rows) AddRows<kRows - 1>(block, row, values, head_dim, stride, counts, first);
  }
}

inline const float* Widen(const float* from, int64_t /*n*/, float* /*buffer*/) { return from; }
template <class T>
const float* Widen(const T* from, int64_t n, float* buffer) {
  const FloatTag d;
  for (int64_t i = 0; i < n; i += kLanes) hn::StoreU(LoadCache(d, from + i), d, buffer + i);
  return buffer;
}

// A page of bytes as floats. Keys: a scale is a lane's.
inline const float* WidenKeys(const int8_t* from, int64_t head_dim, const float* scales,
                              float* buffer) {
  const FloatTag d;
  for (int64_t i = 0; i < head_dim * kPageTokens; i += kLanes) {
    const auto scale = hn::LoadU(d, scales + i % kPageTokens);
    hn::StoreU(hn::Mul(LoadCache(d, from + i), scale), d, buffer + i);
  }
  return buffer;
}
// `count` bytes that share a scale.
inline void WidenRow(const int8_t* from, int64_t count, float scale, float* to) {
  const FloatTag d;
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    hn::StoreU(hn::Mul(LoadCache(d, from + i), hn::Set(d, scale)), d, to + i);
  }
  for (; i < count; ++i) to[i] = static_cast<float>(from[i]) * scale;
}

// How many tokens of the page rows from `begin` on may see.
inline void CountSeen(const QueryBlock& block, int64_t begin, int64_t page, int64_t* counts) {
  for (int64_t row = begin; row < block.rows; ++row) {
    const int64_t seen = block.position[row] + 1 - page * kPageTokens;
    counts[row] = seen < kPageTokens ? seen : kPageTokens;
  }
}

inline void StartRow(QueryBlock& block, int64_t row, int64_t position) {
  block.position[row] = position;
  block.largest[row] = -std::numeric_limits<float>::infinity();
  block.total[row] = 0.0F;
}

inline void DivideByTotals(QueryBlock& block, int64_t head_dim) {
  const FloatTag d;
  for (int64_t row = 0; row < block.rows; ++row) {
    const auto inverse = hn::Set(d, 1.0F / block.total[row]);
    Map(block.out[row], block.out[row], head_dim, block.out[row],
        [=](FloatVector sum, FloatVector) { return hn::Mul(sum, inverse); });
  }
}

// A block of query rows against all pages that its last row sees.
template <class T>
void AttendBlock(const AttentionArgs& args, QueryBlock& block) {
  const int64_t elements = args.head_dim * kPageTokens;
  const int64_t last_page = block.position[block.rows - 1] / kPageTokens;
  HWY_ALIGN float buffer[kMaxHeadDim * kPageTokens];
  int64_t begin = 0;
  for (int64_t page = 0; page <= last_page; ++page) {
    while (block.position[begin] < page * kPageTokens) ++begin;
    const T* keys = reinterpret_cast<const T*>(args.pages[page] + args.slice_offset);
    const T* values = keys + elements;
    int64_t counts[kBlockRows];
    CountSeen(block, begin, page, counts);
    const auto score = [&](const auto* of) {
      ScoreRows<kTileQueries>(block, begin, of, args.head_dim, args.scale);
      for (int64_t row = begin; row < block.rows; ++row) WeighPage(block, row, counts[row]);
    };
    const auto add = [&](const auto* of) {
      AddRows<kTileQueries>(block, begin, of, args.head_dim, args.head_dim, counts, page == 0);
    };
    if constexpr (std::is_same_v<T, int8_t>) {
      const auto* scales = reinterpret_cast<const float*>(keys + CacheScalesOffset(args.head_dim));
      score(WidenKeys(keys, args.head_dim, scales, buffer));
      for (int64_t slot = 0; slot < kPageTokens; ++slot) {
        const int64_t at = slot * args.head_dim;
        WidenRow(values + at, args.head_dim, scales[kPageTokens + slot], buffer + at);
      }
      add(buffer);
    } else if (block.rows <= kDirectRows) {
      score(keys);
      add(values);
    } else {
      score(Widen(keys, elements, buffer));
      add(Widen(values, elements, buffer));
    }
  }
  DivideByTotals(block, args.head_dim);
}

template <class T>
void Attend(const AttentionArgs& args) {
  const int64_t rows = args.tokens * args.group;
  for (int64_t first = 0; first < rows; first += kBlockRows) {
    QueryBlock block;
    block.rows = rows - first < kBlockRows ? rows - first : kBlockRows;
    for (int64_t i = 0; i < block.rows; ++i) {
      const int64_t token = (first + i) / args.group;
      const int64_t head = (first + i) % args.group;
      block.q[i] = args.q + token * args.q_stride + head * args.head_dim;
      block.out[i] = args.out + token * args.out_stride + head * args.head_dim;
      StartRow(block, i, args.first_position + token);
    }
    AttendBlock<T>(args, block);
  }
}

void Attention(const AttentionArgs& args) noexcept {
  WithElement(args.type, [&]<class T>(T) { Attend<T>(args); });
}

}  // namespace
}  // namespace fathom
HWY_AFTER_NAMESPACE();
