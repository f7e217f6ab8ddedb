// A tokenizer as GGUF's keys, read and written; and advice on sampling, written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "formats/gguf_header.h"
#include "formats/model_file.h"
#include "text/tokenizer.h"

namespace fathom {

// Nothing where "tokenizer.ggml.model" is absent, "none" or "no_vocab". Throws Error that names the
// file and the key for one that is broken or not supported.
std::optional<TokenizerSpec> GgufTokenizerSpecOf(const ModelFile& file);

// "tokenizer.ggml.*" and "tokenizer.chat_template" for a model whose embedding has `rows` rows; ids
// beyond the tokenizer's are named as unused padding. `path` is for messages. Throws
// Error(kUnsupported) for what GGUF has no key for, and Error(kInvalidFile) for more tokens than
// rows. Of the ids that end a reply three have a key; more are left out, see StopsWithoutKey.
std::vector<std::pair<std::string, GgufValue>> GgufTokenizerKeys(const TokenizerSpec& spec,
                                                                 int64_t rows,
                                                                 const std::string& path);

// The ids that end a reply and have no key.
std::vector<TokenId> StopsWithoutKey(const TokenizerSpec& spec);

// "general.sampling.*" of a directory's generation_config.json. Throws Error(kInvalidFile) for a
// value that makes no sense.
std::vector<std::pair<std::string, GgufValue>> GgufSamplingKeys(const ModelFile& directory);

}  // namespace fathom
