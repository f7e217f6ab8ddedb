#include "server/http_parser.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <string_view>

#include "base/check.h"

namespace fathom {
namespace http = boost::beast::http;
namespace {

// Ten times what browsers and SDKs send.
constexpr std::uint32_t kMaxHeadBytes = 32 * 1024;
// Empty lines that may come before a request: old clients send one after a body. RFC 9112, 2.2.
constexpr int kMaxEmptyLines = 8;

ApiError Describe(const boost::system::error_code& code, std::size_t max_body_bytes) {
  if (code == http::error::body_limit) {
    return ApiError(413, "invalid_request_error", "request_too_large", "",
                    "the request body is larger than " + std::to_string(max_body_bytes) + " bytes");
  }
  if (code == http::error::header_limit || code == http::error::buffer_overflow) {
    return ApiError(
        431, "invalid_request_error", "headers_too_large", "",
        "the request's head is larger than " + std::to_string(kMaxHeadBytes) + " bytes");
  }
  if (code == http::error::bad_version) {
    return ApiError(505, "invalid_request_error", "http_version", "",
                    "only HTTP/1.x is spoken here");
  }
  return ApiError(400, "invalid_request_error", "malformed_http", "",
                  "the request is not valid HTTP: " + code.message());
}

ApiError ChunkTooLarge() {
  return ApiError(431, "invalid_request_error", "headers_too_large", "",
                  "the extensions of a chunk or the fields after the last one are larger than " +
                      std::to_string(kMaxHeadBytes) + " bytes");
}

std::string_view ViewOf(boost::beast::string_view text) { return {text.data(), text.size()}; }

// A target may be a whole URL, RFC 9112, 3.2.2: it is taken apart into host and path.
void SetTarget(std::string_view target, HttpRequest& request) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (LowerCase(target.substr(0, scheme.size())) != scheme) continue;
    const std::string_view rest = target.substr(scheme.size());
    const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
    request.authority = std::string(rest.substr(0, end));
    request.target = std::string(rest.substr(end));
    if (!request.target.starts_with('/')) request.target.insert(0, 1, '/');
    return;
  }
  request.target = std::string(target);
}

// Drops the empty lines in front of a request. Half of one stays.
void SkipEmptyLines(std::string& input, int& left) {
  std::size_t at = 0;
  for (; left > 0 && input.compare(at, 2, "\r\n") == 0; --left) at += 2;
  input.erase(0, at);
}

// Whether all of a list, as it was sent in one or more fields, is "100-continue".
bool OnlyContinue(const HttpRequest& request) {
  for (const auto& [name, list] : request.headers) {
    if (name != "expect") continue;
    std::string_view rest = list;
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      std::string_view one = rest.substr(0, comma);
      rest.remove_prefix(std::min(comma + 1, rest.size()));
      while (one.starts_with(' ') || one.starts_with('\t')) one.remove_prefix(1);
      while (one.ends_with(' ') || one.ends_with('\t')) one.remove_suffix(1);
      if (!one.empty() && LowerCase(one) != "100-continue") return false;
    }
  }
  return true;
}

}  // namespace

struct HttpParser::Impl {
  explicit Impl(std::size_t max_body) : max_body_bytes(max_body) {
    parser.header_limit(kMaxHeadBytes);
    parser.body_limit(max_body);
    parser.eager(false);
  }

  void TakeHead() {
    const auto& message = parser.get();
    request.method = std::string(message.method_string());
    SetTarget(ViewOf(message.target()), request);
    request.version = static_cast<int>(message.version());
    request.keep_alive = message.keep_alive();
    for (const auto& field : message) {
      const auto value = field.value();
      request.headers.emplace_back(LowerCase(ViewOf(field.name_string())),
                                   std::string(value.data(), value.size()));
    }
    // HTTP/1.0 knows no expectations: RFC 9110, 10.1.1.
    const bool expects = request.version >= 11 && request.CountOf("expect") > 0;
    request.expects_continue = expects && OnlyContinue(request);
    if (expects && !request.expects_continue) {
      error = ApiError(417, "invalid_request_error", "expectation_failed", "",
                       "no other expectation than 'Expect: 100-continue' is met here");
    }
    request.has_body = parser.chunked() || parser.content_length().value_or(0) > 0;
  }

  const std::size_t max_body_bytes;
  http::request_parser<http::string_body> parser;
  HttpRequest request;
  std::optional<ApiError> error;
  bool head_taken = false;
  bool started = false;
  int empty_lines_left = kMaxEmptyLines;
};

HttpParser::HttpParser(std::size_t max_body_bytes)
    : impl_(std::make_unique<Impl>(max_body_bytes)) {}
HttpParser::~HttpParser() = default;

HttpParser::State HttpParser::Feed(std::string& input) {
  Impl& impl = *impl_;
  if (impl.error) return State::kFailed;
  if (!impl.started) SkipEmptyLines(input, impl.empty_lines_left);
  while (!impl.parser.is_done()) {
    if (input.empty() || (!impl.started && input == "\r")) return State::kNeedMore;
    impl.started = true;
    boost::system::error_code code;
    const std::size_t used = impl.parser.put(boost::asio::buffer(input), code);
    input.erase(0, used);
    if (code && code != http::error::need_more) {
      impl.error = Describe(code, impl.max_body_bytes);
      return State::kFailed;
    }
    if (!impl.head_taken && impl.parser.is_header_done()) {
      impl.head_taken = true;
      impl.TakeHead();
      impl.parser.eager(true);
      return impl.error ? State::kFailed : State::kHead;
    }
    if (code == http::error::need_more) {
      // What is not finished stays in the input: a head, the line of a chunk's size with its
      // extensions, the fields after the last chunk. There it must not grow without bound.
      if (!impl.parser.is_done() && input.size() > kMaxHeadBytes) {
        impl.error = impl.head_taken ? ChunkTooLarge()
                                     : Describe(http::error::header_limit, impl.max_body_bytes);
        return State::kFailed;
      }
      if (!impl.parser.is_done()) return State::kNeedMore;
    }
  }
  CHECK(impl.head_taken);
  return State::kComplete;
}

bool HttpParser::started() const { return impl_->started; }
const HttpRequest& HttpParser::request() const { return impl_->request; }
std::string HttpParser::TakeBody() { return std::move(impl_->parser.get().body()); }
const ApiError& HttpParser::error() const { return *impl_->error; }

}  // namespace fathom
