// Storage formats of weights: one row per format in a table. A format describes bytes in a file;
// layouts that a kernel prefers are properties of a loaded buffer, never formats of their own.
//
// Block layouts are those of GGUF (ggml's type table; the numbers in `gguf_type` are the file
// format's). F8_E4M3 has no GGUF number: safetensors files hold it, with the scales in a tensor of
// their own, which no decoder sees. All multi-byte fields are little-endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace fathom {

enum class Format : uint8_t {
  kF32,
  kF16,
  kBF16,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ4_K,
  kQ5_K,
  kQ6_K,
  kQ2_K,
  kQ3_K,
  kIQ1_S,
  kIQ1_M,
  kIQ2_XXS,
  kIQ2_XS,
  kIQ2_S,
  kIQ3_XXS,
  kIQ3_S,
  kIQ4_NL,
  kIQ4_XS,
  kTQ1_0,
  kTQ2_0,
  kMXFP4,
  kF8_E4M3,
};
inline constexpr int kFormatCount = 26;

// Writes `count` float32 values (a multiple of the format's block_elements) decoded from `source`.
using DecodeFunction = void (*)(const std::byte* source, float* destination,
                                int64_t count) noexcept;

struct FormatRow {
  Format format;
  std::string_view name;  // as files and people write it: "Q4_K"
  // The type number in a GGUF tensor record; none where GGUF has no such type.
  std::optional<uint32_t> gguf_type;
  int block_elements;  // values per block, along the innermost dimension
  int block_bytes;
  DecodeFunction decode;  // plain, exact reference decoder

  double bits_per_element() const { return 8.0 * block_bytes / block_elements; }
};

const FormatRow& RowOf(Format format);
std::optional<Format> FormatFromGguf(uint32_t gguf_type);
// The name of any type number GGUF has ever assigned, "unknown" otherwise: for error messages.
std::string_view GgufTypeName(uint32_t gguf_type);

// Bytes of `elements` values; `elements` must be a multiple of block_elements.
inline int64_t BytesOf(Format format, int64_t elements) {
  const FormatRow& row = RowOf(format);
  return elements / row.block_elements * row.block_bytes;
}

// IEEE half, bfloat16 and E4M3 (the variant "FN" without infinities: sign, four exponent bits with
// bias 7, three fraction bits, NaN where all seven are set; OCP 8-bit floating point specification)
// to float32 (exact), and float32 to half and bfloat16 (round to nearest even).
float HalfToFloat(uint16_t half);
float BFloat16ToFloat(uint16_t value);
float Float8ToFloat(uint8_t value);
uint16_t FloatToHalf(float value);
uint16_t FloatToBFloat16(float value);

}  // namespace fathom
