// JSON for the whole program: nlohmann::json under one name, and strict parsers for input from
// outside, one that builds a tree and one that does not.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <variant>

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

// Integers come as int64_t where they fit; std::monostate is null.
using JsonScalar = std::variant<std::monostate, bool, int64_t, uint64_t, double, std::string>;

// Receives a document piece by piece, in its order: for documents whose tree would be too large,
// and where a key that is there twice must be seen. Methods throw to end the visit.
class JsonVisitor {
 public:
  virtual ~JsonVisitor() = default;
  virtual void BeginObject() = 0;
  virtual void Key(std::string key) = 0;  // what follows is its value
  virtual void EndObject() = 0;
  virtual void BeginArray() = 0;
  virtual void EndArray() = 0;
  virtual void Scalar(JsonScalar value) = 0;
};

// Shows one JSON document to the visitor. Throws as ParseJson does, and what the visitor throws.
void VisitJson(std::string_view text, const std::string& what, JsonVisitor& visitor,
               std::size_t max_depth = 128);

// Serialises; invalid UTF-8 inside strings becomes U+FFFD instead of an exception.
std::string DumpJson(const Json& value, int indent = -1);

}  // namespace fathom
