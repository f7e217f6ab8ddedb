#include "text/tool_support.h"

#include <string>
#include <vector>

#include "base/error.h"
#include "text/reply_parser.h"

namespace fathom {
namespace {

// Names that no template has of its own.
constexpr std::string_view kTool = "fathom_probe", kQuestion = "fathom asks";
constexpr std::string_view kArguments = R"({"number": 7})";

OrderedJson ProbeTools() {
  return {{{"type", "function"},
           {"function",
            {{"name", kTool},
             {"description", "A probe."},
             {"parameters",
              {{"type", "object"},
               {"properties", {{"number", {{"type", "integer"}}}}},
               {"required", {"number"}}}}}}}};
}

bool ReadsAsTheCall(std::string_view turn) {
  ReplyParser::Options options;
  options.tool_calls = true;
  ReplyParser parser(options);
  std::vector<ReplyPart> parts;
  parser.Push(turn, parts);
  parser.Finish(parts);
  int calls = 0;
  for (const ReplyPart& part : parts) {
    if (part.broken_call) return false;
    if (part.kind != ReplyPart::Kind::kToolCall) continue;
    ++calls;
    if (part.call.name != kTool) return false;
    if (ParseJson(part.call.arguments, "a call") != ParseJson(kArguments, "a call")) return false;
  }
  return calls == 1;
}

}  // namespace

bool CanCallTools(const ChatTemplate& chat_template) {
  PromptOptions options;
  options.tools = ProbeTools();
  options.add_generation_prompt = false;
  std::vector<ChatMessage> messages = {{Role::kUser, std::string(kQuestion)}};
  ChatMessage call{Role::kAssistant, ""};
  // Nine letters and digits: some templates insist on them.
  call.tool_calls = {{{"id", "callprobe"},
                      {"type", "function"},
                      {"function", {{"name", kTool}, {"arguments", kArguments}}}}};
  try {
    if (TextOf(chat_template.Render(messages, options)).find(kTool) == std::string::npos) {
      return false;
    }
    messages.push_back(std::move(call));
    const std::string text = TextOf(chat_template.Render(messages, options));
    const std::size_t at = text.rfind(kQuestion);
    return at != std::string::npos && ReadsAsTheCall(std::string_view(text).substr(at));
  } catch (const Error&) {
    return false;  // the template refuses what a conversation with tools has
  }
}

}  // namespace fathom
