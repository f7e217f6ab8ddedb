// Unpacking of the IQ formats and MXFP4 for matmul-inl.h. Levels of four bits are looked up in a
// vector; codebook entries are copied row by row to a buffer, from which the panel's quads are
// loaded like any others, and get their signs there. The layouts are described at their decoders
// (tensor/format_iq.cc).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernels/cpu/blocks_k-inl.h"
#include "kernels/cpu/weight_panel.h"
#include "tensor/grids.h"

namespace fathom {
namespace {

// ---- Levels
// --------------------------------------------------------------------------------------

// 16 bytes of nibbles, the first 16 columns in the low ones, to a group of levels.
template <class S>
void NibblesToLevels(const std::byte* quants, int64_t stride, const std::array<int8_t, 16>& levels,
                     typename S::Group& group) {
  typename S::Ints packed[4];
  S::LoadBytes(quants, stride, packed);
  const auto low = S::Set(0x0f0f0f0fU);
  const auto* table = reinterpret_cast<const uint8_t*>(levels.data());
  for (int q = 0; q < 4; ++q) {
    group.quads[q] = S::LookUp(table, S::And(packed[q], low));
    group.quads[q + 4] = S::LookUp(table, S::And(S::template ShiftRight<4>(packed[q]), low));
  }
}

template <class S>
struct BlockIQ4_NL {
  static constexpr int kBytes = 18, kGroups = 1;
  static constexpr WeightKind kKind = WeightKind::kSigned;
  static constexpr bool kBytewise = true;
  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    NibblesToLevels<S>(block + 2, stride, kLevelsIQ4, groups[0]);
    groups[0].scale = S::HalfToFloats(S::LoadDword(block, stride));
  }
};

// Half d, 16 bits with the high bit pairs of the eight scales, their low nibbles, the quants.
template <class S>
struct BlockIQ4_XS {
  static constexpr int kBytes = 136, kGroups = 8;
  static constexpr WeightKind kKind = WeightKind::kSigned;
  static constexpr bool kBytewise = true;
  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    const auto head = S::LoadDword(block, stride);
    const auto low = S::LoadDword(block + 4, stride);
    const auto d = S::HalfToFloats(head);
    Repeat<8>([&]<int kGroup>() {
      const auto scale =
          S::Or(S::And(S::template ShiftRight<4 * kGroup>(low), S::Set(0x0fU)),
                S::And(S::template ShiftRight<12 + 2 * kGroup>(head), S::Set(0x30U)));
      groups[kGroup].scale =
          S::Mul(d, S::ToFloats(S::Add(scale, S::Set(static_cast<uint32_t>(-32)))));
      NibblesToLevels<S>(block + 8 + 16 * kGroup, stride, kLevelsIQ4, groups[kGroup]);
    });
  }
};

// A byte e for the scale 2^(e - 128), the quants.
template <class S>
struct BlockMXFP4 {
  static constexpr int kBytes = 17, kGroups = 1;
  static constexpr WeightKind kKind = WeightKind::kSigned;
  static constexpr bool kBytewise = true;
  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    NibblesToLevels<S>(block + 1, stride, kLevelsE2M1, groups[0]);
    // The product of two normal powers, 2^(e / 2 - 64) and 2^(e - e / 2 - 64): as one float's
    // exponent field the smallest and the greatest would not do.
    const auto power = [](typename S::Ints e) {
      return S::AsFloats(S::template ShiftLeft<23>(S::Add(e, S::Set(127 - 64))));
    };
    const auto e = S::And(S::LoadDword(block, stride), S::Set(0xffU));
    groups[0].scale = S::Mul(power(S::template ShiftRight<1>(e)),
                             power(S::template ShiftRight<1>(S::Add(e, S::Set(1)))));
  }
};

// ---- Codebooks
// -----------------------------------------------------------------------------------

template <class Entry>
void Put(Entry entry, std::byte* to) {
  __builtin_memcpy(to, &entry, sizeof(entry));
}

