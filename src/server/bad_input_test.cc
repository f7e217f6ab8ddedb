// What clients get wrong, on purpose or not: each is answered with its status and message, and the
// server serves on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "server/server.h"
#include "server/test_client.h"

namespace fathom {
namespace {

using testing::HasSubstr;

class BadInput : public testing::Test {
 protected:
  BadInput() : server_({.max_body_bytes = 8u << 20, .idle_timeout_seconds = 0.4}) {}
  ~BadInput() override { EXPECT_TRUE(StillServes(server_.port())); }

  ClientResponse Chat(const std::string& body) { return PostOnce(server_.port(), kChatPath, body); }
  uint16_t port() const { return server_.port(); }

  RunningServer server_;
};

TEST_F(BadInput, MalformedJson) {
  for (const std::string body : {"{", "", "{\"messages\": [}", "hello"}) {
    const ClientResponse response = Chat(body);
    EXPECT_EQ(response.status, 400) << body;
    EXPECT_THAT(response.message(), HasSubstr("not valid JSON at byte")) << body;
    EXPECT_EQ(response.json().at("error").at("type"), "invalid_request_error");
    EXPECT_TRUE(response.json().at("error").contains("param"));
  }
}

TEST_F(BadInput, TheConnectionSurvivesABadRequest) {
  Client client(port());
  client.Post(kChatPath, "{");
  EXPECT_EQ(client.Read().status, 400);
  client.Post(kChatPath, ChatBody(R"(,"max_tokens":1)"));
  EXPECT_EQ(client.Read().status, 200);
}

TEST_F(BadInput, WrongTypes) {
  const ClientResponse response = Chat(ChatBody(R"(,"max_tokens":"many")"));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.json().at("error").at("param"), "max_tokens");
  EXPECT_THAT(response.message(), HasSubstr("must be an integer, but is a string"));
}

TEST_F(BadInput, EmptyMessages) {
  const ClientResponse response = Chat(R"({"messages":[]})");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.json().at("error").at("param"), "messages");
  EXPECT_THAT(response.message(), HasSubstr("at least one message"));
}

TEST_F(BadInput, UnknownModel) {
  const ClientResponse response = Chat(ChatBody(R"(,"model":"gpt-9")"));
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.error_code(), "model_not_found");
}

TEST_F(BadInput, AnEscapedNulDoesNotCutTheMessage) {
  EXPECT_EQ(Chat(ChatBody(R"(,"model":"a\u0000b\n")")).message(),
            R"(the model 'a\u0000b\u000a' does not exist; this server has 'fake')");
  const ClientResponse variable = Chat(ChatBody(R"(,"chat_template_kwargs":{"a\u0000b":1})"));
  EXPECT_EQ(variable.json().at("error").at("param").dump(), R"("chat_template_kwargs.a\u0000b")");
}

TEST_F(BadInput, PromptLongerThanTheContextNamesBothLengths) {
  for (const bool stream : {false, true}) {
    const ClientResponse response =
        Chat(ChatBody(stream ? R"(,"stream":true)" : "", std::string(5000, 'x')));
    EXPECT_EQ(response.status, 400);
    EXPECT_EQ(response.error_code(), "context_length_exceeded");
    EXPECT_EQ(response.json().at("error").at("param"), "messages");
    EXPECT_THAT(response.message(), HasSubstr("4096"));
    EXPECT_THAT(response.message(), testing::ContainsRegex("the prompt has 50[0-9][0-9] tokens"));
  }
  const ClientResponse completion =
      PostOnce(port(), "/v1/completions", R"({"prompt":")" + std::string(4096, 'x') + "\"}");
  EXPECT_EQ(completion.error_code(), "context_length_exceeded");
  EXPECT_EQ(completion.json().at("error").at("param"), "prompt");
}

TEST_F(BadInput, MoreMessagesThanTheContextHasTokens) {
  std::string messages;
  for (int i = 0; i < 5000; ++i) messages += R"({"role":"user","content":""},)";
  messages.pop_back();
  const ClientResponse response = Chat(R"({"messages":[)" + messages + "]}");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.error_code(), "context_length_exceeded");
  EXPECT_THAT(response.message(), HasSubstr("at least 5000 tokens"));
  EXPECT_THAT(response.message(), HasSubstr("4096"));
}

