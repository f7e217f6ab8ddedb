// The few AVX2 operations the matrix products are written in (matmul-inl.h, float_matmul-inl.h): a
// vector lane is a weight row. Included by one translation unit, compiled with its flags; the other
// instruction sets have structs of the same shape.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/cpu/weight_panel.h"

namespace fathom {
namespace {

struct Avx2 {
  using Ints = __m256i;  // 32-bit lanes, or four bytes in each lane
  using Floats = __m256;

  static constexpr int kRows = 8;
  // Register tile of a product: panels of kRows weight rows by activation rows. 8 accumulators, two
  // weight vectors, a broadcast, a product and a mask fit 16 registers.
  static constexpr int kPanels = 2;
  static constexpr int kTileRows = 4;
  // Groups of 32 columns unpacked at a time, a whole number of 256-column blocks: two panels of 24
  // groups are 15 KB and stay in the L1 cache beside 6 KB of four rows' activations.
  static constexpr int64_t kChunkGroups = 24;

  struct alignas(32) Group {  // one group of 32 columns of kRows weight rows
    Ints quads[8];            // byte i of lane r in quads[q]: weight of row r, column 4q + i
    Floats scale;
    Floats second;  // the format's other factor (WeightKind)
  };

  // ---- Loads: one value or four a row, rows `stride` bytes apart ----

  // Broadcasts cost loads alone, and blends run on any port, unlike inserts.
  static Ints LoadDword(const std::byte* base, int64_t stride) {
    const auto all = [&](int row) { return Broadcast(base + row * stride); };
    const Ints rows01 = _mm256_blend_epi32(all(0), all(1), 0x22);
    const Ints rows23 = _mm256_blend_epi32(all(2), all(3), 0x88);
    const Ints rows45 = _mm256_blend_epi32(all(4), all(5), 0x22);
    const Ints rows67 = _mm256_blend_epi32(all(6), all(7), 0x88);
    return _mm256_blend_epi32(_mm256_blend_epi32(rows01, rows23, 0xcc),
                              _mm256_blend_epi32(rows45, rows67, 0xcc), 0xf0);
  }

  // out[i] lane r: dword i of the 16 bytes at row r.
  [[gnu::always_inline]] static inline void LoadQuads(const std::byte* base, int64_t stride,
                                                      Ints out[4]) {
    const std::byte* upper = base + 4 * stride;
    const Ints a0 = LoadPair(base, upper);
    const Ints a1 = LoadPair(base + stride, upper + stride);
    const Ints a2 = LoadPair(base + 2 * stride, upper + 2 * stride);
    const Ints a3 = LoadPair(base + 3 * stride, upper + 3 * stride);
    const Ints low01 = _mm256_unpacklo_epi32(a0, a1);
    const Ints low23 = _mm256_unpacklo_epi32(a2, a3);
    const Ints high01 = _mm256_unpackhi_epi32(a0, a1);
    const Ints high23 = _mm256_unpackhi_epi32(a2, a3);
    out[0] = _mm256_unpacklo_epi64(low01, low23);
    out[1] = _mm256_unpackhi_epi64(low01, low23);
    out[2] = _mm256_unpacklo_epi64(high01, high23);
    out[3] = _mm256_unpackhi_epi64(high01, high23);
  }

  // ---- Integers ----

  static Ints Set(uint32_t value) { return _mm256_set1_epi32(static_cast<int>(value)); }
  static Ints And(Ints a, Ints b) { return _mm256_and_si256(a, b); }
  static Ints Or(Ints a, Ints b) { return _mm256_or_si256(a, b); }
  static Ints Xor(Ints a, Ints b) { return _mm256_xor_si256(a, b); }
  static Ints Add(Ints a, Ints b) { return _mm256_add_epi32(a, b); }
  static Ints SubtractBytes(Ints a, Ints b) { return _mm256_sub_epi8(a, b); }
  template <int kBits>
  static Ints ShiftLeft(Ints a) {
    return _mm256_slli_epi32(a, kBits);
  }
  template <int kBits>
  static Ints ShiftRight(Ints a) {
    return _mm256_srli_epi32(a, kBits);
  }
  template <int kBits>
  static Ints ShiftRightSigned(Ints a) {
    return _mm256_srai_epi32(a, kBits);
  }

