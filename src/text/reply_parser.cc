#include "text/reply_parser.h"

#include <utility>

namespace fathom {
namespace {

constexpr std::array<std::string_view, kReplyTags> kTagTexts = {
    "<think>",
    "</think>",
    "<｜tool▁calls▁begin｜>",
    "<｜tool▁calls▁end｜>",
    "<｜tool▁call▁begin｜>",
    "<｜tool▁sep｜>",
    "<｜tool▁call▁end｜>",
    "<tool_call>",
    "</tool_call>",
};

bool IsWhite(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool OpensCall(ReplyTag tag) {
  return tag == ReplyTag::kCallsOpen || tag == ReplyTag::kCallOpen ||
         tag == ReplyTag::kJsonCallOpen;
}

}  // namespace

std::string_view TextOf(ReplyTag tag) { return kTagTexts[static_cast<std::size_t>(tag)]; }

// ---- Markdown ----------------------------------------------------------------------------------

void MarkdownCode::Push(char c) {
  if (run_ != '\0' && run_ == c) {
    ++run_length_;
    return;
  }
  EndRun();
  if (c == '\n') {
    if (fence_ends_) fence_ = '\0';
    fence_ends_ = fence_line_ = false;
    inline_ = indent_ = 0;
    blank_ = true;
    return;
  }
  if (IsWhite(c)) {
    constexpr std::size_t kTabStop = 4;
    if (blank_) indent_ += c == '\t' ? kTabStop : 1;
    return;
  }
  if (c == '`' || c == '~') {
    run_ = c;
    run_length_ = 1;
    run_starts_line_ = blank_ && indent_ < 4;  // more is an indented code block
  }
  blank_ = fence_ends_ = false;
}

bool MarkdownCode::Inside() {
  EndRun();
  return fence_ != '\0' || inline_ > 0;
}

bool MarkdownCode::InInline() {
  EndRun();
  return inline_ > 0 || (fence_ != '\0' && fence_line_);
}

bool MarkdownCode::InFence() {
  EndRun();
  return fence_ != '\0' && !fence_line_ && !fence_ends_;
}

void MarkdownCode::EndRun() {
  const char run = std::exchange(run_, '\0');
  if (run == '\0') return;
  if (fence_ != '\0') {
    if (fence_line_ && run == '`' && fence_ == '`') {
      // The opening line of a block has no further backticks: what opened was inline code.
      inline_ = run_length_ == fence_length_ ? 0 : fence_length_;
      fence_ = '\0';
    } else if (!fence_line_ && run_starts_line_ && run == fence_) {
      fence_ends_ = run_length_ >= fence_length_;
    }
    return;
  }
  if (run_starts_line_ && run_length_ >= 3) {
    fence_ = run;
    fence_length_ = run_length_;
    fence_line_ = true;
  } else if (run == '`' && inline_ == 0) {
    inline_ = run_length_;
  } else if (run == '`' && inline_ == run_length_) {
    inline_ = 0;
  }
}

// ---- Tags --------------------------------------------------------------------------------------

ReplyParser::ReplyParser(const Options& options)
    : options_(options),
      state_(options.in_reasoning ? State::kReasoning : State::kBegin),
      had_reasoning_(options.in_reasoning) {}

// Tags that can mean something in a state; the others need not be held back.
bool ReplyParser::MayComeHere(ReplyTag tag) const {
  switch (state_) {
    case State::kReasoning:
      return tag == ReplyTag::kThinkClose || tag == ReplyTag::kThinkOpen;
    case State::kBegin:
    case State::kAfter:
      return tag == ReplyTag::kThinkOpen || tag == ReplyTag::kThinkClose ||
             (options_.tool_calls && OpensCall(tag));
    case State::kAnswer:
      return options_.tool_calls && OpensCall(tag);
    case State::kCalls:
      return tag == ReplyTag::kCallsClose || OpensCall(tag);
    case State::kCall:
      return tag == ReplyTag::kCallClose || tag == ReplyTag::kCallsClose ||
             tag == ReplyTag::kCallOpen || tag == ReplyTag::kCallSeparator;
    case State::kJsonCall:
      return tag == ReplyTag::kJsonCallClose || tag == ReplyTag::kJsonCallOpen;
  }
  return false;
}

ReplyParser::Match ReplyParser::MatchTag(std::string_view text, ReplyTag& tag) const {
  Match match = Match::kNone;
  for (std::size_t i = 0; i < kReplyTags; ++i) {
    if (options_.by_id[i] || !kTagTexts[i].starts_with(text)) continue;
    if (!MayComeHere(static_cast<ReplyTag>(i))) continue;
    if (kTagTexts[i].size() == text.size()) {
      tag = static_cast<ReplyTag>(i);
      return Match::kTag;
    }
    match = Match::kBeginning;
  }
  return match;
}

void ReplyParser::Push(std::string_view text, std::vector<ReplyPart>& parts) {
  parts_ = &parts;
  for (const char c : text) Feed(c);
  parts_ = nullptr;
}

void ReplyParser::Feed(char c) {
  if (!quote_.empty()) return FeedQuote(c);
  // A tag has its only '<' in front, so one that does not go on can only begin again here.
  if (held_.empty() && c != '<') return Character(c);
  held_ += c;
  ReplyTag tag{};
  switch (MatchTag(held_, tag)) {
    case Match::kBeginning:
      break;
    case Match::kTag:
      held_.clear();
      if (!Act(tag, false)) Literal(TextOf(tag));
      break;
    case Match::kNone:
      held_.pop_back();
      Literal(std::exchange(held_, {}));
      if (c == '<' && MatchTag("<", tag) == Match::kBeginning) {
        held_ = "<";
      } else {
        Character(c);
      }
      break;
  }
}

void ReplyParser::Push(ReplyTag tag, std::vector<ReplyPart>& parts) {
  parts_ = &parts;
  if (!quote_.empty()) EndQuote(!quote_code_.Inside());
  Literal(std::exchange(held_, {}));
  if (!Act(tag, true)) Literal(TextOf(tag));
  parts_ = nullptr;
}

void ReplyParser::Finish(std::vector<ReplyPart>& parts) {
  parts_ = &parts;
  if (!quote_.empty()) EndQuote(!quote_code_.Inside());
  Literal(std::exchange(held_, {}));
  if (state_ == State::kCall || state_ == State::kJsonCall) GiveUpCall();
  Emit(in_reasoning() ? ReplyChannel::kReasoning : ReplyChannel::kAnswer,
       std::exchange(white_, {}));
  parts_ = nullptr;
}

bool ReplyParser::ExpectClose(std::vector<ReplyPart>& parts) {
  if (quote_.empty()) {
    close_expected_ = true;
    return true;
  }
  parts_ = &parts;
  EndQuote(false);
  parts_ = nullptr;
  return false;
}

// ---- States ------------------------------------------------------------------------------------

void ReplyParser::Literal(std::string_view text) {
  for (const char c : text) Character(c);
}

void ReplyParser::Character(char c) {
  switch (state_) {
    case State::kBegin:
      if (IsWhite(c)) {
        white_ += c;
        return;
      }
      state_ = State::kAnswer;
      for (const char white : std::exchange(white_, {})) Answer(white);
      Answer(c);
      return;
    case State::kReasoning:
      code_.Push(c);
      if (c == '\n' && !code_.InFence()) fence_opens_ = 0;
      if (IsWhite(c)) {
        if (!fresh_) white_ += c;
        return;
      }
      fresh_ = false;
      white_ += c;
      Emit(ReplyChannel::kReasoning, std::exchange(white_, {}));
      return;
    case State::kAfter:
    case State::kCalls:
      if (IsWhite(c)) return;
      state_ = State::kAnswer;
      Answer(c);
      return;
    case State::kAnswer:
      Answer(c);
      return;
    case State::kCall:
      call_ += c;
      return;
    case State::kJsonCall:
      call_ += c;
      if (escaped_) {
        escaped_ = false;
      } else if (in_string_ && c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_string_ = !in_string_;
      }
      return;
  }
}

void ReplyParser::Answer(char c) {
  Emit(ReplyChannel::kAnswer, {&c, 1});
  if (options_.tool_calls) code_.Push(c);
}

bool ReplyParser::Act(ReplyTag tag, bool by_id) {
  switch (state_) {
    case State::kReasoning:
      return ActInReasoning(tag, by_id);
    case State::kBegin:
    case State::kAfter:
    case State::kAnswer:
      return ActInAnswer(tag, by_id);
    case State::kCalls:
      return ActBetweenCalls(tag);
    case State::kCall:
      return ActInCall(tag);
    case State::kJsonCall:
      return ActInJsonCall(tag, by_id);
  }
  return false;
}

bool ReplyParser::ActInReasoning(ReplyTag tag, bool by_id) {
  if (tag == ReplyTag::kThinkClose) {
    const bool may_be_quoted = !by_id && !close_expected_;
    if (may_be_quoted && IsQuoted()) return false;
    if (may_be_quoted && code_.InInline()) {
      // Inline code, if it ends in this line.
      quote_ = TextOf(tag);
      quote_code_ = code_;
      for (const char c : quote_) quote_code_.Push(c);
      return true;
    }
    CloseReasoning();
    return true;
  }
  if (tag == ReplyTag::kThinkOpen) {
    if (code_.InFence()) ++fence_opens_;
    return fresh_;
  }
  const bool opens = tag == ReplyTag::kCallsOpen || tag == ReplyTag::kCallOpen;
  if (!opens || !by_id || !options_.tool_calls) return false;
  Open(tag);
  return true;
}

// Whether </think> is text of the fenced code that the reasoning is in.
bool ReplyParser::IsQuoted() {
  if (!code_.InFence()) return false;
  if (fence_opens_ == 0) return !code_.BeginsLine();
  --fence_opens_;
  return true;
}

void ReplyParser::FeedQuote(char c) {
  if (c != '`' && !quote_code_.Inside()) {
    EndQuote(true);
    return Feed(c);
  }
  if (c == '\n') {
    EndQuote(false);
    return Feed(c);
  }
  quote_ += c;
  quote_code_.Push(c);
}

// It is known now what was held back: text, or the end of the reasoning and what follows that.
void ReplyParser::EndQuote(bool quoted) {
  const std::string held = std::exchange(quote_, {});
  if (quoted) return Literal(held);
  CloseReasoning();
  for (const char c : std::string_view(held).substr(TextOf(ReplyTag::kThinkClose).size())) Feed(c);
}

bool ReplyParser::ActInAnswer(ReplyTag tag, bool by_id) {
  if (tag == ReplyTag::kThinkOpen && state_ == State::kBegin) {
    white_.clear();
    state_ = State::kReasoning;
    had_reasoning_ = true;
    return true;
  }
  if (tag == ReplyTag::kThinkClose) {
    if (state_ == State::kBegin) CloseReasoning();
    return state_ == State::kAfter && closed_;
  }
  if (!OpensCall(tag) || !options_.tool_calls) return false;
  const bool may_be_quoted = !by_id || tag == ReplyTag::kJsonCallOpen;
  if (may_be_quoted && code_.Inside()) return false;
  Open(tag);
  return true;
}

bool ReplyParser::ActBetweenCalls(ReplyTag tag) {
  if (OpensCall(tag)) {
    Open(tag);
    return true;
  }
  if (tag != ReplyTag::kCallsClose) return false;
  state_ = State::kAfter;
  return true;
}

bool ReplyParser::ActInCall(ReplyTag tag) {
  switch (tag) {
    case ReplyTag::kCallSeparator:
      if (separator_ > 0) return false;
      separator_ = call_.size();
      call_ += TextOf(tag);
      return true;
    case ReplyTag::kCallClose:
    case ReplyTag::kCallsClose:
      CloseCall(tag);
      return true;
    case ReplyTag::kCallOpen:
      GiveUpCall();
      Open(tag);
      return true;
    default:
      return false;
  }
}

bool ReplyParser::ActInJsonCall(ReplyTag tag, bool by_id) {
  // An argument may quote the tag.
  if (in_string_ && !by_id) return false;
  if (tag == ReplyTag::kJsonCallClose) {
    CloseCall(tag);
    return true;
  }
  if (tag != ReplyTag::kJsonCallOpen) return false;
  GiveUpCall();
  Open(tag);
  return true;
}

void ReplyParser::CloseReasoning() {
  white_.clear();
  code_ = {};
  state_ = State::kAfter;
  closed_ = had_reasoning_ = true;
  close_expected_ = false;
}

void ReplyParser::Open(ReplyTag tag) {
  white_.clear();
  code_ = {};
  closed_ = false;
  if (tag == ReplyTag::kCallsOpen) {
    state_ = State::kCalls;
    return;
  }
  state_ = tag == ReplyTag::kCallOpen ? State::kCall : State::kJsonCall;
  call_ = TextOf(tag);
  separator_ = 0;
  in_string_ = escaped_ = false;
}

void ReplyParser::CloseCall(ReplyTag tag) {
  std::optional<ToolCall> call;
  const std::string_view text = call_;
  if (state_ == State::kJsonCall) {
    call = ReadJsonCall(text.substr(TextOf(ReplyTag::kJsonCallOpen).size()));
  } else if (separator_ > 0) {
    const std::size_t begin = TextOf(ReplyTag::kCallOpen).size();
    call = ReadDeepSeekCall(text.substr(begin, separator_ - begin),
                            text.substr(separator_ + TextOf(ReplyTag::kCallSeparator).size()));
  }
  if (call) {
    ReplyPart part;
    part.kind = ReplyPart::Kind::kToolCall;
    part.call = std::move(*call);
    parts_->push_back(std::move(part));
    call_.clear();
  } else {
    call_ += TextOf(tag);
    GiveUpCall();
  }
  state_ = tag == ReplyTag::kCallClose ? State::kCalls : State::kAfter;
}

void ReplyParser::GiveUpCall() {
  ReplyPart part;
  part.text = std::exchange(call_, {});
  part.broken_call = true;
  parts_->push_back(std::move(part));
  state_ = State::kAfter;
}

void ReplyParser::Emit(ReplyChannel channel, std::string_view text) {
  if (text.empty()) return;
  const bool joins = !parts_->empty() && parts_->back().kind == ReplyPart::Kind::kText &&
                     parts_->back().channel == channel && !parts_->back().broken_call;
  if (!joins) parts_->push_back({.channel = channel});
  parts_->back().text += text;
}

// ---- Ids ---------------------------------------------------------------------------------------

namespace {

// Tool tags that are not looked for stay what they are to the decoder.
std::array<TokenId, kReplyTags> TagIds(const Tokenizer& tokenizer, bool tool_calls) {
  std::array<TokenId, kReplyTags> ids;
  for (std::size_t i = 0; i < kReplyTags; ++i) {
    const auto tag = static_cast<ReplyTag>(i);
    const bool thinking = tag == ReplyTag::kThinkOpen || tag == ReplyTag::kThinkClose;
    ids[i] = thinking || tool_calls ? tokenizer.FindAdded(TextOf(tag)) : -1;
  }
  return ids;
}

ReplyParser::Options OptionsOf(const std::array<TokenId, kReplyTags>& ids, bool in_reasoning,
                               bool tool_calls) {
  ReplyParser::Options options{.in_reasoning = in_reasoning, .tool_calls = tool_calls};
  for (std::size_t i = 0; i < kReplyTags; ++i) options.by_id[i] = ids[i] >= 0;
  return options;
}

}  // namespace

ReplyReader::ReplyReader(const Tokenizer& tokenizer, bool in_reasoning, bool tool_calls)
    : ids_(TagIds(tokenizer, tool_calls)),
      decoder_(tokenizer),
      parser_(OptionsOf(ids_, in_reasoning, tool_calls)) {}

std::vector<ReplyPart> ReplyReader::Push(TokenId id) {
  std::vector<ReplyPart> parts;
  for (std::size_t i = 0; i < kReplyTags; ++i) {
    if (ids_[i] < 0 || ids_[i] != id) continue;
    parser_.Push(decoder_.Finish(), parts);
    parser_.Push(static_cast<ReplyTag>(i), parts);
    return parts;
  }
  parser_.Push(decoder_.Push(id), parts);
  return parts;
}

std::vector<ReplyPart> ReplyReader::Finish() {
  std::vector<ReplyPart> parts;
  parser_.Push(decoder_.Finish(), parts);
  parser_.Finish(parts);
  return parts;
}

}  // namespace fathom
