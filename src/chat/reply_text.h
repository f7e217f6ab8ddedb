// The text of one reply on the engine thread: the guide that watches its tokens, and the pieces
// that belong to each of them. Stop strings, the separation of reasoning from the answer, and the
// thinking budget act here, at their exact token, so the load never moves them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "text/reply_parser.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"

namespace fathom {

struct ReplyTextOptions {
  std::vector<TokenId> stop_ids;   // stand for no text
  std::vector<std::string> stops;  // of the answer; reasoning may say them
  bool separate = false;           // reasoning and tool calls are looked for
  bool in_reasoning = false;       // the prompt opened it
  bool tool_calls = false;
  bool one_call = false;         // the reply ends with its first call
  int64_t thinking_budget = -1;  // tokens of reasoning at most; -1: no limit
  std::vector<TokenId> closing;  // what ends reasoning then
};

// Fed by the guide and read by the sink. Both run on the engine thread, so nothing is locked.
class ReplyText {
 public:
  // What one token brought; often nothing, while text is held back.
  struct Piece {
    std::string reasoning;
    std::string text;  // of the answer
    std::vector<ToolCall> calls;
    bool broken_call = false;       // `text` has what was to be a tool call
    bool is_reasoning = false;      // the token itself belongs to the reasoning, its tags included
    std::size_t answer_before = 0;  // bytes that the matcher had seen before the token
  };

  // `tokenizer` may be null: then there is no text. It is kept by reference.
  ReplyText(const Tokenizer* tokenizer, ReplyTextOptions options);

  bool Ends(TokenId id) const;
  GuideDecision Observe(TokenId id);
  // The piece of the oldest observed token that was not taken yet.
  Piece Take();
  // Everything that is still held back.
  Piece Finish();

  int64_t reasoning_tokens() const { return reasoning_tokens_; }
  bool found_stop() const { return found_stop_; }

 private:
  void Read(TokenId id, Piece& piece);
  bool BudgetCloses(Piece& piece);
  void Add(std::vector<ReplyPart>&& parts, Piece& piece);
  void AddAnswer(const std::string& text, Piece& piece);
  void CountReasoning(bool was_in_reasoning, bool had_reasoning, Piece& piece);

  ReplyTextOptions options_;
  std::optional<StreamDecoder> decoder_;  // one of these two, with a tokenizer
  std::optional<ReplyReader> reader_;
  StopMatcher matcher_;
  std::deque<Piece> pieces_;
  std::size_t answer_bytes_ = 0;  // that the matcher has seen
  bool stopped_ = false;
  bool found_stop_ = false;  // that is why
  bool closed_ = false;      // by the budget
  int64_t tokens_ = 0;
  int64_t reasoning_tokens_ = 0;
};

}  // namespace fathom
