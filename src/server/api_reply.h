// Turns the events of a request's replies into OpenAI's response bodies: one JSON object, or the
// chunks of a stream. Pure: events in, text out; knows no connection and no thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chat/chat.h"
#include "server/api_error.h"
#include "server/api_request.h"

namespace fathom {

// "data: JSON\n\n"
std::string SseData(const Json& value);
inline constexpr char kSseDone[] = "data: [DONE]\n\n";
inline constexpr char kSseKeepAlive[] = ": keep-alive\n\n";

struct ReplyHead {
  ApiKind kind = ApiKind::kChat;
  std::string id;       // "chatcmpl-..." or "cmpl-..."
  int64_t created = 0;  // Unix seconds
  std::string model;
  std::string fingerprint;  // of the model
  bool stream = false;
  bool include_usage = false;
  bool logprobs = false;
  bool stops = false;             // there are stop strings
  bool negative_seed = false;     // ChatEvent::seed is that number's two's complement
  int choices = 1;                // replies per prompt
  std::vector<std::string> echo;  // per reply, the prompt it starts with; may be empty
  std::size_t replies = 1;
};

class ApiReply {
 public:
  explicit ApiReply(ReplyHead head);

  // Streams: what goes out before any event. Empty otherwise.
  std::string Begin();
  // Takes the next event of one reply. Streams: what to send for it (may be empty); the last event
  // of the last reply brings the end of the stream.
  std::string Add(std::size_t reply, ChatEvent&& event);

  // All replies are done, or one failed.
  bool done() const { return error_.has_value() || open_ == 0; }
  // The failure of a reply, with the events of the others no longer of interest.
  const std::optional<ApiError>& error() const { return error_; }
  // The body of a request that is not streamed; only when done() without an error.
  Json Body() const;

 private:
  // A log-probability. It waits while the token's text may yet turn out to be cut off.
  struct Entry {
    LogprobEntry token;
    bool scored;
    bool is_reasoning;
    bool stays;                 // whatever comes: a stop string does not reach it
    std::size_t answer_before;  // bytes
  };
  struct Choice {
    std::string reasoning;
    bool has_reasoning = false;  // also when it is empty
    std::string text;
    Json calls = Json::array();    // of tools, as they are written in the body
    std::vector<Entry> waiting;    // in order
    std::vector<Entry> shown;      // of a reply that is not streamed
    std::size_t answer_bytes = 0;  // of the reply's text so far
    std::string finish_reason;     // empty while running
    Usage usage;
    int64_t reasoning_tokens = 0;
    uint64_t seed = 0;
  };

  Json Envelope() const;
  Json ChunkOf(std::size_t reply, Json choice) const;
  // A piece of the answer, or of what `key` names ("reasoning_content").
  std::string TextChunk(std::size_t reply, const std::string& text, Json logprobs,
                        const char* key = "content") const;
  std::string TokenChunks(std::size_t reply, ChatEvent&& event);
  // Keeps the event's log-probability, and returns those whose text is part of the answer by now.
  std::vector<Entry> TakeEntries(Choice& choice, ChatEvent& event) const;
  void ShowEntries(Choice& choice, ChatEvent& event) const;
  // Numbers the calls of an event and keeps them.
  void KeepCalls(std::size_t reply, std::vector<ToolCall>&& calls);
  // The chunks of a reply's calls from number `from` on: each one's name, then its arguments.
  std::string CallChunks(std::size_t reply, std::size_t from) const;
  std::string FinishChunk(std::size_t reply) const;
  // The entries with `is_reasoning` go into a list of their own, which only they bring into being.
  Json LogprobsJson(const std::vector<Entry>& entries) const;
  void AddUsage(Json& body) const;

  ReplyHead head_;
  std::vector<Choice> choices_;
  std::size_t open_;
  std::optional<ApiError> error_;
};

}  // namespace fathom
