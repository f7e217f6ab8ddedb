// Products of float32, half and bfloat16 weights with float32 activations, for any number of
// columns. The same plan as matmul-inl.h: a lane is a weight row, a chunk of columns of a panel is
// widened to float32 once and multiplied by all activation rows, and an output is
//   acc = fma(weight, x, acc)   over the columns in ascending order.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernels.h"

namespace fathom {
namespace {

// Columns widened at a time: with two panels 8 KB at 256 bits and 16 KB at 512 bits.
inline constexpr int64_t kFloatChunk = 128;
inline constexpr int kFloatPanels = 2;

// Each struct: bytes of a value, and the widening of the 16 bytes that each row of a panel has
// there.
template <class S>
struct RowsF32 {
  static constexpr int kBytes = 4;
  static void Widen(const std::byte* from, int64_t stride, typename S::Floats* to) {
    typename S::Ints dwords[4];
    S::LoadQuads(from, stride, dwords);
    for (int i = 0; i < 4; ++i) to[i] = S::AsFloats(dwords[i]);
  }
};

template <class S>
struct RowsF16 {
  static constexpr int kBytes = 2;
  static void Widen(const std::byte* from, int64_t stride, typename S::Floats* to) {
    typename S::Ints dwords[4];
    S::LoadQuads(from, stride, dwords);
    for (int i = 0; i < 4; ++i) {
      to[2 * i] = S::HalfToFloats(dwords[i]);
      to[2 * i + 1] = S::HalfToFloats(S::template ShiftRight<16>(dwords[i]));
    }
  }
};

template <class S>
struct RowsBF16 {
  static constexpr int kBytes = 2;
  static void Widen(const std::byte* from, int64_t stride, typename S::Floats* to) {
    typename S::Ints dwords[4];
    S::LoadQuads(from, stride, dwords);
    for (int i = 0; i < 4; ++i) {
      to[2 * i] = S::AsFloats(S::template ShiftLeft<16>(dwords[i]));
      to[2 * i + 1] = S::AsFloats(S::And(dwords[i], S::Set(0xffff0000U)));
    }
  }
};

// Widens `count` columns of a panel; the last ones, fewer than 16 bytes, by way of a padded copy,
// so that nothing after a row is read.
template <class S, class Rows>
void WidenPanel(const std::byte* from, int64_t stride, int64_t count, typename S::Floats* to) {
  constexpr int64_t kStep = 16 / Rows::kBytes;
  int64_t k = 0;
  for (; k + kStep <= count; k += kStep) Rows::Widen(from + k * Rows::kBytes, stride, to + k);
  if (k == count) return;
  std::byte padded[S::kRows * 16] = {};
  for (int r = 0; r < S::kRows; ++r) {
    __builtin_memcpy(padded + 16 * r, from + r * stride + k * Rows::kBytes,
                     static_cast<std::size_t>((count - k) * Rows::kBytes));
  }
  typename S::Floats last[kStep];
  Rows::Widen(padded, 16, last);
  for (int64_t i = 0; k + i < count; ++i) to[k + i] = last[i];
}

template <class S, int kPanelCount, int kTile>
void MultiplyFloatTile(const typename S::Floats* weights, int64_t first, int64_t count,
                       const Activations& x, int64_t row, float* out, int64_t out_stride,
                       int lanes) {
  typename S::Floats acc[kPanelCount][kTile];
#pragma GCC unroll 4
  for (int p = 0; p < kPanelCount; ++p) {
#pragma GCC unroll 8
    for (int c = 0; c < kTile; ++c) {
      const float* from = out + c * out_stride + p * S::kRows;
      acc[p][c] = first == 0          ? S::ZeroFloats()
                  : lanes == S::kRows ? S::LoadFloats(from)
                                      : S::SetFloat(*from);
    }
  }
  const float* values = x.floats + row * x.columns + first;
  for (int64_t k = 0; k < count; ++k) {
#pragma GCC unroll 8
    for (int c = 0; c < kTile; ++c) {
      const auto value = S::SetFloat(values[c * x.columns + k]);
#pragma GCC unroll 4
      for (int p = 0; p < kPanelCount; ++p) {
        acc[p][c] = S::MulAdd(weights[p * kFloatChunk + k], value, acc[p][c]);
      }
    }
  }
#pragma GCC unroll 4
  for (int p = 0; p < kPanelCount; ++p) {
#pragma GCC unroll 8
    for (int c = 0; c < kTile; ++c) {
      float* to = out + c * out_stride + p * S::kRows;
      if (lanes == S::kRows) {
        S::StoreFloats(acc[p][c], to);
      } else {
        *to = S::FirstFloat(acc[p][c]);
      }
    }
  }
}

template <class S, class Rows, int kPanelCount>
void MultiplyFloatPanels(const MatMulArgs& args, int64_t n, int64_t stride, int lanes) {
  constexpr int kTile = 4;
  typename S::Floats weights[kPanelCount * kFloatChunk];
  int64_t first = 0;
  do {  // once for no columns at all: the outputs are zeros
    const int64_t left = args.x.columns - first;
    const int64_t count = left < kFloatChunk ? left : kFloatChunk;
    for (int p = 0; p < kPanelCount; ++p) {
      WidenPanel<S, Rows>(args.weights + (n + p * S::kRows) * args.row_bytes + first * Rows::kBytes,
                          stride, count, weights + p * kFloatChunk);
    }
    int64_t row = 0;
    float* out = args.out + n;
    for (; row + kTile <= args.x.rows; row += kTile) {
      MultiplyFloatTile<S, kPanelCount, kTile>(weights, first, count, args.x, row,
                                               out + row * args.out_stride, args.out_stride, lanes);
    }
    for (; row < args.x.rows; ++row) {
      MultiplyFloatTile<S, kPanelCount, 1>(weights, first, count, args.x, row,
                                           out + row * args.out_stride, args.out_stride, lanes);
    }
    first += count;
  } while (first < args.x.columns);
}

template <class S, class Rows>
void MatMulFloat(const MatMulArgs& args) noexcept {
  const int64_t wide = kFloatPanels * S::kRows;
  int64_t n = args.row_begin;
  for (; n + wide <= args.row_end; n += wide) {
    MultiplyFloatPanels<S, Rows, kFloatPanels>(args, n, args.row_bytes, S::kRows);
  }
  for (; n + S::kRows <= args.row_end; n += S::kRows) {
    MultiplyFloatPanels<S, Rows, 1>(args, n, args.row_bytes, S::kRows);
  }
  if (n < args.row_end && args.row_end - args.row_begin >= S::kRows) {
    MultiplyFloatPanels<S, Rows, 1>(args, args.row_end - S::kRows, args.row_bytes, S::kRows);
    return;
  }
  for (; n < args.row_end; ++n) MultiplyFloatPanels<S, Rows, 1>(args, n, 0, 1);
}

}  // namespace
}  // namespace fathom
