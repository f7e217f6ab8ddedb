#include "formats/safetensors_writer.h"

#include <cstring>

namespace fathom {

uint64_t SafetensorsEntry::bytes() const {
  int64_t elements = 1;
  for (const int64_t dimension : shape) elements *= dimension;
  return static_cast<uint64_t>(BytesOf(format, elements));
}

std::string SafetensorsHead(std::span<const SafetensorsEntry> tensors) {
  std::string json = "{";
  uint64_t offset = 0;
  for (const SafetensorsEntry& tensor : tensors) {
    if (json.size() > 1) json += ",";
    json += "\"" + tensor.name + "\":{\"dtype\":\"" + std::string(RowOf(tensor.format).name) +
            "\",\"shape\":[";
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
      json += (i > 0 ? "," : "") + std::to_string(tensor.shape[i]);
    }
    const uint64_t end = offset + tensor.bytes();
    json += "],\"data_offsets\":[" + std::to_string(offset) + "," + std::to_string(end) + "]}";
    offset = end;
  }
  json += "}";
  json.resize((json.size() + 7) / 8 * 8, ' ');
  const uint64_t length = json.size();
  std::string head(sizeof length, '\0');
  std::memcpy(head.data(), &length, sizeof length);
  return head + json;
}

}  // namespace fathom