  // Byte i of a lane keeps its bits of `value` where bit 4 * kQuad + i of the lane in `bits` is
  // set, and is 0 elsewhere.
  template <int kQuad>
  static Ints WhereBits(Ints bits, Ints value) {
    constexpr int kByte = 0x01010101 * (kQuad / 2);
    const Ints spread =
        _mm256_setr_epi32(kByte, kByte + 0x04040404, kByte + 0x08080808, kByte + 0x0c0c0c0c, kByte,
                          kByte + 0x04040404, kByte + 0x08080808, kByte + 0x0c0c0c0c);
    const Ints mask = Set(kQuad % 2 == 0 ? 0x08040201U : 0x80402010U);
    const Ints picked = And(_mm256_shuffle_epi8(bits, spread), mask);
    return And(_mm256_cmpeq_epi8(picked, mask), value);
  }

  // 16 bytes of each row, for formats that treat every byte alike (Block::kBytewise): out[i]
  // belongs to quads[i], whatever Dot takes them to be.
  [[gnu::always_inline]] static inline void LoadBytes(const std::byte* base, int64_t stride,
                                                      Ints out[4]) {
    LoadQuads(base, stride, out);
  }

  // Each byte of `indices`, 0..15, becomes the one it is the index of in a table of 16.
  static Ints LookUp(const uint8_t* table, Ints indices) {
    const __m128i entries = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
    return _mm256_shuffle_epi8(_mm256_set_m128i(entries, entries), indices);
  }

  // ---- Floats ----

