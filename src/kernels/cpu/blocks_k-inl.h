// Unpacking of Q2_K, Q3_K and the ternary formats for matmul-inl.h: super-blocks of 256 columns in
// eight groups, quants of two bits or base-3 digits. The layouts are described at their decoders
// (tensor/format_k.cc).
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "kernels/cpu/weight_panel.h"

namespace fathom {
namespace {

// body.operator()<0>() .. <kCount - 1>(): for shifts, which are constants of their instructions.
template <int kCount, class Body>
void Repeat(Body&& body) {
  [&]<int... k>(std::integer_sequence<int, k...>) { (body.template operator()<k>(), ...); }
  (std::make_integer_sequence<int, kCount>());
}

// The byte at bit kShift of each lane.
template <class S, int kShift>
typename S::Ints ByteAt(typename S::Ints a) {
  return S::And(S::template ShiftRight<kShift>(a), S::Set(0xffU));
}

// 64 bytes of bit pairs: 32 bytes hold four groups, the first in the lowest pairs.
template <class S>
void UnpackPairs(const std::byte* pairs, int64_t stride, typename S::Group* groups) {
  const auto low = S::Set(0x03030303U);
  for (int part = 0; part < 4; ++part) {  // 16 bytes: half the columns of four groups
    typename S::Ints packed[4];
    S::LoadBytes(pairs + 16 * part, stride, packed);
    typename S::Group* to = groups + part / 2 * 4;
    for (int q = 0; q < 4; ++q) {
      const int quad = part % 2 * 4 + q;
      Repeat<4>([&]<int kGroup>() {
        to[kGroup].quads[quad] = S::And(S::template ShiftRight<2 * kGroup>(packed[q]), low);
      });
    }
  }
}

// Quants 0, 1, 2 that stand for -1, 0, 1, and one scale for the whole block.
template <class S>
void SetTernary(typename S::Ints half, typename S::Group* groups) {
  const auto scale = S::HalfToFloats(half);
  const auto second = S::Mul(scale, S::SetFloat(-1.0F));
  for (int g = 0; g < 8; ++g) {
    groups[g].scale = scale;
    groups[g].second = second;
  }
}

// 16 bytes of scales (low nibbles) and minimums (high nibbles) of 16 columns each, the quants, then
// halves d and dmin.
template <class S>
struct BlockQ2_K {
  static constexpr int kBytes = 84, kGroups = 8;
  static constexpr WeightKind kKind = WeightKind::kHalvesMinimums;
  static constexpr bool kBytewise = true;

  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups,
                     HalfMinimums<S>* minimums) {
    UnpackPairs<S>(block + 16, stride, groups);
    typename S::Ints packed[4];
    S::LoadQuads(block, stride, packed);
    const auto halves = S::LoadDword(block + 80, stride);
    const auto d = S::HalfToFloats(halves);
    const auto minus_dmin =
        S::Mul(S::HalfToFloats(S::template ShiftRight<16>(halves)), S::SetFloat(-1.0F));
    const auto low = S::Set(0x0f0f0f0fU);
    for (int pair = 0; pair < 4; ++pair) {  // the two groups of a dword
      const auto scales = S::And(packed[pair], low);
      const auto mins = S::And(S::template ShiftRight<4>(packed[pair]), low);
      Repeat<2>([&]<int kHalf>() {
        const int g = 2 * pair + kHalf;
        const auto times = [](typename S::Floats a, typename S::Ints b) {
          return S::Mul(a, S::ToFloats(b));
        };
        groups[g].scale = times(d, ByteAt<S, 16 * kHalf>(scales));
        groups[g].second = times(d, ByteAt<S, 16 * kHalf + 8>(scales));
        minimums[g].first = times(minus_dmin, ByteAt<S, 16 * kHalf>(mins));
        minimums[g].last = times(minus_dmin, ByteAt<S, 16 * kHalf + 8>(mins));
      });
    }
  }
};

// 32 bytes of third bits (bit g of byte i: column i of group g), the pairs, 12 bytes of 6-bit
// scales of 16 columns each, half d. A quant is 4 off.
template <class S>
struct BlockQ3_K {
  static constexpr int kBytes = 110, kGroups = 8;
  static constexpr WeightKind kKind = WeightKind::kHalves;
  static constexpr bool kBytewise = true;

  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    UnpackPairs<S>(block + 32, stride, groups);
    typename S::Ints third[8];
    S::LoadBytes(block, stride, third);
    S::LoadBytes(block + 16, stride, third + 4);
    const auto four = S::Set(0x04040404U);
    Repeat<8>([&]<int kGroup>() {
      for (int q = 0; q < 8; ++q) {
        typename S::Ints bits;
        if constexpr (kGroup < 2) {
          bits = S::template ShiftLeft<2 - kGroup>(third[q]);
        } else {
          bits = S::template ShiftRight<kGroup - 2>(third[q]);
        }
        auto& quad = groups[kGroup].quads[q];
        quad = S::SubtractBytes(S::Or(quad, S::And(bits, four)), four);
      }
    });
    // The block's last 16 bytes: two of the pairs, the scales, d.
    typename S::Ints tail[4];
    S::LoadQuads(block + 94, stride, tail);
    const auto dword = [&](int i) {
      return S::Or(S::template ShiftRight<16>(tail[i]), S::template ShiftLeft<16>(tail[i + 1]));
    };
    SetScales(dword(0), dword(1), dword(2), S::HalfToFloats(S::template ShiftRight<16>(tail[3])),
              groups);
  }

