// Reads the bodies of POST /v1/chat/completions and /v1/completions into requests for the chat
// room. Everything that can be checked without a model is checked here; nothing known is silently
// dropped, fields nobody knows are. Pure: bytes in, values out. Fuzzed (fuzz/chat_request_fuzz.cc).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "chat/chat.h"
#include "server/api_error.h"

namespace fathom {

enum class ApiKind { kChat, kCompletion };

inline constexpr int64_t kDefaultCompletionTokens = 16;  // OpenAI's, of /v1/completions only
inline constexpr int kMaxChoices = 8;                    // n
inline constexpr int kMaxReplies = 64;                   // prompts times n
inline constexpr std::size_t kMaxStops = 16;
inline constexpr std::size_t kMaxStopBytes = 1024;

struct ApiRequest {
  ApiKind kind = ApiKind::kChat;
  std::vector<ChatRequest> prompts;  // one; /v1/completions may bring several
  int choices = 1;                   // replies per prompt
  bool stream = false;
  bool include_usage = false;  // a last chunk of the stream brings the usage
  bool echo = false;           // /v1/completions: the reply starts with the prompt
  bool negative_seed = false;  // the seed is that number's two's complement

  std::size_t replies() const { return prompts.size() * static_cast<std::size_t>(choices); }
  // The request of one reply: prompts in order, `choices` replies each. With a seed, reply i of a
  // prompt uses seed + i, so that the first is what a request for one would give.
  ChatRequest ReplyRequest(std::size_t reply) const;
};

// What a request needs to know of the model that serves it.
struct ServedModel {
  std::string name;  // a request may also call it "default", or name none
  RecommendedSampling sampling = {};
  bool thinks = false;
  bool calls_tools = false;
};

// A request without a temperature is sampled as the model's authors advise; with a temperature of
// its own, top_p is 1 unless given, as clients of the OpenAI API expect. Throws ApiError: 400
// naming the field, 404 "model_not_found".
ApiRequest ParseApiRequest(ApiKind kind, std::string_view body, const ServedModel& model);

}  // namespace fathom
