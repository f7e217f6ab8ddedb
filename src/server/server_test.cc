#include "server/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/test_client.h"

namespace fathom {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// ---- Pages -------------------------------------------------------------------------------------

TEST(Server, HealthTellsModelAndLoad) {
  RunningServer server;
  const ClientResponse response = GetOnce(server.port(), "/health");
  EXPECT_EQ(response.status, 200);
  const Json health = response.json();
  EXPECT_EQ(health.at("status"), "ok");
  EXPECT_EQ(health.at("model"), "fake");
  EXPECT_EQ(health.at("context_length"), 4096);
  EXPECT_EQ(health.at("running"), 0);
  EXPECT_EQ(health.at("waiting"), 0);
  EXPECT_GT(health.at("memory").at("resident_bytes"), 0);
  EXPECT_EQ(health.at("memory").at("cache_bytes"), 4 << 20);
  EXPECT_GT(health.at("memory").at("cache_pages"), 0);
  EXPECT_EQ(response.Header("X-Content-Type-Options"), "nosniff");
}

TEST(Server, ListsTheModelUnderBothPaths) {
  RunningServer server;
  for (const char* path : {"/v1/models", "/models"}) {
    const Json list = GetOnce(server.port(), path).json();
    EXPECT_EQ(list.at("object"), "list");
    EXPECT_EQ(list.at("data").at(0).at("id"), "fake");
  }
  EXPECT_EQ(GetOnce(server.port(), "/v1/models/fake").json().at("object"), "model");
  const ClientResponse unknown = GetOnce(server.port(), "/v1/models/a%2Fb");
  EXPECT_EQ(unknown.status, 404);
  EXPECT_EQ(unknown.error_code(), "model_not_found");
  EXPECT_THAT(unknown.message(), HasSubstr("'a/b'"));
}

TEST(Server, HeadAndOptions) {
  RunningServer server;
  Client client(server.port());
  client.Send("HEAD /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const ClientResponse head = client.Read(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_NE(head.Header("Content-Length"), "0");
  client.Send("OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const ClientResponse options = client.Read();
  EXPECT_EQ(options.status, 204);
  EXPECT_EQ(options.Header("Allow"), "POST, OPTIONS");
  EXPECT_EQ(options.Header("Access-Control-Allow-Origin"), "");
}

TEST(Server, PreflightOfAnAllowedOrigin) {
  RunningServer server({.allowed_hosts = {"app.local"}});
  Client client(server.port());
  client.Send(
      "OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nOrigin: http://app.local\r\n"
      "Access-Control-Request-Method: POST\r\n"
      "Access-Control-Request-Headers: authorization,content-type\r\n\r\n");
  const ClientResponse response = client.Read();
  EXPECT_EQ(response.status, 204);
  EXPECT_EQ(response.Header("Access-Control-Allow-Origin"), "http://app.local");
  EXPECT_EQ(response.Header("Access-Control-Allow-Headers"), "authorization,content-type");
  client.Post(kChatPath, ChatBody(R"(,"max_tokens":1,"stream":true)"),
              "Origin: http://app.local\r\n");
  EXPECT_EQ(client.Read().Header("Access-Control-Allow-Origin"), "http://app.local");
}

// ---- Chat --------------------------------------------------------------------------------------

TEST(Server, ChatReply) {
  RunningServer server;
  const ClientResponse response =
      PostOnce(server.port(), kChatPath, ChatBody(R"(,"max_tokens":5,"seed":3)"));
  ASSERT_EQ(response.status, 200);
  const Json reply = response.json();
  EXPECT_THAT(reply.at("id").get<std::string>(), StartsWith("chatcmpl-"));
  EXPECT_EQ(reply.at("object"), "chat.completion");
  EXPECT_EQ(reply.at("model"), "fake");
  EXPECT_EQ(reply.at("system_fingerprint"), "fp_fa4e");
  EXPECT_EQ(reply.at("seed"), 3);
  const Json negative =
      PostOnce(server.port(), kChatPath, ChatBody(R"(,"max_tokens":1,"seed":-1)")).json();
  EXPECT_EQ(negative.at("seed").dump(), "-1");
  const Json& choice = reply.at("choices").at(0);
  EXPECT_EQ(choice.at("message").at("role"), "assistant");
  EXPECT_EQ(choice.at("message").at("content"), "abcde");
  EXPECT_EQ(choice.at("finish_reason"), "length");
  EXPECT_TRUE(choice.at("logprobs").is_null());
  const Json& usage = reply.at("usage");
  EXPECT_EQ(usage.at("completion_tokens"), 5);
  EXPECT_EQ(usage.at("total_tokens"), usage.at("prompt_tokens").get<int>() + 5);
  EXPECT_EQ(usage.at("prompt_tokens_details").at("cached_tokens"), 0);
  EXPECT_EQ(usage.at("prompt_cache_miss_tokens"), usage.at("prompt_tokens"));
  EXPECT_GT(reply.at("timings").at("decode_tokens_per_second"), 0);
}

TEST(Server, ThinkingIsApartFromTheAnswerAndBounded) {
  RunningServer server({}, {.knows_think = true, .opens_think = true});
  const auto ask = [&](const char* fields) {
    return PostOnce(server.port(), kChatPath, ChatBody(fields));
  };
  const Json reply = ask(R"(,"max_tokens":10,"thinking_budget":3)").json();
  const Json& message = reply.at("choices").at(0).at("message");
  EXPECT_EQ(message.at("reasoning_content"), "abc");
  EXPECT_EQ(message.at("content"), "abc");
  EXPECT_EQ(reply.at("usage").at("completion_tokens_details").at("reasoning_tokens"), 5);
  EXPECT_EQ(reply.at("usage").at("completion_tokens"), 10);

  std::string reasoning, content;
  for (const Json& event : ask(R"(,"max_tokens":10,"thinking_budget":3,"stream":true)").Events()) {
    const Json& delta = event.at("choices").at(0).at("delta");
    reasoning += delta.value("reasoning_content", "");
    content += delta.value("content", "");
  }
  EXPECT_EQ(reasoning, "abc");
  EXPECT_EQ(content, "abc");

  const Json off = ask(R"(,"max_tokens":3,"thinking":{"type":"disabled"})").json();
  EXPECT_EQ(off.at("choices").at(0).at("message").at("content"), "abc");
  EXPECT_FALSE(off.at("choices").at(0).at("message").contains("reasoning_content"));
}

TEST(Server, SecondTurnReportsCachedTokens) {
  RunningServer server;
  const std::string long_text(200, 'x');
  const std::string first =
      PostOnce(server.port(), kChatPath, ChatBody(R"(,"max_tokens":1)", long_text)).body;
  const Json usage = PostOnce(server.port(), kChatPath, ChatBody(R"(,"max_tokens":1)", long_text))
                         .json()
                         .at("usage");
  EXPECT_GT(usage.at("prompt_tokens_details").at("cached_tokens"), 150);
  EXPECT_EQ(usage.at("prompt_cache_hit_tokens"),
            usage.at("prompt_tokens_details").at("cached_tokens"));
  EXPECT_EQ(usage.at("prompt_cache_hit_tokens").get<int>() +
                usage.at("prompt_cache_miss_tokens").get<int>(),
            usage.at("prompt_tokens"));
  // A user of their own shares nothing.
  const Json own =
      PostOnce(server.port(), kChatPath, ChatBody(R"(,"max_tokens":1,"user_id":"joe")", long_text))
          .json();
  EXPECT_EQ(own.at("usage").at("prompt_cache_hit_tokens"), 0);
}

TEST(Server, ChatStream) {
  RunningServer server({}, {.text = "world", .ends = true});
  const ClientResponse response =
      PostOnce(server.port(), kChatPath,
               ChatBody(R"(,"stream":true,"stream_options":{"include_usage":true})"));
  ASSERT_EQ(response.status, 200);
  EXPECT_THAT(response.Header("Content-Type"), StartsWith("text/event-stream"));
  EXPECT_TRUE(response.body.ends_with("data: [DONE]\n\n"));
  const auto events = response.Events();
  ASSERT_EQ(events.size(), 8u);  // role, five letters, end, usage
  EXPECT_EQ(events[0].at("choices").at(0).at("delta").at("role"), "assistant");
  EXPECT_EQ(response.StreamedText(), "world");
  for (const Json& event : events) {
    EXPECT_EQ(event.at("object"), "chat.completion.chunk");
    EXPECT_EQ(event.at("id"), events[0].at("id"));
  }
  EXPECT_TRUE(events[3].at("usage").is_null());
  EXPECT_TRUE(events[3].at("choices").at(0).at("finish_reason").is_null());
  EXPECT_EQ(events[6].at("choices").at(0).at("finish_reason"), "stop");
  EXPECT_TRUE(events[7].at("choices").empty());
  EXPECT_EQ(events[7].at("usage").at("completion_tokens"), 6);
}

TEST(Server, StreamWithoutUsageHasNone) {
  RunningServer server;
  const auto events =
      PostOnce(server.port(), kChatPath, ChatBody(R"(,"stream":true,"max_tokens":2)")).Events();
  ASSERT_EQ(events.size(), 4u);
  for (const Json& event : events) EXPECT_FALSE(event.contains("usage"));
}

TEST(Server, StopStringEndsTheReply) {
  RunningServer server;
  const Json reply = PostOnce(server.port(), kChatPath, ChatBody(R"(,"stop":"fgh")")).json();
  EXPECT_EQ(reply.at("choices").at(0).at("message").at("content"), "abcde");
  EXPECT_EQ(reply.at("choices").at(0).at("finish_reason"), "stop");
  const ClientResponse streamed =
      PostOnce(server.port(), kChatPath, ChatBody(R"(,"stop":["zzz","fgh"],"stream":true)"));
  EXPECT_EQ(streamed.StreamedText(), "abcde");
}

TEST(Server, LogprobsEndWhereAStopStringBegins) {
  RunningServer server;
  const std::string fields = R"(,"logprobs":true,"stop":["xyz","fgh"])";
  const Json reply = PostOnce(server.port(), kChatPath, ChatBody(fields)).json();
  EXPECT_EQ(reply.at("choices").at(0).at("message").at("content"), "abcde");
  const Json& content = reply.at("choices").at(0).at("logprobs").at("content");
  ASSERT_EQ(content.size(), 5u);
  EXPECT_EQ(content[4].at("token"), "e");
  EXPECT_EQ(reply.at("usage").at("completion_tokens"), 8);
}

TEST(Server, OffsetsAreOfTheTextThatIsShown) {
  // Two tokens are one character each; the prompt begins with a control token.
  RunningServer server({}, {.text = "a\xC3\xA9z", .add_bos = true});
  const Json reply =
      PostOnce(server.port(), "/v1/completions",
               R"({"prompt":"\u00fca","max_tokens":4,"temperature":0,"echo":true,"logprobs":0})")
          .json();
  const Json& choice = reply.at("choices").at(0);
  EXPECT_EQ(choice.at("text"),
            "\xC3\xBC"
            "a\xC3\xA9za");
  EXPECT_EQ(choice.at("logprobs").at("tokens").at(0), "<|endoftext|>");
  EXPECT_EQ(choice.at("logprobs").at("text_offset"), Json::array({0, 0, 0, 1, 2, 2, 3, 4}));
}

TEST(Server, Logprobs) {
  RunningServer server({}, {.text = "hi", .ends = true});
  const std::string fields = R"(,"logprobs":true,"top_logprobs":3)";
  const Json reply = PostOnce(server.port(), kChatPath, ChatBody(fields)).json();
  const Json& content = reply.at("choices").at(0).at("logprobs").at("content");
  ASSERT_EQ(content.size(), 2u);  // the end of the turn has none
  EXPECT_EQ(content[0].at("token"), "h");
  EXPECT_EQ(content[0].at("bytes"), Json::array({104}));
  EXPECT_LT(content[0].at("logprob"), 0);
  EXPECT_EQ(content[0].at("top_logprobs").size(), 3u);
  EXPECT_EQ(content[0].at("top_logprobs").at(0).at("token"), "h");

  Json streamed = Json::array();
  for (const Json& event :
       PostOnce(server.port(), kChatPath, ChatBody(fields + R"(,"stream":true)")).Events()) {
    const Json& logprobs = event.at("choices").at(0).at("logprobs");
    if (logprobs.is_null()) continue;
    for (const Json& entry : logprobs.at("content")) streamed.push_back(entry);
  }
  EXPECT_EQ(streamed, content);
}

TEST(Server, SeveralChoicesDifferAndTheFirstIsThatOfOne) {
  RunningServer server;
  const auto contents = [&](const std::string& n) {
    const std::string body = R"({"messages":[{"role":"user","content":"x"}],"temperature":2,)"
                             R"("seed":5,"max_tokens":30,"n":)" +
                             n + "}";
    std::vector<std::string> texts;
    const Json reply = PostOnce(server.port(), kChatPath, body).json();
    for (const Json& choice : reply.at("choices"))
      texts.push_back(choice.at("message").at("content"));
    EXPECT_EQ(reply.at("usage").at("completion_tokens"), 30 * texts.size());
    return texts;
  };
  const auto three = contents("3");
  ASSERT_EQ(three.size(), 3u);
  EXPECT_NE(three[0], three[1]);
  EXPECT_NE(three[1], three[2]);
  EXPECT_EQ(contents("1")[0], three[0]);
  EXPECT_EQ(contents("3"), three);

  const ClientResponse streamed =
      PostOnce(server.port(), kChatPath, ChatBody(R"(,"n":2,"stream":true,"max_tokens":4)"));
  EXPECT_EQ(streamed.StreamedText(0), "abcd");
  EXPECT_EQ(streamed.StreamedText(1), "abcd");
}

TEST(Server, Completions) {
  RunningServer server;
  const auto complete = [&](const std::string& fields) {
    return PostOnce(server.port(), "/v1/completions", R"({"temperature":0,)" + fields + "}").json();
  };
  Json reply = complete(R"("prompt":"ab","max_tokens":3)");
  EXPECT_EQ(reply.at("object"), "text_completion");
  EXPECT_EQ(reply.at("choices").at(0).at("text"), "cde");
  EXPECT_EQ(reply.at("usage").at("prompt_tokens"), 2);

  reply = complete(R"("prompt":["ab","xy"],"max_tokens":1,"echo":true)");
  EXPECT_EQ(reply.at("choices").at(0).at("text"), "abc");
  EXPECT_EQ(reply.at("choices").at(1).at("text"), "xyz");
  EXPECT_EQ(reply.at("usage").at("prompt_tokens"), 4);

  reply = complete(R"("prompt":[97,98],"max_tokens":1,"echo":true,"logprobs":1)");
  EXPECT_EQ(reply.at("choices").at(0).at("text"), "abc");
  const Json& logprobs = reply.at("choices").at(0).at("logprobs");
  EXPECT_EQ(logprobs.at("tokens"), Json::array({"a", "b", "c"}));
  EXPECT_TRUE(logprobs.at("token_logprobs").at(0).is_null());
  EXPECT_LT(logprobs.at("token_logprobs").at(1), 0);
  EXPECT_EQ(logprobs.at("text_offset"), Json::array({0, 1, 2}));
  EXPECT_TRUE(logprobs.at("top_logprobs").at(2).contains("c"));

  EXPECT_EQ(complete(R"("prompt":"abc","max_tokens":0,"echo":true,"logprobs":0)")
                .at("choices")
                .at(0)
                .at("text"),
            "abc");
  EXPECT_EQ(complete(R"("prompt":"a")").at("usage").at("completion_tokens"), 16);
}

TEST(Server, CompletionStream) {
  RunningServer server;
  const ClientResponse response =
      PostOnce(server.port(), "/completions",
               R"({"prompt":"ab","max_tokens":3,"temperature":0,"stream":true,"echo":true})");
  std::string text;
  for (const Json& event : response.Events()) {
    EXPECT_EQ(event.at("object"), "text_completion");
    text += event.at("choices").at(0).at("text").get<std::string>();
  }
  EXPECT_EQ(text, "abcde");
}

// ---- Tools -------------------------------------------------------------------------------------

const FakeModelOptions kToolCaller = {
    .chain = {'O', 'k', '.', FakeVocabulary::kToolCall, FakeVocabulary::kCallName,
              FakeVocabulary::kCallPlace, FakeVocabulary::kToolEnd},
    .ends = true,
    .calls_tools = true};
constexpr const char* kTools =
    R"(,"tools":[{"type":"function","function":{"name":"get_weather"}}])";

TEST(ServerTools, ACallAndWhatComesAfterItsResult) {
  RunningServer server({}, kToolCaller);
  const Json reply = PostOnce(server.port(), kChatPath, ChatBody(kTools)).json();
  const Json& choice = reply.at("choices").at(0);
  EXPECT_EQ(choice.at("finish_reason"), "tool_calls");
  EXPECT_EQ(choice.at("message").at("content"), "Ok.");
  const Json& call = choice.at("message").at("tool_calls").at(0);
  EXPECT_EQ(call.at("function").at("name"), "get_weather");
  EXPECT_EQ(call.at("function").at("arguments"), R"({"place": "Köln"})");

  const Json messages = {{{"role", "user"}, {"content", "hello"}},
                         choice.at("message"),
                         {{"role", "tool"}, {"tool_call_id", call.at("id")}, {"content", "sunny"}}};
  const ClientResponse next =
      PostOnce(server.port(), kChatPath, DumpJson({{"messages", messages}, {"temperature", 0}}));
  ASSERT_EQ(next.status, 200) << next.body;
  // Nobody asked for tools now: what the model writes is text.
  EXPECT_THAT(next.json().at("choices").at(0).at("message").at("content").get<std::string>(),
              StartsWith("Ok.<tool_call>"));
  const Json again = PostOnce(server.port(), kChatPath, ChatBody(kTools)).json();
  EXPECT_NE(again.at("choices").at(0).at("message").at("tool_calls").at(0).at("id"), call.at("id"));
}

TEST(ServerTools, StreamedCallsEndWithTheirReason) {
  RunningServer server({}, kToolCaller);
  const ClientResponse response =
      PostOnce(server.port(), kChatPath, ChatBody(std::string(kTools) + R"(,"stream":true)"));
  std::string arguments;
  for (const Json& event : response.Events()) {
    const Json& delta = event.at("choices").at(0).at("delta");
    if (!delta.contains("tool_calls")) continue;
    arguments += delta["tool_calls"][0]["function"]["arguments"].get<std::string>();
  }
  EXPECT_EQ(arguments, R"({"place": "Köln"})");
  EXPECT_THAT(response.body, HasSubstr(R"("finish_reason":"tool_calls")"));
}

TEST(ServerTools, ABrokenCallIsContent) {
  FakeModelOptions broken = kToolCaller;
  broken.chain = {'O', 'k', FakeVocabulary::kToolCall, FakeVocabulary::kCallName,
                  FakeVocabulary::kToolEnd};
  RunningServer server({}, broken);
  const Json reply = PostOnce(server.port(), kChatPath, ChatBody(kTools)).json();
  const Json& choice = reply.at("choices").at(0);
  EXPECT_EQ(choice.at("finish_reason"), "stop");
  EXPECT_EQ(choice.at("message").at("content"),
            R"(Ok<tool_call>{"name": "get_weather", "arguments": </tool_call>)");
  EXPECT_FALSE(choice.at("message").contains("tool_calls"));
}

TEST(ServerTools, AModelWithoutThemSaysSo) {
  RunningServer server;
  const ClientResponse response = PostOnce(server.port(), kChatPath, ChatBody(kTools));
  EXPECT_EQ(response.status, 400);
  EXPECT_THAT(response.message(), HasSubstr("the model 'fake' cannot call tools"));
}

// ---- Connections -------------------------------------------------------------------------------

TEST(Server, ConnectionsAreKeptAndPipelinedRequestsAnsweredInOrder) {
  RunningServer server;
  Client client(server.port());
  client.Get("/health");
  EXPECT_EQ(client.Read().status, 200);
  client.Post(kChatPath, ChatBody(R"(,"max_tokens":2)"));
  client.Post(kChatPath, ChatBody(R"(,"max_tokens":4,"stream":true)"));
  client.Get("/v1/models");
  for (int i = 0; i < 20; ++i) client.Get("/nothing");
  EXPECT_EQ(client.Read().json().at("choices").at(0).at("message").at("content"), "ab");
  EXPECT_EQ(client.Read().StreamedText(), "abcd");
  EXPECT_EQ(client.Read().json().at("object"), "list");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.Read().status, 404);
}

TEST(Server, AnEmptyLineBetweenRequestsIsSkipped) {
  RunningServer server;
  Client client(server.port());
  client.Post(kChatPath, ChatBody(R"(,"max_tokens":2)"));
  client.Send("\r\n");
  EXPECT_EQ(client.Read().status, 200);
  client.Send("\r");
  client.Send("\n");
  client.Get("/health");
  EXPECT_EQ(client.Read().status, 200);
}

TEST(Server, Http10StreamEndsWithTheConnection) {
  RunningServer server;
  Client client(server.port());
  const std::string body = ChatBody(R"(,"max_tokens":3,"stream":true)");
  client.Send("POST /v1/chat/completions HTTP/1.0\r\nHost: localhost\r\nContent-Length: " +
              std::to_string(body.size()) + "\r\n\r\n" + body);
  const ClientResponse response = client.Read();
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.Header("Transfer-Encoding"), "");
  EXPECT_EQ(response.StreamedText(), "abc");
}

TEST(Server, ExpectContinueIsAnswered) {
  RunningServer server;
  Client client(server.port());
  const std::string body = ChatBody(R"(,"max_tokens":2)");
  client.Send(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
      "Content-Length: " +
      std::to_string(body.size()) + "\r\n\r\n");
  ASSERT_TRUE(client.ReadUntil("HTTP/1.1 100 Continue\r\n\r\n"));
  client.Send(body);
  EXPECT_EQ(client.Read().status, 200);
}

TEST(Server, DisconnectCancelsTheReply) {
  for (const bool stream : {true, false}) {
    for (const bool reset : {true, false}) {
      RunningServer server({}, {.context_length = 100000, .step_microseconds = 2000});
      Client client(server.port());
      client.Post(kChatPath, ChatBody(stream ? R"(,"stream":true)" : ""));
      ASSERT_TRUE(Eventually([&] { return server.chat().engine().stats().running == 1; }));
      if (reset) {
        client.Reset();
      } else {
        client.Close();
      }
      EXPECT_TRUE(Eventually([&] { return server.chat().engine().stats().running == 0; }));
      EXPECT_TRUE(StillServes(server.port()));
    }
  }
}

// With that much input waiting, an end of it could not be seen.
TEST(Server, TooMuchPipelinedInputEndsTheReply) {
  std::string more;
  while (more.size() < 90 * 1024) more += "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";
  for (const bool stream : {true, false}) {
    for (const bool closes : {true, false}) {
      RunningServer server({}, {.context_length = 100000, .step_microseconds = 2000});
      Client client(server.port());
      client.Post(kChatPath, ChatBody(stream ? R"(,"ignore_eos":true,"stream":true)"
                                             : R"(,"ignore_eos":true)"));
      ASSERT_TRUE(Eventually([&] { return server.chat().engine().stats().running == 1; }));
      client.Send(more);
      if (closes) client.Close();
      EXPECT_TRUE(Eventually([&] { return server.chat().engine().stats().running == 0; }));
      EXPECT_TRUE(StillServes(server.port()));
      if (closes) continue;
      const ClientResponse response = client.Read();
      EXPECT_EQ(response.status, stream ? 200 : 400);
      const Json error = stream ? response.Events().back() : response.json();
      EXPECT_EQ(error.at("error").at("code"), "too_much_pipelined");
      EXPECT_TRUE(client.Closes());
    }
  }
}

TEST(Server, AbsoluteTargets) {
  RunningServer server;
  const auto ask = [&](const std::string& target, const std::string& host = "localhost") {
    Client client(server.port());
    client.Send("GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
    return client.Read().status;
  };
  EXPECT_EQ(ask("http://localhost/health"), 200);
  EXPECT_EQ(ask("HTTP://LocalHost:8080/v1/models?limit=1"), 200);
  EXPECT_EQ(ask("https://127.0.0.1"), ask("/"));
  EXPECT_EQ(ask("http://localhost?a=b"), ask("/?a=b"));
  EXPECT_EQ(ask("http://evil.example/health"), 403);
  EXPECT_EQ(ask("http://localhost/health", "evil.example"), 403);
  EXPECT_EQ(ask("http://evil@localhost/health"), 400);
  EXPECT_EQ(ask("http:///health"), 400);
  EXPECT_EQ(ask("ftp://localhost/health"), 404);
}

TEST(Server, KeepAliveCommentsWhileTheFirstTokenIsLong) {
  RunningServer server({.keep_alive_seconds = 0.05}, {.prefill_microseconds = 400000});
  const ClientResponse response =
      PostOnce(server.port(), kChatPath, ChatBody(R"(,"max_tokens":2,"stream":true)"));
  EXPECT_THAT(response.body, HasSubstr("\n\n: keep-alive\n\n"));
  EXPECT_EQ(response.StreamedText(), "ab");
}

TEST(Server, SixteenConcurrentStreamsEqualTheirSolitarySelves) {
  RunningServer server;
  const auto body = [](int i) {
    const std::string seeded =
        i % 2 == 0 ? R"("temperature":0)" : R"("temperature":1.5,"seed":)" + std::to_string(i);
    return R"({"messages":[{"role":"user","content":")" + std::string(10 + i * 7, 'q') + R"("}],)" +
           seeded + R"(,"max_tokens":120,"stream":true})";
  };
  std::vector<std::string> alone(16);
  for (int i = 0; i < 16; ++i) {
    alone[i] = PostOnce(server.port(), kChatPath, body(i)).StreamedText();
    EXPECT_EQ(alone[i].size(), 120u);
  }
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 16; ++i) {
    clients.push_back(std::make_unique<Client>(server.port()));
    clients.back()->Post(kChatPath, body(i));
  }
  for (int i = 0; i < 16; ++i) EXPECT_EQ(clients[i]->Read().StreamedText(), alone[i]) << i;
}

// ---- Start and stop ----------------------------------------------------------------------------

TEST(Server, BusyPortIsNamed) {
  RunningServer server;
  ServerOptions options;
  options.port = server.port();
  try {
    Server second(server.chat(), options);
    FAIL() << "listened twice";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnavailable);
    EXPECT_THAT(error.what(), HasSubstr(std::to_string(server.port())));
    EXPECT_THAT(error.what(), HasSubstr("in use"));
  }
}