template <class T>
T Get(const std::byte* from) {
  T value;
  __builtin_memcpy(&value, from, sizeof(value));
  return value;
}

inline std::size_t ByteOf(const std::byte* from) { return std::to_integer<std::size_t>(*from); }

// The magnitudes of one block of every row of a panel: [S::kRows][256]. `copy` writes those of a
// row. Everything is written before anything is loaded, so that loads, which are wider than the
// stores, find them in the cache.
template <class S>
class Magnitudes {
 public:
  template <class Copy>
  Magnitudes(const std::byte* block, int64_t stride, Copy&& copy) {
    for (int r = 0; r < S::kRows; ++r) copy(block + r * stride, bytes_ + kColumns * r);
  }
  void LoadGroup(int g, typename S::Group& group) const {
    S::LoadQuads(bytes_ + 32 * g, kColumns, group.quads);
    S::LoadQuads(bytes_ + 32 * g + 16, kColumns, group.quads + 4);
  }

 private:
  static constexpr int64_t kColumns = 256;
  alignas(64) std::byte bytes_[S::kRows * kColumns];
};

// 2 * n + 1 for the kBits bits n at bit kShift of each lane.
template <class S, int kShift, int kBits>
typename S::Floats OddAt(typename S::Ints a) {
  typename S::Ints twice;
  if constexpr (kShift == 0) {
    twice = S::template ShiftLeft<1>(a);
  } else {
    twice = S::template ShiftRight<kShift - 1>(a);
  }
  return S::ToFloats(S::Or(S::And(twice, S::Set((2U << kBits) - 2U)), S::Set(1)));
}

// Each byte's eighth bit, where 0, is set if an odd number of the other seven are.
template <class S>
typename S::Ints EvenSigns(typename S::Ints sevens) {
  auto parity = S::Xor(sevens, S::And(S::template ShiftRight<4>(sevens), S::Set(0x07070707U)));
  parity = S::Xor(parity, S::template ShiftRight<2>(parity));
  parity = S::Xor(parity, S::template ShiftRight<1>(parity));
  return S::Or(sevens, S::template ShiftLeft<7>(S::And(parity, S::Set(0x01010101U))));
}

// Four times seven bits, from the lowest on, to the low ends of the bytes.
template <class S>
typename S::Ints SpreadSevens(typename S::Ints a) {
  return S::Or(
      S::Or(S::And(a, S::Set(0x7fU)), S::And(S::template ShiftLeft<1>(a), S::Set(0x7f00U))),
      S::Or(S::And(S::template ShiftLeft<2>(a), S::Set(0x7f0000U)),
            S::And(S::template ShiftLeft<3>(a), S::Set(0x7f000000U))));
}

// Magnitudes of 1 and more to signed bytes as S wants them: minus where a column's bit in `signs`
// is set.
template <class S>
void ApplySigns(typename S::Ints signs, typename S::Group& group) {
  Repeat<8>([&]<int kQuad>() {
    const auto mask = S::template WhereBits<kQuad>(signs, S::Set(0xffffffffU));
    // ~m + 1; no byte carries, because m is not 0.
    auto& quad = group.quads[kQuad];
    quad = S::Add(S::Xor(quad, mask), S::And(mask, S::Set(0x01010101U)));
  });
}

// Half d, then for each group four grid indices and a dword of signs and scale.
template <class S>
struct BlockIQ2_XXS {
  static constexpr int kBytes = 66, kGroups = 8;
  static constexpr WeightKind kKind = WeightKind::kSigned;
  static constexpr bool kBytewise = false;

  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    const Magnitudes<S> magnitudes(block, stride, [](const std::byte* from, std::byte* to) {
      for (int g = 0; g < 8; ++g) {
        for (int k = 0; k < 4; ++k, to += 8) Put(kGridIQ2_XXS[ByteOf(from + 2 + 8 * g + k)], to);
      }
    });
    const auto d = S::Mul(S::HalfToFloats(S::LoadDword(block, stride)), S::SetFloat(0.125F));
    for (int pair = 0; pair < 4; ++pair) {
      typename S::Ints packed[4];
      S::LoadQuads(block + 2 + 16 * pair, stride, packed);
      for (int half = 0; half < 2; ++half) {
        typename S::Group& group = groups[2 * pair + half];
        magnitudes.LoadGroup(2 * pair + half, group);
        const auto signs = packed[2 * half + 1];
        ApplySigns<S>(EvenSigns<S>(SpreadSevens<S>(signs)), group);
        group.scale = S::Mul(d, OddAt<S, 28, 4>(signs));
      }
    }
  }
};

