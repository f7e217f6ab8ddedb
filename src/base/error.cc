#include "base/error.h"

#include <cerrno>
#include <cstring>
#include <utility>

namespace fathom {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kInvalidFile:
      return "invalid_file";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kAlreadyExists:
      return "already_exists";
    case ErrorCode::kContextOverflow:
      return "context_overflow";
    case ErrorCode::kOutOfMemory:
      return "out_of_memory";
    case ErrorCode::kNoSpace:
      return "no_space";
    case ErrorCode::kIo:
      return "io";
    case ErrorCode::kNetwork:
      return "network";
    case ErrorCode::kPermission:
      return "permission";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

namespace {
std::string Compose(const std::string& message, const std::string& hint) {
  return hint.empty() ? message : message + " (" + hint + ")";
}
}  // namespace

Error::Error(ErrorCode code, std::string message, std::string hint)
    : std::runtime_error(Compose(message, hint)),
      code_(code),
      message_(std::move(message)),
      hint_(std::move(hint)) {}

Error SystemError(int error_number, const std::string& what) {
  ErrorCode code = ErrorCode::kIo;
  std::string hint;
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      code = ErrorCode::kNotFound;
      break;
    case ENOSPC:
    case EDQUOT:
      code = ErrorCode::kNoSpace;
      hint = "free some disk space and try again";
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      code = ErrorCode::kPermission;
      break;
    case ENOMEM:
      code = ErrorCode::kOutOfMemory;
      break;
    case EEXIST:
      code = ErrorCode::kAlreadyExists;
      break;
    case EADDRINUSE:
      code = ErrorCode::kUnavailable;
      break;
    default:
      break;
  }
  return Error(code, what + ": " + std::strerror(error_number), hint);
}

}  // namespace fathom
