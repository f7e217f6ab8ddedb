// Products of quantised weights and quantised activations, written once for every instruction set:
// S is Avx2, Avx512 or Portable, and this file is included by one translation unit of each.
//
// A vector lane is a weight row. A panel is S::kRows weight rows; its blocks are unpacked once, a
// chunk of columns at a time, into groups of 32 columns in which one vector holds four consecutive
// columns of every row, and then multiplied by all activation rows, a register tile of them at a
// time. So nothing is summed across lanes, unpacking is shared by the rows of a batch, and every
// output is
//   acc = fma(t(group), activation scale of the group, acc)   over the groups in ascending order,
// where t is exact but for the roundings of its few float operations (WeightKind). The
// order depends on nothing else, and every instruction set with fma gives the same bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "kernels/cpu/weight_panel.h"
#include "kernels/kernels.h"

namespace fathom {
namespace {

// ---- Unpacking: one block of S::kRows rows into its groups
// ---------------------------------------

template <class S>
void NibblesToQuads(const typename S::Ints packed[4], typename S::Group& group) {
  const auto low = S::Set(0x0f0f0f0fU);
  for (int q = 0; q < 4; ++q) {
    group.quads[q] = S::And(packed[q], low);
    group.quads[q + 4] = S::And(S::template ShiftRight<4>(packed[q]), low);
  }
}

template <class S>
void AddFifthBits(typename S::Ints bits, typename S::Group& group) {
  const auto add = [&]<int kQuad>() {
    const auto fifth = S::template WhereBits<kQuad>(bits, S::Set(0x10101010U));
    group.quads[kQuad] = S::Or(group.quads[kQuad], fifth);
  };
  add.template operator()<0>();
  add.template operator()<1>();
  add.template operator()<2>();
  add.template operator()<3>();
  add.template operator()<4>();
  add.template operator()<5>();
  add.template operator()<6>();
  add.template operator()<7>();
}

// scale * (q - offset) is scale * q + second with second = -offset * scale.
template <class S>
void SetCentred(typename S::Ints half, float offset, typename S::Group& group) {
  group.scale = S::HalfToFloats(half);
  group.second = S::Mul(group.scale, S::SetFloat(-offset));
}

template <class S>
void SetScaleAndMinimum(typename S::Ints halves, typename S::Group& group) {
  group.scale = S::HalfToFloats(halves);
  group.second = S::HalfToFloats(S::template ShiftRight<16>(halves));
}

// Each struct: bytes and groups of a block, the kind of its groups, whether every byte of quants is
// treated alike, and Unpack from the block of the panel's first row (the other rows are `stride`
// bytes apart).
template <class S>
struct BlockQ4_0 {
  static constexpr int kBytes = 18, kGroups = 1;
  static constexpr WeightKind kKind = WeightKind::kUnsigned;
  static constexpr bool kBytewise = true;
  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    typename S::Ints packed[4];
    S::LoadBytes(block + 2, stride, packed);
    NibblesToQuads<S>(packed, groups[0]);
    SetCentred<S>(S::LoadDword(block, stride), 8.0F, groups[0]);
  }
};

template <class S>
struct BlockQ4_1 {
  static constexpr int kBytes = 20, kGroups = 1;
  static constexpr WeightKind kKind = WeightKind::kUnsigned;
  static constexpr bool kBytewise = true;
  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    typename S::Ints packed[4];
    S::LoadBytes(block + 4, stride, packed);
    NibblesToQuads<S>(packed, groups[0]);
    SetScaleAndMinimum<S>(S::LoadDword(block, stride), groups[0]);
  }
};

template <class S>
struct BlockQ5_0 {
  static constexpr int kBytes = 22, kGroups = 1;
  static constexpr WeightKind kKind = WeightKind::kUnsigned;
  static constexpr bool kBytewise = false;
  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    typename S::Ints packed[4];
    S::LoadQuads(block + 6, stride, packed);
    NibblesToQuads<S>(packed, groups[0]);
    AddFifthBits<S>(S::LoadDword(block + 2, stride), groups[0]);
    SetCentred<S>(S::LoadDword(block, stride), 16.0F, groups[0]);
  }
};

