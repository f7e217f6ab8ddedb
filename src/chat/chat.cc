// ChatService: renders and encodes prompts on the caller's thread, and decodes replies on the
// engine thread. Text is decoded once, by the guide (reply_text.h); the sink only joins the decoded
// pieces with the engine's events. Holds no conversation: the caller hands over the whole of it
// each time.
#include "chat/chat.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "base/log.h"
#include "base/random.h"
#include "chat/message_cost.h"
#include "chat/reply_text.h"
#include "chat/thinking.h"
#include "text/tool_support.h"

namespace fathom {
namespace {

// Tokenizers may compose characters first (Unicode's NFC), which shortens text; its longest
// decompositions have four characters for one, of similar length each.
constexpr std::size_t kMaxNormalization = 8;

std::size_t TextBytes(const ChatRequest& request) {
  if (const auto* text = std::get_if<std::string>(&request.prompt)) return text->size();
  constexpr auto kReplace = OrderedJson::error_handler_t::replace;
  std::size_t bytes = 0;
  if (const auto* messages = std::get_if<std::vector<ChatMessage>>(&request.prompt)) {
    for (const ChatMessage& message : *messages) bytes += message.content.size();
  }
  if (!request.tools.is_null()) bytes += request.tools.dump(-1, ' ', false, kReplace).size();
  return bytes;
}

class ReplyGuide : public TokenGuide {
 public:
  explicit ReplyGuide(std::shared_ptr<ReplyText> text) : text_(std::move(text)) {}

  GuideDecision Observe(int32_t id) override { return text_->Observe(id); }

 private:
  std::shared_ptr<ReplyText> text_;
};

void Describe(const Tokenizer* tokenizer, TokenId id, std::string& token, std::string& bytes) {
  if (tokenizer == nullptr) return;
  token = tokenizer->Decode(std::span(&id, 1), true);
  bytes = tokenizer->BytesOf(id);
}

// Where tokens begin in the decoded text, in characters. One that continues a character begins
// where that does; control tokens stand for no text.
class TextOffsets {
 public:
  explicit TextOffsets(const Tokenizer* tokenizer) {
    if (tokenizer != nullptr) decoder_.emplace(*tokenizer);
  }

  // For each token in order, of the prompt where that is scored, then of the reply.
  int64_t Push(TokenId id, bool in_prompt) {
    if (!decoder_) return 0;
    // Each of the two is decoded by itself.
    if (!in_prompt && std::exchange(in_prompt_, false)) Count(decoder_->Finish());
    const int64_t offset = characters_;
    Count(decoder_->Push(id));
    return offset;
  }

 private:
  // Characters of UTF-8 text: every byte that does not continue one.
  void Count(const std::string& text) {
    characters_ += std::count_if(text.begin(), text.end(), [](char byte) {
      return (static_cast<unsigned char>(byte) & 0xC0) != 0x80;
    });
  }

  std::optional<StreamDecoder> decoder_;
  bool in_prompt_ = true;
  int64_t characters_ = 0;
};

// What the events of one reply are made with, on the engine thread.
struct EventMaker {
  const Tokenizer* tokenizer;  // may be null
  std::shared_ptr<ReplyText> text;
  TextOffsets offsets;
  uint64_t seed;

