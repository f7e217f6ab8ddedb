#include "server/access.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/crypto.h>

#include <algorithm>

#include "base/sha256.h"

namespace fathom {
namespace {

// An IPv4 address also counts in its IPv6 form (::ffff:127.0.0.1).
std::optional<uint32_t> Ipv4Of(const std::string& host) {
  in_addr v4{};
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return ntohl(v4.s_addr);
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) != 1 || !IN6_IS_ADDR_V4MAPPED(&v6)) return {};
  uint32_t value = 0;
  for (int i = 12; i < 16; ++i) value = value << 8 | v6.s6_addr[i];
  return value;
}

ApiError Forbidden(std::string message) {
  return ApiError(403, "permission_error", "forbidden", "", std::move(message));
}

// Shown back to whoever sent it, so short and printable.
std::string Quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text.substr(0, 128)) out += c >= 0x20 && c < 0x7F ? c : '?';
  return out + "'";
}

ApiError NotServed(std::string_view host) {
  return Forbidden("the host " + Quoted(host) +
                   " is not served here; if it is meant to be, start the server with --allow-host");
}

}  // namespace

bool IsAddress(std::string_view host) {
  const std::string text(host);
  in6_addr any{};
  return inet_pton(AF_INET, text.c_str(), &any) == 1 ||
         inet_pton(AF_INET6, text.c_str(), &any) == 1;
}

bool IsLoopback(std::string_view host) {
  const std::string text(host);
  if (text == "localhost") return true;
  if (const auto v4 = Ipv4Of(text)) return *v4 >> 24 == 127;
  in6_addr v6{};
  return inet_pton(AF_INET6, text.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

std::optional<HostPort> ParseHost(std::string_view text) {
  HostPort out;
  std::string_view rest;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos) return {};
    out.host = LowerCase(text.substr(1, end - 1));
    if (out.host.find(':') == std::string::npos || !IsAddress(out.host)) return {};
    rest = text.substr(end + 1);
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    out.host = LowerCase(text.substr(0, colon));
    rest = text.substr(colon);
    // A trailing dot names the same host.
    if (out.host.ends_with('.')) out.host.pop_back();
    const auto fits = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    };
    if (out.host.empty() || !std::all_of(out.host.begin(), out.host.end(), fits)) return {};
  }
  if (rest.empty()) return out;
  if (rest.front() != ':') return {};
  out.port = std::string(rest.substr(1));
  const bool digits =
      std::all_of(out.port.begin(), out.port.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || out.port.size() > 5) return {};
  return out;
}

AccessPolicy::AccessPolicy(std::string bind_host, std::string api_key,
                           std::vector<std::string> allowed_hosts)
    : bind_host_(LowerCase(bind_host)), api_key_(std::move(api_key)) {
  if (bind_host_ != "localhost" && !IsAddress(bind_host_)) {
    throw Error(ErrorCode::kInvalidArgument,
                "cannot listen on '" + bind_host + "': it is not an address",
                "give an IPv4 or IPv6 address such as 127.0.0.1 or 0.0.0.0");
  }
  if (!IsLoopback(bind_host_) && api_key_.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "refusing to listen on " + bind_host_ +
                    " without a key: anybody on the network could use the model",
                "give one with FATHOM_API_KEY or --api-key, or listen on 127.0.0.1");
  }
  for (const std::string& host : allowed_hosts) allowed_.push_back(LowerCase(host));
}

bool AccessPolicy::HostAllowed(const HostPort& host) const {
  if (IsLoopback(host.host) || host.host == bind_host_) return true;
  // Rebinding needs a name: a browser that was sent to an address names that address. The key,
  // which is required there, guards the rest.
  if (!IsLoopback(bind_host_) && IsAddress(host.host)) return true;
  const std::string with_port = host.host + ":" + host.port;
  return std::any_of(allowed_.begin(), allowed_.end(), [&](const std::string& allowed) {
    return allowed == host.host || allowed == with_port;
  });
}

bool AccessPolicy::OriginListed(std::string_view origin) const {
  const std::string lower = LowerCase(origin);
  const std::size_t scheme = lower.find("://");
  const std::string host = scheme == std::string::npos ? "" : lower.substr(scheme + 3);
  const std::string name = host.substr(0, host.rfind(':'));
  return std::any_of(allowed_.begin(), allowed_.end(), [&](const std::string& allowed) {
    return allowed == lower || (!host.empty() && (allowed == host || allowed == name));
  });
}

void AccessPolicy::CheckHostAndOrigin(const HttpRequest& request) const {
  const std::string_view host = request.Header("host");
  const auto parsed = ParseHost(host);
  if (request.CountOf("host") > 1) throw BadRequest("", "the request has two Host headers");
  if (!parsed) {
    throw BadRequest("", host.empty() ? "the request has no Host header"
                                      : "the Host header " + Quoted(host) + " is malformed");
  }
  if (!HostAllowed(*parsed)) throw NotServed(host);
  if (request.authority) {  // counts before the Host, RFC 9112, 3.2.2
    const auto authority = ParseHost(*request.authority);
    if (!authority) throw BadRequest("", "the host of the request's target is malformed");
    if (!HostAllowed(*authority)) throw NotServed(*request.authority);
  }
  if (request.CountOf("origin") == 0) return;
  const std::string_view origin = request.Header("origin");
  const std::string lower = LowerCase(origin);
  const std::string own = LowerCase(host);
  // https: a proxy before this server may speak TLS.
  const bool same = lower == "http://" + own || lower == "https://" + own;
  if (request.CountOf("origin") > 1 || (!same && !OriginListed(origin))) {
    throw Forbidden(
        "the origin " + Quoted(origin) +
        " may not use this server; if it is meant to, start the server with --allow-host");
  }
}

bool AccessPolicy::Knows(const HttpRequest& request) const {
  if (api_key_.empty()) return true;
  std::string_view value = request.Header("authorization");
  constexpr std::string_view kScheme = "bearer ";
  if (value.size() < kScheme.size() || LowerCase(value.substr(0, kScheme.size())) != kScheme) {
    return false;
  }
  value.remove_prefix(kScheme.size());
  // Digests have one length, and comparing them takes one time, so neither tells how much of a
  // guess is right.
  const std::string expected = Sha256OfText(api_key_);
  const std::string found = Sha256OfText(value);
  return CRYPTO_memcmp(expected.data(), found.data(), expected.size()) == 0;
}

void AccessPolicy::CheckKey(const HttpRequest& request) const {
  if (Knows(request)) return;
  const bool given = !request.Header("authorization").empty();
  throw ApiError(401, "authentication_error", "invalid_api_key", "",
                 given ? "the API key is wrong"
                       : "this server needs an API key: send 'Authorization: Bearer KEY'");
}

void AccessPolicy::AddCorsHeaders(const HttpRequest& request, HttpResponse& response) const {
  const std::string_view origin = request.Header("origin");
  if (origin.empty() || !OriginListed(origin)) return;
  response.headers.emplace_back("Access-Control-Allow-Origin", std::string(origin));
  response.headers.emplace_back("Vary", "Origin");
}

}  // namespace fathom