template <class S>
struct BlockQ5_1 {
  static constexpr int kBytes = 24, kGroups = 1;
  static constexpr WeightKind kKind = WeightKind::kUnsigned;
  static constexpr bool kBytewise = false;
  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    typename S::Ints packed[4];
    S::LoadQuads(block + 8, stride, packed);
    NibblesToQuads<S>(packed, groups[0]);
    AddFifthBits<S>(S::LoadDword(block + 4, stride), groups[0]);
    SetScaleAndMinimum<S>(S::LoadDword(block, stride), groups[0]);
  }
};

template <class S>
struct BlockQ8_0 {
  static constexpr int kBytes = 34, kGroups = 1;
  static constexpr WeightKind kKind = WeightKind::kSigned;
  static constexpr bool kBytewise = true;
  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    S::LoadBytes(block + 2, stride, groups[0].quads);
    S::LoadBytes(block + 18, stride, groups[0].quads + 4);
    groups[0].scale = S::HalfToFloats(S::LoadDword(block, stride));
  }
};

// The common part of Q4_K and Q5_K: halves d and dmin, then 6-bit scales and minimums of the eight
// groups in 12 bytes: the low six bits of bytes 0..3 and 4..7 for groups 0..3, the nibbles of bytes
// 8..11 with the top two bits of bytes 0..3 and 4..7 for groups 4..7.
template <class S>
void UnpackScalesK(const std::byte* block, int64_t stride, typename S::Group* groups) {
  typename S::Ints head[4];
  S::LoadQuads(block, stride, head);
  const auto d = S::HalfToFloats(head[0]);
  const auto minus_dmin =
      S::Mul(S::HalfToFloats(S::template ShiftRight<16>(head[0])), S::SetFloat(-1.0F));
  const auto six = S::Set(0x3f3f3f3fU);
  const auto low = S::Set(0x0f0f0f0fU);
  const auto top = S::Set(0x30303030U);
  const typename S::Ints scales[2] = {
      S::And(head[1], six),
      S::Or(S::And(head[3], low), S::And(S::template ShiftRight<2>(head[1]), top))};
  const typename S::Ints minimums[2] = {S::And(head[2], six),
                                        S::Or(S::And(S::template ShiftRight<4>(head[3]), low),
                                              S::And(S::template ShiftRight<2>(head[2]), top))};
  const auto set = [&]<int kByte>() {
    const auto byte = S::Set(0xffU);
    for (int half = 0; half < 2; ++half) {
      typename S::Group& group = groups[4 * half + kByte];
      group.scale =
          S::Mul(d, S::ToFloats(S::And(S::template ShiftRight<8 * kByte>(scales[half]), byte)));
      group.second = S::Mul(
          minus_dmin, S::ToFloats(S::And(S::template ShiftRight<8 * kByte>(minimums[half]), byte)));
    }
  };
  set.template operator()<0>();
  set.template operator()<1>();
  set.template operator()<2>();
  set.template operator()<3>();
}

// 32 bytes a pair of groups: the first in the low nibbles, the second in the high ones.
template <class S>
void UnpackNibblesK(const std::byte* quants, int64_t stride, typename S::Group* groups) {
  const auto low = S::Set(0x0f0f0f0fU);
  for (int pair = 0; pair < 4; ++pair) {
    for (int half = 0; half < 2; ++half) {
      typename S::Ints packed[4];
      S::LoadBytes(quants + 32 * pair + 16 * half, stride, packed);
      for (int q = 0; q < 4; ++q) {
        groups[2 * pair].quads[4 * half + q] = S::And(packed[q], low);
        groups[2 * pair + 1].quads[4 * half + q] =
            S::And(S::template ShiftRight<4>(packed[q]), low);
      }
    }
  }
}

