// UTF-8 and character classes for tokenizers. Owns the question "what kind of character is this?";
// normalization is in nfc.h. The classes equal those of Hugging Face `tokenizers` 0.23 over all
// code points: the regular-expression classes are of Unicode 16.0.0, and kNumberLater adds the code
// points that only Unicode 17.0.0, which the Digits pre-tokenizer uses, calls numbers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "text/unicode_tables.h"

namespace fathom {

// Each code point has exactly one class. White_Space wins over the general category.
enum class CharClass : char {
  kOther = '.',  // control, format, unassigned
  kLetter = 'L',
  kMark = 'M',
  kNumber = 'N',
  kNumberLater = 'n',
  kPunctuation = 'P',
  kSymbol = 'S',
  kSpace = '_',
};

// `code` must be below 0x110000.
inline CharClass ClassOf(char32_t code) {
  return static_cast<CharClass>(
      unicode::kClasses[unicode::kClassBlocks[code >> 8] * 256 + (code & 255)]);
}

struct Utf8Char {
  char32_t code;
  uint32_t size;  // bytes
};

// Decodes at `position` (in range) of text that is known to be well formed.
inline Utf8Char DecodeUtf8(const char* text, std::size_t position) {
  const auto* p = reinterpret_cast<const unsigned char*>(text + position);
  if (p[0] < 0x80) return {p[0], 1};
  if (p[0] < 0xE0) return {static_cast<char32_t>((p[0] & 31) << 6 | (p[1] & 63)), 2};
  if (p[0] < 0xF0) {
    return {static_cast<char32_t>((p[0] & 15) << 12 | (p[1] & 63) << 6 | (p[2] & 63)), 3};
  }
  return {
      static_cast<char32_t>((p[0] & 7) << 18 | (p[1] & 63) << 12 | (p[2] & 63) << 6 | (p[3] & 63)),
      4};
}

// What starts at a position of any bytes: a character, an ill-formed part, or a character whose
// rest is missing because the text ends.
enum class Utf8Kind : uint8_t { kCharacter, kIllFormed, kCutOff };
struct Utf8Unit {
  Utf8Kind kind;
  uint8_t size;  // bytes: of the character, of the maximal ill-formed subpart, or up to the end
};
Utf8Unit NextUtf8(std::string_view text, std::size_t position);

// The length of the well-formed beginning of `text`.
std::size_t WellFormedPrefix(std::string_view text);

// Appends `text` with U+FFFD for each maximal ill-formed subpart, as Python's errors="replace" and
// the Unicode Standard (section 3.9) do it.
void AppendUtf8(std::string_view text, std::string& out);

void AppendCodePoint(char32_t code, std::string& out);

}  // namespace fathom
