// Reader of GGUF v2 and v3 files, single or split (NAME-00001-of-000NN.gguf). Pure parsing over
// memory maps: every count, length, offset, type and shape is checked against the file before use,
// and memory stays within a small multiple of the header, whatever the header claims.
#pragma once

#include <filesystem>

#include "formats/model_file.h"

namespace fathom {

// Opens `path`; for a split file any of its parts will do and all parts are mapped. Throws Error:
// kNotFound, kPermission, kIo for the file itself, kInvalidFile for broken content (with the offset
// or the name of what is wrong), kUnsupported for a GGUF version, byte order or tensor format that
// is not read (named).
ModelFile OpenGguf(const std::filesystem::path& path);

// Parses one already mapped part; `OpenGguf` and the fuzzer use it.
ModelFile ParseGguf(MappedFile file);

}  // namespace fathom
