#include "chat/reply_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "chat/fake_model.h"

namespace fathom {
namespace {

using testing::ElementsAre;
using Action = GuideDecision::Action;
constexpr TokenId kThink = FakeVocabulary::kThink, kThinkEnd = FakeVocabulary::kThinkEnd;

class ReplyTextTest : public testing::Test {
 protected:
  // All pieces of a reply, each token taken as it comes.
  ReplyText::Piece Read(ReplyTextOptions options, const std::vector<TokenId>& ids) {
    ReplyText text(&tokenizer_, std::move(options));
    ReplyText::Piece all;
    actions_.clear();
    const auto add = [&](ReplyText::Piece&& piece) {
      all.reasoning += piece.reasoning;
      all.text += piece.text;
      all.broken_call = all.broken_call || piece.broken_call;
      for (ToolCall& call : piece.calls) all.calls.push_back(std::move(call));
      marks_ += piece.is_reasoning ? 'r' : 'a';
    };
    marks_.clear();
    for (const TokenId id : ids) {
      actions_.push_back(text.Observe(id).action);
      add(text.Take());
    }
    const std::string marks = marks_;
    add(text.Finish());
    marks_ = marks;
    reasoning_tokens_ = text.reasoning_tokens();
    return all;
  }

  std::vector<TokenId> Bytes(const std::string& text) { return tokenizer_.Encode(text); }