TEST_F(BadInput, OneMegabyteOfEmoji) {
  std::string emoji;
  while (emoji.size() < (1u << 20)) emoji += "\xF0\x9F\x98\x80";
  const ClientResponse response = Chat(ChatBody("", emoji));
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(response.error_code(), "context_length_exceeded");
  EXPECT_THAT(response.message(), HasSubstr("4096"));
}

TEST_F(BadInput, NulBytes) {
  EXPECT_EQ(Chat(std::string(1000, '\0')).status, 400);
  std::string body = ChatBody();
  body[body.find("hello")] = '\0';
  const ClientResponse raw = Chat(body);
  EXPECT_EQ(raw.status, 400);
  EXPECT_THAT(raw.message(), HasSubstr("not valid JSON"));
  // Escaped, it is a character like any other.
  EXPECT_EQ(Chat(ChatBody(R"(,"max_tokens":1)", "a\\u0000b")).status, 200);
  Client client(port());
  client.Send(std::string(100, '\0') + "\r\n\r\n");
  EXPECT_EQ(client.Read().status, 400);
}

TEST_F(BadInput, InvalidUtf8) {
  for (const std::string bad : {"\xFF\xFE", "\xC3(", "\xED\xA0\x80", "\xF0\x9F\x98"}) {
    const ClientResponse response = Chat(ChatBody("", bad));
    EXPECT_EQ(response.status, 400);
    EXPECT_THAT(response.message(), HasSubstr("UTF-8"));
  }
}

TEST_F(BadInput, BodyTooLarge) {
  Client client(port());
  client.Post(kChatPath, std::string((8u << 20) + 1, ' '));
  const ClientResponse response = client.Read();
  EXPECT_EQ(response.status, 413);
  EXPECT_THAT(response.message(), HasSubstr("8388608"));
  EXPECT_EQ(response.Header("Connection"), "close");
}

// Neither is part of the body, and neither may grow for ever.
TEST_F(BadInput, EndlessChunkExtensionsAndTrailers) {
  for (const std::string begin : {"5;", "0\r\nX: "}) {
    Client client(port());
    client.Send("POST " + std::string(kChatPath) +
                " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                "Transfer-Encoding: chunked\r\n\r\n" +
                begin);
    for (int i = 0; i < 64 && client.Send(std::string(16 * 1024, 'a')); ++i) {
    }
    const ClientResponse response = client.Read();
    EXPECT_EQ(response.status, 431) << begin;
    EXPECT_EQ(response.error_code(), "headers_too_large");
    EXPECT_TRUE(client.Closes());
  }
}

TEST_F(BadInput, UnknownExpectations) {
  Client client(port());
  client.Get("/health", "Expect: banana\r\n");
  const ClientResponse response = client.Read();
  EXPECT_EQ(response.status, 417);
  EXPECT_EQ(response.error_code(), "expectation_failed");
}

TEST_F(BadInput, HeadTooLarge) {
  EXPECT_EQ(GetOnce(port(), "/health", "X-Long: " + std::string(60000, 'x') + "\r\n").status, 431);
}

TEST_F(BadInput, NotHttp) {
  Client client(port());
  client.Send("\x16\x03\x01\x02 this is TLS, or worse\r\n\r\n");
  EXPECT_EQ(client.Read().status, 400);
  EXPECT_TRUE(client.Closes());
}

TEST_F(BadInput, WrongPathMethodAndType) {
  EXPECT_EQ(GetOnce(port(), "/v1/nothing").status, 404);
  EXPECT_EQ(GetOnce(port(), "/../../etc/passwd").status, 404);
  const ClientResponse method = GetOnce(port(), kChatPath);
  EXPECT_EQ(method.status, 405);
  EXPECT_EQ(method.Header("Allow"), "POST, OPTIONS");
  EXPECT_EQ(PostOnce(port(), "/health", "{}").status, 405);
  Client client(port());
  client.Send(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n"
      "Content-Type: text/xml\r\nContent-Length: 2\r\n\r\n{}");
  EXPECT_EQ(client.Read().status, 415);
}

