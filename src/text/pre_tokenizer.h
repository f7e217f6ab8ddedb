// Pre-tokenizers: how text is cut into the pieces that byte-pair encoding works on. One row per
// known kind, each a hand-written scanner for the regular expressions of that kind: linear time, no
// regular expression engine, equal to the reference for every string. A new kind is one more row.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace fathom {

struct PreTokenizer {
  std::string_view name;
  // The same thing in a Hugging Face tokenizer.json: an array of its steps with what does not
  // change the cutting left out, as JSON text.
  std::string_view steps;

  // Whether models of this kind normalize text to NFC, where the file does not say (GGUF does not).
  bool nfc;

  // The end of the piece that starts at `position` < size; text is well-formed UTF-8.
  std::size_t (*next)(const char* text, std::size_t size, std::size_t position);
};

// The row with this name, or null.
const PreTokenizer* FindPreTokenizer(std::string_view name);

// The row with this name. Throws Error(kUnsupported) that names the known ones.
const PreTokenizer& NeedPreTokenizer(std::string_view name);

// All rows, for tests and for reading files.
std::span<const PreTokenizer> PreTokenizers();

}  // namespace fathom
