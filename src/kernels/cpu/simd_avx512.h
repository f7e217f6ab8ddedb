// The AVX-512 (F, BW, VNNI) counterpart of simd_avx2.h, in 512-bit form: a lane is one of 16 weight
// rows, and one instruction multiplies four columns of all of them. Plain intrinsics only, so that
// the file also compiles against emulated ones (SIMDe) and is tested where the processor lacks
// them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/weight_panel.h"

namespace fathom {
namespace {

struct Avx512 {
  using Ints = __m512i;
  using Floats = __m512;

  static constexpr int kRows = 16;
  // 12 integer and 12 float accumulators, two weight vectors, a broadcast and a mask fit 32
  // registers; six broadcasts and two loads feed twelve products.
  static constexpr int kPanels = 2;
  static constexpr int kTileRows = 6;
  // Two panels of 16 groups are 20 KB (see Avx2).
  static constexpr int64_t kChunkGroups = 16;

  struct alignas(64) Group {
    Ints quads[8];
    Floats scale;
    Floats second;
  };

  // ---- Loads ----

  static Ints LoadDword(const std::byte* base, int64_t stride) {
    return Join(LoadDword4(base, stride), LoadDword4(base + 4 * stride, stride),
                LoadDword4(base + 8 * stride, stride), LoadDword4(base + 12 * stride, stride));
  }

  static void LoadQuads(const std::byte* base, int64_t stride, Ints out[4]) {
    const Ints a0 = LoadFour(base, stride);
    const Ints a1 = LoadFour(base + stride, stride);
    const Ints a2 = LoadFour(base + 2 * stride, stride);
    const Ints a3 = LoadFour(base + 3 * stride, stride);
    const Ints low01 = _mm512_unpacklo_epi32(a0, a1);
    const Ints low23 = _mm512_unpacklo_epi32(a2, a3);
    const Ints high01 = _mm512_unpackhi_epi32(a0, a1);
    const Ints high23 = _mm512_unpackhi_epi32(a2, a3);
    out[0] = _mm512_unpacklo_epi64(low01, low23);
    out[1] = _mm512_unpackhi_epi64(low01, low23);
    out[2] = _mm512_unpacklo_epi64(high01, high23);
    out[3] = _mm512_unpackhi_epi64(high01, high23);
  }

  // 16 bytes of each row, for formats that treat every byte alike (Block::kBytewise): out[i]
  // belongs to quads[i].
  static void LoadBytes(const std::byte* base, int64_t stride, Ints out[4]) {
    LoadQuads(base, stride, out);
  }

  // ---- Integers ----

  static Ints Set(uint32_t value) { return _mm512_set1_epi32(static_cast<int>(value)); }
  static Ints And(Ints a, Ints b) { return _mm512_and_si512(a, b); }
  static Ints Or(Ints a, Ints b) { return _mm512_or_si512(a, b); }
  static Ints Xor(Ints a, Ints b) { return _mm512_xor_si512(a, b); }
  static Ints Add(Ints a, Ints b) { return _mm512_add_epi32(a, b); }
  static Ints SubtractBytes(Ints a, Ints b) { return _mm512_sub_epi8(a, b); }
  template <int kBits>
  static Ints ShiftLeft(Ints a) {
    return _mm512_slli_epi32(a, kBits);
  }
  template <int kBits>
  static Ints ShiftRight(Ints a) {
    return _mm512_srli_epi32(a, kBits);
  }
  template <int kBits>
  static Ints ShiftRightSigned(Ints a) {
    return _mm512_srai_epi32(a, kBits);
  }

  // Byte i of a lane keeps its bits of `value` where bit 4 * kQuad + i of the lane in `bits` is
  // set, and is 0 elsewhere.
  template <int kQuad>
  static Ints WhereBits(Ints bits, Ints value) {
    constexpr int kByte = 0x01010101 * (kQuad / 2);
    const Ints spread =
        _mm512_set4_epi32(kByte + 0x0c0c0c0c, kByte + 0x08080808, kByte + 0x04040404, kByte);
    const Ints mask = Set(kQuad % 2 == 0 ? 0x08040201U : 0x80402010U);
    const __mmask64 set = _mm512_test_epi8_mask(_mm512_shuffle_epi8(bits, spread), mask);
    return _mm512_maskz_mov_epi8(set, value);
  }

  // Each byte of `indices`, 0..15, becomes the one it is the index of in a table of 16.
  static Ints LookUp(const uint8_t* table, Ints indices) {
    const __m128i entries = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return _mm512_shuffle_epi8(Join(entries, entries, entries, entries), indices);
  }

