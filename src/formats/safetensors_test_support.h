// For tests: bytes of .safetensors files, right or wrong in any way.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace fathom {

// The header as it is given, under its own length, and then the data.
inline std::string SafetensorsBytes(std::string_view header, std::string_view data = {}) {
  std::string text(8, '\0');
  const uint64_t length = header.size();
  std::memcpy(text.data(), &length, sizeof length);
  return text.append(header).append(data);
}

// One tensor of `values` float32 zeros called `name`.
inline std::string OneTensorFile(const std::string& name, int values = 1) {
  const std::string bytes = std::to_string(4 * values);
  return SafetensorsBytes("{\"" + name + "\":{\"dtype\":\"F32\",\"shape\":[" +
                              std::to_string(values) + "],\"data_offsets\":[0," + bytes + "]}}",
                          std::string(static_cast<std::size_t>(4 * values), '\0'));
}

}  // namespace fathom
