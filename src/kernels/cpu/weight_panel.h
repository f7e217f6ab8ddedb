// How a group of 32 unpacked weights is multiplied: what matmul-inl.h and the instruction sets'
// structs agree on.
#pragma once

namespace fathom {

// What the quants of a group are (bytes) and what the group's other factor is, with s the sum of
// quant times activation value and a the sum of the activation values:
//   kUnsigned   quants 0..31:       scale * s + second * a
//   kSigned     quants -128..127:   scale * s
//   kHalves     quants -128..127:   scale * s0 + second * s1, where 0 and 1 are the group's halves
//                                   of 16 columns
//   kHalvesMinimums  quants 0..127: scale * s0 + second * s1 + first * a0 + last * a1, with two
//   more
//                                   factors (HalfMinimums)
enum class WeightKind { kUnsigned, kSigned, kHalves, kHalvesMinimums };

constexpr bool HasHalves(WeightKind kind) {
  return kind == WeightKind::kHalves || kind == WeightKind::kHalvesMinimums;
}

// The struct of operations to use with one or two activation rows instead of S.
template <class S>
struct FewRowsOf {
  using Type = S;
};

// The factors of a kHalvesMinimums group that its Group has no room for: minus the minimums of its
// halves.
template <class S>
struct HalfMinimums {
  typename S::Floats first;
  typename S::Floats last;
};

}  // namespace fathom
