// Tool calls as models write them, read into a name and arguments. Whether a stretch of a reply is
// a tool call is decided by reply_parser.h; here it is only read. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace fathom {

struct ToolCall {
  std::string name;
  std::string arguments;  // a JSON object, byte for byte as the model wrote it
};

// What stands between <｜tool▁call▁begin｜> and <｜tool▁call▁end｜>, cut at the first
// <｜tool▁sep｜>. V3 and R1 write the type, then the name, then the arguments in a code block
// ("function", "NAME\n```json\nARGUMENTS\n```"); V3.1 the name, then the arguments. Nothing when it
// is neither, or the arguments are not one JSON object.
std::optional<ToolCall> ReadDeepSeekCall(std::string_view before, std::string_view after);

// What stands between <tool_call> and </tool_call>: {"name": NAME, "arguments": {...}}, where the
// arguments may also be a string that holds the object. Nothing when it is not that.
std::optional<ToolCall> ReadJsonCall(std::string_view json);

}  // namespace fathom