template <class S>
struct BlockQ4_K {
  static constexpr int kBytes = 144, kGroups = 8;
  static constexpr WeightKind kKind = WeightKind::kUnsigned;
  static constexpr bool kBytewise = true;
  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    UnpackScalesK<S>(block, stride, groups);
    UnpackNibblesK<S>(block + 16, stride, groups);
  }
};

template <class S>
struct BlockQ5_K {
  static constexpr int kBytes = 176, kGroups = 8;
  static constexpr WeightKind kKind = WeightKind::kUnsigned;
  static constexpr bool kBytewise = true;
  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    UnpackScalesK<S>(block, stride, groups);
    UnpackNibblesK<S>(block + 48, stride, groups);
    // 32 bytes at 16: bit g of byte i is the fifth bit of column i of group g.
    typename S::Ints fifth[8];
    S::LoadBytes(block + 16, stride, fifth);
    S::LoadBytes(block + 32, stride, fifth + 4);
    const auto sixteen = S::Set(0x10101010U);
    const auto add = [&]<int kGroup>() {
      for (int q = 0; q < 8; ++q) {
        typename S::Ints bits;
        if constexpr (kGroup < 4) {
          bits = S::template ShiftLeft<4 - kGroup>(fifth[q]);
        } else {
          bits = S::template ShiftRight<kGroup - 4>(fifth[q]);
        }
        groups[kGroup].quads[q] = S::Or(groups[kGroup].quads[q], S::And(bits, sixteen));
      }
    };
    add.template operator()<0>();
    add.template operator()<1>();
    add.template operator()<2>();
    add.template operator()<3>();
    add.template operator()<4>();
    add.template operator()<5>();
    add.template operator()<6>();
    add.template operator()<7>();
  }
};

// Low nibbles (128 bytes), high bit pairs (64 bytes), 16 signed scales of 16 columns each, half d.
// A half block of 128 columns takes 64 bytes of nibbles and 32 of pairs: groups 0 and 1 are the low
// nibbles of the first and last 32 bytes, 2 and 3 the high ones; group g has bits 2g, 2g + 1 of the
// pairs.
template <class S>
struct BlockQ6_K {
  static constexpr int kBytes = 210, kGroups = 8;
  static constexpr WeightKind kKind = WeightKind::kHalves;
  static constexpr bool kBytewise = true;

  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    for (int half = 0; half < 2; ++half) {
      UnpackQuants(block + 64 * half, block + 128 + 32 * half, stride, groups + 4 * half);
    }
    typename S::Ints scales[4];
    S::LoadQuads(block + 192, stride, scales);
    // The last dword of the block ends with d: loading it does not touch what follows the block.
    const auto d = S::HalfToFloats(S::template ShiftRight<16>(S::LoadDword(block + 206, stride)));
    for (int pair = 0; pair < 4; ++pair) {
      groups[2 * pair].scale = S::Mul(d, SignedByte<0>(scales[pair]));
      groups[2 * pair].second = S::Mul(d, SignedByte<1>(scales[pair]));
      groups[2 * pair + 1].scale = S::Mul(d, SignedByte<2>(scales[pair]));
      groups[2 * pair + 1].second = S::Mul(d, SignedByte<3>(scales[pair]));
    }
  }

 private:
  template <int kByte>
  static typename S::Floats SignedByte(typename S::Ints a) {
    return S::ToFloats(S::template ShiftRightSigned<24>(S::template ShiftLeft<24 - 8 * kByte>(a)));
  }

  static void UnpackQuants(const std::byte* nibbles, const std::byte* pairs, int64_t stride,
                           typename S::Group* groups) {
    const auto low = S::Set(0x0f0f0f0fU);
    const auto top = S::Set(0x30303030U);
    const auto offset = S::Set(0x20202020U);
    for (int part = 0; part < 2; ++part) {  // columns 16 * part .. of each group
      typename S::Ints first[4], last[4], high[4];
      S::LoadBytes(nibbles + 16 * part, stride, first);
      S::LoadBytes(nibbles + 32 + 16 * part, stride, last);
      S::LoadBytes(pairs + 16 * part, stride, high);
      for (int q = 0; q < 4; ++q) {
        const int to = 4 * part + q;
        groups[0].quads[to] =
            S::Or(S::And(first[q], low), S::And(S::template ShiftLeft<4>(high[q]), top));
        groups[1].quads[to] =
            S::Or(S::And(last[q], low), S::And(S::template ShiftLeft<2>(high[q]), top));
        groups[2].quads[to] =
            S::Or(S::And(S::template ShiftRight<4>(first[q]), low), S::And(high[q], top));
        groups[3].quads[to] = S::Or(S::And(S::template ShiftRight<4>(last[q]), low),
                                    S::And(S::template ShiftRight<2>(high[q]), top));
        for (int g = 0; g < 4; ++g) {
          groups[g].quads[to] = S::SubtractBytes(groups[g].quads[to], offset);
        }
      }
    }
  }
};