// The scales of IQ2_XS and IQ2_S: nibbles for 16 columns each, in eight bytes.
template <class S>
void SetScalesIQ2(const std::byte* block, const std::byte* scales, int64_t stride,
                  typename S::Group* groups) {
  const auto d = S::Mul(S::HalfToFloats(S::LoadDword(block, stride)), S::SetFloat(0.125F));
  for (int half = 0; half < 2; ++half) {
    const auto packed = S::LoadDword(scales + 4 * half, stride);
    Repeat<4>([&]<int kGroup>() {
      typename S::Group& group = groups[4 * half + kGroup];
      group.scale = S::Mul(d, OddAt<S, 8 * kGroup, 4>(packed));
      group.second = S::Mul(d, OddAt<S, 8 * kGroup + 4, 4>(packed));
    });
  }
}

// Half d, 32 times { 9 bits of grid index, 7 of signs }, the scales.
template <class S>
struct BlockIQ2_XS {
  static constexpr int kBytes = 74, kGroups = 8;
  static constexpr WeightKind kKind = WeightKind::kHalves;
  static constexpr bool kBytewise = false;

  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    const Magnitudes<S> magnitudes(block, stride, [](const std::byte* from, std::byte* to) {
      for (int k = 0; k < 32; ++k) {
        Put(kGridIQ2_XS[Get<uint16_t>(from + 2 + 2 * k) & 511U], to + 8 * k);
      }
    });
    for (int pair = 0; pair < 4; ++pair) {
      typename S::Ints packed[4];
      S::LoadQuads(block + 2 + 16 * pair, stride, packed);
      for (int half = 0; half < 2; ++half) {
        typename S::Group& group = groups[2 * pair + half];
        magnitudes.LoadGroup(2 * pair + half, group);
        const auto first = packed[2 * half];
        const auto last = packed[2 * half + 1];
        const auto sevens =
            S::Or(S::Or(S::And(S::template ShiftRight<9>(first), S::Set(0x7fU)),
                        S::And(S::template ShiftRight<17>(first), S::Set(0x7f00U))),
                  S::Or(S::And(S::template ShiftLeft<7>(last), S::Set(0x7f0000U)),
                        S::And(S::template ShiftRight<1>(last), S::Set(0x7f000000U))));
        ApplySigns<S>(EvenSigns<S>(sevens), group);
      }
    }
    SetScalesIQ2<S>(block, block + 66, stride, groups);
  }
};

// Half d, 32 low bytes of grid indices, 32 bytes of signs, 8 of high bit pairs, the scales.
template <class S>
struct BlockIQ2_S {
  static constexpr int kBytes = 82, kGroups = 8;
  static constexpr WeightKind kKind = WeightKind::kHalves;
  static constexpr bool kBytewise = false;

  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    const Magnitudes<S> magnitudes(block, stride, [](const std::byte* from, std::byte* to) {
      for (int g = 0; g < 8; ++g) {
        const std::size_t high = ByteOf(from + 66 + g) << 8;
        for (int k = 0; k < 4; ++k, to += 8) {
          Put(kGridIQ2_S[ByteOf(from + 2 + 4 * g + k) | (high >> (2 * k) & 0x300U)], to);
        }
      }
    });
    typename S::Ints signs[8];
    S::LoadQuads(block + 34, stride, signs);
    S::LoadQuads(block + 50, stride, signs + 4);
    for (int g = 0; g < 8; ++g) {
      magnitudes.LoadGroup(g, groups[g]);
      ApplySigns<S>(signs[g], groups[g]);
    }
    SetScalesIQ2<S>(block, block + 74, stride, groups);
  }
};

