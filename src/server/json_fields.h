// Typed access to the fields of a request's JSON. Throws ApiError(400) that names the field with
// its path, what was expected and what was found. Not for what single fields mean.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "server/api_error.h"

namespace fathom {

std::string TypeOf(const Json& value);  // "an object", "null", ...

[[noreturn]] void WrongType(const std::string& param, const char* expected, const Json& value);
[[noreturn]] void OutOfRange(const std::string& param, double low, double high, const Json& value);
[[noreturn]] void Missing(const std::string& param);

// The fields of one object; null counts as absent. The object is kept by reference.
class Fields {
 public:
  explicit Fields(const Json& object, std::string path = {});

  const Json* Find(const char* name) const;
  std::string PathOf(const std::string& name) const {
    return path_.empty() ? name : path_ + "." + name;
  }

  bool Boolean(const char* name, bool otherwise) const;
  std::optional<double> Number(const char* name, double low, double high) const;
  std::optional<int64_t> Integer(const char* name, int64_t low, int64_t high) const;
  const std::string* String(const char* name) const;  // null: there is none
  const std::string& NeedString(const char* name) const;
  const Json* Object(const char* name) const;  // null: there is none

 private:
  const Json& object_;
  std::string path_;
};

}  // namespace fathom
