#include "server/http_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fathom {
namespace {

using State = HttpParser::State;

constexpr char kPost[] =
    "POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: localhost:8080\r\nContent-Length: 5\r\n"
    "X-Name: a\r\nX-Name: b\r\n\r\nhello";

TEST(HttpParser, HeadThenBodyThenTheNextRequest) {
  HttpParser parser(100);
  std::string input = std::string(kPost) + "GET /";
  ASSERT_EQ(parser.Feed(input), State::kHead);
  const HttpRequest& request = parser.request();
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path(), "/v1/chat/completions");
  EXPECT_EQ(request.Header("host"), "localhost:8080");
  EXPECT_EQ(request.Header("x-name"), "a");
  EXPECT_EQ(request.CountOf("x-name"), 2);
  EXPECT_EQ(request.Header("none"), "");
  EXPECT_TRUE(request.has_body);
  EXPECT_TRUE(request.keep_alive);
  ASSERT_EQ(parser.Feed(input), State::kComplete);
  EXPECT_EQ(parser.TakeBody(), "hello");
  EXPECT_EQ(input, "GET /");
}

TEST(HttpParser, OneByteAtATime) {
  HttpParser parser(100);
  std::string input;
  bool head = false;
  State state = State::kNeedMore;
  for (const char c : std::string(kPost)) {
    EXPECT_NE(state, State::kComplete);
    input += c;
    state = parser.Feed(input);
    if (state == State::kHead) {
      head = true;
      state = parser.Feed(input);
    }
  }
  EXPECT_TRUE(head);
  EXPECT_EQ(state, State::kComplete);
  EXPECT_EQ(parser.TakeBody(), "hello");
}

TEST(HttpParser, AnAbsoluteTargetIsTakenApart) {
  const struct {
    const char* sent;
    const char* target;
    const char* authority;  // null: none
  } cases[] = {{"http://a:1/b?c=http://d", "/b?c=http://d", "a:1"},
               {"HTTPS://a", "/", "a"},
               {"http://a?b/c", "/?b/c", "a"},
               {"http:///b", "/b", ""},
               {"/http://a/b", "/http://a/b", nullptr},
               {"//a/b", "//a/b", nullptr},
               {"*", "*", nullptr}};
  for (const auto& [sent, target, authority] : cases) {
    HttpParser parser(100);
    std::string input = "OPTIONS " + std::string(sent) + " HTTP/1.1\r\nHost: a\r\n\r\n";
    ASSERT_EQ(parser.Feed(input), State::kHead) << sent;
    EXPECT_EQ(parser.request().target, target) << sent;
    EXPECT_EQ(parser.request().authority.has_value(), authority != nullptr) << sent;
    EXPECT_EQ(parser.request().authority.value_or(""), authority ? authority : "") << sent;
  }
}

TEST(HttpParser, ChunkedBody) {
  HttpParser parser(100);
  std::string input =
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  ASSERT_EQ(parser.Feed(input), State::kHead);
  ASSERT_EQ(parser.Feed(input), State::kComplete);
  EXPECT_EQ(parser.TakeBody(), "abcde");
}

TEST(HttpParser, RequestWithoutBody) {
  HttpParser parser(100);
  std::string input = "GET / HTTP/1.0\r\n\r\n";
  ASSERT_EQ(parser.Feed(input), State::kHead);
  EXPECT_EQ(parser.request().version, 10);
  EXPECT_FALSE(parser.request().keep_alive);
  EXPECT_FALSE(parser.request().has_body);
  EXPECT_EQ(parser.Feed(input), State::kComplete);
}

TEST(HttpParser, EmptyLinesBeforeARequestAreSkipped) {
  HttpParser parser(100);
  std::string input;
  for (const char c : std::string("\r\n\r\n")) {
    input += c;
    EXPECT_EQ(parser.Feed(input), State::kNeedMore);
    EXPECT_FALSE(parser.started());
  }
  EXPECT_EQ(input, "");
  input = "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n";
  ASSERT_EQ(parser.Feed(input), State::kHead);
  EXPECT_EQ(parser.request().target, "/");
  EXPECT_EQ(parser.Feed(input), State::kComplete);
  EXPECT_EQ(input, "\r\n");  // belongs to what comes next
}

TEST(HttpParser, Expectations) {
  const auto feed = [](const std::string& version, const std::string& fields, bool* continues) {
    HttpParser parser(100);
    std::string input = "POST / HTTP/" + version + "\r\nHost: a\r\n" + fields + "\r\n";
    const State state = parser.Feed(input);
    *continues = parser.request().expects_continue;
    return state == State::kFailed ? parser.error().status() : 0;
  };
  bool continues = true;
  EXPECT_EQ(feed("1.1", "", &continues), 0);
  EXPECT_FALSE(continues);
  for (const char* fields : {"Expect: 100-continue\r\n", "expect: 100-Continue ,100-continue\r\n",
                             "Expect: 100-continue\r\nExpect: 100-continue\r\n"}) {
    EXPECT_EQ(feed("1.1", fields, &continues), 0) << fields;
    EXPECT_TRUE(continues) << fields;
  }
  for (const char* fields : {"Expect: banana\r\n", "Expect: 100-continue, banana\r\n",
                             "Expect: 100-continue\r\nExpect: banana\r\n"}) {
    EXPECT_EQ(feed("1.1", fields, &continues), 417) << fields;
    EXPECT_FALSE(continues) << fields;
    EXPECT_EQ(feed("1.0", fields, &continues), 0) << fields;
  }
}

int StatusOf(std::string input, std::size_t max_body = 100) {
  HttpParser parser(max_body);
  State state = parser.Feed(input);
  if (state == State::kHead) state = parser.Feed(input);
  return state == State::kFailed ? parser.error().status() : 0;
}

TEST(BadHttp, GarbageIsRefused) {
  EXPECT_EQ(StatusOf("hello there\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11)), 400);
  EXPECT_EQ(StatusOf(std::string(64, '\0')), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nno colon\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/7.3\r\n\r\n"), 505);
  std::string empty_lines;
  for (int i = 0; i < 9; ++i) empty_lines += "\r\n";
  EXPECT_EQ(StatusOf(empty_lines + "GET / HTTP/1.1\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("\rGET / HTTP/1.1\r\n\r\n"), 400);
}

TEST(BadHttp, OversizedBodyAndHeadAreRefused) {
  EXPECT_EQ(StatusOf("POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n"), 413);
  EXPECT_EQ(StatusOf("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n80\r\n" +
                     std::string(128, 'x')),
            413);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\nX: " + std::string(40000, 'x')), 431);
  EXPECT_EQ(StatusOf("GET /" + std::string(40000, 'x')), 431);
  const std::string chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (const std::size_t size : {100, 40000}) {
    const int expected = size > 32768 ? 431 : 0;
    const std::string fields(size, 'x');
    EXPECT_EQ(StatusOf(chunked + "5;" + fields), expected);
    EXPECT_EQ(StatusOf(chunked + "5\r\nhello\r\n5;" + fields), expected);
    EXPECT_EQ(StatusOf(chunked + "0\r\nX: " + fields), expected);
    EXPECT_EQ(StatusOf(chunked + "5\r\nhello\r\n0\r\nX: a\r\nY: " + fields), expected);
  }
}

}  // namespace
}  // namespace fathom
