#include "convert/quantizer.h"

#include <cmath>
#include <initializer_list>
#include <span>
#include <vector>

#include "base/sha256.h"
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

std::string DigestOfEncoders(EncodeFunction (*encoder_of)(Format)) {
  constexpr int64_t kValues = 4 * kSuperBlock;
  std::vector<float> values, importance;
  for (int64_t i = 0; i < kValues; ++i) {
    // Multiples of powers of two, so that they are the same everywhere: a walk through all residues
    // in blocks of different sizes.
    const auto step = static_cast<float>(i * 389 % 1021 - 510);
    values.push_back(std::ldexp(step, static_cast<int>(i / kSmallBlock % 5) - 12));
    importance.push_back(std::ldexp(static_cast<float>(i * 97 % 251), -6));
  }
  Sha256 hash;
  std::vector<std::byte> blocks;
  for (int i = 0; i < kFormatCount; ++i) {
    const Format format = static_cast<Format>(i);
    const EncodeFunction encode = encoder_of(format);
    if (encode == nullptr) continue;
    blocks.resize(static_cast<std::size_t>(BytesOf(format, kValues)));
    for (const float* weights : std::initializer_list<const float*>{nullptr, importance.data()}) {
      encode(values.data(), weights, blocks.data(), kValues);
      hash.Update(blocks);
    }
  }
  return hash.HexDigest();
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
