// The head of a .safetensors file that is to be written: 8 bytes of length and the JSON that says
// where each tensor's data lie behind it. The data follow without gaps, in the order given here.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tensor/format.h"

namespace fathom {

struct SafetensorsEntry {
  std::string name;
  Format format;  // F32, F16, BF16 or F8_E4M3
  std::vector<int64_t> shape;

  uint64_t bytes() const;
};

// Its size is a multiple of 8, so that the data are aligned.
std::string SafetensorsHead(std::span<const SafetensorsEntry> tensors);

}  // namespace fathom
