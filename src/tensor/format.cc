// The table of storage formats, and the conversions of single numbers. The decoders are in
// format_plain.cc, format_k.cc and format_iq.cc.
#include "tensor/format.h"

#include <array>
#include <bit>

#include "base/check.h"
#include "tensor/format_decoders.h"

namespace fathom {
namespace {

constexpr std::array<FormatRow, kFormatCount> kRows = {{
    {Format::kF32, "F32", 0, 1, 4, DecodeF32},
    {Format::kF16, "F16", 1, 1, 2, DecodeF16},
    {Format::kBF16, "BF16", 30, 1, 2, DecodeBF16},
    {Format::kQ4_0, "Q4_0", 2, kSmallBlock, 18, DecodeQ4_0},
    {Format::kQ4_1, "Q4_1", 3, kSmallBlock, 20, DecodeQ4_1},
    {Format::kQ5_0, "Q5_0", 6, kSmallBlock, 22, DecodeQ5_0},
    {Format::kQ5_1, "Q5_1", 7, kSmallBlock, 24, DecodeQ5_1},
    {Format::kQ8_0, "Q8_0", 8, kSmallBlock, 34, DecodeQ8_0},
    {Format::kQ4_K, "Q4_K", 12, kSuperBlock, 144, DecodeQ4_K},
    {Format::kQ5_K, "Q5_K", 13, kSuperBlock, 176, DecodeQ5_K},
    {Format::kQ6_K, "Q6_K", 14, kSuperBlock, 210, DecodeQ6_K},
    {Format::kQ2_K, "Q2_K", 10, kSuperBlock, 84, DecodeQ2_K},
    {Format::kQ3_K, "Q3_K", 11, kSuperBlock, 110, DecodeQ3_K},
    {Format::kIQ1_S, "IQ1_S", 19, kSuperBlock, 50, DecodeIQ1_S},
    {Format::kIQ1_M, "IQ1_M", 29, kSuperBlock, 56, DecodeIQ1_M},
    {Format::kIQ2_XXS, "IQ2_XXS", 16, kSuperBlock, 66, DecodeIQ2_XXS},
    {Format::kIQ2_XS, "IQ2_XS", 17, kSuperBlock, 74, DecodeIQ2_XS},
    {Format::kIQ2_S, "IQ2_S", 22, kSuperBlock, 82, DecodeIQ2_S},
    {Format::kIQ3_XXS, "IQ3_XXS", 18, kSuperBlock, 98, DecodeIQ3_XXS},
    {Format::kIQ3_S, "IQ3_S", 21, kSuperBlock, 110, DecodeIQ3_S},
    {Format::kIQ4_NL, "IQ4_NL", 20, kSmallBlock, 18, DecodeIQ4_NL},
    {Format::kIQ4_XS, "IQ4_XS", 23, kSuperBlock, 136, DecodeIQ4_XS},
    {Format::kTQ1_0, "TQ1_0", 34, kSuperBlock, 54, DecodeTQ1_0},
    {Format::kTQ2_0, "TQ2_0", 35, kSuperBlock, 66, DecodeTQ2_0},
    {Format::kMXFP4, "MXFP4", 39, kSmallBlock, 17, DecodeMXFP4},
    {Format::kF8_E4M3, "F8_E4M3", std::nullopt, 1, 1, DecodeF8_E4M3},
}};

constexpr bool RowsAreInEnumOrder() {
  for (int i = 0; i < kFormatCount; ++i) {
    if (kRows[i].format != static_cast<Format>(i)) return false;
  }
  return true;
}
static_assert(RowsAreInEnumOrder());

// Every type number GGUF has assigned, those since withdrawn (4, 5, 31-33, 36-38) included.
constexpr std::array<std::string_view, 42> kGgufTypeNames = {
    "F32",   "F16",        "Q4_0",       "Q4_1",       "Q4_2",     "Q4_3",     "Q5_0",
    "Q5_1",  "Q8_0",       "Q8_1",       "Q2_K",       "Q3_K",     "Q4_K",     "Q5_K",
    "Q6_K",  "Q8_K",       "IQ2_XXS",    "IQ2_XS",     "IQ3_XXS",  "IQ1_S",    "IQ4_NL",
    "IQ3_S", "IQ2_S",      "IQ4_XS",     "I8",         "I16",      "I32",      "I64",
    "F64",   "IQ1_M",      "BF16",       "Q4_0_4_4",   "Q4_0_4_8", "Q4_0_8_8", "TQ1_0",
    "TQ2_0", "IQ4_NL_4_4", "IQ4_NL_4_8", "IQ4_NL_8_8", "MXFP4",    "NVFP4",    "Q1_0",
};

}  // namespace

const FormatRow& RowOf(Format format) {
  const auto index = static_cast<std::size_t>(format);
  DCHECK(index < kRows.size());
  return kRows[index];
}

std::optional<Format> FormatFromGguf(uint32_t gguf_type) {
  for (const FormatRow& row : kRows) {
    if (row.gguf_type == gguf_type) return row.format;
  }
  return std::nullopt;
}

std::string_view GgufTypeName(uint32_t gguf_type) {
  return gguf_type < kGgufTypeNames.size() ? kGgufTypeNames[gguf_type] : "unknown";
}

float HalfToFloat(uint16_t half) {
  // A half's exponent and fraction, moved into float32 position, read as the value times 2^-112
  // (the difference of the biases, 127 - 15); the product with 2^112 is exact, subnormals included.
  const uint32_t magnitude = half & 0x7fffU;
  const uint32_t sign = (half & 0x8000U) << 16;
  if (magnitude >= 0x7c00U) {  // infinity and NaN keep an all-ones exponent
    return std::bit_cast<float>(sign | 0x7f800000U | (magnitude & 0x3ffU) << 13);
  }
  const float value = std::bit_cast<float>(magnitude << 13) * 0x1p112F;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(value));
}

