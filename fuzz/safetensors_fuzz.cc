// Feeds the safetensors reader any bytes. They must be refused with fathom::Error, or be read such
// that the tensors lie one after the other to the end of the bytes and can be decoded.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "formats/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const std::vector<fathom::NamedTensor> tensors =
        fathom::ParseSafetensors(bytes, "input.safetensors");
    std::vector<float> values;
    uint64_t end = tensors.empty() ? size : tensors.front().file_offset;
    for (const fathom::NamedTensor& tensor : tensors) {
      const fathom::TensorView& view = tensor.view;
      CHECK(tensor.file_offset == end && view.data == bytes.data() + end);
      CHECK(view.bytes() > 0 && static_cast<uint64_t>(view.bytes()) <= size - end);
      end += static_cast<uint64_t>(view.bytes());
      values.resize(static_cast<std::size_t>(view.elements()));
      fathom::RowOf(view.format).decode(view.data, values.data(), view.elements());
    }
    CHECK(end == size);
  } catch (const fathom::Error& error) {
    const std::string& message = error.message();
    CHECK(message.starts_with("input.safetensors: "));
    CHECK(std::none_of(message.begin(), message.end(), [](char c) { return c < ' ' || c > '~'; }));
  }
  return 0;
}
