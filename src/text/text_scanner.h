// What the scanners of pre-tokenizers share: a cursor over text, and the character classes that
// their regular expressions name. Not for text that may be ill formed.
#pragma once

#include <cstddef>

#include "text/unicode.h"

namespace fathom {

// A cursor over well-formed text; `at` may stand at the end.
struct TextScanner {
  const char* text;
  std::size_t size;

  bool AtEnd(std::size_t at) const { return at >= size; }
  char Byte(std::size_t at) const { return at < size ? text[at] : '\0'; }
  Utf8Char CharAt(std::size_t at) const { return DecodeUtf8(text, at); }
  bool NewlineAt(std::size_t at) const {
    return at < size && (text[at] == '\n' || text[at] == '\r');
  }

  // The end of the run of characters that `in` accepts, from `at`; at most `limit` of them.
  template <class In>
  std::size_t RunEnd(std::size_t at, In in,
                     std::size_t limit = static_cast<std::size_t>(-1)) const {
    for (; at < size && limit > 0; --limit) {
      const Utf8Char c = CharAt(at);
      if (!in(ClassOf(c.code))) break;
      at += c.size;
    }
    return at;
  }
};

inline bool IsLetter(CharClass c) { return c == CharClass::kLetter; }
inline bool IsNumber(CharClass c) { return c == CharClass::kNumber; }
inline bool IsSpace(CharClass c) { return c == CharClass::kSpace; }
inline bool IsLaterNumber(CharClass c) {
  return c == CharClass::kNumber || c == CharClass::kNumberLater;
}
// [^\s\p{L}\p{N}]
inline bool IsOther(CharClass c) { return !IsLetter(c) && !IsNumber(c) && !IsSpace(c); }
inline bool IsOtherNotNumeric(CharClass c) { return IsOther(c) && c != CharClass::kNumberLater; }

// \s+(?!\S)|\s+ at a space: the whole run when nothing follows it, else all but its last character,
// which the next piece may take in.
inline std::size_t SpacesEnd(std::size_t begin, std::size_t end, std::size_t last, bool at_end) {
  return at_end || last == begin ? end : last;
}

}  // namespace fathom
