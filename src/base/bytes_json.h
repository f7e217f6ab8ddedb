// Bytes in JSON, as a list of numbers from 0 to 255: how tokens that are not UTF-8 by themselves
// are told. Not for: anything that text can say.
#pragma once

#include <string_view>

#include "base/json.h"

namespace fathom {

inline Json BytesJson(std::string_view bytes) {
  Json list = Json::array();
  for (const char byte : bytes) list.push_back(static_cast<unsigned char>(byte));
  return list;
}

}  // namespace fathom
