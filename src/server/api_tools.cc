#include "server/api_tools.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

namespace fathom {
namespace {

std::string At(const std::string& path, std::size_t i) {
  return path + "[" + std::to_string(i) + "]";
}

[[noreturn]] void Unsupported(const std::string& param, const std::string& message) {
  throw BadRequest(param, message, "unsupported");
}

bool IsToolName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxToolNameBytes &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-';
         });
}

// {"type": "function", "function": {...}}, of a definition or a call: its function.
const Json& ReadFunction(const Json& value, const std::string& path) {
  if (!value.is_object()) WrongType(path, "an object", value);
  const Fields fields(value, path);
  const std::string* type = fields.String("type");
  if (type != nullptr && *type != "function") {
    Unsupported(path + ".type",
                "'" + path + ".type' must be function, but is '" + type->substr(0, 64) + "'");
  }
  const Json* function = fields.Object("function");
  if (function == nullptr) Missing(path + ".function");
  return *function;
}

void CheckTool(const Json& value, const std::string& path) {
  const Fields function(ReadFunction(value, path), path + ".function");
  const std::string& name = function.NeedString("name");
  if (!IsToolName(name)) {
    throw BadRequest(function.PathOf("name"),
                     "'" + function.PathOf("name") + "' must have 1 to " +
                         std::to_string(kMaxToolNameBytes) + " letters, digits, _ and -, but is '" +
                         name.substr(0, 80) + "'",
                     "invalid_value");
  }
  function.String("description");
  function.Object("parameters");
  if (function.Boolean("strict", false)) {
    Unsupported(function.PathOf("strict"),
                "'" + function.PathOf("strict") + "' is not supported other than false");
  }
}

// Whether the tools may be used.
bool ReadChoice(const Fields& body) {
  const Json* choice = body.Find("tool_choice");
  if (choice == nullptr || *choice == "auto") return true;
  if (*choice == "none") return false;
  if (*choice == "required" || choice->is_object()) {
    Unsupported("tool_choice",
                "'tool_choice' must be none or auto: a call cannot be forced on the model");
  }
  if (!choice->is_string()) WrongType("tool_choice", "a string or an object", *choice);
  throw BadRequest("tool_choice",
                   "'tool_choice' must be none or auto, but is '" +
                       choice->get_ref<const std::string&>().substr(0, 64) + "'",
                   "invalid_value");
}

std::vector<std::string> CallIds(const ChatMessage& message) {
  std::vector<std::string> ids;
  for (const OrderedJson& call : message.tool_calls) ids.push_back(call["id"].get<std::string>());
  return ids;
}

[[noreturn]] void WrongResult(std::size_t message, const char* field, const std::string& problem) {
  const std::string path = At("messages", message) + "." + field;
  throw BadRequest(path, "'" + path + "' " + problem, "invalid_value");
}

}  // namespace

ToolUse ReadToolUse(const Fields& body, std::string_view text) {
  ToolUse use;
  const Json* tools = body.Find("tools");
  if (tools != nullptr && !tools->is_array()) WrongType("tools", "an array", *tools);
  const bool wanted = ReadChoice(body);
  use.one_call = !body.Boolean("parallel_tool_calls", true);
  if (tools == nullptr || tools->empty()) return use;
  if (tools->size() > kMaxTools) {
    throw BadRequest("tools",
                     "'tools' may hold at most " + std::to_string(kMaxTools) + ", but holds " +
                         std::to_string(tools->size()),
                     "invalid_value");
  }
  for (std::size_t i = 0; i < tools->size(); ++i) CheckTool((*tools)[i], At("tools", i));
  if (wanted) use.tools = ParseOrderedJson(text, "the request body")["tools"];
  for (OrderedJson& tool : use.tools) {
    if (!tool.contains("type") || tool["type"].is_null()) tool["type"] = "function";
  }
  return use;
}

OrderedJson ReadToolCalls(const Fields& message) {
  const Json* calls = message.Find("tool_calls");
  if (calls == nullptr) return nullptr;
  const std::string path = message.PathOf("tool_calls");
  if (!calls->is_array()) WrongType(path, "an array", *calls);
  if (calls->empty()) return nullptr;
  OrderedJson read = OrderedJson::array();
  std::set<std::string> ids;
  for (std::size_t i = 0; i < calls->size(); ++i) {
    const std::string call_path = At(path, i);
    const Fields function(ReadFunction((*calls)[i], call_path), call_path + ".function");
    const Fields call((*calls)[i], call_path);
    const std::string& id = call.NeedString("id");
    if (!ids.insert(id).second) {
      throw BadRequest(
          call.PathOf("id"),
          "'" + call.PathOf("id") + "' is that of another call: '" + id.substr(0, 128) + "'",
          "invalid_value");
    }
    read.push_back({{"id", id},
                    {"type", "function"},
                    {"function",
                     {{"name", function.NeedString("name")},
                      {"arguments", function.NeedString("arguments")}}}});
  }
  return read;
}

void MatchToolResults(std::vector<ChatMessage>& messages) {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role == Role::kTool) {
      WrongResult(i, "role", "is tool, but the message before it calls none");
    }
    const std::vector<std::string> ids = CallIds(messages[i]);
    std::vector<ChatMessage> results(ids.size());
    std::size_t next = i + 1;
    for (; next < messages.size() && messages[next].role == Role::kTool; ++next) {
      if (ids.empty()) break;
      ChatMessage& result = messages[next];
      const auto found = std::find(ids.begin(), ids.end(), result.tool_call_id);
      const auto call = static_cast<std::size_t>(found - ids.begin());
      if (found == ids.end() || results[call].role == Role::kTool) {
        WrongResult(next, "tool_call_id",
                    (found == ids.end() ? "names no call of the message before: '"
                                        : "has a result already: '") +
                        result.tool_call_id.substr(0, 128) + "'");
      }
      result.name = messages[i].tool_calls[call]["function"]["name"].get<std::string>();
      results[call] = std::move(result);
    }
    for (std::size_t call = 0; call < ids.size(); ++call) {
      if (results[call].role == Role::kTool) continue;
      WrongResult(i, "tool_calls",
                  "has a call without a result: a message of role tool must answer '" +
                      ids[call].substr(0, 128) + "'");
    }
    std::move(results.begin(), results.end(),
              messages.begin() + static_cast<std::ptrdiff_t>(i + 1));
    i += results.size();
  }
}

}  // namespace fathom
