// Products of float32, half, bfloat16 and E4M3 weights with float32 activations, for any number of
// columns. The same plan as matmul-inl.h: a lane is a weight row, a chunk of columns of a panel is
// widened to float32 once and multiplied by all activation rows, and an output is
//   acc = fma(weight, x, acc)   over the columns in ascending order,
// with weight = value * scale, rounded to float32, where there is a grid of scales.
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

template <class S>
struct RowsF8_E4M3 {
  static constexpr int kBytes = 1;
  static void Widen(const std::byte* from, int64_t stride, typename S::Floats* to) {
    typename S::Ints dwords[4];
    S::LoadQuads(from, stride, dwords);
    for (int i = 0; i < 4; ++i) {
      WidenPair(dwords[i], to + 4 * i);  // the even bytes of a dword, then the odd ones
      WidenPair(S::template ShiftRight<8>(dwords[i]), to + 4 * i + 1);
    }
  }

 private:
  // The even bytes. Moved to their places in a half, the bits are 2^-8 (the biases' difference)
  // times the value; 0x7f is made a NaN by setting the one exponent bit that is never needed.
  static void WidenPair(typename S::Ints dword, typename S::Floats* to) {
    const auto top = S::Set(0x00800080U);
    const auto magnitudes = S::And(dword, S::Set(0x007f007fU));
    const auto nans = S::And(S::Add(magnitudes, S::Set(0x00010001U)), top);
    const auto halves = S::Or(S::template ShiftLeft<7>(S::Or(magnitudes, nans)),
                              S::template ShiftLeft<8>(S::And(dword, top)));
    const auto bias = S::SetFloat(256.0F);
    to[0] = S::Mul(S::HalfToFloats(halves), bias);
    to[2] = S::Mul(S::HalfToFloats(S::template ShiftRight<16>(halves)), bias);
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

// Multiplies columns first .. first + count - 1 of the panel at weight row n, or of that row alone,
// by their blocks' scales.
template <class S>
void ScalePanel(const ScaleGrid& grid, int64_t columns, int64_t n, int lanes, int64_t first,
                int64_t count, typename S::Floats* weights) {
  const int64_t width = (columns + grid.block_columns - 1) / grid.block_columns;
  const int64_t top = n / grid.block_rows;
  const bool one_block = (n + lanes - 1) / grid.block_rows == top;
  for (int64_t k = 0; k < count;) {
    const int64_t column = (first + k) / grid.block_columns;
    typename S::Floats scale;
    if (one_block) {
      scale = S::SetFloat(grid.scales[top * width + column]);
    } else {
      float of_lanes[S::kRows];
      for (int r = 0; r < S::kRows; ++r) {
        of_lanes[r] = grid.scales[(n + r) / grid.block_rows * width + column];
      }
      scale = S::LoadFloats(of_lanes);
    }
    const int64_t end = (column + 1) * grid.block_columns - first;
    for (; k < end && k < count; ++k) weights[k] = S::Mul(weights[k], scale);
  }
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
      const int64_t panel = n + p * S::kRows;
      WidenPanel<S, Rows>(args.weights + panel * args.row_bytes + first * Rows::kBytes, stride,
                          count, weights + p * kFloatChunk);
      if (args.scale_grid.scales != nullptr) {
        ScalePanel<S>(args.scale_grid, args.x.columns, panel, lanes, first, count,
                      weights + p * kFloatChunk);
      }
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