 private:
  // Low nibbles of `low0` and `low1` are the low bits of scales 0..7, their high nibbles those of
  // 8..15; pair k of byte i of `high` has the high bits of scale 4k + i.
  static void SetScales(typename S::Ints low0, typename S::Ints low1, typename S::Ints high,
                        typename S::Floats d, typename S::Group* groups) {
    const auto low = S::Set(0x0f0f0f0fU);
    const auto top = S::Set(0x30303030U);
    const typename S::Ints scales[4] = {
        S::Or(S::And(low0, low), S::And(S::template ShiftLeft<4>(high), top)),
        S::Or(S::And(low1, low), S::And(S::template ShiftLeft<2>(high), top)),
        S::Or(S::And(S::template ShiftRight<4>(low0), low), S::And(high, top)),
        S::Or(S::And(S::template ShiftRight<4>(low1), low),
              S::And(S::template ShiftRight<2>(high), top))};
    const auto minus32 = S::Set(static_cast<uint32_t>(-32));
    for (int pair = 0; pair < 4; ++pair) {
      Repeat<2>([&]<int kHalf>() {
        typename S::Group& group = groups[2 * pair + kHalf];
        const auto first = S::Add(ByteAt<S, 16 * kHalf>(scales[pair]), minus32);
        const auto last = S::Add(ByteAt<S, 16 * kHalf + 8>(scales[pair]), minus32);
        group.scale = S::Mul(d, S::ToFloats(first));
        group.second = S::Mul(d, S::ToFloats(last));
      });
    }
  }
};

template <class S>
struct BlockTQ2_0 {
  static constexpr int kBytes = 66, kGroups = 8;
  static constexpr WeightKind kKind = WeightKind::kUnsigned;
  static constexpr bool kBytewise = true;
  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    UnpackPairs<S>(block, stride, groups);
    SetTernary<S>(S::template ShiftRight<16>(S::LoadDword(block + 62, stride)), groups);
  }
};

// 52 bytes of base-3 digits, half d. Times 3, what a byte carries into its ninth bit and above is
// its next digit.
template <class S>
struct BlockTQ1_0 {
  static constexpr int kBytes = 54, kGroups = 8;
  static constexpr WeightKind kKind = WeightKind::kUnsigned;
  static constexpr bool kBytewise = false;

  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    typename S::Ints packed[8];
    S::LoadQuads(block, stride, packed);
    S::LoadQuads(block + 16, stride, packed + 4);
    for (int q = 0; q < 8; ++q) {  // digit n: group n
      Digits(packed[q], 5, [&](int n, typename S::Ints digit) { groups[n].quads[q] = digit; });
    }
    S::LoadQuads(block + 32, stride, packed);
    for (int q = 0; q < 4; ++q) {  // digit n: 16 columns, from the sixth group on
      Digits(packed[q], 5, [&](int n, typename S::Ints digit) {
        groups[5 + n / 2].quads[n % 2 * 4 + q] = digit;
      });
    }
    Digits(S::LoadDword(block + 48, stride), 4,
           [&](int n, typename S::Ints digit) { groups[7].quads[4 + n] = digit; });
    SetTernary<S>(S::template ShiftRight<16>(S::LoadDword(block + 50, stride)), groups);
  }

 private:
  template <class Store>
  static void Digits(typename S::Ints packed, int count, Store&& store) {
    const auto bytes = S::Set(0x00ff00ffU);
    auto even = S::And(packed, bytes);
    auto odd = S::And(S::template ShiftRight<8>(packed), bytes);
    for (int n = 0; n < count; ++n) {
      even = S::Add(even, S::Add(even, even));
      odd = S::Add(odd, S::Add(odd, odd));
      store(n, S::Or(S::And(S::template ShiftRight<8>(even), S::Set(0x00030003U)),
                     S::And(odd, S::Set(0x03000300U))));
      even = S::And(even, bytes);
      odd = S::And(odd, bytes);
    }
  }
};

}  // namespace
}  // namespace fathom
