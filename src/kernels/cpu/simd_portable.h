// The counterpart of simd_avx2.h in Highway's 128-bit operations: a lane is one of four weight
// rows. Quants are widened to 32 bits, whose products and sums every processor has.
#pragma once

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/weight_panel.h"

HWY_BEFORE_NAMESPACE();
namespace fathom {
namespace {

struct Portable {
  using FloatTag4 = hwy::HWY_NAMESPACE::FixedTag<float, 4>;
  using IntTag4 = hwy::HWY_NAMESPACE::FixedTag<uint32_t, 4>;
  using SignedTag4 = hwy::HWY_NAMESPACE::FixedTag<int32_t, 4>;
  using Ints = hwy::HWY_NAMESPACE::Vec<IntTag4>;
  using Floats = hwy::HWY_NAMESPACE::Vec<FloatTag4>;

  static constexpr int kRows = 4;
  static constexpr int kPanels = 1;
  static constexpr int kTileRows = 4;
  static constexpr int64_t kChunkGroups = 32;  // 5 KB

  struct alignas(16) Group {
    Ints quads[8];
    Floats scale;
    Floats second;
  };

  // ---- Loads ----

  static Ints LoadDword(const std::byte* base, int64_t stride) {
    alignas(16) uint32_t values[4];
    for (int r = 0; r < 4; ++r) __builtin_memcpy(values + r, base + r * stride, 4);
    return hwy::HWY_NAMESPACE::Load(IntTag4(), values);
  }

  static void LoadQuads(const std::byte* base, int64_t stride, Ints out[4]) {
    namespace hn = hwy::HWY_NAMESPACE;
    const IntTag4 d;
    const hn::FixedTag<uint64_t, 2> wide;
    Ints rows[4];
    for (int r = 0; r < 4; ++r) {
      const auto* from = reinterpret_cast<const uint8_t*>(base + r * stride);
      rows[r] = hn::BitCast(d, hn::LoadU(hn::FixedTag<uint8_t, 16>(), from));
    }
    const auto low01 = hn::BitCast(wide, hn::InterleaveLower(d, rows[0], rows[1]));
    const auto low23 = hn::BitCast(wide, hn::InterleaveLower(d, rows[2], rows[3]));
    const auto high01 = hn::BitCast(wide, hn::InterleaveUpper(d, rows[0], rows[1]));
    const auto high23 = hn::BitCast(wide, hn::InterleaveUpper(d, rows[2], rows[3]));
    out[0] = hn::BitCast(d, hn::InterleaveLower(wide, low01, low23));
    out[1] = hn::BitCast(d, hn::InterleaveUpper(wide, low01, low23));
    out[2] = hn::BitCast(d, hn::InterleaveLower(wide, high01, high23));
    out[3] = hn::BitCast(d, hn::InterleaveUpper(wide, high01, high23));
  }

  // 16 bytes of each row, for formats that treat every byte alike (Block::kBytewise): out[i]
  // belongs to quads[i].
  static void LoadBytes(const std::byte* base, int64_t stride, Ints out[4]) {
    LoadQuads(base, stride, out);
  }

  // ---- Integers ----

  static Ints Set(uint32_t value) { return hwy::HWY_NAMESPACE::Set(IntTag4(), value); }
  static Ints And(Ints a, Ints b) { return hwy::HWY_NAMESPACE::And(a, b); }
  static Ints Or(Ints a, Ints b) { return hwy::HWY_NAMESPACE::Or(a, b); }
  static Ints Xor(Ints a, Ints b) { return hwy::HWY_NAMESPACE::Xor(a, b); }
  static Ints Add(Ints a, Ints b) { return hwy::HWY_NAMESPACE::Add(a, b); }
  static Ints SubtractBytes(Ints a, Ints b) {
    namespace hn = hwy::HWY_NAMESPACE;
    const hn::FixedTag<uint8_t, 16> bytes;
    return hn::BitCast(IntTag4(), hn::Sub(hn::BitCast(bytes, a), hn::BitCast(bytes, b)));
  }
  template <int kBits>
  static Ints ShiftLeft(Ints a) {
    return hwy::HWY_NAMESPACE::ShiftLeft<kBits>(a);
  }
  template <int kBits>
  static Ints ShiftRight(Ints a) {
    return hwy::HWY_NAMESPACE::ShiftRight<kBits>(a);
  }
  template <int kBits>
  static Ints ShiftRightSigned(Ints a) {
    namespace hn = hwy::HWY_NAMESPACE;
    return hn::BitCast(IntTag4(), hn::ShiftRight<kBits>(hn::BitCast(SignedTag4(), a)));
  }

  // Byte i of a lane keeps its bits of `value` where bit 4 * kQuad + i of the lane in `bits` is
  // set, and is 0 elsewhere.
  template <int kQuad>
  static Ints WhereBits(Ints bits, Ints value) {
    // Shifts by 7, 14 and 21 bring bits 1, 2 and 3 to the low ends of their bytes.
    const Ints four = And(ShiftRight<4 * kQuad>(bits), Set(15));
    const Ints pairs = Or(four, ShiftLeft<14>(four));
    const Ints spread = And(Or(pairs, ShiftLeft<7>(pairs)), Set(0x01010101U));
    return And(SubtractBytes(Set(0), spread), value);
  }

