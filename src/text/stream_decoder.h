// Token ids in, UTF-8 text out, piece by piece: what the pieces add up to is exactly
// Tokenizer::Decode of all ids, and no piece ends inside a character.
#pragma once

#include <cstddef>
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

// Watches streamed text for stop strings that may span pieces. The stop string that is complete
// first counts; of those complete at the same byte, the longest. Text before it is passed on as
// soon as it cannot be part of a stop string; the stop string itself is never passed on. The
// outcome depends only on the text, not on how it is cut into pieces.
class StopMatcher {
 public:
  // Empty stop strings are ignored.
  explicit StopMatcher(std::vector<std::string> stops);

  struct Result {
    std::string text;      // safe to show now
    bool stopped = false;  // a stop string is complete; nothing more will come
    std::string stop;      // which one
  };
  // After a stop, further text is dropped and the result says so again.
  Result Push(std::string_view text);
  // The held-back text, when generation ended for another reason.
  std::string Finish();

 private:
  // One stop string as an automaton (Knuth, Morris and Pratt): constant work per byte on average.
  struct Stop {
    std::string text;
    std::vector<std::size_t>
        border;               // of text[0..i]: longest proper prefix that is also its suffix
    std::size_t matched = 0;  // bytes of `text` that the stream ends with
    bool Advance(char c);     // true when the stop string is complete
  };
  std::vector<Stop> stops_;
  std::string held_;
  int hit_ = -1;  // index of the stop string that is complete
};

}  // namespace fathom
