#include "server/http_message.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

#include "base/clock.h"

namespace fathom {
namespace {

// RFC 9110, 5.6.7: "Sun, 06 Nov 1994 08:49:37 GMT", whatever the locale.
std::string HttpDate() {
  static constexpr std::array<const char*, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                       "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t now = UnixSeconds();
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[64];
  std::snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT",
                kDays[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                kMonths[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour,
                utc.tm_min, utc.tm_sec);
  return text;
}

void AddHeader(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

std::string Head(const HttpResponse& response, const ResponseFraming& framing) {
  std::string out = "HTTP/1." + std::to_string(framing.version % 10) + " " +
                    std::to_string(response.status) + " " +
                    std::string(ReasonPhrase(response.status)) + "\r\n";
  AddHeader(out, "Date", HttpDate());
  AddHeader(out, "Server", "fathom");
  AddHeader(out, "X-Content-Type-Options", "nosniff");
  AddHeader(out, "Referrer-Policy", "no-referrer");
  AddHeader(out, "Connection", framing.keep_alive ? "keep-alive" : "close");
  for (const auto& [name, value] : response.headers) AddHeader(out, name, value);
  return out;
}

}  // namespace

std::string_view HttpRequest::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

int HttpRequest::CountOf(std::string_view name) const {
  return static_cast<int>(std::count_if(headers.begin(), headers.end(),
                                        [&](const auto& header) { return header.first == name; }));
}

std::string LowerCase(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

HttpResponse JsonResponse(int status, const Json& body) {
  HttpResponse response;
  response.status = status;
  response.headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}};
  response.body = DumpJson(body) + "\n";
  return response;
}

HttpResponse ErrorResponse(const ApiError& error) {
  HttpResponse response = JsonResponse(error.status(), ErrorJson(error));
  if (error.retry_after() > 0) {
    response.headers.emplace_back("Retry-After", std::to_string(error.retry_after()));
  }
  if (error.status() == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

std::string Serialize(const HttpResponse& response, const ResponseFraming& framing) {
  std::string out = Head(response, framing);
  const std::string_view content = response.content();
  if (response.status != 204 && response.status != 304) {
    AddHeader(out, "Content-Length", std::to_string(content.size()));
  }
  out += "\r\n";
  if (!framing.head_only) out += content;
  return out;
}

std::string SerializeStreamHead(const HttpResponse& response, const ResponseFraming& framing) {
  std::string out = Head(response, framing);
  if (framing.version >= 11) AddHeader(out, "Transfer-Encoding", "chunked");
  return out + "\r\n";
}

std::string ChunkOf(std::string_view data) {
  if (data.empty()) return {};
  char size[32];
  std::snprintf(size, sizeof(size), "%zx\r\n", data.size());
  std::string out = size;
  out.append(data).append("\r\n");
  return out;
}

}  // namespace fathom
