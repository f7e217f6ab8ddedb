// Owns: float32 values to blocks of a storage format, one encoder per format. The result depends on
// the values and weights of a row alone. Not for: choosing formats (type_choice.h) or reading
// files.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "tensor/format.h"

namespace fathom {

// Encodes `count` finite values of at most kLargestValue (a multiple of the format's
// block_elements). `importance` is null, or has a weight of at least 0 for each value: then the sum
// of weight times squared error is what is made small. Weights that are all 1 ask for the search
// alone.
//
// Without weights F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0 and Q5_1 are rounded as their definition
// in the PyPI package gguf has it, bit for bit; the others are searched for the least squared
// error.
using EncodeFunction = void (*)(const float* values, const float* importance, std::byte* blocks,
                                int64_t count) noexcept;

// Null for a format that is only read.
EncodeFunction EncoderOf(Format format);

// A digest of what the encoders of all formats make of some fixed values, with and without
// importance: another one means that a file begun with them cannot be gone on with.
std::string DigestOfEncoders(EncodeFunction (*encoder_of)(Format));

// The formats that have an encoder, for messages: "F32, F16, ...".
std::string EncodableFormats();

// The largest half: block scales and F16 hold no more. F32 and BF16 have no such limit.
inline constexpr float kLargestValue = 65504.0F;

}  // namespace fathom
