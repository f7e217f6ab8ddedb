#include "server/api_reply.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace fathom {
namespace {

using testing::HasSubstr;

ReplyHead Head(bool stream) {
  ReplyHead head;
  head.id = "chatcmpl-1";
  head.model = "tiny";
  head.fingerprint = "fp_1";
  head.stream = stream;
  return head;
}

ChatEvent Token(std::string text) {
  ChatEvent event;
  event.text = std::move(text);
  return event;
}

ChatEvent Done(FinishReason reason = FinishReason::kStop, std::string text = "") {
  ChatEvent event;
  event.kind = ChatEvent::Kind::kDone;
  event.finish = reason;
  event.text = std::move(text);
  event.usage.prompt_tokens = 10;
  event.usage.cached_tokens = 4;
  event.usage.completion_tokens = 5;
  event.usage.prefill_seconds = 0.5;
  event.usage.decode_seconds = 2;
  return event;
}

Json EventOf(const std::string& sse) {
  EXPECT_TRUE(sse.starts_with("data: ") && sse.ends_with("\n\n"));
  return ParseJson(sse.substr(6), "event");
}

TEST(ApiReply, TextHeldBackUntilTheEndIsPartOfTheReply) {
  ApiReply reply(Head(false));
  EXPECT_EQ(reply.Begin(), "");
  EXPECT_EQ(reply.Add(0, Token("ab")), "");
  EXPECT_FALSE(reply.done());
  reply.Add(0, Done(FinishReason::kLength, "cd"));
  ASSERT_TRUE(reply.done());
  const Json body = reply.Body();
  EXPECT_EQ(body.at("choices").at(0).at("message").at("content"), "abcd");
  EXPECT_EQ(body.at("choices").at(0).at("finish_reason"), "length");
  EXPECT_EQ(body.at("usage").at("prompt_cache_miss_tokens"), 6);
  EXPECT_DOUBLE_EQ(body.at("timings").at("prefill_tokens_per_second"), 12.0);
  EXPECT_DOUBLE_EQ(body.at("timings").at("decode_tokens_per_second"), 2.0);
}

TEST(ApiReply, StreamSkipsEmptyTextAndSendsTheRestBeforeTheEnd) {
  ApiReply reply(Head(true));
  EXPECT_EQ(EventOf(reply.Begin()).at("choices").at(0).at("delta").at("content"), "");
  EXPECT_EQ(reply.Add(0, Token("")), "");
  EXPECT_EQ(EventOf(reply.Add(0, Token("x"))).at("choices").at(0).at("delta").at("content"), "x");
  const std::string end = reply.Add(0, Done(FinishReason::kStop, "rest"));
  EXPECT_LT(end.find("rest"), end.find("\"finish_reason\":\"stop\""));
  EXPECT_TRUE(end.ends_with(kSseDone));
  EXPECT_TRUE(reply.done());
  EXPECT_EQ(reply.Add(0, Token("late")), "");
}

TEST(ApiReply, DoneComesWithTheLastOfSeveralReplies) {
  ReplyHead head = Head(true);
  head.replies = 2;
  head.choices = 2;
  head.include_usage = true;
  ApiReply reply(head);
  reply.Begin();
  EXPECT_THAT(reply.Add(1, Done()), testing::Not(HasSubstr("[DONE]")));
  const std::string end = reply.Add(0, Done());
  EXPECT_THAT(end, HasSubstr("[DONE]"));
  EXPECT_THAT(end, HasSubstr("\"prompt_tokens\":10"));      // counted once
  EXPECT_THAT(end, HasSubstr("\"completion_tokens\":10"));  // of both
}

TEST(ApiReply, FailureOfAReplyIsTheErrorOfAll) {
  ApiReply reply(Head(false));
  ChatEvent failed = Done(FinishReason::kError);
  failed.error = Error(ErrorCode::kOutOfMemory, "no memory left");
  reply.Add(0, std::move(failed));
  ASSERT_TRUE(reply.done());
  EXPECT_EQ(reply.error()->status(), 500);
  EXPECT_THAT(reply.error()->what(), HasSubstr("no memory left"));
  ApiReply cancelled(Head(true));
  EXPECT_EQ(cancelled.Add(0, Done(FinishReason::kCancelled)), "");
  EXPECT_EQ(cancelled.error()->status(), 503);
}

TEST(ApiReply, LogprobsAreFiniteAndKeepBytes) {
  ReplyHead head = Head(false);
  head.logprobs = true;
  ApiReply reply(head);
  ChatEvent event = Token("");
  event.logprob =
      LogprobEntry{"\xEF\xBF\xBD", "\xC3", 7, -std::numeric_limits<float>::infinity(), {}};
  reply.Add(0, std::move(event));
  ChatEvent end = Token("");
  end.ends = true;
  end.logprob = LogprobEntry{"<end>", "<end>", 8, -1, {}};
  reply.Add(0, std::move(end));
  reply.Add(0, Done());
  const Json content = reply.Body().at("choices").at(0).at("logprobs").at("content");
  ASSERT_EQ(content.size(), 1u);
  EXPECT_EQ(content[0].at("logprob"), -9999.0);
  EXPECT_EQ(content[0].at("bytes"), Json::array({0xC3}));
}

ChatEvent Thought(std::string text) {
  ChatEvent event;
  event.reasoning = std::move(text);
  event.is_reasoning = true;
  return event;
}

TEST(ApiReply, ReasoningIsApartFromTheAnswer) {
  ReplyHead head = Head(false);
  head.logprobs = true;
  ApiReply reply(head);
  ChatEvent first = Thought("h");
  first.logprob = LogprobEntry{"h", "h", 1, -1, {}};
  ChatEvent last = Thought("m");
  last.text = "4";
  last.logprob = LogprobEntry{"m", "m", 2, -2, {}};
  ChatEvent answer = Token("2");
  answer.logprob = LogprobEntry{"2", "2", 3, -3, {}};
  reply.Add(0, std::move(first));
  reply.Add(0, std::move(last));
  reply.Add(0, std::move(answer));
  ChatEvent done = Done();
  done.reasoning_tokens = 2;
  reply.Add(0, std::move(done));
  const Json body = reply.Body();
  const Json& choice = body.at("choices").at(0);
  EXPECT_EQ(choice.at("message").at("reasoning_content"), "hm");
  EXPECT_EQ(choice.at("message").at("content"), "42");
  EXPECT_EQ(choice.at("logprobs").at("reasoning_content").size(), 2u);
  EXPECT_EQ(choice.at("logprobs").at("content").size(), 1u);
  EXPECT_EQ(body.at("usage").at("completion_tokens_details").at("reasoning_tokens"), 2);
  EXPECT_EQ(body.at("usage").at("completion_tokens"), 5);
}

TEST(ApiReply, WithoutReasoningThereIsNoKeyForIt) {
  ApiReply reply(Head(false));
  reply.Add(0, Token("42"));
  reply.Add(0, Done());
  EXPECT_FALSE(reply.Body().at("choices").at(0).at("message").contains("reasoning_content"));
  EXPECT_EQ(reply.Body().at("usage").at("completion_tokens_details").at("reasoning_tokens"), 0);
}

TEST(ApiReply, StreamSendsReasoningThenTheAnswer) {
  ApiReply reply(Head(true));
  reply.Begin();
  const auto delta = [](const std::string& sse) {
    return EventOf(sse).at("choices").at(0).at("delta");
  };
  EXPECT_EQ(delta(reply.Add(0, Thought("hm"))), Json({{"reasoning_content", "hm"}}));
  EXPECT_EQ(reply.Add(0, Thought("")), "");  // the tag
  ChatEvent both = Thought("!");
  both.text = "4";
  const std::string two = reply.Add(0, std::move(both));
  const std::size_t second = two.find("data: ", 1);
  EXPECT_EQ(delta(two.substr(0, second)), Json({{"reasoning_content", "!"}}));
  EXPECT_EQ(delta(two.substr(second)), Json({{"content", "4"}}));
  ChatEvent done = Done();
  done.reasoning = "never closed";
  const std::string end = reply.Add(0, std::move(done));
  EXPECT_LT(end.find("never closed"), end.find("\"finish_reason\":\"stop\""));
}

TEST(ApiReply, CompletionsListOffsetsAndTheBestOfThoseThatPrintAlike) {
  ReplyHead head = Head(false);
  head.kind = ApiKind::kCompletion;
  head.logprobs = true;
  ApiReply reply(head);
  for (const int64_t offset : {0, 4}) {
    ChatEvent event = Token("text");
    event.logprob = LogprobEntry{"text", "text", 1, -1, {{"x", "x", 2, -2}, {"x", "x", 3, -3}}};
    event.logprob->text_offset = offset;
    reply.Add(0, std::move(event));
  }
  reply.Add(0, Done());
  const Json logprobs = reply.Body().at("choices").at(0).at("logprobs");
  EXPECT_EQ(logprobs.at("text_offset"), Json::array({0, 4}));
  EXPECT_EQ(logprobs.at("top_logprobs").at(0), Json({{"x", -2.0}}));
}

// The answer "one" would go on with the stop string "stop".
TEST(ApiReply, LogprobsOfWhatAStopStringCutOffAreLeftOut) {
  const struct {
    const char* token;
    const char* text;  // what was let out with it
    std::size_t before;
  } tokens[] = {{"on", "on", 0}, {"est", "e", 2}, {"o", "", 5}, {"p", "", 6}};
  for (const bool found : {true, false}) {
    for (const bool stream : {true, false}) {
      ReplyHead head = Head(stream);
      head.logprobs = true;
      head.stops = true;
      ApiReply reply(head);
      std::string sse = reply.Begin();
      for (const auto& [token, text, before] : tokens) {
        ChatEvent event = Token(text);
        event.answer_before = before;
        event.logprob = LogprobEntry{token, token, 1, -1, {}};
        sse += reply.Add(0, std::move(event));
      }
      ChatEvent done = Done(FinishReason::kStop, found ? "" : "stop");
      done.found_stop = found;
      sse += reply.Add(0, std::move(done));
      std::vector<std::string> shown;
      const auto collect = [&](const Json& choice) {
        if (choice.at("logprobs").is_null()) return;
        for (const Json& entry : choice.at("logprobs").at("content")) {
          shown.push_back(entry.at("token"));
        }
      };
      if (!stream) collect(reply.Body().at("choices").at(0));
      for (std::size_t at = 0; at < sse.size(); at = sse.find("\n\n", at) + 2) {
        if (sse.compare(at, 7, "data: {") != 0) continue;
        const std::string event = sse.substr(at, sse.find("\n\n", at) + 2 - at);
        collect(EventOf(event).at("choices").at(0));
      }
      if (found) {
        EXPECT_THAT(shown, testing::ElementsAre("on", "est")) << stream;
      } else {
        EXPECT_THAT(shown, testing::ElementsAre("on", "est", "o", "p")) << stream;
      }
    }
  }
}

TEST(ApiReply, TheSeedIsReportedAsItWasSent) {
  for (const bool negative : {true, false}) {
    ReplyHead head = Head(false);
    head.negative_seed = negative;
    ApiReply reply(head);
    ChatEvent done = Done();
    done.seed = ~uint64_t{0};
    reply.Add(0, std::move(done));
    EXPECT_EQ(reply.Body().at("seed").dump(), negative ? "-1" : "18446744073709551615");
  }
}

TEST(ApiErrors, EveryErrorHasItsStatus) {
  const auto status = [](ErrorCode code) { return ToApiError(Error(code, "m")).status(); };
  EXPECT_EQ(status(ErrorCode::kInvalidArgument), 400);
  EXPECT_EQ(status(ErrorCode::kUnsupported), 400);
  EXPECT_EQ(status(ErrorCode::kContextOverflow), 400);
  EXPECT_EQ(status(ErrorCode::kNotFound), 404);
  EXPECT_EQ(status(ErrorCode::kUnavailable), 503);
  EXPECT_EQ(status(ErrorCode::kInternal), 500);
  EXPECT_GT(ToApiError(Error(ErrorCode::kUnavailable, "busy")).retry_after(), 0);
  EXPECT_EQ(ToApiError(BadRequest("p", "m", "c")).param(), "p");
  const Json json = ErrorJson(BadRequest("", "bad \xFF byte"));
  EXPECT_TRUE(json.at("error").at("param").is_null());
  EXPECT_THAT(DumpJson(json), HasSubstr("bad \xEF\xBF\xBD byte"));
}

TEST(ApiErrors, MessagesAreWholeAndOneLine) {
  using std::string_literals::operator""s;
  const auto message = [](const Error& error) {
    return ErrorJson(ToApiError(error)).at("error").at("message").get<std::string>();
  };
  EXPECT_EQ(message(BadRequest("", "'a\0b\n\x7F' is \xC3\xA9"s)),
            "'a\\u0000b\\u000a\\u007f' is \xC3\xA9");
  EXPECT_EQ(message(Error(ErrorCode::kUnavailable, "a\0b"s, "c\0d"s)), R"(a\u0000b (c\u0000d))");
}

ChatEvent Calls(std::vector<ToolCall> calls, std::string text = "") {
  ChatEvent event = Token(std::move(text));
  event.calls = std::move(calls);
  return event;
}

TEST(ApiReply, CallsOfToolsAreAListBesideTheContent) {
  ApiReply reply(Head(false));
  reply.Add(0, Calls({{"f", R"({"a": 1})"}}));
  reply.Add(0, Calls({{"g", "{}"}, {"h", "{}"}}));
  reply.Add(0, Done());
  const Json choice = reply.Body().at("choices").at(0);
  EXPECT_EQ(choice.at("finish_reason"), "tool_calls");
  EXPECT_TRUE(choice.at("message").at("content").is_null());
  const Json& calls = choice.at("message").at("tool_calls");
  ASSERT_EQ(calls.size(), 3u);
  EXPECT_EQ(calls[0], ParseJson(R"({"id":"call_1_0_0","type":"function",
      "function":{"name":"f","arguments":"{\"a\": 1}"}})",
                                "call"));
  EXPECT_EQ(calls[2].at("id"), "call_1_0_2");

  ApiReply both(Head(false));
  both.Add(0, Calls({{"f", "{}"}}, "Let me see."));
  both.Add(0, Done(FinishReason::kLength));
  const Json cut = both.Body().at("choices").at(0);
  EXPECT_EQ(cut.at("message").at("content"), "Let me see.");
  EXPECT_EQ(cut.at("finish_reason"), "length");

  ApiReply none(Head(false));
  none.Add(0, Done());
  const Json message = none.Body().at("choices").at(0).at("message");
  EXPECT_EQ(message.at("content"), "");
  EXPECT_FALSE(message.contains("tool_calls"));
}

