// The one exception type of Fathom. It is thrown for everything that comes from outside (files,
// requests, configurations, memory that is not there) and caught at three doors: the subcommand,
// the HTTP handler and the engine step that fails one request. Broken invariants of our own code
// use CHECK (base/check.h) instead.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace fathom {

enum class ErrorCode {
  kInvalidArgument,  // a flag, a parameter or a request that makes no sense
  kInvalidFile,      // a model, tokenizer or configuration file that is broken
  kUnsupported,      // well formed, but something Fathom does not do
  kNotFound,
  kAlreadyExists,
  kContextOverflow,  // a prompt longer than the context
  kOutOfMemory,
  kNoSpace,  // the disk is full
  kIo,
  kNetwork,
  kPermission,
  kUnavailable,  // busy or shutting down; trying again may help
  kCancelled,
  kInternal,
};

// "invalid_file", "context_overflow", ...: stable names for JSON output and logs.
std::string_view ErrorCodeName(ErrorCode code);

class Error : public std::runtime_error {
 public:
  // `message` says what is wrong, with the expected and the found value; `hint` (may be empty) says
  // what to do about it. Both are single lines without a trailing full stop.
  Error(ErrorCode code, std::string message, std::string hint = {});

  ErrorCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& hint() const { return hint_; }

 private:
  ErrorCode code_;
  std::string message_;
  std::string hint_;
};

// Error for a failed system call: picks the code from `error_number` (ENOENT -> kNotFound,
// ENOSPC -> kNoSpace, EACCES -> kPermission, ...). `what` names the operation and its object.
Error SystemError(int error_number, const std::string& what);

}  // namespace fathom
