// Separates a reply, while it streams, into reasoning, answer and tool calls. A state machine over
// bytes and tags: what comes out is the same however the text is cut. Holds back only what may
// still become a tag, white space that may be dropped, and tool calls, which come as a whole.
//
// Tags are recognised by token id where the vocabulary has them as added tokens (their text,
// spelled with ordinary tokens, is then ordinary text), and by their bytes where it has not. The
// rules:
//
// - A reply begins in the state that its prompt sets: inside reasoning when the prompt ends in an
//   open <think>. Otherwise <think> opens reasoning when it is the first text of the reply that is
//   not white space. A second one directly after it is dropped.
// - </think> as a token closes reasoning wherever it stands in it. Spelled in bytes it is text
//   where the reasoning quotes it: in inline code, and in fenced code. So that code which is never
//   closed does not swallow the answer, inline code ends with its line (the tag is held back until
//   it is known), and in fenced code a </think> that begins its line closes the reasoning all the
//   same, unless it belongs to a <think> in that block.
// - As the first text of a reply </think> closes an empty one. Repeated directly after itself it is
//   dropped.
// - Anywhere else <think> and </think> are text: in the answer, above all in its code.
// - Reasoning that is not closed is reasoning to the end.
// - White space (ASCII) directly after <think>, before and after </think>, and after a tool call is
//   dropped, as is what begins a reply that goes on with a tag. No other white space is.
// - Tool calls are looked for in the answer, and only on request. Spelled in bytes (in the JSON
//   form as tokens, too), their tags are text inside fenced code and inline code: a stretch between
//   equal runs of backticks in one line. DeepSeek's opening tags as tokens also end reasoning that
//   was not closed; no other tool tag acts within reasoning.
// - A tool call that cannot be read, or is not closed, comes as text of the answer from its opening
//   tag to its end, marked as broken.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "text/stream_decoder.h"
#include "text/tokenizer.h"
#include "text/tool_call.h"

namespace fathom {

enum class ReplyChannel : uint8_t { kReasoning, kAnswer };

// The next piece of a reply.
struct ReplyPart {
  enum class Kind : uint8_t { kText, kToolCall };
  Kind kind = Kind::kText;
  ReplyChannel channel = ReplyChannel::kAnswer;
  std::string text;
  bool broken_call = false;  // text that was to be a tool call
  ToolCall call;
};

enum class ReplyTag : uint8_t {
  kThinkOpen,      // <think>
  kThinkClose,     // </think>
  kCallsOpen,      // <｜tool▁calls▁begin｜>
  kCallsClose,     // <｜tool▁calls▁end｜>
  kCallOpen,       // <｜tool▁call▁begin｜>
  kCallSeparator,  // <｜tool▁sep｜>
  kCallClose,      // <｜tool▁call▁end｜>
  kJsonCallOpen,   // <tool_call>
  kJsonCallClose,  // </tool_call>
};
inline constexpr std::size_t kReplyTags = 9;
std::string_view TextOf(ReplyTag tag);

// Whether a place in Markdown is inside code. Knows no indented code blocks.
class MarkdownCode {
 public:
  void Push(char c);
  // Of what comes next, which is no backtick, tilde or line break.
  bool Inside();
  bool InFence();   // inside a block, and not in its first or last line
  bool InInline();  // in inline code, or in what is the first line of a block if nothing ends it
  bool BeginsLine() const { return blank_; }

 private:
  void EndRun();

  char run_ = '\0';  // the run of backticks or tildes that the text ends with
  std::size_t run_length_ = 0;
  bool run_starts_line_ = false;
  std::size_t indent_ = 0;  // spaces of the line so far
  bool blank_ = true;       // the line has nothing else
  char fence_ = '\0';       // of the block that is open
  std::size_t fence_length_ = 0;
  bool fence_line_ = false;  // still in the line that opened it
  bool fence_ends_ = false;  // the line so far would close it
  std::size_t inline_ = 0;   // backticks that opened inline code
};

class ReplyParser {
 public:
  struct Options {
    bool in_reasoning = false;                // the prompt ends in an open <think>
    bool tool_calls = false;                  // look for tool calls
    std::array<bool, kReplyTags> by_id = {};  // tags that come through Push(ReplyTag)
  };
  explicit ReplyParser(const Options& options);

