// ChatService: renders and encodes prompts on the caller's thread, and decodes replies on the
// engine thread. Text is decoded once, by the guide, because stop strings must act at their exact
// token; the sink only joins the decoded pieces with the engine's events. Holds no conversation:
// the caller hands over the whole of it each time.
#include "chat/chat.h"

#include <algorithm>
#include <deque>
#include <span>
#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "text/stream_decoder.h"

namespace fathom {
namespace {

// Tokenizers may compose characters first (Unicode's NFC), which shortens text; its longest
// decompositions have four characters for one, of similar length each.
constexpr std::size_t kMaxNormalization = 8;

std::size_t TextBytes(const ChatRequest& request) {
  if (const auto* text = std::get_if<std::string>(&request.prompt)) return text->size();
  std::size_t bytes = 0;
  if (const auto* messages = std::get_if<std::vector<ChatMessage>>(&request.prompt)) {
    for (const ChatMessage& message : *messages) bytes += message.content.size();
  }
  return bytes;
}

// The text of one reply, fed by the guide and read by the sink. Both run on the engine thread, so
// nothing is locked.
class ReplyText {
 public:
  ReplyText(const Tokenizer* tokenizer, std::vector<TokenId> stop_ids,
            std::vector<std::string> stops)
      : stop_ids_(std::move(stop_ids)), matcher_(std::move(stops)) {
    if (tokenizer != nullptr) decoder_.emplace(*tokenizer);
  }

  bool Ends(TokenId id) const {
    return std::find(stop_ids_.begin(), stop_ids_.end(), id) != stop_ids_.end();
  }

  // True when a stop string is complete with this token.
  bool Observe(TokenId id) {
    std::string text;
    if (decoder_ && !Ends(id) && !stopped_) {
      StopMatcher::Result result = matcher_.Push(decoder_->Push(id));
      text = std::move(result.text);
      stopped_ = result.stopped;
    }
    pieces_.push_back(std::move(text));
    return stopped_;
  }

  // The piece of the oldest observed token that was not taken yet.
  std::string Take() {
    CHECK(!pieces_.empty());
    std::string text = std::move(pieces_.front());
    pieces_.pop_front();
    return text;
  }

  // Everything that is still held back.
  std::string Finish() {
    std::string text;
    while (!pieces_.empty()) text += Take();
    if (!decoder_ || stopped_) return text;
    StopMatcher::Result result = matcher_.Push(decoder_->Finish());
    text += result.text;
    if (!result.stopped) text += matcher_.Finish();
    return text;
  }

 private:
  std::optional<StreamDecoder> decoder_;
  std::vector<TokenId> stop_ids_;
  StopMatcher matcher_;
  std::deque<std::string> pieces_;
  bool stopped_ = false;
};

class StopGuide : public TokenGuide {
 public:
  explicit StopGuide(std::shared_ptr<ReplyText> text) : text_(std::move(text)) {}

  GuideDecision Observe(int32_t id) override {
    return {text_->Observe(id) ? GuideDecision::Action::kStop : GuideDecision::Action::kContinue};
  }

 private:
  std::shared_ptr<ReplyText> text_;
};

void Describe(const Tokenizer* tokenizer, TokenId id, std::string& token, std::string& bytes) {
  if (tokenizer == nullptr) return;
  token = tokenizer->Decode(std::span(&id, 1), true);
  bytes = tokenizer->BytesOf(id);
}

LogprobEntry MakeEntry(const Tokenizer* tokenizer, const TokenEvent& event) {
  LogprobEntry entry;
  entry.id = event.id;
  entry.logprob = event.logprob.value_or(0.0f);
  Describe(tokenizer, event.id, entry.token, entry.bytes);
  for (const TokenLogprob& alternative : event.top) {
    LogprobEntry::Alternative& added = entry.top.emplace_back();
    added.id = alternative.id;
    added.logprob = alternative.logprob;
    Describe(tokenizer, alternative.id, added.token, added.bytes);
  }
  return entry;
}

ChatEvent ToChatEvent(const Tokenizer* tokenizer, ReplyText& text, uint64_t seed,
                      TokenEvent&& event) {
  ChatEvent out;
  out.id = event.id;
  switch (event.kind) {
    case TokenEvent::Kind::kPrompt:
      out.kind = ChatEvent::Kind::kPrompt;
      out.logprob = MakeEntry(tokenizer, event);
      out.scored = event.logprob.has_value();
      break;
    case TokenEvent::Kind::kToken:
      out.kind = ChatEvent::Kind::kToken;
      out.text = text.Take();
      out.ends = text.Ends(event.id);
      if (event.logprob) out.logprob = MakeEntry(tokenizer, event);
      break;
    case TokenEvent::Kind::kDone:
      out.kind = ChatEvent::Kind::kDone;
      out.text = text.Finish();
      out.finish = event.finish;
      out.usage = event.usage;
      out.seed = seed;
      out.error = std::move(event.error);
      break;
  }
  return out;
}

}  // namespace

struct ChatService::Impl {
  Impl(LoadedModel loaded, const EngineOptions& options)
      : model(std::move(loaded)), engine(*model.model, options) {
    if (model.tokenizer == nullptr) return;
    for (TokenId id = 0; id < model.tokenizer->size(); ++id) {
      longest_token = std::max(longest_token, model.tokenizer->BytesOf(id).size());
    }
    const TokenizerSpec& spec = model.tokenizer->spec();
    // <|im_end|> ends a ChatML turn, also where the file names another end of text.
    std::vector<TokenId> ends = {spec.eos, spec.eot, model.tokenizer->FindAdded("<|im_end|>")};
    ends.insert(ends.end(), spec.stops.begin(), spec.stops.end());
    for (const TokenId id : ends) {
      if (id >= 0 && std::find(stop_ids.begin(), stop_ids.end(), id) == stop_ids.end()) {
        stop_ids.push_back(id);
      }
    }
  }

