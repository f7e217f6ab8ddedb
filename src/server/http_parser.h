// Reads HTTP/1.x requests out of a byte stream, piece by piece: the head first, so that a request
// can be refused before its body is taken. Owns no socket.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "server/api_error.h"
#include "server/http_message.h"

namespace fathom {

class HttpParser {
 public:
  explicit HttpParser(std::size_t max_body_bytes);
  ~HttpParser();

  enum class State {
    kNeedMore,  // all of the input that can be used was used
    kHead,      // the head is complete: see request(); feed again for the body
    kComplete,  // the whole request is there
    kFailed,    // see error(); the connection cannot go on
  };
  // Takes bytes off the front of `input`. Says kHead once and then, maybe at once, kComplete.
  State Feed(std::string& input);

  // True once any byte of the request was seen.
  bool started() const;
  const HttpRequest& request() const;  // the head; its body is still empty
  std::string TakeBody();              // once, after kComplete
  const ApiError& error() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fathom