  // Each appends to `parts`, joining text to a last part of the same kind.
  void Push(std::string_view text, std::vector<ReplyPart>& parts);
  void Push(ReplyTag tag, std::vector<ReplyPart>& parts);
  void Finish(std::vector<ReplyPart>& parts);

  // In reasoning: what comes next has a </think> that closes it, whatever code it stands in. False:
  // a </think> that was held back has just closed it, and none should come.
  bool ExpectClose(std::vector<ReplyPart>& parts);

  bool in_reasoning() const { return state_ == State::kReasoning; }
  // Whether there was any, even empty.
  bool had_reasoning() const { return had_reasoning_; }

 private:
  enum class State : uint8_t {
    kBegin,      // nothing but white space so far
    kReasoning,  // after <think>
    kAfter,      // after </think> or a tool call, and only white space since
    kAnswer,
    kCalls,     // after <｜tool▁calls▁begin｜> or a call
    kCall,      // after <｜tool▁call▁begin｜>
    kJsonCall,  // after <tool_call>
  };

  // What the bytes of `text` are, of the tags that may come here.
  enum class Match : uint8_t { kNone, kBeginning, kTag };
  Match MatchTag(std::string_view text, ReplyTag& tag) const;
  bool MayComeHere(ReplyTag tag) const;

  void Feed(char c);
  void Character(char c);
  void Answer(char c);
  void Literal(std::string_view text);
  // False: the tag means nothing here and is text.
  bool Act(ReplyTag tag, bool by_id);
  bool ActInReasoning(ReplyTag tag, bool by_id);
  bool IsQuoted();
  void FeedQuote(char c);
  void EndQuote(bool quoted);
  bool ActInAnswer(ReplyTag tag, bool by_id);
  bool ActInCall(ReplyTag tag);
  bool ActInJsonCall(ReplyTag tag, bool by_id);
  bool ActBetweenCalls(ReplyTag tag);
  void CloseReasoning();
  void Open(ReplyTag tag);
  void CloseCall(ReplyTag tag);
  void GiveUpCall();
  void Emit(ReplyChannel channel, std::string_view text);

  const Options options_;
  State state_;
  bool fresh_ = true;  // in reasoning: no text of it yet
  bool had_reasoning_ = false;
  bool closed_ = false;      // in kAfter: what came before was </think>
  std::string held_;         // may become a tag that is looked for by its bytes
  std::string quote_;        // </think> and what follows it, which may be inline code
  MarkdownCode quote_code_;  // at the end of it
  bool close_expected_ = false;
  int fence_opens_ = 0;        // <think> in the fenced code of the reasoning, without its </think>
  std::string white_;          // of which is not known yet whether it is dropped
  std::string call_;           // the tool call so far, tags included
  std::size_t separator_ = 0;  // where in it the first separator is; 0: there is none
  bool in_string_ = false, escaped_ = false;  // inside a string of a JSON call
  MarkdownCode code_;
  std::vector<ReplyPart>* parts_ = nullptr;  // during a call
};

// A ReplyParser fed with token ids.
class ReplyReader {
 public:
  // The tokenizer is kept by reference.
  ReplyReader(const Tokenizer& tokenizer, bool in_reasoning, bool tool_calls);

  std::vector<ReplyPart> Push(TokenId id);
  std::vector<ReplyPart> Finish();
  bool ExpectClose(std::vector<ReplyPart>& parts) { return parser_.ExpectClose(parts); }

  bool in_reasoning() const { return parser_.in_reasoning(); }
  bool had_reasoning() const { return parser_.had_reasoning(); }

 private:
  std::array<TokenId, kReplyTags> ids_;  // -1: by bytes
  StreamDecoder decoder_;
  ReplyParser parser_;
};

}  // namespace fathom