TEST(Server, WrongAddressesAreRefused) {
  ChatService chat(MakeFakeModel(), FakeEngineOptions());
  EXPECT_THROW(Server(chat, {.host = "not an address", .port = 0}), Error);
  EXPECT_THROW(Server(chat, {.host = "0.0.0.0", .port = 0}), Error);
  EXPECT_THROW(Server(chat, {.host = "192.0.2.1", .port = 0, .api_key = "k"}), Error);
}

TEST(Server, UrlCanBeOpened) {
  RunningServer server;
  EXPECT_EQ(server.server().url(), "http://127.0.0.1:" + std::to_string(server.port()) + "/");
  ServerOptions everywhere;
  everywhere.host = "0.0.0.0";
  everywhere.port = 0;
  everywhere.api_key = "k";
  EXPECT_THAT(Server(server.chat(), everywhere).url(), StartsWith("http://127.0.0.1:"));
}

TEST(Server, StopEndsStreamsWithAnErrorEvent) {
  RunningServer server({}, {.context_length = 100000, .step_microseconds = 2000});
  Client streaming(server.port());
  Client waiting(server.port());
  Client idle(server.port());
  streaming.Post(kChatPath, ChatBody(R"(,"stream":true)"));
  waiting.Post(kChatPath, ChatBody());
  ASSERT_TRUE(streaming.ReadUntil("\"content\":\"b\""));
  ASSERT_TRUE(Eventually([&] { return server.chat().engine().stats().running == 2; }));
  const double start = MonotonicSeconds();
  server.Stop();
  EXPECT_LT(MonotonicSeconds() - start, 2.5);
  const ClientResponse streamed = streaming.Read();
  EXPECT_EQ(streamed.status, 200);
  EXPECT_EQ(streamed.Events().back().at("error").at("code"), "shutting_down");
  EXPECT_THAT(streamed.body, Not(HasSubstr("[DONE]")));
  const ClientResponse other = waiting.Read();
  EXPECT_EQ(other.status, 503);
  EXPECT_EQ(other.error_code(), "shutting_down");
  EXPECT_TRUE(idle.Closes());
  EXPECT_TRUE(Eventually([&] { return server.chat().engine().stats().running == 0; }));
}

TEST(Server, StopBeforeRunReturnsAtOnce) {
  ChatService chat(MakeFakeModel(), FakeEngineOptions());
  Server server(chat, {.port = 0});
  server.Stop();
  server.Stop();
  server.Run();
}

}  // namespace
}  // namespace fathom