  Tokenizer tokenizer_{FakeTokenizerSpec(false, true)};
  std::vector<Action> actions_;
  std::string marks_;
  int64_t reasoning_tokens_ = 0;
};

TEST_F(ReplyTextTest, ReasoningAndAnswerAndTheirTokens) {
  const auto piece =
      Read({.separate = true, .in_reasoning = true}, {'a', 'b', kThinkEnd, '\n', 'x'});
  EXPECT_EQ(piece.reasoning, "ab");
  EXPECT_EQ(piece.text, "x");
  EXPECT_EQ(marks_, "rrraa");
  EXPECT_EQ(reasoning_tokens_, 3);
}

TEST_F(ReplyTextTest, ReasoningThatTheReplyOpens) {
  const auto piece = Read({.separate = true}, {'\n', kThink, 'a', kThinkEnd, 'x'});
  EXPECT_EQ(piece.reasoning, "a");
  EXPECT_EQ(piece.text, "x");
  EXPECT_EQ(reasoning_tokens_, 4);
}

TEST_F(ReplyTextTest, WithoutSeparationTagsAreText) {
  const auto piece = Read({}, {kThink, 'a', kThinkEnd, 'x'});
  EXPECT_EQ(piece.reasoning, "");
  EXPECT_EQ(piece.text, "<think>a</think>x");
  EXPECT_EQ(reasoning_tokens_, 0);
}

TEST_F(ReplyTextTest, StopStringsActOnTheAnswerOnly) {
  const auto piece = Read({.stops = {"b"}, .separate = true, .in_reasoning = true},
                          {'a', 'b', kThinkEnd, 'a', 'b', 'c'});
  EXPECT_EQ(piece.reasoning, "ab");
  EXPECT_EQ(piece.text, "a");
  EXPECT_THAT(actions_, ElementsAre(Action::kContinue, Action::kContinue, Action::kContinue,
                                    Action::kContinue, Action::kStop, Action::kStop));
}

TEST_F(ReplyTextTest, AStopStringDoesNotBeginInTheReasoning) {
  const auto piece =
      Read({.stops = {"ab"}, .separate = true, .in_reasoning = true}, {'a', kThinkEnd, 'b', 'c'});
  EXPECT_EQ(piece.text, "bc");
}

TEST_F(ReplyTextTest, TheBudgetActsAtItsTokenAndOnce) {
  ReplyText text(
      &tokenizer_,
      {.separate = true, .in_reasoning = true, .thinking_budget = 2, .closing = {'\n', kThinkEnd}});
  EXPECT_EQ(text.Observe('a').action, Action::kContinue);
  const GuideDecision decision = text.Observe('b');
  EXPECT_EQ(decision.action, Action::kForce);
  EXPECT_THAT(decision.ids, ElementsAre('\n', kThinkEnd));
  for (const TokenId id : decision.ids) EXPECT_EQ(text.Observe(id).action, Action::kContinue);
  EXPECT_EQ(text.Observe('x').action, Action::kContinue);
  const ReplyText::Piece all = text.Finish();
  EXPECT_EQ(all.reasoning, "ab");
  EXPECT_EQ(all.text, "x");
  EXPECT_EQ(text.reasoning_tokens(), 4);
}

// Where tags are spelled in bytes, a </think> in code would be a quotation; the budget's is none.
TEST_F(ReplyTextTest, TheBudgetClosesReasoningThatIsInsideCode) {
  const Tokenizer tokenizer(FakeTokenizerSpec(false, false));
  const std::vector<TokenId> closing = tokenizer.Encode("</think>");
  for (const std::string thought : {"a", "```\nb", "a `b", "a `b` c ``d"}) {
    SCOPED_TRACE(thought);
    std::vector<TokenId> ids = tokenizer.Encode(thought);
    ReplyText text(&tokenizer, {.separate = true,
                                .in_reasoning = true,
                                .thinking_budget = static_cast<int64_t>(ids.size()),
                                .closing = closing});
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      EXPECT_EQ(text.Observe(ids[i]).action, Action::kContinue);
    }
    EXPECT_EQ(text.Observe(ids.back()).action, Action::kForce);
    for (const TokenId id : closing) EXPECT_EQ(text.Observe(id).action, Action::kContinue);
    for (const TokenId id : tokenizer.Encode("x")) text.Observe(id);
    const ReplyText::Piece all = text.Finish();
    EXPECT_EQ(all.reasoning, thought);
    EXPECT_EQ(all.text, "x");
  }
}

// The model has written the tag itself, and it was held back because it could be inline code.
TEST_F(ReplyTextTest, TheBudgetTakesATagThatWasHeldBack) {
  const Tokenizer tokenizer(FakeTokenizerSpec(false, false));
  const std::vector<TokenId> ids = tokenizer.Encode("a `b</think>4");
  ReplyText text(&tokenizer, {.separate = true,
                              .in_reasoning = true,
                              .thinking_budget = static_cast<int64_t>(ids.size()),
                              .closing = tokenizer.Encode("</think>")});
  for (const TokenId id : ids) EXPECT_EQ(text.Observe(id).action, Action::kContinue);
  for (const TokenId id : tokenizer.Encode("2")) text.Observe(id);
  const ReplyText::Piece all = text.Finish();
  EXPECT_EQ(all.reasoning, "a `b");
  EXPECT_EQ(all.text, "42");
}

TEST_F(ReplyTextTest, NoBudgetIsSpentOutsideOfReasoning) {
  Read({.separate = true, .in_reasoning = true, .thinking_budget = 2, .closing = {kThinkEnd}},
       {'a', kThinkEnd, 'x', 'y', 'z'});
  EXPECT_THAT(actions_, testing::Each(Action::kContinue));
  Read({.separate = true, .thinking_budget = 0, .closing = {kThinkEnd}}, {'a', 'b'});
  EXPECT_THAT(actions_, testing::Each(Action::kContinue));
  Read({.separate = true, .thinking_budget = 0, .closing = {kThinkEnd}}, {kThink, 'b'});
  EXPECT_THAT(actions_, ElementsAre(Action::kForce, Action::kContinue));
}

TEST_F(ReplyTextTest, ToolCallsAreAPartOfTheirOwn) {
  const auto ids = Bytes("Sure.<tool_call>{\"name\":\"f\",\"arguments\":{\"a\":1}}</tool_call>");
  const auto piece = Read({.separate = true, .tool_calls = true}, ids);
  EXPECT_EQ(piece.text, "Sure.");
  ASSERT_EQ(piece.calls.size(), 1u);
  EXPECT_EQ(piece.calls[0].name, "f");
  EXPECT_EQ(piece.calls[0].arguments, "{\"a\":1}");
  EXPECT_FALSE(piece.broken_call);
  EXPECT_EQ(Read({.separate = true}, ids).calls.size(), 0u);
}

TEST_F(ReplyTextTest, OneCallEndsTheReply) {
  const std::string call = "<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>";
  // "Yes" may be the beginning of a stop string until the call shows that it is not.
  const auto piece =
      Read({.stops = {"Yes!"}, .separate = true, .tool_calls = true, .one_call = true},
           Bytes("Yes" + call + call + "more"));
  EXPECT_EQ(piece.text, "Yes");
  EXPECT_EQ(piece.calls.size(), 1u);
  EXPECT_EQ(actions_.at(3 + call.size() - 1), Action::kStop);
  const auto both = Read({.separate = true, .tool_calls = true}, Bytes(call + call + "more"));
  EXPECT_EQ(both.calls.size(), 2u);
  EXPECT_EQ(both.text, "more");
}

TEST_F(ReplyTextTest, BrokenToolCallsAreMarkedText) {
  const auto piece =
      Read({.separate = true, .tool_calls = true}, Bytes("<tool_call>{\"name\"</tool_call>ok"));
  EXPECT_TRUE(piece.broken_call);
  EXPECT_EQ(piece.text, "<tool_call>{\"name\"</tool_call>ok");
}

}  // namespace
}  // namespace fathom
