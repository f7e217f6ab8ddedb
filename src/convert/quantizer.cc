#include "convert/quantizer.h"

#include "convert/encoders.h"

namespace fathom {

EncodeFunction EncoderOf(Format format) {
  switch (format) {
    case Format::kF32:
      return EncodeF32;
    case Format::kF16:
      return EncodeF16;
    case Format::kBF16:
      return EncodeBF16;
    case Format::kQ4_0:
      return EncodeQ4_0;
    case Format::kQ4_1:
      return EncodeQ4_1;
    case Format::kQ5_0:
      return EncodeQ5_0;
    case Format::kQ5_1:
      return EncodeQ5_1;
    case Format::kQ8_0:
      return EncodeQ8_0;
    case Format::kQ2_K:
      return EncodeQ2_K;
    case Format::kQ3_K:
      return EncodeQ3_K;
    case Format::kQ4_K:
      return EncodeQ4_K;
    case Format::kQ5_K:
      return EncodeQ5_K;
    case Format::kQ6_K:
      return EncodeQ6_K;
    case Format::kIQ4_NL:
      return EncodeIQ4_NL;
    case Format::kIQ4_XS:
      return EncodeIQ4_XS;
    default:
      return nullptr;
  }
}

std::string EncodableFormats() {
  std::string names;
  for (int i = 0; i < kFormatCount; ++i) {
    const FormatRow& row = RowOf(static_cast<Format>(i));
    if (EncoderOf(row.format) == nullptr) continue;
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  }
  return names;
}

}  // namespace fathom
