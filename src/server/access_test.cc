#include "server/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fathom {
namespace {

HttpRequest With(std::vector<std::pair<std::string, std::string>> headers) {
  HttpRequest request;
  request.method = "GET";
  request.target = "/";
  request.headers = std::move(headers);
  return request;
}

int StatusOf(const AccessPolicy& policy, const HttpRequest& request) {
  try {
    policy.CheckHostAndOrigin(request);
    policy.CheckKey(request);
  } catch (const ApiError& error) {
    return error.status();
  }
  return 200;
}

TEST(Access, LoopbackAddresses) {
  for (const char* host : {"localhost", "127.0.0.1", "127.9.8.7", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(IsLoopback(host)) << host;
  }
  for (const char* host :
       {"0.0.0.0", "::", "192.168.1.2", "example.com", "127.0.0.1.evil.com", ""}) {
    EXPECT_FALSE(IsLoopback(host)) << host;
  }
}

TEST(Access, HostHeaderSyntax) {
  EXPECT_EQ(ParseHost("LocalHost:8080")->host, "localhost");
  EXPECT_EQ(ParseHost("localhost.")->host, "localhost");
  EXPECT_EQ(ParseHost("[::1]:8080")->host, "::1");
  EXPECT_EQ(ParseHost("[::1]:8080")->port, "8080");
  for (const char* bad :
       {"", ":80", "a b", "[::1", "[x]", "a:b", "a:123456", "a/b", "a@b", "[::1]x"}) {
    EXPECT_FALSE(ParseHost(bad).has_value()) << bad;
  }
}

TEST(Access, RefusesToListenOnTheNetworkWithoutAKey) {
  EXPECT_THROW(AccessPolicy("0.0.0.0", "", {}), Error);
  EXPECT_THROW(AccessPolicy("192.168.0.1", "", {}), Error);
  EXPECT_THROW(AccessPolicy("::", "", {}), Error);
  EXPECT_THROW(AccessPolicy("example.com", "key", {}), Error);
  EXPECT_NO_THROW(AccessPolicy("0.0.0.0", "key", {}));
  EXPECT_NO_THROW(AccessPolicy("::1", "", {}));
}

TEST(Access, TheHostOfTheTargetIsHeldToTheSame) {
  const AccessPolicy policy("127.0.0.1", "", {"box.local"});
  const auto status = [&](const char* authority, const char* host) {
    HttpRequest request = With({{"host", host}});
    request.authority = authority;
    return StatusOf(policy, request);
  };
  EXPECT_EQ(status("localhost:8080", "localhost"), 200);
  EXPECT_EQ(status("box.local", "localhost"), 200);
  EXPECT_EQ(status("evil.com", "localhost"), 403);
  EXPECT_EQ(status("localhost", "evil.com"), 403);
  EXPECT_EQ(status("", "localhost"), 400);
  EXPECT_EQ(status("a@localhost", "localhost"), 400);
}

TEST(Access, HostMustBeANameOfThisServer) {
  const AccessPolicy policy("127.0.0.1", "", {"box.local", "other:81"});
  for (const char* host :
       {"127.0.0.1:8080", "localhost:9", "[::1]:1", "box.local", "box.local:7", "other:81"}) {
    EXPECT_EQ(StatusOf(policy, With({{"host", host}})), 200) << host;
  }
  // The second half of a rebinding attack: a name of the attacker that points here.
  for (const char* host :
       {"evil.com", "evil.com:8080", "localhost.evil.com", "192.168.0.7", "other:82"}) {
    EXPECT_EQ(StatusOf(policy, With({{"host", host}})), 403) << host;
  }
  EXPECT_EQ(StatusOf(policy, With({})), 400);
  EXPECT_EQ(StatusOf(policy, With({{"host", "a b"}})), 400);
  EXPECT_EQ(StatusOf(policy, With({{"host", "localhost"}, {"host", "localhost"}})), 400);
}

TEST(Access, AddressesAreGoodHostsWhereTheNetworkIsServed) {
  const AccessPolicy policy("0.0.0.0", "key", {});
  EXPECT_NO_THROW(policy.CheckHostAndOrigin(With({{"host", "192.168.0.7:8080"}})));
  EXPECT_THROW(policy.CheckHostAndOrigin(With({{"host", "evil.com"}})), ApiError);
}

TEST(Access, OriginMustBeOwnOrAllowed) {
  const AccessPolicy policy("127.0.0.1", "", {"app.local", "https://exact.example"});
  const auto status = [&](const char* origin) {
    return StatusOf(policy, With({{"host", "localhost:8080"}, {"origin", origin}}));
  };
  EXPECT_EQ(status("http://localhost:8080"), 200);
  EXPECT_EQ(status("https://localhost:8080"), 200);
  EXPECT_EQ(status("http://app.local:3000"), 200);
  EXPECT_EQ(status("http://app.local"), 200);
  EXPECT_EQ(status("https://exact.example"), 200);
  for (const char* bad : {"null", "", "http://localhost:3000", "http://127.0.0.1:8080",
                          "http://evil.com", "http://app.local.evil.com", "http://exact.example",
                          "http://evil.com/?http://localhost:8080"}) {
    EXPECT_EQ(status(bad), 403) << bad;
  }
}

TEST(Access, KeyMustMatchExactly) {
  const AccessPolicy policy("127.0.0.1", "s3cret", {});
  const auto status = [&](const char* value) {
    return StatusOf(policy, With({{"host", "localhost"}, {"authorization", value}}));
  };
  EXPECT_EQ(status("Bearer s3cret"), 200);
  EXPECT_EQ(status("bearer s3cret"), 200);
  for (const char* bad :
       {"Bearer s3cre", "Bearer s3cretx", "Bearer ", "Basic s3cret", "s3cret", ""}) {
    EXPECT_EQ(status(bad), 401) << bad;
  }
  EXPECT_EQ(StatusOf(policy, With({{"host", "localhost"}})), 401);
}

TEST(Access, CorsHeadersForAllowedOriginsOnly) {
  const AccessPolicy policy("127.0.0.1", "", {"app.local"});
  HttpResponse response;
  policy.AddCorsHeaders(With({{"origin", "http://localhost"}}), response);
  EXPECT_TRUE(response.headers.empty());
  policy.AddCorsHeaders(With({{"origin", "http://app.local:3000"}}), response);
  ASSERT_EQ(response.headers.size(), 2u);
  EXPECT_EQ(response.headers[0].second, "http://app.local:3000");
}

}  // namespace
}  // namespace fathom
