#include "server/site.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/test_client.h"

namespace fathom {
namespace {

using testing::HasSubstr;

constexpr WebAsset kAssets[] = {
    {"/index.html", "text/html; charset=utf-8", "<p>hello", false},
    {"/assets/app-1a2b.js", "text/javascript", "go()", true},
};

class SiteTest : public testing::Test {
 protected:
  SiteTest()
      : chat_(MakeFakeModel(), FakeEngineOptions()),
        site_(chat_, AccessPolicy("127.0.0.1", "", {}), kAssets) {}

  HttpResponse Ask(const std::string& method, const std::string& target,
                   std::vector<std::pair<std::string, std::string>> headers = {}) const {
    HttpRequest request;
    request.method = method;
    request.target = target;
    request.headers = std::move(headers);
    request.headers.emplace_back("host", "localhost");
    try {
      Site::Decision decision = site_.Decide(request);
      return decision.response.value_or(HttpResponse{});
    } catch (const ApiError& error) {
      return ErrorResponse(error);
    }
  }
  static std::string HeaderOf(const HttpResponse& response, const std::string& name) {
    for (const auto& [key, value] : response.headers) {
      if (key == name) return value;
    }
    return "";
  }

  ChatService chat_;
  Site site_;
};

TEST_F(SiteTest, ServesThePageAndItsFiles) {
  for (const char* path : {"/", "/index.html", "/?a=b"}) {
    const HttpResponse page = Ask("GET", path);
    EXPECT_EQ(page.status, 200) << path;
    EXPECT_EQ(page.content(), "<p>hello");
    EXPECT_EQ(HeaderOf(page, "Content-Type"), "text/html; charset=utf-8");
    EXPECT_EQ(HeaderOf(page, "Cache-Control"), "no-cache");
  }
  const HttpResponse script = Ask("GET", "/assets/app-1a2b.js");
  EXPECT_EQ(script.content(), "go()");
  EXPECT_THAT(HeaderOf(script, "Cache-Control"), HasSubstr("immutable"));
}

TEST_F(SiteTest, ThePageMayTalkToItsServerOnly) {
  const std::string policy = HeaderOf(Ask("GET", "/"), "Content-Security-Policy");
  EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
  EXPECT_THAT(policy, HasSubstr("connect-src 'self'"));
  EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
  EXPECT_THAT(policy, testing::Not(HasSubstr("unsafe")));
  EXPECT_THAT(policy, testing::Not(HasSubstr("http")));
}

TEST_F(SiteTest, UnchangedFilesAreNotSentAgain) {
  const std::string etag = HeaderOf(Ask("GET", "/"), "ETag");
  ASSERT_FALSE(etag.empty());
  for (const std::string& list : {etag, "W/" + etag, "\"x\", " + etag, std::string("*")}) {
    const HttpResponse again = Ask("GET", "/", {{"if-none-match", list}});
    EXPECT_EQ(again.status, 304) << list;
    EXPECT_EQ(HeaderOf(again, "ETag"), etag);
  }
  EXPECT_EQ(Ask("GET", "/", {{"if-none-match", "\"other\""}}).status, 200);
}

TEST_F(SiteTest, FilesCanOnlyBeRead) {
  EXPECT_EQ(Ask("POST", "/index.html").status, 405);
  EXPECT_EQ(Ask("HEAD", "/index.html").status, 200);
  EXPECT_EQ(Ask("GET", "/index.htm").status, 404);
}

TEST_F(SiteTest, SaysSoWhenBuiltWithoutAPage) {
  const Site bare(chat_, AccessPolicy("127.0.0.1", "", {}), {});
  HttpRequest request;
  request.method = "GET";
  request.target = "/";
  request.headers = {{"host", "localhost"}};
  EXPECT_THAT(std::string(bare.Decide(request).response->content()),
              HasSubstr("without its web page"));
}

TEST(PercentDecoding, EscapesAndBrokenOnes) {
  EXPECT_EQ(PercentDecode("a%2Fb%20c"), "a/b c");
  EXPECT_EQ(PercentDecode("%41"), "A");
  EXPECT_EQ(PercentDecode("%4"), std::nullopt);
  EXPECT_EQ(PercentDecode("%zz"), std::nullopt);
}

TEST(HttpMessages, HeadersAndBody) {
  HttpResponse response = JsonResponse(200, {{"a", 1}});
  const std::string text = Serialize(response, {.version = 11, .keep_alive = false});
  EXPECT_THAT(text, testing::StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nContent-Length: 8\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_TRUE(text.ends_with("\r\n\r\n{\"a\":1}\n"));
  EXPECT_TRUE(Serialize(response, {.head_only = true}).ends_with("\r\n\r\n"));
  EXPECT_EQ(ChunkOf("hello, chunk of hello"), "15\r\nhello, chunk of hello\r\n");
  EXPECT_EQ(ChunkOf(""), "");
}

}  // namespace
}  // namespace fathom
