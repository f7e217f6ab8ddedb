#include "base/json.h"

#include <limits>
#include <utility>
#include <vector>

#include "base/error.h"

namespace fathom {
namespace {

// Nesting is bounded before the recursive parts of the library see the text: a request of a
// megabyte of '[' must be an error, not a deep tree. Brackets inside strings are skipped.
void CheckDepth(std::string_view text, const std::string& what, std::size_t max_depth) {
  std::size_t depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > max_depth) {
        throw Error(ErrorCode::kInvalidArgument, what + " nests deeper than " +
                                                     std::to_string(max_depth) +
                                                     " levels at byte " + std::to_string(i));
      }
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
}

[[noreturn]] void FailParse(const std::string& what, const Json::parse_error& error) {
  // "[...] parse error at line 1, column 4: what is wrong; last read: 'bytes'": the bytes may be
  // anything, so they are not repeated.
  std::string reason = error.what();
  if (const auto colon = reason.find(": "); colon != std::string::npos) {
    reason = reason.substr(colon + 2);
  }
  reason = reason.substr(0, reason.find("; last read"));
  throw Error(ErrorCode::kInvalidArgument,
              what + " is not valid JSON at byte " + std::to_string(error.byte) + ": " + reason);
}

[[noreturn]] void FailRange(const std::string& what) {
  throw Error(ErrorCode::kInvalidArgument, what + " has a number that is too large");
}

// Hands the library's events to a JsonVisitor.
class Events final : public Json::json_sax_t {
 public:
  Events(const std::string& what, JsonVisitor& visitor) : what_(what), visitor_(visitor) {}

  bool null() override { return Pass(std::monostate()); }
  bool boolean(bool value) override { return Pass(value); }
  bool number_integer(number_integer_t value) override { return Pass(int64_t{value}); }
  bool number_unsigned(number_unsigned_t value) override {
    const bool fits = value <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
    return fits ? Pass(static_cast<int64_t>(value)) : Pass(uint64_t{value});
  }
  bool number_float(number_float_t value, const string_t&) override { return Pass(value); }
  bool string(string_t& value) override { return Pass(std::move(value)); }
  bool binary(binary_t&) override { return false; }  // JSON text has none
  bool start_object(std::size_t) override { return visitor_.BeginObject(), true; }
  bool key(string_t& value) override { return visitor_.Key(std::move(value)), true; }
  bool end_object() override { return visitor_.EndObject(), true; }
  bool start_array(std::size_t) override { return visitor_.BeginArray(), true; }
  bool end_array() override { return visitor_.EndArray(), true; }
  bool parse_error(std::size_t, const std::string&, const Json::exception& error) override {
    if (const auto* syntax = dynamic_cast<const Json::parse_error*>(&error)) {
      FailParse(what_, *syntax);
    }
    FailRange(what_);
  }

 private:
  template <class T>
  bool Pass(T&& value) {
    visitor_.Scalar(JsonScalar(std::forward<T>(value)));
    return true;
  }

  const std::string& what_;
  JsonVisitor& visitor_;
};

}  // namespace

Json ParseJson(std::string_view text, const std::string& what, std::size_t max_depth) {
  CheckDepth(text, what, max_depth);
  try {
    return Json::parse(text.begin(), text.end());
  } catch (const Json::parse_error& error) {
    FailParse(what, error);
  } catch (const Json::out_of_range&) {
    FailRange(what);
  }
}

OrderedJson ParseOrderedJson(std::string_view text, const std::string& what, std::size_t max_depth,
                             std::size_t max_members) {
  CheckDepth(text, what, max_depth);
  std::vector<std::size_t> members;  // of the objects around the place that is read
  const auto count = [&](int, OrderedJson::parse_event_t event, OrderedJson&) {
    if (event == OrderedJson::parse_event_t::object_start) members.push_back(0);
    if (event == OrderedJson::parse_event_t::object_end) members.pop_back();
    if (event == OrderedJson::parse_event_t::key && ++members.back() > max_members) {
      throw Error(ErrorCode::kInvalidArgument, what + " has an object with more than " +
                                                   std::to_string(max_members) + " members");
    }
    return true;
  };
  try {
    return OrderedJson::parse(text.begin(), text.end(), count);
  } catch (const OrderedJson::parse_error& error) {
    FailParse(what, error);
  } catch (const OrderedJson::out_of_range&) {
    FailRange(what);
  }
}

void VisitJson(std::string_view text, const std::string& what, JsonVisitor& visitor,
               std::size_t max_depth) {
  CheckDepth(text, what, max_depth);
  Events events(what, visitor);
  Json::sax_parse(text.begin(), text.end(), &events);
}

std::string DumpJson(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace fathom
