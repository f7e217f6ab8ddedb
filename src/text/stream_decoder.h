// Token ids in, UTF-8 text out, piece by piece: what the pieces add up to is exactly
// Tokenizer::Decode of all ids, and no piece ends inside a character.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace fathom {

class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer);  // kept by reference

  // Appends the token; returns the text that is complete by now (may be empty).
  std::string Push(TokenId id);
  // The rest: a character cut off at the end becomes U+FFFD.
  std::string Finish();

 private:
  const Tokenizer& tokenizer_;
  std::string pending_;  // the start of a UTF-8 sequence that may still be completed
};

// Watches streamed text for stop strings that may span pieces. Text before the earliest stop string
// is passed on as soon as it cannot be part of one; the stop string itself is never passed on.
class StopMatcher {
 public:
  // Empty stop strings are ignored.
  explicit StopMatcher(std::vector<std::string> stops);

  struct Result {
    std::string text;      // safe to show now
    bool stopped = false;  // a stop string is complete; nothing more will come
    std::string stop;      // which one
  };
  Result Push(std::string_view text);
  // The held-back text, when generation ended for another reason.
  std::string Finish();

 private:
  std::vector<std::string> stops_;
  std::string held_;
};

}  // namespace fathom
