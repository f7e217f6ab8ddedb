// What an API client is told when a request fails: an HTTP status and OpenAI's error object. Pure
// data; knows no connection.
#pragma once

#include <string>

#include "base/error.h"
#include "base/json.h"

namespace fathom {

// An Error that already knows its HTTP form. Thrown by the request readers and checks.
class ApiError : public Error {
 public:
  // `type` as OpenAI's ("invalid_request_error", ...); `code` and `param` may be empty (JSON null).
  ApiError(int status, std::string type, std::string api_code, std::string param,
           std::string message);

  int status() const { return status_; }
  const std::string& type() const { return type_; }
  const std::string& api_code() const { return api_code_; }
  const std::string& param() const { return param_; }
  // Seconds to wait before trying again; 0: no advice.
  int retry_after() const { return retry_after_; }
  ApiError& RetryAfter(int seconds) {
    retry_after_ = seconds;
    return *this;
  }

 private:
  int status_;
  std::string type_;
  std::string api_code_;
  std::string param_;
  int retry_after_ = 0;
};

// 400 about one field of the body; `param` is its path ("messages[2].content"), or empty.
ApiError BadRequest(std::string param, std::string message, std::string api_code = {});

// The HTTP form of any Error: ApiErrors keep theirs. `prompt_param` names the field that holds the
// prompt, for one that is too long.
ApiError ToApiError(const Error& error, const std::string& prompt_param = "messages");

// {"error":{"message","type","param","code"}}
Json ErrorJson(const ApiError& error);

}  // namespace fathom