float BFloat16ToFloat(uint16_t value) {
  return std::bit_cast<float>(static_cast<uint32_t>(value) << 16);
}

float Float8ToFloat(uint8_t value) {
  // As above: read as a float32 it is the value times 2^-120 (127 - 7).
  const uint32_t magnitude = value & 0x7fU;
  const uint32_t sign = (value & 0x80U) << 24;
  if (magnitude == 0x7fU) return std::bit_cast<float>(sign | 0x7fc00000U);
  const float scaled = std::bit_cast<float>(magnitude << 20) * 0x1p120F;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(scaled));
}

uint16_t FloatToBFloat16(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffU) > 0x7f800000U) {  // NaN: kept one, made quiet
    return static_cast<uint16_t>(bits >> 16 | 0x40U);
  }
  return static_cast<uint16_t>((bits + 0x7fffU + (bits >> 16 & 1U)) >> 16);
}

uint16_t FloatToHalf(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000U);
  const uint32_t magnitude = bits & 0x7fffffffU;
  if (magnitude > 0x7f800000U) {  // NaN: the top of its payload, made quiet
    return static_cast<uint16_t>(sign | 0x7e00U | (magnitude >> 13 & 0x3ffU));
  }
  if (magnitude >= 0x47800000U) return sign | 0x7c00U;  // 2^16 and more
  if (magnitude < 0x38800000U) {
    // Below 2^-14 a half is a multiple of 2^-24. Adding 2^-1 makes that the unit in the last place
    // of the sum, so the addition itself rounds to nearest even.
    const float sum = std::bit_cast<float>(magnitude) + 0.5F;
    return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(sum) - 0x3f000000U));
  }
  // Rebias by 127 - 15 and round the 13 bits that go to nearest even; a carry may reach infinity.
  const uint32_t odd = magnitude >> 13 & 1;
  return static_cast<uint16_t>(sign | ((magnitude - (112U << 23) + 0xfffU + odd) >> 13));
}

}  // namespace fathom
