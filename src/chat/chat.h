// The one place where text meets the engine: messages to requests, ids to text events.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/cancel.h"
#include "engine/engine.h"
#include "loader/loader.h"
#include "text/chat_template.h"
#include "text/tool_call.h"

namespace fathom {

struct GenerationOptions {
  SamplingParams sampling;              // seed is ignored unless has_seed
  bool has_seed = false;                // otherwise a random one, reported in ChatEvent::seed
  int64_t max_tokens = -1;              // -1: up to the context's end
  std::vector<std::string> stop;        // stop strings; not part of the reply
  std::optional<int32_t> top_logprobs;  // set: log-probabilities with that many alternatives
  bool score_prompt = false;            // also report each prompt token (ChatEvent::kPrompt)
  bool ignore_eos = false;              // benchmarks and tests

  // Conversations only, and of effect where the model thinks:
  // Whether it does; unset: as its template has it, and R1 does also where that does not say so.
  std::optional<bool> thinking;
  int64_t thinking_budget = -1;  // tokens of reasoning at most, then it is closed; -1: no limit
  bool tool_calls = false;       // look for tool calls in the reply
  bool one_call = false;         // the first of them ends it
};

struct ChatRequest {
  // A conversation, a raw prompt (continued as plain text), or token ids.
  std::variant<std::vector<ChatMessage>, std::string, std::vector<TokenId>> prompt;
  GenerationOptions options;
  std::string cache_key;
  OrderedJson tools;  // of a conversation: definitions as in the OpenAI API; null: none
};

struct LogprobEntry {
  std::string token;  // text, ill-formed bytes as U+FFFD
  std::string bytes;  // exact
  TokenId id = 0;
  float logprob = 0;
  struct Alternative {
    std::string token;
    std::string bytes;
    TokenId id = 0;
    float logprob = 0;
  };
  std::vector<Alternative> top;
  int64_t text_offset = 0;  // where it begins in the decoded text (with the prompt's, where that is
                            // scored), in characters
};

struct ChatEvent {
  enum class Kind {
    kPrompt,  // one token of the prompt, in order, with GenerationOptions::score_prompt
    kToken,   // one generated token: `text` may be empty (held back or not printable)
    kDone,    // the last event of every request; `text` holds what was still held back
  };
  Kind kind = Kind::kToken;
  TokenId id = -1;
  std::string reasoning;          // comes before what `text` has
  std::string text;               // of the answer; stop strings act on it alone
  std::vector<ToolCall> calls;    // with GenerationOptions::tool_calls
  bool broken_call = false;       // `text` has what was to be a tool call
  bool is_reasoning = false;      // kToken only: the token counts as reasoning
  std::size_t answer_before = 0;  // kToken only: bytes of the answer before the token, with those
                                  // that are held back
  std::optional<LogprobEntry> logprob;
  bool scored = true;  // kPrompt only: false for the first token, which nothing precedes
  bool ends = false;   // kToken only: an end-of-text id, which stands for no text
  // kDone only:
  FinishReason finish = FinishReason::kStop;
  bool found_stop = false;  // a stop string: the tokens from it on are no part of the answer
  Usage usage;
  int64_t reasoning_tokens = 0;  // of usage.completion_tokens; the tags are counted
  uint64_t seed = 0;
  std::optional<Error> error;
};

// On the engine thread: must be quick, must not throw. After kDone it is not called again.
using ChatSink = std::function<void(ChatEvent&&)>;

// A loaded model and its engine, ready for conversations. Thread-safe.
class ChatService {
 public:
  ChatService(LoadedModel model, const EngineOptions& options);
  ~ChatService();

  const LoadedModel& model() const;
  Engine& engine();

  // Whether the model's replies may have reasoning: its vocabulary has <think> and </think>, or its
  // template writes them.
  bool thinks() const;

  // Whether conversations may have tools: the model's template shows them, and its calls are read.
  bool calls_tools() const;

  // Ids of a conversation or prompt as they would be submitted. Throws Error(kUnsupported) when the
  // model has no tokenizer or no chat template that is needed.
  std::vector<TokenId> PromptIds(const ChatRequest& request) const;

  // Starts a reply. Throws what Engine::Submit throws, and Error(kInvalidArgument) for a
  // conversation without messages. Preparing a long prompt takes seconds: `cancelled` ends it from
  // another thread, with Error(kCancelled). A reply that has started ends by its ticket.
  std::shared_ptr<Ticket> Start(ChatRequest request, ChatSink sink,
                                const CancelFlag* cancelled = nullptr);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fathom
