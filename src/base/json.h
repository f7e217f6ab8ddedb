// JSON for the whole program: nlohmann::json under one name, and the strict parser for input from
// outside.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace fathom {

using Json = nlohmann::json;
// Keeps the members of objects in the order in which they were written: for what a model sees, like
// the definitions of tools. Finding a member is linear in their number.
using OrderedJson = nlohmann::ordered_json;

// Parses one JSON document of at most `max_depth` nested containers. Throws
// Error(kInvalidArgument) that names `what`, the byte offset and the reason.
Json ParseJson(std::string_view text, const std::string& what, std::size_t max_depth = 128);

// As ParseJson; objects may have at most `max_members` members, because reading them is quadratic.
OrderedJson ParseOrderedJson(std::string_view text, const std::string& what,
                             std::size_t max_depth = 128, std::size_t max_members = 2048);

// Serialises; invalid UTF-8 inside strings becomes U+FFFD instead of an exception.
std::string DumpJson(const Json& value, int indent = -1);

}  // namespace fathom
