#include "server/generation.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <utility>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"

namespace fathom {
namespace {

std::string RandomHex() {
  char text[40];
  std::snprintf(text, sizeof(text), "%016llx%016llx", static_cast<unsigned long long>(RandomSeed()),
                static_cast<unsigned long long>(RandomSeed()));
  return text;
}

// What a completion starts with when the prompt is to be echoed.
std::string EchoOf(const ChatService& chat, const ChatRequest& request) {
  if (const auto* text = std::get_if<std::string>(&request.prompt)) return *text;
  const auto* ids = std::get_if<std::vector<TokenId>>(&request.prompt);
  const Tokenizer* tokenizer = chat.model().tokenizer.get();
  if (ids == nullptr || tokenizer == nullptr) return {};
  return tokenizer->Decode(*ids);
}

ReplyHead HeadOf(const ChatService& chat, const ApiRequest& request) {
  ReplyHead head;
  head.kind = request.kind;
  head.id = (request.kind == ApiKind::kChat ? "chatcmpl-" : "cmpl-") + RandomHex();
  head.created = UnixSeconds();
  head.model = chat.model().name;
  head.fingerprint = "fp_" + chat.model().fingerprint;
  head.stream = request.stream;
  head.include_usage = request.include_usage;
  head.logprobs = request.prompts.front().options.top_logprobs.has_value();
  head.stops = !request.prompts.front().options.stop.empty();
  head.negative_seed = request.negative_seed;
  head.choices = request.choices;
  head.replies = request.replies();
  if (request.echo) {
    for (std::size_t i = 0; i < head.replies; ++i) {
      head.echo.push_back(
          EchoOf(chat, request.prompts[i / static_cast<std::size_t>(request.choices)]));
    }
  }
  return head;
}

// The error as clients are told it: without where the model's files are. For those who run the
// server it is logged as it was.
Error WithoutPlaces(const Error& error, const LoadedModel& model) {
  if (model.tokenizer == nullptr) return error;
  const std::string& origin = model.tokenizer->spec().chat_template_origin;
  if (origin.empty() || !error.message().starts_with(origin)) return error;
  Log(LogLevel::kInfo, error.message());
  return {error.code(), "chat template" + error.message().substr(origin.size()), error.hint()};
}

}  // namespace

void GenerationQueue::Push(std::size_t reply, ChatEvent&& event) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  items_.push_back({reply, std::move(event)});
  if (items_.size() == 1 && wake_) wake_();
}

void GenerationQueue::Open(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  if (closed_) return;
  wake_ = std::move(wake);
  if (!items_.empty()) wake_();
}

std::vector<GenerationQueue::Item> GenerationQueue::Take(std::size_t most) {
  const std::lock_guard lock(mutex_);
  const auto end = items_.begin() + static_cast<std::ptrdiff_t>(std::min(most, items_.size()));
  std::vector<Item> taken(std::move_iterator(items_.begin()), std::move_iterator(end));
  items_.erase(items_.begin(), end);
  if (!items_.empty() && wake_) wake_();
  return taken;
}

void GenerationQueue::Close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  wake_ = nullptr;
  items_.clear();
}

void Generation::Cancel() {
  if (events) events->Close();
  for (const std::shared_ptr<Ticket>& ticket : tickets) ticket->Cancel();
  tickets.clear();
}

Generation StartGeneration(ChatService& chat, ApiKind kind, const std::string& body,
                           const CancelFlag& cancelled) {
  Generation generation;
  const char* prompt_param = kind == ApiKind::kChat ? "messages" : "prompt";
  try {
    CheckCancelled(&cancelled);
    const ServedModel model{chat.model().name, chat.model().sampling, chat.thinks(),
                            chat.calls_tools()};
    const ApiRequest request = ParseApiRequest(kind, body, model);
    CheckCancelled(&cancelled);
    generation.stream = request.stream;
    generation.events = std::make_shared<GenerationQueue>();
    generation.reply.emplace(HeadOf(chat, request));
    for (std::size_t i = 0; i < request.replies(); ++i) {
      generation.tickets.push_back(chat.Start(
          request.ReplyRequest(i),
          [events = generation.events, i](ChatEvent&& event) { events->Push(i, std::move(event)); },
          &cancelled));
    }
  } catch (const ApiError& error) {
    generation.error = error;
  } catch (const Error& error) {
    generation.error = ToApiError(WithoutPlaces(error, chat.model()), prompt_param);
  } catch (const std::exception& error) {
    generation.error = ToApiError(Error(ErrorCode::kInternal, error.what()));
  }
  if (generation.error) generation.Cancel();
  return generation;
}

}  // namespace fathom
