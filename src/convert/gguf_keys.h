// Owns: the metadata of a GGUF file of a shape, under the keys and with the types that llama.cpp's
// converter writes. Not for: tokenizers (tiny_vocabulary.h; those of directories come from
// outside).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "convert/shape.h"
#include "formats/gguf_header.h"

namespace fathom {

using GgufKeys = std::vector<std::pair<std::string, GgufValue>>;

// general.* and the hyper-parameters. `type` is what most matrices are in. `path` is for messages:
// throws Error(kUnsupported) for what no GGUF key can say.
GgufKeys KeysOf(const ModelShape& shape, const std::string& name, Format type,
                const std::string& path);

// "general.file_type": llama.cpp's number for files that are mostly of this format; 1024
// ("guessed") for formats without one.
uint32_t FileTypeOf(Format type);

}  // namespace fathom
