// GPT-2's printable byte alphabet: each byte has one character, so that vocabularies of byte
// strings can be written as text. Printable Latin-1 stands for itself, the rest is U+0100 and up in
// order.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fathom {

// The bytes that `text` (UTF-8) spells, or nothing when a character is not of the alphabet.
std::optional<std::string> BytesFromAlphabet(std::string_view text);

// The text that spells `bytes`.
std::string AlphabetFromBytes(std::string_view bytes);

}  // namespace fathom
