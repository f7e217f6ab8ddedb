// JSON for the whole program: nlohmann::json under one name, and the strict parser for input from
// outside.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace fathom {

using Json = nlohmann::json;

// Parses one JSON document of at most `max_depth` nested containers. Throws
// Error(kInvalidArgument) that names `what`, the byte offset and the reason.
Json ParseJson(std::string_view text, const std::string& what, std::size_t max_depth = 128);

// Serialises; invalid UTF-8 inside strings becomes U+FFFD instead of an exception.
std::string DumpJson(const Json& value, int indent = -1);

}  // namespace fathom
