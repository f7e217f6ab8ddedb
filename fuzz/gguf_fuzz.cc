// Feeds the GGUF reader any bytes. They must be refused with fathom::Error, or be read such that
// every tensor lies inside them and can be decoded. Memory is bounded by libFuzzer's own limit.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "formats/gguf.h"

namespace {

// Decodes the first and the last row: the ends are where a wrong size shows.
void DecodeEnds(const fathom::TensorView& view, std::vector<float>& row) {
  row.resize(static_cast<std::size_t>(view.columns()));
  for (const int64_t index : {int64_t{0}, view.rows() - 1}) {
    fathom::RowOf(view.format).decode(view.row(index), row.data(), view.columns());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const fathom::GgufIndex index = fathom::ParseGguf(bytes, "input.gguf");
    std::vector<float> row;
    for (const fathom::NamedTensor& tensor : index.tensors) {
      const fathom::TensorView& view = tensor.view;
      CHECK(view.data == bytes.data() + tensor.file_offset);
      CHECK(view.bytes() > 0 && tensor.file_offset < size &&
            static_cast<uint64_t>(view.bytes()) <= size - tensor.file_offset);
      DecodeEnds(view, row);
    }
  } catch (const fathom::Error& error) {
    const std::string& message = error.message();
    CHECK(message.starts_with("input.gguf: "));
    CHECK(std::none_of(message.begin(), message.end(), [](char c) { return c < ' ' || c > '~'; }));
  }
  return 0;
}