// ---- Multiplying
// ---------------------------------------------------------------------------------

// A chunk of unpacked panels and the part of the activations it meets.
template <class S>
struct Chunk {
  const typename S::Group* groups;  // [panels][kChunkGroups]
  int64_t count;                    // groups in use
  int64_t first;                    // number of the first group in the row
  const HalfMinimums<S>* minimums;  // [panels][kChunkGroups] for kHalvesMinimums
};

// The sum of a group's first 16 activations: an integer below 2^24, like the whole group's, so the
// other half's sum is the exact difference.
inline float HalfSum(const int16_t* values) {
  int sum = 0;
  for (int i = 0; i < 16; ++i) sum += values[i];
  return static_cast<float>(sum);
}

// What one group adds to kPanelCount panels' outputs of kTile activation rows, before the
// activations' scales. The groups of consecutive panels are `panel_stride` apart; `values` are the
// group's in each row, `sums` the group's sums, `sum_stride` from one row to the next, `minimums`
// belong to `group`.
template <class S, WeightKind kKind, int kPanelCount, int kTile>
[[gnu::always_inline]] inline void GroupTerms(const typename S::Group* group, int64_t panel_stride,
                                              const int16_t* const (&values)[kTile],
                                              const float* sums, int64_t sum_stride,
                                              const HalfMinimums<S>* minimums,
                                              typename S::Floats (&terms)[kPanelCount][kTile]) {
  typename S::Floats dots[kPanelCount][kTile];
  float half_sums[kTile];
  if constexpr (kKind == WeightKind::kHalvesMinimums) {
    for (int c = 0; c < kTile; ++c) half_sums[c] = HalfSum(values[c]);
  }
  if constexpr (HasHalves(kKind)) {
    S::template Dot<kKind, 0, 4>(group, panel_stride, values, terms);
    S::template Dot<kKind, 4, 8>(group, panel_stride, values, dots);
  } else {
    S::template Dot<kKind, 0, 8>(group, panel_stride, values, dots);
  }
#pragma GCC unroll 4
  for (int p = 0; p < kPanelCount; ++p) {
    const typename S::Group& panel = group[p * panel_stride];
#pragma GCC unroll 8
    for (int c = 0; c < kTile; ++c) {
      if constexpr (kKind == WeightKind::kSigned) {
        terms[p][c] = S::Mul(panel.scale, dots[p][c]);
      } else if constexpr (kKind == WeightKind::kHalves) {
        terms[p][c] = S::MulAdd(panel.second, dots[p][c], S::Mul(panel.scale, terms[p][c]));
      } else if constexpr (kKind == WeightKind::kHalvesMinimums) {
        const HalfMinimums<S>& minimum = minimums[p * panel_stride];
        const float last = sums[c * sum_stride] - half_sums[c];
        const auto scaled = S::MulAdd(panel.second, dots[p][c], S::Mul(panel.scale, terms[p][c]));
        terms[p][c] = S::MulAdd(minimum.last, S::SetFloat(last),
                                S::MulAdd(minimum.first, S::SetFloat(half_sums[c]), scaled));
      } else {
        const auto sum = S::SetFloat(sums[c * sum_stride]);
        terms[p][c] = S::MulAdd(panel.scale, dots[p][c], S::Mul(panel.second, sum));
      }
    }
  }
}

