#include "convert/type_choice.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"
#include "convert/encoders.h"
#include "formats/model_file.h"

namespace fathom {
namespace {

bool SameName(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::toupper(static_cast<unsigned char>(x)) ==
           std::toupper(static_cast<unsigned char>(y));
  });
}

bool IsSingle(Format format) { return RowOf(format).block_elements == 1; }

}  // namespace

Format FormatNamed(std::string_view name) {
  std::string known;
  for (int i = 0; i < kFormatCount; ++i) {
    const FormatRow& row = RowOf(static_cast<Format>(i));
    if (SameName(name, row.name) || (row.format == Format::kF8_E4M3 && SameName(name, "fp8"))) {
      return row.format;
    }
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  throw Error(ErrorCode::kInvalidArgument, "there is no type " + QuotedName(name),
              "types: " + known);
}

Format PreferredFormat(TensorKind kind, bool is_head, Format type) {
  if (StaysFloat(kind)) return Format::kF32;
  if (IsSingle(type)) return type;
  const double bits = RowOf(type).bits_per_element();
  const auto at_least = [&](Format least) {
    return bits < RowOf(least).bits_per_element() ? least : type;
  };
  if (kind == TensorKind::kHead || (kind == TensorKind::kEmbedding && is_head)) {
    return at_least(Format::kQ6_K);
  }
  return kind == TensorKind::kHeadMatrix ? at_least(Format::kQ8_0) : type;
}

Format FormatForRows(Format format, int64_t columns) {
  const FormatRow& row = RowOf(format);
  if (columns % row.block_elements == 0) return format;
  if (columns % kSmallBlock != 0) return Format::kF16;
  const double bits = row.bits_per_element();
  if (bits <= RowOf(Format::kIQ4_NL).bits_per_element() && format != Format::kQ4_K) {
    return Format::kIQ4_NL;
  }
  if (bits < RowOf(Format::kQ5_0).bits_per_element()) return Format::kQ5_0;
  if (bits < RowOf(Format::kQ5_1).bits_per_element()) return Format::kQ5_1;
  return Format::kQ8_0;
}

}  // namespace fathom