TEST(ApiReply, CallsAreStreamedNameFirst) {
  ApiReply reply(Head(true));
  reply.Begin();
  reply.Add(0, Calls({{"f", "{}"}}));
  const std::string sse = reply.Add(0, Calls({{"g", R"({"a": 1})"}}, "text"));
  std::vector<Json> deltas;
  for (std::size_t at = 0; at < sse.size();) {
    const std::size_t end = sse.find("\n\n", at) + 2;
    deltas.push_back(EventOf(sse.substr(at, end - at)).at("choices").at(0).at("delta"));
    at = end;
  }
  ASSERT_EQ(deltas.size(), 3u);
  EXPECT_EQ(deltas[0], ParseJson(R"({"content":"text"})", "delta"));
  EXPECT_EQ(deltas[1], ParseJson(R"({"tool_calls":[{"index":1,"id":"call_1_0_1","type":"function",
      "function":{"name":"g","arguments":""}}]})",
                                 "delta"));
  EXPECT_EQ(deltas[2], ParseJson(R"({"tool_calls":[{"index":1,
      "function":{"arguments":"{\"a\": 1}"}}]})",
                                 "delta"));
  EXPECT_THAT(reply.Add(0, Done()), HasSubstr(R"("finish_reason":"tool_calls")"));
}

}  // namespace
}  // namespace fathom
