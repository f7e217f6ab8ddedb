// A typed window onto memory that somebody else owns.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "tensor/format.h"

namespace fathom {

// Dimensions are outermost first, so a weight of a linear layer is {out_features, in_features};
// unused trailing dimensions do not exist (rank says how many there are). Rows (the innermost
// dimension) are contiguous and follow each other without padding.
struct TensorView {
  const std::byte* data = nullptr;
  Format format = Format::kF32;
  int rank = 0;
  std::array<int64_t, 4> shape{};

  int64_t elements() const {
    int64_t count = 1;
    for (int i = 0; i < rank; ++i) count *= shape[i];
    return count;
  }
  int64_t columns() const { return rank == 0 ? 0 : shape[rank - 1]; }
  int64_t rows() const { return columns() == 0 ? 0 : elements() / columns(); }
  int64_t row_bytes() const { return BytesOf(format, columns()); }
  int64_t bytes() const { return row_bytes() * rows(); }
  const std::byte* row(int64_t index) const { return data + index * row_bytes(); }
  explicit operator bool() const { return data != nullptr; }
};

// "[49152, 576]"
std::string ShapeText(const TensorView& view);

}  // namespace fathom
