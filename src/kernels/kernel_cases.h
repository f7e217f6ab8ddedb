// Random weights and activations for the kernels' tests and benchmark. Deterministic: a case is its
// arguments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/kernels.h"

namespace fathom {

// Uniform in [-1, 1).
std::vector<float> RandomFloats(int64_t count, uint64_t seed);

// Weight rows in a format, every quant and packed scale drawn from its whole range, block scales of
// either sign and of ordinary size; `offset` bytes into the buffer, so that rows can be unaligned.
struct RandomWeights {
  RandomWeights(Format format, int64_t rows, int64_t columns, uint64_t seed, int64_t offset = 0);

  const std::byte* data() const { return bytes.data() + offset; }
  int64_t row_bytes;
  int64_t offset;
  std::vector<std::byte> bytes;
};

// Activations and their quantised form by the reference table.
struct RandomActivations {
  RandomActivations(int64_t rows, int64_t columns, uint64_t seed);

  // A view of `count` rows from `first` on, with the quantised part when there is one (columns a
  // multiple of 32).
  Activations View(int64_t first, int64_t count) const;
  Activations View() const { return View(0, rows); }

  int64_t rows;
  int64_t columns;
  std::vector<float> floats;
  std::vector<int16_t> values;  // a column at its ActivationSlot
  std::vector<float> scales;
  std::vector<float> sums;
};

}  // namespace fathom