  static Floats ZeroFloats() { return _mm256_setzero_ps(); }
  static Floats SetFloat(float value) { return _mm256_set1_ps(value); }
  static Floats LoadFloats(const float* from) { return _mm256_loadu_ps(from); }
  static void StoreFloats(Floats a, float* to) { _mm256_storeu_ps(to, a); }
  static float FirstFloat(Floats a) { return _mm256_cvtss_f32(a); }
  static Floats ToFloats(Ints a) { return _mm256_cvtepi32_ps(a); }
  static Floats AsFloats(Ints a) { return _mm256_castsi256_ps(a); }
  // The low 16 bits of each lane as IEEE half.
  static Floats HalfToFloats(Ints a) {
    const Ints low = And(a, Set(0xffffU));
    return _mm256_cvtph_ps(
        _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1)));
  }
  static Floats Mul(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
  static Floats MulAdd(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
  static Floats NegMulAdd(Floats a, Floats b, Floats c) { return _mm256_fnmadd_ps(a, b, c); }

  // ---- Integer products ----

  // sums[p][c]: the sum over columns 4 * kFirst .. 4 * kLast - 1 of one group, panel p (groups of
  // consecutive panels are `panel_stride` apart), and the activations at x[c]. 32 products of 8 by
  // 16 bits fit 32.
  template <WeightKind kKind, int kFirst, int kLast, int kPanelCount, int kTile>
  static void Dot(const Group* group, int64_t panel_stride, const int16_t* const (&x)[kTile],
                  Floats (&sums)[kPanelCount][kTile]) {
    Ints totals[kPanelCount][kTile];
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
            const Ints product = _mm256_madd_epi16(weights[p], values);
            totals[p][c] =
                q == kFirst && odd == 0 ? product : _mm256_add_epi32(totals[p][c], product);
            Pin(totals[p][c]);
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

 protected:
  static Ints LoadPair(const std::byte* lower, const std::byte* upper) {
    return _mm256_set_m128i(_mm_loadu_si128(reinterpret_cast<const __m128i*>(upper)),
                            _mm_loadu_si128(reinterpret_cast<const __m128i*>(lower)));
  }
  static Ints Broadcast(const void* from) {
    int value;
    __builtin_memcpy(&value, from, sizeof(value));
    return _mm256_set1_epi32(value);
  }
  // The even or the odd bytes of each lane as two 16-bit numbers.
  template <WeightKind kKind>
  static Ints Widen(Ints quad, int odd) {
    if constexpr (kKind == WeightKind::kUnsigned) {
      return odd != 0 ? _mm256_srli_epi16(quad, 8) : And(quad, Set(0x00ff00ffU));
    } else {
      return _mm256_srai_epi16(odd != 0 ? quad : _mm256_slli_epi16(quad, 8), 8);
    }
  }

  // Keeps the compiler from gathering the additions into a tree at the end, for which it would hold
  // more products than there are registers.
  static void Pin(Ints& a) { asm volatile("" : "+x"(a)); }
};

// For one or two activation rows. With many, the transposition in LoadQuads is shared by all of
// them; here it would cost more than the products. So bytes stay as they lie in memory: quads[i]
// has columns 0..15 of weight row i in its lower half and of row i + 4 in its upper half, quads[i +
// 4] has columns 16..31. The sums over columns come out of additions across lanes, which are exact
// integers too.
struct Avx2FewRows : Avx2 {
  [[gnu::always_inline]] static inline void LoadBytes(const std::byte* base, int64_t stride,
                                                      Ints out[4]) {
    for (int i = 0; i < 4; ++i) {
      out[i] = LoadPair(base + i * stride, base + (i + 4) * stride);
    }
  }

  // As Avx2::Dot, of one panel.
  template <WeightKind kKind, int kFirst, int kLast, int kPanelCount, int kTile>
  [[gnu::always_inline]] static inline void Dot(const Group* group, int64_t,
                                                const int16_t* const (&x)[kTile],
                                                Floats (&sums)[kPanelCount][kTile]) {
    static_assert(kPanelCount == 1);
#pragma GCC unroll 2
    for (int c = 0; c < kTile; ++c) {
      Ints values[(kLast - kFirst) / 4][2];  // for the even and the odd bytes of 16 columns
#pragma GCC unroll 2
      for (int q = kFirst; q < kLast; q += 4) {
        LoadHalf(x[c] + 4 * q, values[(q - kFirst) / 4]);
      }
      Ints totals[4];
#pragma GCC unroll 4
      for (int i = 0; i < 4; ++i) {
        Ints parts[2];
#pragma GCC unroll 2
        for (int q = kFirst; q < kLast; q += 4) {
          const Ints quad = group->quads[q + i];
          const auto& x2 = values[(q - kFirst) / 4];
#pragma GCC unroll 2
          for (int odd = 0; odd < 2; ++odd) {
            const Ints product = _mm256_madd_epi16(Byte<kKind>(quad, odd), x2[odd]);
            parts[odd] = q == kFirst ? product : _mm256_add_epi32(parts[odd], product);
            Pin(parts[odd]);
          }
        }
        // The odd bytes of unsigned quants were taken 256 times.
        if constexpr (kKind == WeightKind::kUnsigned) parts[1] = _mm256_srai_epi32(parts[1], 8);
        totals[i] = _mm256_add_epi32(parts[0], parts[1]);
      }
      sums[0][c] = ToFloats(AddAcross(totals));
    }
  }

 private:
  // As Widen, but where quants are small and not negative, the odd bytes are taken 256 times: 31 *
  // 256 fits 16 bits, 4 products with it 32.
  template <WeightKind kKind>
  static Ints Byte(Ints quad, int odd) {
    if constexpr (kKind == WeightKind::kUnsigned) {
      return And(quad, Set(odd != 0 ? 0xff00ff00U : 0x00ff00ffU));
    } else {
      return Widen<kKind>(quad, odd);
    }
  }
  // Lane i of either half: the sum of that half of rows[i].
  static Ints AddAcross(const Ints (&rows)[4]) {
    const Ints rows01 = _mm256_add_epi32(_mm256_unpacklo_epi32(rows[0], rows[1]),
                                         _mm256_unpackhi_epi32(rows[0], rows[1]));
    const Ints rows23 = _mm256_add_epi32(_mm256_unpacklo_epi32(rows[2], rows[3]),
                                         _mm256_unpackhi_epi32(rows[2], rows[3]));
    return _mm256_add_epi32(_mm256_unpacklo_epi64(rows01, rows23),
                            _mm256_unpackhi_epi64(rows01, rows23));
  }
  // 16 activations as kept (ActivationSlot): pairs for even and for odd bytes take turns.
  static void LoadHalf(const int16_t* from, Ints (&values)[2]) {
    const Floats first = LoadTwice(from);
    const Floats last = LoadTwice(from + 8);
    values[0] = _mm256_castps_si256(_mm256_shuffle_ps(first, last, 0x88));
    values[1] = _mm256_castps_si256(_mm256_shuffle_ps(first, last, 0xdd));
  }
  static Floats LoadTwice(const int16_t* from) {
    return _mm256_castsi256_ps(
        _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from))));
  }
};

}  // namespace

template <>
struct FewRowsOf<Avx2> {
  using Type = Avx2FewRows;
};

}  // namespace fathom
