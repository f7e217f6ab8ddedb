#include "text/tool_call.h"

#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace fathom {
namespace {

// Deeper arguments than any real tool has; bounds the recursion of the reader.
constexpr std::size_t kMaxCallDepth = 64;

std::optional<Json> ParseObject(std::string_view text) {
  try {
    Json value = ParseJson(text, "a tool call", kMaxCallDepth);
    if (value.is_object()) return value;
  } catch (const Error&) {
  }
  return std::nullopt;
}

bool IsName(std::string_view name) {
  return !name.empty() && name.find_first_of("\r\n") == std::string_view::npos;
}

std::optional<ToolCall> MakeCall(std::string_view name, std::string_view arguments) {
  if (!IsName(name) || !ParseObject(arguments)) return std::nullopt;
  return ToolCall{std::string(name), std::string(arguments)};
}

// The end of the JSON string that starts at `at`, in valid JSON.
std::size_t StringEnd(std::string_view json, std::size_t at) {
  for (++at; json[at] != '"'; ++at) {
    if (json[at] == '\\') ++at;
  }
  return at + 1;
}

// The text of the last member `key` of a valid JSON object: reading it and writing it again would
// lose the order of its members and the digits of its numbers.
std::string_view MemberText(std::string_view json, std::string_view key) {
  std::string_view found;
  int depth = 0;
  std::size_t value_from = 0;  // of the member of the outermost object that is being passed
  bool wanted = false;
  for (std::size_t at = 0; at < json.size();) {
    const char c = json[at];
    if (c == '"') {
      const std::size_t end = StringEnd(json, at);
      std::size_t colon = end;
      while (colon < json.size() && json[colon] != ':' && Trim(json.substr(colon, 1)).empty()) {
        ++colon;
      }
      // In an object a string that a colon follows is a key.
      if (depth == 1 && value_from == 0 && colon < json.size() && json[colon] == ':') {
        wanted = ParseJson(json.substr(at, end - at), "a key").get<std::string>() == key;
        value_from = colon + 1;
        at = value_from;
      } else {
        at = end;
      }
      continue;
    }
    if (depth == 1 && (c == ',' || c == '}')) {
      if (wanted) found = Trim(json.substr(value_from, at - value_from));
      wanted = false;
      value_from = 0;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    ++at;
  }
  return found;
}

}  // namespace

std::optional<ToolCall> ReadDeepSeekCall(std::string_view before, std::string_view after) {
  constexpr std::string_view kOpen = "```json", kClose = "```";
  before = Trim(before);
  after = Trim(after);
  const std::size_t line = after.find('\n');
  if (before == "function" && line != std::string_view::npos) {
    std::string_view block = Trim(after.substr(line));
    if (block.starts_with(kOpen) && block.ends_with(kClose) &&
        block.size() >= kOpen.size() + kClose.size()) {
      block.remove_prefix(kOpen.size());
      block.remove_suffix(kClose.size());
      return MakeCall(Trim(after.substr(0, line)), Trim(block));
    }
  }
  return MakeCall(before, after);
}

std::optional<ToolCall> ReadJsonCall(std::string_view json) {
  const std::optional<Json> call = ParseObject(json);
  if (!call) return std::nullopt;
  const auto name = call->find("name"), arguments = call->find("arguments");
  if (name == call->end() || !name->is_string() || arguments == call->end()) return std::nullopt;
  const auto& name_text = name->get_ref<const std::string&>();
  if (arguments->is_string()) {
    return MakeCall(name_text, arguments->get_ref<const std::string&>());
  }
  if (!arguments->is_object() || !IsName(name_text)) return std::nullopt;
  return ToolCall{name_text, std::string(MemberText(json, "arguments"))};
}

}  // namespace fathom
