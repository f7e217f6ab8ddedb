// Owns: a small byte-level BPE vocabulary for models without text, padded to any size, so that
// every reader of their files finds a complete tokenizer. Not for: real tokenizers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "convert/gguf_keys.h"
#include "convert/shape.h"

namespace fathom {

struct TinyVocabulary {
  std::vector<std::string> tokens;  // the shape's vocabulary; empty where it is too small for bytes
  std::vector<int32_t> types;       // as GGUF numbers them
  std::vector<std::string> merges;
  int64_t bos = 0, eos = 0;
};

TinyVocabulary MakeTinyVocabulary(const ModelShape& shape);

// "tokenizer.ggml.*". An empty vocabulary is said to be none.
GgufKeys KeysOf(const TinyVocabulary& vocabulary, const ModelShape& shape);

// tokenizer.json and tokenizer_config.json of a directory; empty for an empty vocabulary.
std::string TokenizerJson(const TinyVocabulary& vocabulary);
std::string TokenizerConfigJson(const TinyVocabulary& vocabulary);

}  // namespace fathom
