// Operations over single rows, in Highway for the instruction set this translation unit is compiled
// for: exponential, norms, rotary embedding, gating, quantisation of activations, reductions over
// logits. Each works through its row in one fixed order; the values left over at the end of a row
// pass through a padded copy, so that nothing outside the row is read or written.
#pragma once

#include <hwy/highway.h>

#include <cstdint>
#include <limits>

#include "kernels/kernels.h"

HWY_BEFORE_NAMESPACE();
namespace fathom {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using FloatVector = hn::Vec<FloatTag>;
inline constexpr int64_t kLanes = hn::MaxLanes(FloatTag());

// exp(x) for any float: relative error below 1.1e-7 (1.8 units in the last place; tested) down to
// the smallest normal float, 0 below it, 1.6e38 from 88 on, NaN for NaN. x = n ln 2 + r with |r| <=
// ln 2 / 2, and exp(r) = 1 + r + r^2 P(r) with P of degree 4 fitted for the least relative error
// (3.1e-9).
template <class D>
HWY_INLINE hn::Vec<D> Exp(D d, hn::Vec<D> x) {
  const hn::RebindToSigned<D> di;
  const auto smallest = hn::Set(d, -87.33654F);  // just above log(2^-126)
  const auto underflow = hn::Lt(x, smallest);
  // Min and Max with a NaN differ between processors; the comparisons keep it.
  x = hn::IfThenElse(hn::Gt(x, hn::Set(d, 88.0F)), hn::Set(d, 88.0F), x);
  x = hn::IfThenElse(underflow, smallest, x);
  const auto n = hn::Round(hn::Mul(x, hn::Set(d, 1.44269504F)));
  // ln 2 in two parts, the first with so few bits that n times it is exact.
  auto r = hn::NegMulAdd(n, hn::Set(d, 0.693359375F), x);
  r = hn::NegMulAdd(n, hn::Set(d, -2.12194440e-4F), r);
  auto p = hn::Set(d, 0.0013814540579915047F);
  p = hn::MulAdd(p, r, hn::Set(d, 0.00836874544620514F));
  p = hn::MulAdd(p, r, hn::Set(d, 0.04166838899254799F));
  p = hn::MulAdd(p, r, hn::Set(d, 0.1666652113199234F));
  p = hn::MulAdd(p, r, hn::Set(d, 0.4999999403953552F));
  p = hn::Add(hn::MulAdd(p, hn::Mul(r, r), r), hn::Set(d, 1.0F));
  const auto exponent = hn::Add(hn::ConvertTo(di, n), hn::Set(di, 127));
  const auto power = hn::BitCast(d, hn::ShiftLeft<23>(exponent));
  return hn::IfThenZeroElse(underflow, hn::Mul(p, power));
}

// ---- Rows in and out
// -----------------------------------------------------------------------------

// The first `count` lanes from memory, zeros in the others.
inline FloatVector LoadSome(FloatTag d, const float* from, int64_t count) {
  HWY_ALIGN float padded[kLanes] = {};
  for (int64_t i = 0; i < count; ++i) padded[i] = from[i];
  return hn::Load(d, padded);
}

inline void StoreSome(FloatTag d, FloatVector v, float* to, int64_t count) {
  HWY_ALIGN float padded[kLanes];
  hn::Store(v, d, padded);
  for (int64_t i = 0; i < count; ++i) to[i] = padded[i];
}

// out[i] = operation(a[i], b[i]), lane by lane; out may be a or b.
template <class Operation>
void Map(const float* a, const float* b, int64_t n, float* out, Operation operation) {
  const FloatTag d;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    hn::StoreU(operation(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, out + i);
  }
  if (i < n) {
    const auto last = operation(LoadSome(d, a + i, n - i), LoadSome(d, b + i, n - i));
    StoreSome(d, last, out + i, n - i);
  }
}

// The sum of term(x[i]), where term(accumulator, x) adds one vector; `term` of zeros adds nothing.
template <class Term>
float Accumulate(const float* x, int64_t n, Term term) {
  const FloatTag d;
  FloatVector sums[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  int64_t i = 0;
  for (; i + 4 * kLanes <= n; i += 4 * kLanes) {
    for (int64_t j = 0; j < 4; ++j) sums[j] = term(sums[j], hn::LoadU(d, x + i + j * kLanes));
  }
  for (; i + kLanes <= n; i += kLanes) sums[0] = term(sums[0], hn::LoadU(d, x + i));
  if (i < n) sums[1] = term(sums[1], LoadSome(d, x + i, n - i));
  return hn::GetLane(
      hn::SumOfLanes(d, hn::Add(hn::Add(sums[0], sums[1]), hn::Add(sums[2], sums[3]))));
}

// ---- Operations
// ----------------------------------------------------------------------------------

void RmsNorm(const float* x, const float* weight, float eps, int64_t n, float* out) noexcept {
  const float squares =
      Accumulate(x, n, [](FloatVector sum, FloatVector v) { return hn::MulAdd(v, v, sum); });
  const float inverse = 1.0F / __builtin_sqrtf(squares / static_cast<float>(n) + eps);
  const auto factor = hn::Set(FloatTag(), inverse);
  Map(x, weight, n, out,
      [=](FloatVector v, FloatVector w) { return hn::Mul(hn::Mul(v, factor), w); });
}

void SiluMul(const float* gate, const float* up, int64_t n, float* out) noexcept {
  Map(gate, up, n, out, [](FloatVector g, FloatVector u) {
    const FloatTag d;
    const auto denominator = hn::Add(hn::Set(d, 1.0F), Exp(d, hn::Neg(g)));
    return hn::Mul(hn::Div(g, denominator), u);
  });
}

void Add(const float* x, int64_t n, float* accumulator) noexcept {
  Map(accumulator, x, n, accumulator, [](FloatVector a, FloatVector b) { return hn::Add(a, b); });
}

void AddScaled(const float* x, float scale, int64_t n, float* accumulator) noexcept {
  const auto factor = hn::Set(FloatTag(), scale);
  Map(accumulator, x, n, accumulator,
      [=](FloatVector a, FloatVector b) { return hn::MulAdd(factor, b, a); });
}

// One pair at a time, rounded as the vectors round: used for what is left of a head.
inline void RotatePair(float& first, float& second, float cosine, float sine) {
  const hn::CappedTag<float, 1> d;
  const auto a = hn::Set(d, first), b = hn::Set(d, second);
  const auto c = hn::Set(d, cosine), s = hn::Set(d, sine);
  first = hn::GetLane(hn::NegMulAdd(b, s, hn::Mul(a, c)));
  second = hn::GetLane(hn::MulAdd(a, s, hn::Mul(b, c)));
}

void RotateInterleaved(const RopeArgs& args, float* head) {
  const FloatTag d;
  const int64_t half = args.rotary_dim / 2;
  int64_t i = 0;
  for (; i + kLanes <= half; i += kLanes) {
    FloatVector a, b;
    hn::LoadInterleaved2(d, head + 2 * i, a, b);
    const auto c = hn::LoadU(d, args.cosines + i), s = hn::LoadU(d, args.sines + i);
    hn::StoreInterleaved2(hn::NegMulAdd(b, s, hn::Mul(a, c)), hn::MulAdd(a, s, hn::Mul(b, c)), d,
                          head + 2 * i);
  }
  for (; i < half; ++i) {
    RotatePair(head[2 * i], head[2 * i + 1], args.cosines[i], args.sines[i]);
  }
}

void RotateHalves(const RopeArgs& args, float* head) {
  const FloatTag d;
  const int64_t half = args.rotary_dim / 2;
  int64_t i = 0;
  for (; i + kLanes <= half; i += kLanes) {
    const auto a = hn::LoadU(d, head + i), b = hn::LoadU(d, head + half + i);
    const auto c = hn::LoadU(d, args.cosines + i), s = hn::LoadU(d, args.sines + i);
    hn::StoreU(hn::NegMulAdd(b, s, hn::Mul(a, c)), d, head + i);
    hn::StoreU(hn::MulAdd(a, s, hn::Mul(b, c)), d, head + half + i);
  }
  for (; i < half; ++i) RotatePair(head[i], head[half + i], args.cosines[i], args.sines[i]);
}

void Rope(const RopeArgs& args) noexcept {
  for (int64_t h = 0; h < args.heads; ++h) {
    float* head = args.x + h * args.head_dim;
    if (args.pairing == RopePairing::kInterleaved) {
      RotateInterleaved(args, head);
    } else {
      RotateHalves(args, head);
    }
  }
}

// ---- Activation quantisation
// ---------------------------------------------------------------------

// Stores 16-bit values with the middle two of every four in each other's place (ActivationSlot).
template <class D>
void StoreSlots(D d, hn::Vec<D> values, int16_t* to) {
  const hn::Repartition<uint8_t, D> bytes;
  HWY_ALIGN static constexpr uint8_t kOrder[16] = {0, 1, 4,  5,  2,  3,  6,  7,
                                                   8, 9, 12, 13, 10, 11, 14, 15};
  const auto order = hn::LoadDup128(bytes, kOrder);
  hn::StoreU(hn::BitCast(d, hn::TableLookupBytes(hn::BitCast(bytes, values), order)), d, to);
}

void QuantizeGroup(const float* x, int16_t* values, float* scale, float* sum) {
  const FloatTag d;
  const hn::RebindToSigned<FloatTag> di;
  constexpr int64_t kVectors = kActivationGroup / kLanes;
  constexpr float kMax = kActivationMax;
  FloatVector parts[kVectors];
  // Magnitudes compare as integers; so a NaN is the largest of all and is not lost.
  auto largest_bits = hn::Zero(di);
  for (int64_t v = 0; v < kVectors; ++v) {
    parts[v] = hn::LoadU(d, x + v * kLanes);
    largest_bits = hn::Max(largest_bits, hn::BitCast(di, hn::Abs(parts[v])));
  }
  const float largest = hn::GetLane(hn::BitCast(d, hn::MaxOfLanes(di, largest_bits)));
  const bool finite = largest <= std::numeric_limits<float>::max();
  const bool usable = finite && largest >= kSmallestActivation;
  *scale = usable ? largest / kMax : finite ? 0.0F : std::numeric_limits<float>::quiet_NaN();
  const auto inverse = hn::Set(d, usable ? kMax / largest : 0.0F);
  auto total = hn::Zero(di);
  for (int64_t v = 0; v < kVectors; ++v) {
    auto rounded = hn::NearestInt(hn::Mul(parts[v], inverse));
    if (!usable) rounded = hn::Zero(di);  // an infinity times 0 is no number
    total = hn::Add(total, rounded);
    const hn::Rebind<int16_t, FloatTag> narrow;
    StoreSlots(narrow, hn::DemoteTo(narrow, rounded), values + v * kLanes);
  }
  *sum = static_cast<float>(hn::GetLane(hn::SumOfLanes(di, total)));
}

void Quantize(const QuantizeArgs& args) noexcept {
  const int64_t groups = args.rows * args.columns / kActivationGroup;
  for (int64_t g = 0; g < groups; ++g) {
    QuantizeGroup(args.x + g * kActivationGroup, args.values + g * kActivationGroup,
                  args.scales + g, args.sums + g);
  }
}

// ---- Reductions over logits
// ----------------------------------------------------------------------

// -inf for no values or only NaNs.
float Largest(const float* x, int64_t n) {
  const FloatTag d;
  const float lowest = -std::numeric_limits<float>::infinity();
  auto best = hn::Set(d, lowest);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const auto v = hn::LoadU(d, x + i);
    best = hn::IfThenElse(hn::Lt(best, v), v, best);  // false for a NaN
  }
  float result = hn::GetLane(hn::MaxOfLanes(d, best));
  for (; i < n; ++i) result = x[i] > result ? x[i] : result;
  return result;
}

int64_t ArgMax(const float* x, int64_t n) noexcept {
  const FloatTag d;
  const float largest = Largest(x, n);
  const auto wanted = hn::Set(d, largest);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const auto found = hn::FindFirstTrue(d, hn::Eq(hn::LoadU(d, x + i), wanted));
    if (found >= 0) return i + found;
  }
  for (; i < n; ++i) {
    if (x[i] == largest) return i;
  }
  return 0;
}

float LogSumExp(const float* x, int64_t n) noexcept {
  const float largest = Largest(x, n);
  if (!(largest >= -std::numeric_limits<float>::max() &&
        largest <= std::numeric_limits<float>::max())) {
    return largest;
  }
  const FloatTag d;
  const auto shift = hn::Set(d, largest);
  const int64_t whole = n / kLanes * kLanes;
  float total = Accumulate(x, whole, [=](FloatVector sum, FloatVector v) {
    return hn::Add(sum, Exp(FloatTag(), hn::Sub(v, shift)));
  });
  for (int64_t i = whole; i < n; ++i) {
    const hn::CappedTag<float, 1> one;
    total += hn::GetLane(Exp(one, hn::Set(one, x[i] - largest)));
  }
  return largest + __builtin_logf(total);
}

}  // namespace
}  // namespace fathom
HWY_AFTER_NAMESPACE();
