// How a group of 32 unpacked weights is multiplied: what matmul-inl.h and the instruction sets'
// structs agree on.
#pragma once

namespace fathom {

// What the quants of a group are and what the group's other factor is, with s the sum of quant
// times activation value and a the sum of the activation values:
//   kNibble, kFiveBits   quants 0..15, 0..31:   scale * s + second * a
//   kHalves              quants 0..63, 32 off:  scale * (s0 - 32 a0) + second * (s1 - 32 a1), where
//   0
//                        and 1 are the group's halves of 16 columns
//   kByte                quants -128..127:      scale * s
enum class WeightKind { kNibble, kFiveBits, kHalves, kByte };

constexpr int MaxWeight(WeightKind kind) {
  return kind == WeightKind::kNibble ? 15 : kind == WeightKind::kFiveBits ? 31 : 63;
}

}  // namespace fathom
