// UTF-8 reading and repair; see unicode.h. The ranges are those of table 3-7 of the Unicode
// Standard.
#include "text/unicode.h"

#include <cstring>

namespace fathom {

Utf8Unit NextUtf8(std::string_view text, std::size_t position) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[position + i]); };
  const std::size_t left = text.size() - position;
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {Utf8Kind::kCharacter, 1};
  if (lead < 0xC2 || lead > 0xF4) return {Utf8Kind::kIllFormed, 1};
  const uint8_t size = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  // Only the second byte has ranges narrower than 80..BF: no overlong forms, no surrogates, nothing
  // above U+10FFFF.
  const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  for (uint8_t i = 1; i < size; ++i) {
    if (i >= left) return {Utf8Kind::kCutOff, i};
    const unsigned char b = byte(i);
    if (i == 1 ? (b < low || b > high) : (b < 0x80 || b > 0xBF)) return {Utf8Kind::kIllFormed, i};
  }
  return {Utf8Kind::kCharacter, size};
}

std::size_t WellFormedPrefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    if (at + 8 <= text.size()) {
      uint64_t word;
      std::memcpy(&word, text.data() + at, 8);
      if ((word & 0x8080808080808080u) == 0) {
        at += 8;
        continue;
      }
    }
    const Utf8Unit unit = NextUtf8(text, at);
    if (unit.kind != Utf8Kind::kCharacter) break;
    at += unit.size;
  }
  return at;
}

void AppendUtf8(std::string_view text, std::string& out) {
  while (true) {
    const std::size_t good = WellFormedPrefix(text);
    out.append(text.substr(0, good));
    if (good == text.size()) return;
    const Utf8Unit bad = NextUtf8(text, good);
    out.append("\xEF\xBF\xBD");
    text.remove_prefix(good + bad.size);
  }
}

void AppendCodePoint(char32_t code, std::string& out) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
    return;
  }
  if (code < 0x800) {
    out.push_back(static_cast<char>(0xC0 | code >> 6));
  } else {
    if (code < 0x10000) {
      out.push_back(static_cast<char>(0xE0 | code >> 12));
    } else {
      out.push_back(static_cast<char>(0xF0 | code >> 18));
      out.push_back(static_cast<char>(0x80 | (code >> 12 & 63)));
    }
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 63)));
  }
  out.push_back(static_cast<char>(0x80 | (code & 63)));
}

}  // namespace fathom