  // ---- Floats ----

  static Floats ZeroFloats() { return _mm512_setzero_ps(); }
  static Floats SetFloat(float value) { return _mm512_set1_ps(value); }
  static Floats LoadFloats(const float* from) { return _mm512_loadu_ps(from); }
  static void StoreFloats(Floats a, float* to) { _mm512_storeu_ps(to, a); }
  static float FirstFloat(Floats a) { return _mm_cvtss_f32(_mm512_castps512_ps128(a)); }
  static Floats ToFloats(Ints a) { return _mm512_cvtepi32_ps(a); }
  static Floats AsFloats(Ints a) { return _mm512_castsi512_ps(a); }
  static Floats HalfToFloats(Ints a) { return _mm512_cvtph_ps(_mm512_cvtepi32_epi16(a)); }
  static Floats Mul(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
  static Floats MulAdd(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
  static Floats NegMulAdd(Floats a, Floats b, Floats c) { return _mm512_fnmadd_ps(a, b, c); }

  // ---- Integer products ----

  // As Avx2::Dot.
  template <WeightKind kKind, int kFirst, int kLast, int kPanelCount, int kTile>
  static void Dot(const Group* group, int64_t panel_stride, const int16_t* const (&x)[kTile],
                  Floats (&sums)[kPanelCount][kTile]) {
    Ints totals[kPanelCount][kTile];
#pragma GCC unroll 4
    for (int p = 0; p < kPanelCount; ++p) {
#pragma GCC unroll 8
      for (int c = 0; c < kTile; ++c) totals[p][c] = _mm512_setzero_si512();
    }
#pragma GCC unroll 8
    for (int q = kFirst; q < kLast; ++q) {
#pragma GCC unroll 2
      for (int odd = 0; odd < 2; ++odd) {
        Ints weights[kPanelCount];
#pragma GCC unroll 4
        for (int p = 0; p < kPanelCount; ++p) {
          weights[p] = Widen<kKind>(group[p * panel_stride].quads[q], odd);
        }
#pragma GCC unroll 8
        for (int c = 0; c < kTile; ++c) {
          const Ints values = Broadcast(x[c] + 4 * q + 2 * odd);
#pragma GCC unroll 4
          for (int p = 0; p < kPanelCount; ++p) {
            totals[p][c] = _mm512_dpwssd_epi32(totals[p][c], weights[p], values);
          }
        }
      }
    }
#pragma GCC unroll 4
    for (int p = 0; p < kPanelCount; ++p) {
#pragma GCC unroll 8
      for (int c = 0; c < kTile; ++c) sums[p][c] = ToFloats(totals[p][c]);
    }
  }

 private:
  static Ints Join(__m128i a, __m128i b, __m128i c, __m128i d) {
    Ints joined = _mm512_castsi128_si512(a);
    joined = _mm512_inserti32x4(joined, b, 1);
    joined = _mm512_inserti32x4(joined, c, 2);
    return _mm512_inserti32x4(joined, d, 3);
  }
  static __m128i LoadDword4(const std::byte* base, int64_t stride) {
    return _mm_setr_epi32(LoadInt(base), LoadInt(base + stride), LoadInt(base + 2 * stride),
                          LoadInt(base + 3 * stride));
  }
  static int LoadInt(const std::byte* from) {
    int value;
    __builtin_memcpy(&value, from, sizeof(value));
    return value;
  }
  static __m128i Load16(const std::byte* from) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  }
  // 16 bytes each of rows 0, 4, 8 and 12.
  static Ints LoadFour(const std::byte* base, int64_t stride) {
    return Join(Load16(base), Load16(base + 4 * stride), Load16(base + 8 * stride),
                Load16(base + 12 * stride));
  }
  static Ints Broadcast(const int16_t* from) {
    int value;
    __builtin_memcpy(&value, from, sizeof(value));
    return _mm512_set1_epi32(value);
  }
  // The even or the odd bytes of each lane as two 16-bit numbers.
  template <WeightKind kKind>
  static Ints Widen(Ints quad, int odd) {
    if constexpr (kKind == WeightKind::kUnsigned) {
      return odd != 0 ? _mm512_srli_epi16(quad, 8) : And(quad, Set(0x00ff00ffU));
    } else {
      return _mm512_srai_epi16(odd != 0 ? quad : _mm512_slli_epi16(quad, 8), 8);
    }
  }
};

}  // namespace
}  // namespace fathom