// Half d, 64 grid indices, eight dwords of signs and scales.
template <class S>
struct BlockIQ3_XXS {
  static constexpr int kBytes = 98, kGroups = 8;
  static constexpr WeightKind kKind = WeightKind::kSigned;
  static constexpr bool kBytewise = false;

  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    const Magnitudes<S> magnitudes(block, stride, [](const std::byte* from, std::byte* to) {
      for (int k = 0; k < 64; ++k) Put(kGridIQ3_XXS[ByteOf(from + 2 + k)], to + 4 * k);
    });
    typename S::Ints packed[8];
    S::LoadQuads(block + 66, stride, packed);
    S::LoadQuads(block + 82, stride, packed + 4);
    const auto d = S::Mul(S::HalfToFloats(S::LoadDword(block, stride)), S::SetFloat(0.25F));
    for (int g = 0; g < 8; ++g) {
      magnitudes.LoadGroup(g, groups[g]);
      ApplySigns<S>(EvenSigns<S>(SpreadSevens<S>(packed[g])), groups[g]);
      groups[g].scale = S::Mul(d, OddAt<S, 28, 4>(packed[g]));
    }
  }
};

// Half d, 64 low bytes of grid indices, 8 of high bits, 32 of signs, 8 scales of four bits.
template <class S>
struct BlockIQ3_S {
  static constexpr int kBytes = 110, kGroups = 8;
  static constexpr WeightKind kKind = WeightKind::kSigned;
  static constexpr bool kBytewise = false;

  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    const Magnitudes<S> magnitudes(block, stride, [](const std::byte* from, std::byte* to) {
      for (int g = 0; g < 8; ++g) {
        const std::size_t high = ByteOf(from + 66 + g) << 8;
        for (int k = 0; k < 8; ++k, to += 4) {
          Put(kGridIQ3_S[ByteOf(from + 2 + 8 * g + k) | (high >> k & 0x100U)], to);
        }
      }
    });
    typename S::Ints signs[8];
    S::LoadQuads(block + 74, stride, signs);
    S::LoadQuads(block + 90, stride, signs + 4);
    const auto scales = S::LoadDword(block + 106, stride);
    const auto d = S::HalfToFloats(S::LoadDword(block, stride));
    Repeat<8>([&]<int kGroup>() {
      typename S::Group& group = groups[kGroup];
      magnitudes.LoadGroup(kGroup, group);
      ApplySigns<S>(signs[kGroup], group);
      group.scale = S::Mul(d, OddAt<S, 4 * kGroup, 4>(scales));
    });
  }
};

// All ones in the lanes where bit kBit is set, zeros in the others.
template <class S, int kBit>
typename S::Ints WhereBit(typename S::Ints a) {
  return S::template ShiftRightSigned<31>(S::template ShiftLeft<31 - kBit>(a));
}

// Weights of IQ1 in eighths: 8 * (n - 1) + 1, or - 1 where `minus` is all ones, with n the grid's
// 0, 1 or 2.
template <class S>
typename S::Ints EighthsIQ1(typename S::Ints quad, typename S::Ints minus) {
  // 7 or 9 to take off.
  const auto offset = S::Xor(S::And(minus, S::Set(0x0e0e0e0eU)), S::Set(0x07070707U));
  return S::SubtractBytes(S::template ShiftLeft<3>(quad), offset);
}

