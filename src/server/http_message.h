// HTTP requests and responses as plain values, and the bytes of responses. Knows no connection and
// no API; parsing is in http_parser.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "server/api_error.h"

namespace fathom {

// A request's head. The body, which may be large, stays with the parser.
struct HttpRequest {
  std::string method;  // as sent: "GET"
  std::string target;  // "/v1/models?limit=3", also where it was sent as "http://host/v1/..."
  std::optional<std::string> authority;  // "host" of such a target
  int version = 11;                      // 10 or 11
  bool keep_alive = true;
  bool expects_continue = false;
  bool has_body = false;                                     // the head announces one
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, in order

  // The value of a header, or "" when it is not there. `name` in lower case.
  std::string_view Header(std::string_view name) const;
  int CountOf(std::string_view name) const;
  std::string_view path() const { return std::string_view(target).substr(0, target.find('?')); }
};

struct HttpResponse {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;  // without those Serialize adds
  std::string body;
  std::string_view static_body;  // instead of `body`, for bytes that live as long as the program

  std::string_view content() const { return static_body.empty() ? body : static_body; }
};

// A to Z become a to z, whatever the locale.
std::string LowerCase(std::string_view text);

HttpResponse JsonResponse(int status, const Json& body);
HttpResponse ErrorResponse(const ApiError& error);

std::string_view ReasonPhrase(int status);

struct ResponseFraming {
  int version = 11;  // of the request
  bool keep_alive = true;
  bool head_only = false;  // answers HEAD: no body, but its length
};

// Status line, headers and body. Adds Date, Server, Content-Length, Connection and the headers
// every response carries for browsers (nosniff, no referrer).
std::string Serialize(const HttpResponse& response, const ResponseFraming& framing);

// The head of an event stream: chunked, or until the connection closes for an HTTP/1.0 client.
std::string SerializeStreamHead(const HttpResponse& response, const ResponseFraming& framing);
// One chunk of a chunked body; an empty one would end it, so nothing is written for empty data.
std::string ChunkOf(std::string_view data);
inline constexpr char kLastChunk[] = "0\r\n\r\n";

}  // namespace fathom