  // Each byte of `indices`, 0..15, becomes the one it is the index of in a table of 16.
  static Ints LookUp(const uint8_t* table, Ints indices) {
    namespace hn = hwy::HWY_NAMESPACE;
    const hn::FixedTag<uint8_t, 16> bytes;
    const auto entries = hn::LoadU(bytes, table);
    return hn::BitCast(IntTag4(), hn::TableLookupBytes(entries, hn::BitCast(bytes, indices)));
  }

  // ---- Floats ----

  static Floats ZeroFloats() { return hwy::HWY_NAMESPACE::Zero(FloatTag4()); }
  static Floats SetFloat(float value) { return hwy::HWY_NAMESPACE::Set(FloatTag4(), value); }
  static Floats LoadFloats(const float* from) {
    return hwy::HWY_NAMESPACE::LoadU(FloatTag4(), from);
  }
  static void StoreFloats(Floats a, float* to) { hwy::HWY_NAMESPACE::StoreU(a, FloatTag4(), to); }
  static float FirstFloat(Floats a) { return hwy::HWY_NAMESPACE::GetLane(a); }
  static Floats ToFloats(Ints a) {
    namespace hn = hwy::HWY_NAMESPACE;
    return hn::ConvertTo(FloatTag4(), hn::BitCast(SignedTag4(), a));
  }
  static Floats AsFloats(Ints a) { return hwy::HWY_NAMESPACE::BitCast(FloatTag4(), a); }
  // Exact: the bits of a half, moved to a float's place, are 2^-112 times its value, subnormals
  // included; exponent 31 (infinities and NaNs) is put right.
  static Floats HalfToFloats(Ints a) {
    namespace hn = hwy::HWY_NAMESPACE;
    const auto magnitude = ShiftLeft<13>(And(a, Set(0x7fffU)));
    const auto scaled = hn::Mul(AsFloats(magnitude), SetFloat(0x1p112F));
    const auto special = hn::Ge(AsFloats(magnitude), AsFloats(Set(0x7c00U << 13)));
    const auto finite_or_not =
        hn::IfThenElse(special, AsFloats(Or(magnitude, Set(0x7f800000U))), scaled);
    return hn::Or(finite_or_not, AsFloats(ShiftLeft<16>(And(a, Set(0x8000U)))));
  }
  static Floats Mul(Floats a, Floats b) { return hwy::HWY_NAMESPACE::Mul(a, b); }
  static Floats MulAdd(Floats a, Floats b, Floats c) { return hwy::HWY_NAMESPACE::MulAdd(a, b, c); }
  static Floats NegMulAdd(Floats a, Floats b, Floats c) {
    return hwy::HWY_NAMESPACE::NegMulAdd(a, b, c);
  }

  // ---- Products ----

  // As Avx2::Dot.
  template <WeightKind kKind, int kFirst, int kLast, int kPanelCount, int kTile>
  static void Dot(const Group* group, int64_t /*panel_stride*/, const int16_t* const (&x)[kTile],
                  Floats (&sums)[kPanelCount][kTile]) {
    namespace hn = hwy::HWY_NAMESPACE;
    static_assert(kPanelCount == 1);
    const SignedTag4 d;
    hn::Vec<SignedTag4> totals[kTile];
    for (int c = 0; c < kTile; ++c) totals[c] = hn::Zero(d);
    for (int q = kFirst; q < kLast; ++q) {
      const Ints quad = group->quads[q];
      // In the order of ActivationSlot.
      const hn::Vec<SignedTag4> columns[4] = {Widen<kKind, 0>(quad), Widen<kKind, 2>(quad),
                                              Widen<kKind, 1>(quad), Widen<kKind, 3>(quad)};
      for (int c = 0; c < kTile; ++c) {
        const int16_t* from = x[c] + 4 * q;
        for (int i = 0; i < 4; ++i) {
          totals[c] = hn::Add(totals[c], hn::Mul(columns[i], hn::Set(d, int32_t{from[i]})));
        }
      }
    }
    for (int c = 0; c < kTile; ++c) sums[0][c] = hn::ConvertTo(FloatTag4(), totals[c]);
  }

 private:
  template <WeightKind kKind, int kByte>
  static hwy::HWY_NAMESPACE::Vec<SignedTag4> Widen(Ints quad) {
    namespace hn = hwy::HWY_NAMESPACE;
    if constexpr (kKind == WeightKind::kUnsigned) {
      return hn::BitCast(SignedTag4(), And(ShiftRight<8 * kByte>(quad), Set(0xffU)));
    } else {
      return hn::BitCast(SignedTag4(), ShiftRightSigned<24>(ShiftLeft<24 - 8 * kByte>(quad)));
    }
  }
};

}  // namespace
}  // namespace fathom
HWY_AFTER_NAMESPACE();