// Half d, 32 low bytes of grid indices, for each group 16 bits: four times three high bits, three
// of scale, the sign of the offset.
template <class S>
struct BlockIQ1_S {
  static constexpr int kBytes = 50, kGroups = 8;
  static constexpr WeightKind kKind = WeightKind::kSigned;
  static constexpr bool kBytewise = false;

  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    const Magnitudes<S> magnitudes(block, stride, [](const std::byte* from, std::byte* to) {
      for (int g = 0; g < 8; ++g) {
        const std::size_t high = std::size_t{Get<uint16_t>(from + 34 + 2 * g)} << 8;
        for (int k = 0; k < 4; ++k, to += 8) {
          Put(kGridIQ1[ByteOf(from + 2 + 4 * g + k) | (high >> (3 * k) & 0x700U)], to);
        }
      }
    });
    typename S::Ints packed[4];
    S::LoadQuads(block + 34, stride, packed);
    const auto d = S::Mul(S::HalfToFloats(S::LoadDword(block, stride)), S::SetFloat(0.125F));
    for (int pair = 0; pair < 4; ++pair) {
      Repeat<2>([&]<int kHalf>() {
        typename S::Group& group = groups[2 * pair + kHalf];
        magnitudes.LoadGroup(2 * pair + kHalf, group);
        const auto minus = WhereBit<S, 16 * kHalf + 15>(packed[pair]);
        for (auto& quad : group.quads) quad = EighthsIQ1<S>(quad, minus);
        group.scale = S::Mul(d, OddAt<S, 16 * kHalf + 12, 3>(packed[pair]));
      });
    }
  }
};

// 32 low bytes of grid indices, a nibble for each with three high bits and the sign of the offset,
// 16 scales of three bits and, in the top nibbles of their four 16-bit words, half d.
template <class S>
struct BlockIQ1_M {
  static constexpr int kBytes = 56, kGroups = 8;
  static constexpr WeightKind kKind = WeightKind::kHalves;
  static constexpr bool kBytewise = false;

  static void Unpack(const std::byte* block, int64_t stride, typename S::Group* groups) {
    const Magnitudes<S> magnitudes(block, stride, [](const std::byte* from, std::byte* to) {
      for (int k = 0; k < 16; ++k, to += 16) {
        const std::size_t high = ByteOf(from + 32 + k) << 8;
        Put(kGridIQ1[ByteOf(from + 2 * k) | (high & 0x700U)], to);
        Put(kGridIQ1[ByteOf(from + 2 * k + 1) | (high >> 4 & 0x700U)], to + 8);
      }
    });
    typename S::Ints nibbles[4];
    S::LoadQuads(block + 32, stride, nibbles);
    const typename S::Ints words[2] = {S::LoadDword(block + 48, stride),
                                       S::LoadDword(block + 52, stride)};
    const auto half = S::Or(S::Or(S::And(S::template ShiftRight<12>(words[0]), S::Set(0xfU)),
                                  S::And(S::template ShiftRight<24>(words[0]), S::Set(0xf0U))),
                            S::Or(S::And(S::template ShiftRight<4>(words[1]), S::Set(0xf00U)),
                                  S::And(S::template ShiftRight<16>(words[1]), S::Set(0xf000U))));
    const auto d = S::Mul(S::HalfToFloats(half), S::SetFloat(0.125F));
    Repeat<8>([&]<int kGroup>() {
      typename S::Group& group = groups[kGroup];
      magnitudes.LoadGroup(kGroup, group);
      Repeat<4>([&]<int kEight>() {
        constexpr int kBit = 16 * (kGroup % 2) + 4 * kEight + 3;
        const auto minus = WhereBit<S, kBit>(nibbles[kGroup / 2]);
        for (int q = 2 * kEight; q < 2 * kEight + 2; ++q) {
          group.quads[q] = EighthsIQ1<S>(group.quads[q], minus);
        }
      });
      constexpr int kShift = 16 * (kGroup / 2 % 2) + 6 * (kGroup % 2);
      group.scale = S::Mul(d, OddAt<S, kShift, 3>(words[kGroup / 4]));
      group.second = S::Mul(d, OddAt<S, kShift + 3, 3>(words[kGroup / 4]));
    });
  }
};

}  // namespace
}  // namespace fathom