// Null stays null, for the kinds without minimums.
template <WeightKind kKind, class Minimums>
Minimums* MinimumsAt(Minimums* minimums, int64_t group) {
  return kKind == WeightKind::kHalvesMinimums ? minimums + group : nullptr;
}

// One register tile: kPanelCount panels by kTile activation rows from `row` on, over one chunk.
// `out` is the first row's element of the panels' first weight row; sums of earlier chunks are read
// from it. `lanes` is S::kRows, or 1 where only the first weight row is wanted.
template <class S, WeightKind kKind, int kPanelCount, int kTile>
void MultiplyTile(const Chunk<S>& chunk, const Activations& x, int64_t row, float* out,
                  int64_t out_stride, int lanes) {
  using Floats = typename S::Floats;
  const int64_t row_groups = x.columns / kActivationGroup;
  const int16_t* values[kTile];
  for (int c = 0; c < kTile; ++c) {
    values[c] = x.values + (row + c) * x.columns + chunk.first * kActivationGroup;
  }
  const float* scales = x.scales + row * row_groups + chunk.first;
  const float* sums = x.sums + row * row_groups + chunk.first;

  Floats acc[kPanelCount][kTile];
#pragma GCC unroll 4
  for (int p = 0; p < kPanelCount; ++p) {
#pragma GCC unroll 8
    for (int c = 0; c < kTile; ++c) {
      const float* from = out + c * out_stride + p * S::kRows;
      acc[p][c] = chunk.first == 0    ? S::ZeroFloats()
                  : lanes == S::kRows ? S::LoadFloats(from)
                                      : S::SetFloat(*from);
    }
  }
  for (int64_t g = 0; g < chunk.count; ++g) {
    Floats terms[kPanelCount][kTile];
    GroupTerms<S, kKind>(chunk.groups + g, S::kChunkGroups, values, sums + g, row_groups,
                         MinimumsAt<kKind>(chunk.minimums, g), terms);
#pragma GCC unroll 8
    for (int c = 0; c < kTile; ++c) {
      values[c] += kActivationGroup;
      // One register a row: left alone, the compiler keeps an address of every value it loads, more
      // than there are registers.
      asm("" : "+r"(values[c]));
    }
#pragma GCC unroll 8
    for (int c = 0; c < kTile; ++c) {
      const Floats scale = S::SetFloat(scales[c * row_groups + g]);
#pragma GCC unroll 4
      for (int p = 0; p < kPanelCount; ++p) {
        acc[p][c] = S::MulAdd(terms[p][c], scale, acc[p][c]);
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

// The last activation rows, fewer than a full tile.
template <class S, WeightKind kKind, int kPanelCount, int kTile>
void MultiplyRemainder(const Chunk<S>& chunk, const Activations& x, int64_t row, float* out,
                       int64_t out_stride, int lanes) {
  if (x.rows - row == kTile) {
    MultiplyTile<S, kKind, kPanelCount, kTile>(chunk, x, row, out, out_stride, lanes);
  } else if constexpr (kTile > 1) {
    MultiplyRemainder<S, kKind, kPanelCount, kTile - 1>(chunk, x, row, out, out_stride, lanes);
  }
}

// Asks for the memory of the panels that come next, a share at a time, while the present ones are
// multiplied: rows follow each other, so a panel is one stretch of memory. Left to the processor,
// the short reads of many rows are mostly waited for; asked for all at once, they are waited for
// too.
class PrefetchStream {
 public:
  // Bytes [begin, end) from `panels` on, in `shares` parts.
  PrefetchStream(const std::byte* panels, int64_t begin, int64_t end, int64_t shares)
      : panels_(panels),
        at_(begin / kLine * kLine),
        end_(end),
        share_(((end - begin) / shares + kLine) / kLine * kLine) {}

  void Next() {
    const int64_t stop = at_ + share_ < end_ ? at_ + share_ : end_;
    // To the L2 cache: a panel of long rows fills L1.
    for (; at_ < stop; at_ += kLine) __builtin_prefetch(panels_ + at_, 0, 3);
  }

  static constexpr int64_t kLine = 64;  // of the cache, in bytes

 private:
  const std::byte* panels_;
  int64_t at_;
  int64_t end_;
  int64_t share_;
};

// Room for the minimums of kCount groups, where the block's kind has them.
template <class S, class Block, int64_t kCount>
struct MinimumsOf {
  static constexpr bool kUsed = Block::kKind == WeightKind::kHalvesMinimums;
  HalfMinimums<S> of[kUsed ? kCount : 1];
};

template <class S, class Block>
void UnpackBlock(const std::byte* block, int64_t stride, typename S::Group* groups,
                 HalfMinimums<S>* minimums) {
  if constexpr (Block::kKind == WeightKind::kHalvesMinimums) {
    Block::Unpack(block, stride, groups, minimums);
  } else {
    Block::Unpack(block, stride, groups);
  }
}

// kPanelCount panels from weight row n on, by all activation rows. `stride` is 0 where `lanes`
// is 1.
template <class S, class Block, int kPanelCount>
void MultiplyPanels(const MatMulArgs& args, int64_t n, int64_t stride, int lanes) {
  constexpr int64_t kGroups = S::kChunkGroups;
  constexpr int64_t kWeightRows = kPanelCount * S::kRows;
  typename S::Group groups[kPanelCount * kGroups];
  MinimumsOf<S, Block, kPanelCount * kGroups> minimums;
  const int64_t row_groups = args.x.columns / kActivationGroup;
  for (int64_t first = 0; first < row_groups; first += kGroups) {
    const int64_t count = row_groups - first < kGroups ? row_groups - first : kGroups;
    const int64_t done = first / Block::kGroups * Block::kBytes;
    const int64_t bytes = count / Block::kGroups * Block::kBytes;
    for (int p = 0; p < kPanelCount; ++p) {
      const std::byte* block = args.weights + (n + p * S::kRows) * args.row_bytes + done;
      for (int64_t g = 0; g < count; g += Block::kGroups, block += Block::kBytes) {
        const int64_t at = p * kGroups + g;
        UnpackBlock<S, Block>(block, stride, groups + at,
                              MinimumsAt<Block::kKind>(minimums.of, at));
      }
    }
    const Chunk<S> chunk{groups, count, first, minimums.of};
    PrefetchStream next(args.weights + (n + kWeightRows) * args.row_bytes, done * kWeightRows,
                        (done + bytes) * kWeightRows, args.x.rows / S::kTileRows + 1);
    int64_t row = 0;
    float* out = args.out + n;
    for (; row + S::kTileRows <= args.x.rows; row += S::kTileRows) {
      next.Next();
      MultiplyTile<S, Block::kKind, kPanelCount, S::kTileRows>(
          chunk, args.x, row, out + row * args.out_stride, args.out_stride, lanes);
    }
    next.Next();
    if constexpr (S::kTileRows > 1) {
      MultiplyRemainder<S, Block::kKind, kPanelCount, S::kTileRows - 1>(
          chunk, args.x, row, out + row * args.out_stride, args.out_stride, lanes);
    }
  }
}

// One panel by the one or two activation rows of a decode step: what is unpacked goes straight into
// the product, with the same operations as above.
template <class S, class Block, int kTile>
void MultiplyFewRows(const MatMulArgs& args, int64_t n) {
  const Activations& x = args.x;
  const int64_t row_groups = x.columns / kActivationGroup;
  const std::byte* row = args.weights + n * args.row_bytes;
  typename S::Floats acc[kTile];
#pragma GCC unroll 2
  for (int c = 0; c < kTile; ++c) acc[c] = S::ZeroFloats();
  const std::byte* next = row + S::kRows * args.row_bytes;
  int64_t done = 0;
  for (int64_t first = 0; first < row_groups; first += Block::kGroups, done += Block::kBytes) {
    // The panel that comes next, as many bytes as this one has in a block's columns. Straight code:
    // the instructions are what there is least room for here.
    constexpr int64_t kShare = S::kRows * Block::kBytes;
#pragma GCC unroll 64
    for (int64_t line = 0; line < kShare; line += PrefetchStream::kLine) {
      __builtin_prefetch(next + line, 0, 3);
    }
    next += kShare;
    typename S::Group groups[Block::kGroups];
    MinimumsOf<S, Block, Block::kGroups> minimums;
    UnpackBlock<S, Block>(row + done, args.row_bytes, groups, minimums.of);
    for (int64_t i = 0; i < Block::kGroups; ++i) {
      typename S::Floats terms[1][kTile];
      const int16_t* values[kTile];
      for (int c = 0; c < kTile; ++c) {
        values[c] = x.values + c * x.columns + (first + i) * kActivationGroup;
      }
      GroupTerms<S, Block::kKind>(groups + i, 0, values, x.sums + first + i, row_groups,
                                  MinimumsAt<Block::kKind>(minimums.of, i), terms);
#pragma GCC unroll 2
      for (int c = 0; c < kTile; ++c) {
        acc[c] = S::MulAdd(terms[0][c], S::SetFloat(x.scales[c * row_groups + first + i]), acc[c]);
      }
    }
  }
#pragma GCC unroll 2
  for (int c = 0; c < kTile; ++c) S::StoreFloats(acc[c], args.out + c * args.out_stride + n);
}

// All weight rows by at most two activation rows; needs at least one panel of weight rows.
template <class S, class Block, int kTile>
void MatMulFewRows(const MatMulArgs& args) {
  int64_t n = args.row_begin;
  for (; n + S::kRows <= args.row_end; n += S::kRows) MultiplyFewRows<S, Block, kTile>(args, n);
  // The last panel reaches back over rows already done: it writes the same bits again.
  if (n < args.row_end) MultiplyFewRows<S, Block, kTile>(args, args.row_end - S::kRows);
}

template <class S, template <class> class BlockOf>
void MatMulQuantized(const MatMulArgs& args) noexcept {
  using Block = BlockOf<S>;
  if (args.row_end - args.row_begin >= S::kRows) {
    using Few = std::conditional_t<Block::kBytewise, typename FewRowsOf<S>::Type, S>;
    if (args.x.rows == 1) return MatMulFewRows<Few, BlockOf<Few>, 1>(args);
    if (args.x.rows == 2) return MatMulFewRows<Few, BlockOf<Few>, 2>(args);
  }
  const int64_t wide = S::kPanels * S::kRows;
  int64_t n = args.row_begin;
  for (; n + wide <= args.row_end; n += wide) {
    MultiplyPanels<S, Block, S::kPanels>(args, n, args.row_bytes, S::kRows);
  }
  for (; n + S::kRows <= args.row_end; n += S::kRows) {
    MultiplyPanels<S, Block, 1>(args, n, args.row_bytes, S::kRows);
  }
  if (n < args.row_end && args.row_end - args.row_begin >= S::kRows) {
    // The last panel reaches back over rows already done: it writes the same bits again.
    MultiplyPanels<S, Block, 1>(args, args.row_end - S::kRows, args.row_bytes, S::kRows);
    return;
  }
  for (; n < args.row_end; ++n) MultiplyPanels<S, Block, 1>(args, n, 0, 1);
}

}  // namespace
}  // namespace fathom
