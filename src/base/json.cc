#include "base/json.h"

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

// What the library throws for `text`, as an Error.
template <class Parse>
auto Translated(const std::string& what, Parse parse) {
  try {
    return parse();
  } catch (const nlohmann::detail::parse_error& error) {
    // "[...] parse error at line 1, column 4: what is wrong; last read: 'bytes'": the bytes may be
    // anything, so they are not repeated.
    std::string reason = error.what();
    if (const auto colon = reason.find(": "); colon != std::string::npos) {
      reason = reason.substr(colon + 2);
    }
    reason = reason.substr(0, reason.find("; last read"));
    throw Error(ErrorCode::kInvalidArgument,
                what + " is not valid JSON at byte " + std::to_string(error.byte) + ": " + reason);
  } catch (const nlohmann::detail::out_of_range&) {
    throw Error(ErrorCode::kInvalidArgument, what + " has a number that is too large");
  }
}

}  // namespace

Json ParseJson(std::string_view text, const std::string& what, std::size_t max_depth) {
  CheckDepth(text, what, max_depth);
  return Translated(what, [&] { return Json::parse(text.begin(), text.end()); });
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
  return Translated(what, [&] { return OrderedJson::parse(text.begin(), text.end(), count); });
}

std::string DumpJson(const Json& value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace fathom
