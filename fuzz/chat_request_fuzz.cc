// Bytes from a client to a request: the first byte picks the road (JSON body of either API, or the
// HTTP stream around it). Whatever comes, it is a value or an Error.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/error.h"
#include "server/access.h"
#include "server/api_error.h"
#include "server/api_request.h"
#include "server/http_parser.h"

namespace {

void ReadBody(fathom::ApiKind kind, std::string_view body) {
  try {
    const fathom::ApiRequest request =
        fathom::ParseApiRequest(kind, body, {.name = "model", .thinks = true, .calls_tools = true});
    CHECK(!request.prompts.empty());
    CHECK(request.replies() <= static_cast<std::size_t>(fathom::kMaxReplies));
    CHECK(request.ReplyRequest(request.replies() - 1).options.stop.size() <= fathom::kMaxStops);
  } catch (const fathom::Error& error) {
    const fathom::ApiError api = fathom::ToApiError(error);
    CHECK(api.status() == 400 || api.status() == 404);
    CHECK(!fathom::DumpJson(fathom::ErrorJson(api)).empty());
  }
}

// The stream arrives in pieces whose sizes the input chooses; the whole and the pieces must agree.
void ReadHttp(std::string_view bytes) {
  constexpr std::size_t kMaxBody = 4096;
  static const fathom::AccessPolicy policy("127.0.0.1", "key", {"name:80"});
  fathom::HttpParser parser(kMaxBody);
  std::string input;
  std::size_t step = 1;
  for (std::size_t at = 0; at < bytes.size();) {
    input += bytes.substr(at, step);
    at += step;
    step = 1 + static_cast<unsigned char>(bytes[at - 1 < bytes.size() ? at - 1 : 0]) % 64;
    auto state = parser.Feed(input);
    if (state == fathom::HttpParser::State::kHead) {
      try {
        policy.CheckHostAndOrigin(parser.request());
        policy.CheckKey(parser.request());
      } catch (const fathom::ApiError& error) {
        CHECK(error.status() >= 400 && error.status() < 404);
      }
      state = parser.Feed(input);
    }
    if (state == fathom::HttpParser::State::kFailed) {
      CHECK(parser.error().status() >= 400);
      return;
    }
    if (state == fathom::HttpParser::State::kComplete) {
      const std::string body = parser.TakeBody();
      CHECK(body.size() <= kMaxBody);
      ReadBody(fathom::ApiKind::kChat, body);
      return;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0:
      ReadBody(fathom::ApiKind::kChat, bytes);
      break;
    case 1:
      ReadBody(fathom::ApiKind::kCompletion, bytes);
      break;
    default:
      ReadHttp(bytes);
  }
  return 0;
}