TEST_F(BadInput, ForeignHostAndOrigin) {
  Client client(port());
  client.Send("GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  const ClientResponse host = client.Read();
  EXPECT_EQ(host.status, 403);
  EXPECT_THAT(host.message(), HasSubstr("evil.example"));
  EXPECT_EQ(GetOnce(port(), "/health", "Origin: http://evil.example\r\n").status, 403);
  client.Send("GET /health HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client.Read().status, 400);
}

TEST_F(BadInput, SlowRequestHeadTimesOutWithoutHarmingOthers) {
  Client slow(port());
  slow.Send("POST /v1/chat/completions HTTP/1.1\r\nHost: local");
  EXPECT_TRUE(StillServes(port()));
  const ClientResponse response = slow.Read();
  EXPECT_EQ(response.status, 408);
  EXPECT_EQ(response.error_code(), "request_timeout");
  EXPECT_TRUE(slow.Closes());
}

TEST_F(BadInput, DrippedBytesDoNotProlongTheDeadline) {
  Client slow(port());
  const double start = MonotonicSeconds();
  std::string request = "GET /health HTTP/1.1\r\nX-Drip: ";
  slow.Send(request);
  while (MonotonicSeconds() - start < 5 && slow.Send("x") && !slow.ReadUntil(" 408 ", 0.05)) {
  }
  EXPECT_LT(MonotonicSeconds() - start, 3);
  EXPECT_THAT(slow.received(), HasSubstr(" 408 "));
}

TEST_F(BadInput, SlowRequestBodyTimesOut) {
  Client slow(port());
  slow.Send(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{");
  EXPECT_EQ(slow.Read().status, 408);
}

TEST_F(BadInput, SilentConnectionIsClosedWithoutAWord) {
  Client silent(port());
  EXPECT_TRUE(silent.Closes(5));
  EXPECT_EQ(silent.received(), "");
}

TEST_F(BadInput, HalfARequestThenGone) {
  for (const bool reset : {false, true}) {
    Client client(port());
    client.Send(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{");
    if (reset) {
      client.Reset();
    } else {
      client.Close();
    }
    EXPECT_TRUE(StillServes(port()));
  }
}

TEST_F(BadInput, HalfClosedConnectionStillGetsAPage) {
  Client client(port());
  client.Get("/health");
  client.ShutdownSend();
  EXPECT_EQ(client.Read().status, 200);
  EXPECT_TRUE(client.Closes());
}

TEST(BadInputKey, MissingOrWrongKey) {
  RunningServer server({.api_key = "s3cret"});
  const ClientResponse missing = PostOnce(server.port(), kChatPath, ChatBody());
  EXPECT_EQ(missing.status, 401);
  EXPECT_EQ(missing.error_code(), "invalid_api_key");
  EXPECT_EQ(missing.Header("WWW-Authenticate"), "Bearer");
  EXPECT_EQ(GetOnce(server.port(), "/v1/models", "Authorization: Bearer wrong\r\n").status, 401);
  EXPECT_EQ(GetOnce(server.port(), "/v1/models", "Authorization: Bearer s3cret\r\n").status, 200);
  // That the server is up may be known; what it runs may not.
  const Json health = GetOnce(server.port(), "/health").json();
  EXPECT_EQ(health, Json({{"status", "ok"}}));
}

TEST(BadInputLoad, TooManyConnectionsAreRefusedInWords) {
  RunningServer server({.max_connections = 2});
  Client first(server.port());
  Client second(server.port());
  first.Get("/health");
  second.Get("/health");
  ASSERT_EQ(first.Read().status, 200);
  ASSERT_EQ(second.Read().status, 200);
  {
    Client third(server.port());
    third.Get("/health");
    const ClientResponse refused = third.Read();
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(refused.error_code(), "too_many_connections");
    EXPECT_NE(refused.Header("Retry-After"), "");
  }
  first.Close();
  EXPECT_TRUE(Eventually([&] { return GetOnce(server.port(), "/health").status == 200; }));
}

// What this process has computed, in seconds: unlike the clock's time the same on a busy machine.
double CpuSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

const FakeModelOptions kSlowToPrepare = {.context_length = 100000, .chat_template = kSlowChatMl};

// To prepare all of them would take most of a minute.
TEST(BadInputLoad, ClientsThatAreGoneHoldUpNobody) {
  RunningServer server({}, kSlowToPrepare);
  const std::string body = SlowBody();
  for (int i = 0; i < 20; ++i) {
    Client gone(server.port());
    gone.Post(kChatPath, body);
    // Half of them are gone before they are read, the others only once their work has begun.
    if (i % 2 == 1) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  const double start = CpuSeconds(), began = MonotonicSeconds();
  EXPECT_TRUE(StillServes(server.port()));
  EXPECT_LT(CpuSeconds() - start, 5);
  EXPECT_LT(MonotonicSeconds() - began, 20);
}

TEST(BadInputLoad, WhatWaitsToBePreparedIsBounded) {
  RunningServer server({.max_waiting_bytes = 1000}, kSlowToPrepare);
  const std::string body = SlowBody();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 6; ++i) {
    clients.push_back(std::make_unique<Client>(server.port()));
    clients.back()->Post(kChatPath, body);
  }
  // Two are worked on and one waits, which may be larger when it is alone.
  std::vector<Client*> refused;
  EXPECT_TRUE(Eventually([&] {
    refused.clear();
    for (const auto& client : clients) {
      if (client->ReadUntil("\r\n\r\n", 0.01)) refused.push_back(client.get());
    }
    return refused.size() >= 3;
  }));
  for (Client* client : refused) {
    const ClientResponse response = client->Read();
    EXPECT_EQ(response.status, 503);
    EXPECT_EQ(response.error_code(), "overloaded");
    EXPECT_NE(response.Header("Retry-After"), "");
    EXPECT_EQ(response.Header("Connection"), "keep-alive");
  }
  clients.clear();
  EXPECT_TRUE(Eventually([&] { return StillServes(server.port()); }, 5));
}

TEST(BadInputLoad, StopWaitsForNobodysPreparing) {
  RunningServer server({}, kSlowToPrepare);
  const std::string body = SlowBody();
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 12; ++i) {
    clients.push_back(std::make_unique<Client>(server.port()));
    clients.back()->Post(kChatPath, body);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  const double start = CpuSeconds(), began = MonotonicSeconds();
  server.Stop();
  EXPECT_LT(CpuSeconds() - start, 2.5);
  EXPECT_LT(MonotonicSeconds() - began, 20);
}

TEST(BadInputLoad, SlowReaderIsCutOffBeforeItFillsTheMemory) {
  RunningServer server({.max_unsent_bytes = 64 * 1024}, {.context_length = 200000});
  Client slow(server.port(), 4096);
  slow.Post(kChatPath, ChatBody(R"(,"stream":true,"logprobs":true,"top_logprobs":20)"));
  ASSERT_TRUE(Eventually([&] { return server.chat().engine().stats().running == 1; }));
  EXPECT_TRUE(Eventually([&] { return server.chat().engine().stats().running == 0; }, 60));
  EXPECT_LT(server.chat().engine().stats().generated_tokens, 100000);
  EXPECT_TRUE(StillServes(server.port()));
}

TEST(BadInputLoad, ReaderThatStopsIsCutOffInTime) {
  RunningServer server({.idle_timeout_seconds = 0.5, .max_unsent_bytes = 1u << 30},
                       {.context_length = 200000});
  Client stopped(server.port(), 4096);
  stopped.Post(kChatPath, ChatBody(R"(,"stream":true,"logprobs":true,"top_logprobs":20)"));
  ASSERT_TRUE(Eventually([&] { return server.chat().engine().stats().running == 1; }));
  EXPECT_TRUE(Eventually([&] { return server.chat().engine().stats().running == 0; }, 60));
  EXPECT_TRUE(StillServes(server.port()));
}

}  // namespace
}  // namespace fathom