  const Tokenizer& NeedTokenizer(const char* what) const {
    if (model.tokenizer == nullptr) {
      throw Error(
          ErrorCode::kUnsupported,
          std::string("the model '") + model.name + "' has no tokenizer, which " + what + " needs",
          "give the prompt as token ids");
    }
    return *model.tokenizer;
  }

  // Encoding megabytes takes seconds, so a prompt that cannot fit however it is encoded is refused
  // before: no token stands for more bytes than the longest does.
  void CheckFits(std::size_t prompt_bytes) const {
    const std::size_t least = prompt_bytes / (kMaxNormalization * longest_token);
    const auto context = static_cast<std::size_t>(engine.context_length());
    if (least <= context) return;
    throw Error(ErrorCode::kContextOverflow,
                "the prompt has at least " + std::to_string(least) + " tokens, the context holds " +
                    std::to_string(context) + " with the reply",
                "shorten the prompt or raise the context length");
  }

  LoadedModel model;
  std::vector<TokenId> stop_ids;
  std::size_t longest_token = 1;  // bytes
  Engine engine;                  // after the model, which it uses until it is destroyed
};

ChatService::ChatService(LoadedModel model, const EngineOptions& options)
    : impl_(std::make_unique<Impl>(std::move(model), options)) {}
ChatService::~ChatService() = default;

const LoadedModel& ChatService::model() const { return impl_->model; }
Engine& ChatService::engine() { return impl_->engine; }

std::vector<TokenId> ChatService::PromptIds(const ChatRequest& request) const {
  if (const auto* ids = std::get_if<std::vector<TokenId>>(&request.prompt)) return *ids;
  if (const auto* text = std::get_if<std::string>(&request.prompt)) {
    const Tokenizer& tokenizer = impl_->NeedTokenizer("a text prompt");
    std::vector<TokenId> ids = tokenizer.Encode(*text);
    const TokenizerSpec& spec = tokenizer.spec();
    // An empty prompt still needs one token to continue from.
    const bool want_bos = spec.add_bos || ids.empty();
    if (want_bos && spec.bos >= 0) ids.insert(ids.begin(), spec.bos);
    return ids;
  }
  const auto& messages = std::get<std::vector<ChatMessage>>(request.prompt);
  if (messages.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "the conversation has no messages");
  }
  const Tokenizer& tokenizer = impl_->NeedTokenizer("a conversation");
  if (impl_->model.chat_template == nullptr) {
    throw Error(ErrorCode::kUnsupported,
                "the model '" + impl_->model.name + "' has no chat template that is known",
                "use a plain prompt");
  }
  // No beginning-of-text token here: the template writes it where the model was trained with one.
  const std::vector<TextSpan> spans = impl_->model.chat_template->Render(messages);
  return tokenizer.Encode(spans);
}

std::shared_ptr<Ticket> ChatService::Start(ChatRequest request, ChatSink sink) {
  const Tokenizer* tokenizer = impl_->model.tokenizer.get();
  GenerationOptions& options = request.options;
  if (!options.stop.empty()) impl_->NeedTokenizer("a stop string");

  impl_->CheckFits(TextBytes(request));

  Request engine_request;
  engine_request.prompt = PromptIds(request);
  engine_request.max_tokens = options.max_tokens;
  engine_request.sampling = options.sampling;
  // 53 bits, so that the number survives JSON readers that keep numbers as doubles.
  if (!options.has_seed) engine_request.sampling.seed = RandomSeed() >> 11;
  if (!options.ignore_eos) engine_request.stop_ids = impl_->stop_ids;
  engine_request.top_logprobs = options.top_logprobs;
  engine_request.score_prompt = options.score_prompt;
  engine_request.cache_key = std::move(request.cache_key);

  auto text =
      std::make_shared<ReplyText>(tokenizer, engine_request.stop_ids, std::move(options.stop));
  engine_request.guide = std::make_unique<StopGuide>(text);
  const uint64_t seed = engine_request.sampling.seed;

  EventSink events = [tokenizer, text, seed, sink = std::move(sink)](TokenEvent&& event) {
    sink(ToChatEvent(tokenizer, *text, seed, std::move(event)));
  };
  return impl_->engine.Submit(std::move(engine_request), std::move(events));
}

}  // namespace fathom