  LogprobEntry MakeEntry(const TokenEvent& event);
  ChatEvent Make(TokenEvent&& event);
};

LogprobEntry EventMaker::MakeEntry(const TokenEvent& event) {
  LogprobEntry entry;
  entry.id = event.id;
  entry.text_offset = offsets.Push(event.id, event.kind == TokenEvent::Kind::kPrompt);
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

void SetPiece(ReplyText::Piece&& piece, ChatEvent& event) {
  event.reasoning = std::move(piece.reasoning);
  event.text = std::move(piece.text);
  event.calls = std::move(piece.calls);
  event.broken_call = piece.broken_call;
  event.is_reasoning = piece.is_reasoning;
  event.answer_before = piece.answer_before;
}

ChatEvent EventMaker::Make(TokenEvent&& event) {
  ChatEvent out;
  out.id = event.id;
  switch (event.kind) {
    case TokenEvent::Kind::kPrompt:
      out.kind = ChatEvent::Kind::kPrompt;
      out.logprob = MakeEntry(event);
      out.scored = event.logprob.has_value();
      break;
    case TokenEvent::Kind::kToken:
      out.kind = ChatEvent::Kind::kToken;
      SetPiece(text->Take(), out);
      out.ends = text->Ends(event.id);
      if (event.logprob) out.logprob = MakeEntry(event);
      break;
    case TokenEvent::Kind::kDone:
      out.kind = ChatEvent::Kind::kDone;
      SetPiece(text->Finish(), out);
      out.finish = event.finish;
      out.found_stop = text->found_stop();
      out.usage = event.usage;
      out.reasoning_tokens = text->reasoning_tokens();
      out.seed = seed;
      out.error = std::move(event.error);
      break;
  }
  return out;
}

EngineOptions WithName(EngineOptions options, const LoadedModel& model) {
  options.model_name = model.name;
  return options;
}

}  // namespace

struct ChatService::Impl {
  Impl(LoadedModel loaded, const EngineOptions& options)
      : model(std::move(loaded)), engine(*model.model, WithName(options, model)) {
    if (model.tokenizer == nullptr) return;
    for (TokenId id = 0; id < model.tokenizer->size(); ++id) {
      longest_token = std::max(longest_token, model.tokenizer->BytesOf(id).size());
    }
    const TokenizerSpec& spec = model.tokenizer->spec();
    const auto knows = [&](ReplyTag tag) { return model.tokenizer->FindAdded(TextOf(tag)) >= 0; };
    const auto writes = [&](ReplyTag tag) {
      return spec.chat_template.find(TextOf(tag)) != std::string::npos;
    };
    thinks = (knows(ReplyTag::kThinkOpen) && knows(ReplyTag::kThinkClose)) ||
             writes(ReplyTag::kThinkOpen) || writes(ReplyTag::kThinkClose);
    if (model.chat_template != nullptr && knows(ReplyTag::kThinkOpen) &&
        knows(ReplyTag::kThinkClose)) {
      turn_that_thinks = TurnThatThinks(*model.chat_template);
      if (!turn_that_thinks.empty()) {
        Log(LogLevel::kInfo,
            model.name +
                ": its template leaves <think> out, as R1's first did; it is written for it");
      }
    }
    calls_tools = model.chat_template != nullptr && CanCallTools(*model.chat_template);
    if (model.chat_template != nullptr) {
      message_cost = MessageCostOf(*model.chat_template, *model.tokenizer, calls_tools);
    }
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

  // Rendering and encoding megabytes takes seconds, so a prompt that cannot fit however it is
  // encoded is refused before: no token stands for more bytes than the longest does.
  void CheckFits(const ChatRequest& request) const {
    std::size_t least = TextBytes(request) / (kMaxNormalization * longest_token);
    if (const auto* messages = std::get_if<std::vector<ChatMessage>>(&request.prompt)) {
      least += message_cost.Least(*messages);
    }
    const auto context = static_cast<std::size_t>(engine.context_length());
    if (least <= context) return;
    throw Error(ErrorCode::kContextOverflow,
                "the prompt has at least " + std::to_string(least) + " tokens, the context holds " +
                    std::to_string(context) + " with the reply",
                "shorten the prompt or raise the context length");
  }

  // The ids of a plain prompt.
  std::vector<TokenId> Encode(const std::string& text, const CancelFlag* cancelled) const {
    const Tokenizer& tokenizer = NeedTokenizer("a text prompt");
    std::vector<TokenId> ids = tokenizer.Encode(text, cancelled);
    const TokenizerSpec& spec = tokenizer.spec();
    // An empty prompt still needs one token to continue from.
    const bool want_bos = spec.add_bos || ids.empty();
    if (want_bos && spec.bos >= 0) ids.insert(ids.begin(), spec.bos);
    return ids;
  }

  // The spans of a conversation, with its end as the options want it.
  std::vector<TextSpan> Render(const ChatRequest& request, const CancelFlag* cancelled) const {
    const auto& messages = std::get<std::vector<ChatMessage>>(request.prompt);
    if (messages.empty()) {
      throw Error(ErrorCode::kInvalidArgument, "the conversation has no messages");
    }
    const Tokenizer& tokenizer = NeedTokenizer("a conversation");
    if (model.chat_template == nullptr) {
      throw Error(ErrorCode::kUnsupported,
                  "the model '" + model.name + "' has no chat template that is known",
                  "use a plain prompt");
    }
    // No room for reasoning is none at all.
    const std::optional<bool> thinking =
        request.options.thinking_budget == 0 ? std::optional(false) : request.options.thinking;
    PromptOptions options;
    options.tools = request.tools;
    options.cancelled = cancelled;
    // Templates with a switch of their own call it by one of these names.
    if (thinking) options.variables = {{"enable_thinking", *thinking}, {"thinking", *thinking}};
    std::vector<TextSpan> spans = model.chat_template->Render(messages, options);
    const bool left_out = !thinking && !turn_that_thinks.empty();
    if (thinks && thinking) {
      SetThinking(*thinking, tokenizer.spec().chat_template, spans);
    } else if (left_out && EndsWithTurn(spans, turn_that_thinks)) {
      SetThinking(true, tokenizer.spec().chat_template, spans);
    }
    return spans;
  }

  // How the reply to a conversation is to be read; `prompt` is what was rendered.
  void SetReading(const GenerationOptions& options, const std::vector<TextSpan>& prompt,
                  ReplyTextOptions& text) const {
    if (!thinks && !options.tool_calls) return;
    const PromptEnd end = EndOf(prompt, model.tokenizer->spec().chat_template);
    text.separate = true;
    text.in_reasoning = end.in_reasoning;
    text.tool_calls = options.tool_calls;
    text.one_call = options.one_call;
    // A model that begins to think all the same is ended at once.
    text.thinking_budget = options.thinking == false ? 0 : options.thinking_budget;
    const TextSpan closing{end.closing, true};
    text.closing = model.tokenizer->Encode(std::span(&closing, 1));
  }

  LoadedModel model;
  bool thinks = false;
  bool calls_tools = false;
  MessageCost message_cost;
  std::string turn_that_thinks;  // see thinking.h; mostly empty
  std::vector<TokenId> stop_ids;
  std::size_t longest_token = 1;  // bytes
  Engine engine;                  // after the model, which it uses until it is destroyed
};

ChatService::ChatService(LoadedModel model, const EngineOptions& options)
    : impl_(std::make_unique<Impl>(std::move(model), options)) {}
ChatService::~ChatService() = default;

const LoadedModel& ChatService::model() const { return impl_->model; }
Engine& ChatService::engine() { return impl_->engine; }
bool ChatService::thinks() const { return impl_->thinks; }
bool ChatService::calls_tools() const { return impl_->calls_tools; }

std::vector<TokenId> ChatService::PromptIds(const ChatRequest& request) const {
  if (const auto* ids = std::get_if<std::vector<TokenId>>(&request.prompt)) return *ids;
  if (const auto* text = std::get_if<std::string>(&request.prompt)) {
    return impl_->Encode(*text, nullptr);
  }
  // No beginning-of-text token here: the template writes it where the model was trained with one.
  return impl_->model.tokenizer->Encode(impl_->Render(request, nullptr));
}

std::shared_ptr<Ticket> ChatService::Start(ChatRequest request, ChatSink sink,
                                           const CancelFlag* cancelled) {
  const Tokenizer* tokenizer = impl_->model.tokenizer.get();
  GenerationOptions& options = request.options;
  if (!options.stop.empty()) impl_->NeedTokenizer("a stop string");

  CheckCancelled(cancelled);
  impl_->CheckFits(request);

  Request engine_request;
  ReplyTextOptions text_options;
  if (std::holds_alternative<std::vector<ChatMessage>>(request.prompt)) {
    const std::vector<TextSpan> spans = impl_->Render(request, cancelled);
    engine_request.prompt = tokenizer->Encode(spans, cancelled);
    impl_->SetReading(options, spans, text_options);
  } else if (const auto* text = std::get_if<std::string>(&request.prompt)) {
    engine_request.prompt = impl_->Encode(*text, cancelled);
  } else {
    engine_request.prompt = std::get<std::vector<TokenId>>(std::move(request.prompt));
  }
  engine_request.max_tokens = options.max_tokens;
  engine_request.sampling = options.sampling;
  // 53 bits, so that the number survives JSON readers that keep numbers as doubles.
  if (!options.has_seed) engine_request.sampling.seed = RandomSeed() >> 11;
  if (!options.ignore_eos) engine_request.stop_ids = impl_->stop_ids;
  engine_request.top_logprobs = options.top_logprobs;
  engine_request.score_prompt = options.score_prompt;
  engine_request.cache_key = std::move(request.cache_key);

  text_options.stop_ids = engine_request.stop_ids;
  text_options.stops = std::move(options.stop);
  const auto text = std::make_shared<ReplyText>(tokenizer, std::move(text_options));
  engine_request.guide = std::make_unique<ReplyGuide>(text);
  const uint64_t seed = engine_request.sampling.seed;

  EventSink events = [maker = EventMaker{tokenizer, text, TextOffsets(tokenizer), seed},
                      sink = std::move(sink)](TokenEvent&& event) mutable {
    sink(maker.Make(std::move(event)));
  };
  return impl_->engine.Submit(std::move(engine_request), std::move(events));
}

}  // namespace fathom
