#include "server/json_fields.h"

#include <utility>

namespace fathom {
namespace {

// Numbers as people write them: 2, 0.5, -2.
std::string Plain(double value) {
  std::string text = Json(value).dump();
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text;
}

}  // namespace

std::string TypeOf(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "an array";
    case Json::value_t::string:
      return "a string";
    case Json::value_t::boolean:
      return "a boolean";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return "an integer";
    case Json::value_t::number_float:
      return "a number";
    default:
      return "something else";
  }
}

void WrongType(const std::string& param, const char* expected, const Json& value) {
  throw BadRequest(param, "'" + param + "' must be " + expected + ", but is " + TypeOf(value),
                   "invalid_type");
}

void OutOfRange(const std::string& param, double low, double high, const Json& value) {
  throw BadRequest(param,
                   "'" + param + "' must be from " + Plain(low) + " to " + Plain(high) +
                       ", but is " + value.dump(),
                   "invalid_value");
}

void Missing(const std::string& param) {
  throw BadRequest(param, "'" + param + "' is missing", "missing_field");
}

Fields::Fields(const Json& object, std::string path) : object_(object), path_(std::move(path)) {}

const Json* Fields::Find(const char* name) const {
  const auto found = object_.find(name);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

bool Fields::Boolean(const char* name, bool otherwise) const {
  const Json* value = Find(name);
  if (value == nullptr) return otherwise;
  if (!value->is_boolean()) WrongType(PathOf(name), "a boolean", *value);
  return value->get<bool>();
}

std::optional<double> Fields::Number(const char* name, double low, double high) const {
  const Json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number()) WrongType(PathOf(name), "a number", *value);
  const double number = value->get<double>();
  if (!(number >= low && number <= high)) OutOfRange(PathOf(name), low, high, *value);
  return number;
}

std::optional<int64_t> Fields::Integer(const char* name, int64_t low, int64_t high) const {
  const Json* value = Find(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_number_integer()) WrongType(PathOf(name), "an integer", *value);
  const bool too_big =
      value->is_number_unsigned() && value->get<uint64_t>() > static_cast<uint64_t>(high);
  if (too_big || value->get<int64_t>() < low || value->get<int64_t>() > high) {
    OutOfRange(PathOf(name), static_cast<double>(low), static_cast<double>(high), *value);
  }
  return value->get<int64_t>();
}

const std::string* Fields::String(const char* name) const {
  const Json* value = Find(name);
  if (value == nullptr) return nullptr;
  if (!value->is_string()) WrongType(PathOf(name), "a string", *value);
  return value->get_ptr<const std::string*>();
}

const std::string& Fields::NeedString(const char* name) const {
  const std::string* value = String(name);
  if (value == nullptr) Missing(PathOf(name));
  return *value;
}

const Json* Fields::Object(const char* name) const {
  const Json* value = Find(name);
  if (value != nullptr && !value->is_object()) WrongType(PathOf(name), "an object", *value);
  return value;
}

}  // namespace fathom
