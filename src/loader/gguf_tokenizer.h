// A tokenizer as GGUF's keys: the inverse of TokenizerSpecOf for files that are written.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "formats/gguf_header.h"
#include "text/tokenizer.h"

namespace fathom {

// "tokenizer.ggml.*" and "tokenizer.chat_template" for a model whose embedding has `rows` rows; ids
// beyond the tokenizer's are named as unused padding. `path` is for messages. Throws
// Error(kUnsupported) for what GGUF has no key for, and Error(kInvalidFile) for more tokens than
// rows.
std::vector<std::pair<std::string, GgufValue>> GgufTokenizerKeys(const TokenizerSpec& spec,
                                                                 int64_t rows,
                                                                 const std::string& path);

}  // namespace fathom
