// The two directions of GPT-2's byte alphabet; see byte_alphabet.h.
#include "text/byte_alphabet.h"

#include <array>
#include <cstdint>

#include "text/unicode.h"

namespace fathom {
namespace {

constexpr bool StandsForItself(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Alphabet {
  std::array<char16_t, 256> code_of{};
  std::array<int16_t, 0x144> byte_of{};  // -1: not a character of the alphabet
};

constexpr Alphabet MakeAlphabet() {
  Alphabet alphabet;
  for (int16_t& byte : alphabet.byte_of) byte = -1;
  char16_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const char16_t code = StandsForItself(byte) ? static_cast<char16_t>(byte) : next++;
    alphabet.code_of[static_cast<std::size_t>(byte)] = code;
    alphabet.byte_of[code] = static_cast<int16_t>(byte);
  }
  return alphabet;
}

constexpr Alphabet kAlphabet = MakeAlphabet();

}  // namespace

std::optional<std::string> BytesFromAlphabet(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    if (NextUtf8(text, at).kind != Utf8Kind::kCharacter) return std::nullopt;
    const Utf8Char c = DecodeUtf8(text.data(), at);
    if (c.code >= kAlphabet.byte_of.size() || kAlphabet.byte_of[c.code] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(kAlphabet.byte_of[c.code]));
    at += c.size;
  }
  return bytes;
}

std::string AlphabetFromBytes(std::string_view bytes) {
  std::string text;
  for (const char c : bytes)
    AppendCodePoint(kAlphabet.code_of[static_cast<unsigned char>(c)], text);
  return text;
}

}  // namespace fathom
