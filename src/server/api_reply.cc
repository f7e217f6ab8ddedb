#include "server/api_reply.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/bytes_json.h"
#include "base/check.h"
#include "base/json.h"

namespace fathom {
namespace {

// JSON has no infinities; OpenAI writes this for what is all but impossible.
constexpr float kLeastLogprob = -9999.0f;

float Finite(float logprob) { return logprob > kLeastLogprob ? logprob : kLeastLogprob; }

std::string FinishReasonText(FinishReason reason, bool calls_tools) {
  if (reason == FinishReason::kLength) return "length";
  return calls_tools ? "tool_calls" : "stop";
}

// Chat completions: one object per token.
Json ChatLogprob(const LogprobEntry& entry) {
  Json top = Json::array();
  for (const auto& alternative : entry.top) {
    top.push_back({{"token", alternative.token},
                   {"bytes", BytesJson(alternative.bytes)},
                   {"logprob", Finite(alternative.logprob)}});
  }
  return {{"token", entry.token},
          {"bytes", BytesJson(entry.bytes)},
          {"logprob", Finite(entry.logprob)},
          {"top_logprobs", std::move(top)}};
}

double PerSecond(int64_t tokens, double seconds) {
  return seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0;
}

}  // namespace

std::string SseData(const Json& value) { return "data: " + DumpJson(value) + "\n\n"; }

ApiReply::ApiReply(ReplyHead head)
    : head_(std::move(head)), choices_(head_.replies), open_(head_.replies) {
  head_.echo.resize(head_.replies);
}

Json ApiReply::Envelope() const {
  const char* object = head_.kind == ApiKind::kCompletion ? "text_completion"
                       : head_.stream                     ? "chat.completion.chunk"
                                                          : "chat.completion";
  return {{"id", head_.id},
          {"object", object},
          {"created", head_.created},
          {"model", head_.model},
          {"system_fingerprint", head_.fingerprint}};
}

Json ApiReply::ChunkOf(std::size_t reply, Json choice) const {
  choice["index"] = reply;
  Json chunk = Envelope();
  chunk["choices"] = Json::array({std::move(choice)});
  if (head_.include_usage) chunk["usage"] = nullptr;
  return chunk;
}

std::string ApiReply::TextChunk(std::size_t reply, const std::string& text, Json logprobs,
                                const char* key) const {
  Json choice = {{"finish_reason", nullptr}, {"logprobs", std::move(logprobs)}};
  if (head_.kind == ApiKind::kChat) {
    choice["delta"] = {{key, text}};
  } else {
    choice["text"] = text;
  }
  return SseData(ChunkOf(reply, std::move(choice)));
}

std::string ApiReply::FinishChunk(std::size_t reply) const {
  Json choice = {{"finish_reason", choices_[reply].finish_reason}, {"logprobs", nullptr}};
  if (head_.kind == ApiKind::kChat) {
    choice["delta"] = Json::object();
  } else {
    choice["text"] = "";
  }
  return SseData(ChunkOf(reply, std::move(choice)));
}

std::string ApiReply::Begin() {
  std::string out;
  for (std::size_t reply = 0; reply < head_.replies; ++reply) {
    if (head_.stream && head_.kind == ApiKind::kChat) {
      Json choice = {{"finish_reason", nullptr},
                     {"logprobs", nullptr},
                     {"delta", {{"role", "assistant"}, {"content", ""}}}};
      out += SseData(ChunkOf(reply, std::move(choice)));
    } else if (!head_.echo[reply].empty()) {
      if (head_.stream) out += TextChunk(reply, head_.echo[reply], nullptr);
      choices_[reply].text = head_.echo[reply];
    }
  }
  return out;
}

// Ids are like no other of this server: the request's own one is part of them.
void ApiReply::KeepCalls(std::size_t reply, std::vector<ToolCall>&& calls) {
  Json& kept = choices_[reply].calls;
  const std::string request = head_.id.substr(head_.id.find('-') + 1);
  for (ToolCall& call : calls) {
    const std::string number = std::to_string(reply) + "_" + std::to_string(kept.size());
    kept.push_back(
        {{"id", "call_" + request + "_" + number},
         {"type", "function"},
         {"function", {{"name", std::move(call.name)}, {"arguments", std::move(call.arguments)}}}});
  }
}

std::string ApiReply::CallChunks(std::size_t reply, std::size_t from) const {
  std::string out;
  const auto chunk = [&](Json call) {
    Json choice = {{"finish_reason", nullptr},
                   {"logprobs", nullptr},
                   {"delta", {{"tool_calls", Json::array({std::move(call)})}}}};
    return SseData(ChunkOf(reply, std::move(choice)));
  };
  const Json& calls = choices_[reply].calls;
  for (std::size_t i = from; i < calls.size(); ++i) {
    Json begin = calls[i];
    begin["index"] = i;
    const Json arguments = std::exchange(begin["function"]["arguments"], "");
    out += chunk(std::move(begin));
    out += chunk({{"index", i}, {"function", {{"arguments", arguments}}}});
  }
  return out;
}

std::vector<ApiReply::Entry> ApiReply::TakeEntries(Choice& choice, ChatEvent& event) const {
  choice.answer_bytes += event.text.size();
  // A token that ends the reply stands for no text, so it has no entry either.
  if (head_.logprobs && event.logprob.has_value() && !event.ends) {
    const bool stays = !head_.stops || event.is_reasoning || event.kind == ChatEvent::Kind::kPrompt;
    choice.waiting.push_back(
        {std::move(*event.logprob), event.scored, event.is_reasoning, stays, event.answer_before});
  }
  const bool all = event.kind == ChatEvent::Kind::kDone && !event.found_stop;
  const auto ready = std::find_if(choice.waiting.begin(), choice.waiting.end(), [&](Entry& entry) {
    return !all && !entry.stays && entry.answer_before >= choice.answer_bytes;
  });
  std::vector<Entry> taken(std::make_move_iterator(choice.waiting.begin()),
                           std::make_move_iterator(ready));
  choice.waiting.erase(choice.waiting.begin(), ready);
  return taken;
}

void ApiReply::ShowEntries(Choice& choice, ChatEvent& event) const {
  std::vector<Entry> taken = TakeEntries(choice, event);
  std::move(taken.begin(), taken.end(), std::back_inserter(choice.shown));
}

// One chunk for a token, two for one that ends the reasoning and begins the answer; none for one
// that brings nothing.
std::string ApiReply::TokenChunks(std::size_t reply, ChatEvent&& event) {
  Json logprobs = nullptr;
  const std::vector<Entry> entries = TakeEntries(choices_[reply], event);
  if (!entries.empty()) logprobs = LogprobsJson(entries);
  const bool reasons =
      std::any_of(entries.begin(), entries.end(), [](const Entry& e) { return e.is_reasoning; });
  std::string out;
  if (!event.reasoning.empty() || reasons) {
    out = TextChunk(reply, event.reasoning, std::exchange(logprobs, nullptr), "reasoning_content");
  }
  if (!event.text.empty() || !logprobs.is_null()) {
    out += TextChunk(reply, event.text, std::move(logprobs));
  }
  const std::size_t first_call = choices_[reply].calls.size();
  KeepCalls(reply, std::move(event.calls));
  return out + CallChunks(reply, first_call);
}

std::string ApiReply::Add(std::size_t reply, ChatEvent&& event) {
  CHECK(reply < choices_.size());
  Choice& choice = choices_[reply];
  if (done() || !choice.finish_reason.empty()) return {};

  if (event.kind != ChatEvent::Kind::kDone) {
    if (head_.stream) return TokenChunks(reply, std::move(event));
    choice.reasoning += event.reasoning;
    choice.has_reasoning = choice.has_reasoning || event.is_reasoning;
    choice.text += event.text;
    KeepCalls(reply, std::move(event.calls));
    ShowEntries(choice, event);
    return {};
  }

  if (event.error || event.finish == FinishReason::kError ||
      event.finish == FinishReason::kCancelled) {
    error_ = event.error ? ToApiError(*event.error)
                         : ToApiError(Error(ErrorCode::kCancelled, "the reply was cancelled"));
    return {};
  }
  const bool calls_tools = !choice.calls.empty() || !event.calls.empty();
  choice.finish_reason = FinishReasonText(event.finish, calls_tools);
  choice.usage = event.usage;
  choice.reasoning_tokens = event.reasoning_tokens;
  choice.seed = event.seed;
  --open_;
  if (!head_.stream) {
    ShowEntries(choice, event);
    choice.reasoning += event.reasoning;
    choice.text += event.text;
    KeepCalls(reply, std::move(event.calls));
    return {};
  }
  std::string out = TokenChunks(reply, std::move(event));
  out += FinishChunk(reply);
  if (open_ > 0) return out;
  if (head_.include_usage) {
    Json chunk = Envelope();
    chunk["choices"] = Json::array();
    AddUsage(chunk);
    out += SseData(chunk);
  }
  return out + kSseDone;
}

// Chat completions list objects; completions parallel arrays with the offset of each token's text.
Json ApiReply::LogprobsJson(const std::vector<Entry>& entries) const {
  if (head_.kind == ApiKind::kChat) {
    Json content = Json::array(), reasoning = Json::array();
    for (const Entry& entry : entries) {
      (entry.is_reasoning ? reasoning : content).push_back(ChatLogprob(entry.token));
    }
    Json logprobs = {{"content", std::move(content)}, {"refusal", nullptr}};
    if (!reasoning.empty()) logprobs["reasoning_content"] = std::move(reasoning);
    return logprobs;
  }
  Json tokens = Json::array();
  Json logprobs = Json::array();
  Json top = Json::array();
  Json offsets = Json::array();
  for (const Entry& kept : entries) {
    const LogprobEntry& entry = kept.token;
    tokens.push_back(entry.token);
    logprobs.push_back(kept.scored ? Json(Finite(entry.logprob)) : Json(nullptr));
    Json alternatives = Json::object();
    // Most probable first: of two that print alike, the first counts.
    for (const auto& alternative : entry.top) {
      alternatives.emplace(alternative.token, Finite(alternative.logprob));
    }
    top.push_back(kept.scored ? std::move(alternatives) : Json(nullptr));
    offsets.push_back(entry.text_offset);
  }
  return {{"tokens", std::move(tokens)},
          {"token_logprobs", std::move(logprobs)},
          {"top_logprobs", std::move(top)},
          {"text_offset", std::move(offsets)}};
}

void ApiReply::AddUsage(Json& body) const {
  int64_t prompt = 0;
  int64_t cached = 0;
  int64_t completion = 0;
  int64_t reasoning = 0;
  double queue = 0;
  double prefill = 0;
  double decode = 0;
  int64_t evaluated = 0;
  for (std::size_t reply = 0; reply < choices_.size(); ++reply) {
    const Usage& usage = choices_[reply].usage;
    // A prompt is counted once, whatever the number of its replies.
    if (reply % static_cast<std::size_t>(head_.choices) == 0) {
      prompt += usage.prompt_tokens;
      cached += usage.cached_tokens;
    }
    evaluated += usage.prompt_tokens - usage.cached_tokens;
    completion += usage.completion_tokens;
    reasoning += choices_[reply].reasoning_tokens;
    queue = std::max(queue, usage.queue_seconds);
    prefill = std::max(prefill, usage.prefill_seconds);
    decode = std::max(decode, usage.decode_seconds);
  }
  // The first token of a reply comes out of the prefill.
  const int64_t decoded = std::max<int64_t>(completion - static_cast<int64_t>(choices_.size()), 0);
  body["usage"] = {{"prompt_tokens", prompt},
                   {"completion_tokens", completion},
                   {"total_tokens", prompt + completion},
                   {"prompt_tokens_details", {{"cached_tokens", cached}}},
                   {"completion_tokens_details", {{"reasoning_tokens", reasoning}}},
                   {"prompt_cache_hit_tokens", cached},
                   {"prompt_cache_miss_tokens", prompt - cached}};
  body["timings"] = {{"queue_seconds", queue},
                     {"prefill_seconds", prefill},
                     {"decode_seconds", decode},
                     {"prefill_tokens_per_second", PerSecond(evaluated, prefill)},
                     {"decode_tokens_per_second", PerSecond(decoded, decode)}};
  const uint64_t seed = choices_.empty() ? 0 : choices_[0].seed;
  body["seed"] = head_.negative_seed ? Json(static_cast<int64_t>(seed)) : Json(seed);
}

Json ApiReply::Body() const {
  CHECK(done() && !error_);
  Json body = Envelope();
  Json choices = Json::array();
  for (std::size_t reply = 0; reply < choices_.size(); ++reply) {
    Choice choice = choices_[reply];
    Json logprobs = nullptr;
    if (head_.logprobs) logprobs = LogprobsJson(choice.shown);
    Json entry = {{"index", reply},
                  {"finish_reason", choice.finish_reason},
                  {"logprobs", std::move(logprobs)}};
    if (head_.kind == ApiKind::kChat) {
      entry["message"] = {{"role", "assistant"}, {"content", choice.text}, {"refusal", nullptr}};
      // Left out where there is none: some clients take the key alone for a model that thinks.
      if (choice.has_reasoning) entry["message"]["reasoning_content"] = choice.reasoning;
      if (!choice.calls.empty()) {
        if (choice.text.empty()) entry["message"]["content"] = nullptr;
        entry["message"]["tool_calls"] = std::move(choice.calls);
      }
    } else {
      entry["text"] = choice.text;
    }
    choices.push_back(std::move(entry));
  }
  body["choices"] = std::move(choices);
  AddUsage(body);
  return body;
}

}  // namespace fathom
