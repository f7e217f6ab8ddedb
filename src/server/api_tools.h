// Tools in a chat request: their definitions, how they are to be chosen, and the calls and results
// in its messages. Pure; fuzzed with the rest of the body (fuzz/chat_request_fuzz.cc).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "chat/chat.h"
#include "server/json_fields.h"

namespace fathom {

inline constexpr std::size_t kMaxTools = 128;         // DeepSeek's and OpenAI's
inline constexpr std::size_t kMaxToolNameBytes = 64;  // likewise

struct ToolUse {
  OrderedJson tools;      // definitions, as they were written; null: none, or none are to be used
  bool one_call = false;  // a reply calls one tool at most
};

// Reads tools, tool_choice and parallel_tool_calls; `text` is the body that `body` was parsed from,
// read again for the order of its fields. Throws ApiError(400).
ToolUse ReadToolUse(const Fields& body, std::string_view text);

// The calls of an assistant's message, null where there are none. Throws ApiError(400).
OrderedJson ReadToolCalls(const Fields& message);

// Checks that every call has one result and every result a call, and brings the results of each
// message into the order of its calls: templates match them by nothing else. Tells each result the
// name of its tool. Throws ApiError(400).
void MatchToolResults(std::vector<ChatMessage>& messages);

}  // namespace fathom
