#include "chat/reply_text.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"

namespace fathom {

ReplyText::ReplyText(const Tokenizer* tokenizer, ReplyTextOptions options)
    : options_(std::move(options)), matcher_(std::move(options_.stops)) {
  if (tokenizer == nullptr) return;
  if (options_.separate) {
    reader_.emplace(*tokenizer, options_.in_reasoning, options_.tool_calls);
  } else {
    decoder_.emplace(*tokenizer);
  }
}

bool ReplyText::Ends(TokenId id) const {
  return std::find(options_.stop_ids.begin(), options_.stop_ids.end(), id) !=
         options_.stop_ids.end();
}

GuideDecision ReplyText::Observe(TokenId id) {
  Piece piece;
  piece.answer_before = answer_bytes_;
  ++tokens_;
  if (!Ends(id) && !stopped_) Read(id, piece);
  const bool closes = !stopped_ && !Ends(id) && BudgetCloses(piece);
  pieces_.push_back(std::move(piece));
  if (stopped_) return {GuideDecision::Action::kStop};
  if (closes) return {GuideDecision::Action::kForce, options_.closing};
  return {};
}

// Whether the budget is spent and the reasoning has to be closed for the model.
bool ReplyText::BudgetCloses(Piece& piece) {
  const bool spent = options_.thinking_budget >= 0 && reader_ && reader_->in_reasoning() &&
                     reasoning_tokens_ >= options_.thinking_budget;
  if (!spent || closed_) return false;
  closed_ = true;
  std::vector<ReplyPart> parts;
  const bool closes = reader_->ExpectClose(parts);
  Add(std::move(parts), piece);
  return closes;
}

void ReplyText::Read(TokenId id, Piece& piece) {
  if (decoder_) AddAnswer(decoder_->Push(id), piece);
  if (!reader_) return;
  const bool was_in_reasoning = reader_->in_reasoning();
  const bool had_reasoning = reader_->had_reasoning();
  Add(reader_->Push(id), piece);
  CountReasoning(was_in_reasoning, had_reasoning, piece);
}

// The tags count as reasoning, also those that the reply spells with several tokens.
void ReplyText::CountReasoning(bool was_in_reasoning, bool had_reasoning, Piece& piece) {
  if (!had_reasoning && reader_->had_reasoning()) {
    reasoning_tokens_ = tokens_;
    piece.is_reasoning = true;
  } else if (was_in_reasoning) {
    ++reasoning_tokens_;
    piece.is_reasoning = true;
  }
}

void ReplyText::Add(std::vector<ReplyPart>&& parts, Piece& piece) {
  for (ReplyPart& part : parts) {
    if (stopped_) return;
    if (part.kind == ReplyPart::Kind::kToolCall) {
      piece.calls.push_back(std::move(part.call));
      if (!options_.one_call) continue;
      piece.text += matcher_.Finish();
      stopped_ = true;
    } else if (part.channel == ReplyChannel::kReasoning) {
      piece.reasoning += part.text;
    } else {
      piece.broken_call = piece.broken_call || part.broken_call;
      AddAnswer(part.text, piece);
    }
  }
}

void ReplyText::AddAnswer(const std::string& text, Piece& piece) {
  StopMatcher::Result result = matcher_.Push(text);
  answer_bytes_ += text.size();
  piece.text += result.text;
  stopped_ = found_stop_ = result.stopped;
}

ReplyText::Piece ReplyText::Take() {
  CHECK(!pieces_.empty());
  Piece piece = std::move(pieces_.front());
  pieces_.pop_front();
  return piece;
}

ReplyText::Piece ReplyText::Finish() {
  Piece all;
  while (!pieces_.empty()) {
    Piece piece = Take();
    all.reasoning += piece.reasoning;
    all.text += piece.text;
    std::move(piece.calls.begin(), piece.calls.end(), std::back_inserter(all.calls));
    all.broken_call = all.broken_call || piece.broken_call;
  }
  if (stopped_) return all;
  if (decoder_) AddAnswer(decoder_->Finish(), all);
  if (reader_) Add(reader_->Finish(), all);
  if (!stopped_) all.text += matcher_.Finish();
  return all;
}

}  // namespace fathom
