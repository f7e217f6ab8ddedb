#include "server/api_error.h"

#include <cstdio>
#include <utility>

namespace fathom {
namespace {

ErrorCode CodeOfStatus(int status) {
  switch (status) {
    case 401:
    case 403:
      return ErrorCode::kPermission;
    case 404:
      return ErrorCode::kNotFound;
    case 429:
    case 503:
      return ErrorCode::kUnavailable;
    case 500:
      return ErrorCode::kInternal;
    default:
      return ErrorCode::kInvalidArgument;
  }
}

Json TextOrNull(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

// Not what(), which ends at the first NUL.
std::string FullText(const Error& error) {
  return error.hint().empty() ? error.message() : error.message() + " (" + error.hint() + ")";
}

// Messages quote what clients sent. Control characters in it are shown as JSON writes them, so that
// a message stays one line wherever it ends up.
std::string WithoutControls(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7F) {
      out += c;
      continue;
    }
    char escape[8];
    std::snprintf(escape, sizeof(escape), "\\u%04x", byte);
    out += escape;
  }
  return out;
}

// Seconds after which a busy server is worth another try; clients back off further by themselves.
constexpr int kRetryAfterSeconds = 2;

}  // namespace

ApiError::ApiError(int status, std::string type, std::string api_code, std::string param,
                   std::string message)
    : Error(CodeOfStatus(status), std::move(message)),
      status_(status),
      type_(std::move(type)),
      api_code_(std::move(api_code)),
      param_(std::move(param)) {}

ApiError BadRequest(std::string param, std::string message, std::string api_code) {
  return ApiError(400, "invalid_request_error", std::move(api_code), std::move(param),
                  std::move(message));
}

ApiError ToApiError(const Error& error, const std::string& prompt_param) {
  if (const auto* ready = dynamic_cast<const ApiError*>(&error)) return *ready;
  const std::string text = FullText(error);
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
      return BadRequest("", text);
    case ErrorCode::kUnsupported:
      return BadRequest("", text, "unsupported");
    case ErrorCode::kContextOverflow:
      return BadRequest(prompt_param, text, "context_length_exceeded");
    case ErrorCode::kNotFound:
      return ApiError(404, "invalid_request_error", "not_found", "", text);
    case ErrorCode::kPermission:
      return ApiError(403, "permission_error", "forbidden", "", text);
    case ErrorCode::kUnavailable:
    case ErrorCode::kCancelled:
      return ApiError(503, "server_error", "unavailable", "", text).RetryAfter(kRetryAfterSeconds);
    default:
      return ApiError(500, "server_error", std::string(ErrorCodeName(error.code())), "", text);
  }
}

Json ErrorJson(const ApiError& error) {
  return {{"error",
           {{"message", WithoutControls(FullText(error))},
            {"type", error.type()},
            {"param", TextOrNull(error.param())},
            {"code", TextOrNull(error.api_code())}}}};
}

}  // namespace fathom
