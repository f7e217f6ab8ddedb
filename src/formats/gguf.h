// Reader of GGUF v2 and v3 files, single or split (NAME-00001-of-000NN.gguf). Pure parsing over
// memory maps: every count, length, offset, type and shape is checked against the file before use,
// and memory stays within a small multiple of the header, whatever the header claims. Writing is
// gguf_writer.h's.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "formats/model_file.h"

namespace fathom {

// Opens `path`; for a split file any of its parts will do and all parts are mapped. Metadata is
// that of all parts together. Throws Error: kNotFound, kPermission, kIo for the file itself,
// kInvalidFile for broken content (with the offset or the name of what is wrong), kUnsupported for
// a GGUF version, byte order, nested array or tensor format that is not read (named).
ModelFile OpenGguf(const std::filesystem::path& path);

// What the header of one part says, checked.
struct GgufIndex {
  ModelFile::Metadata metadata;
  std::vector<NamedTensor> tensors;  // shard 0; in the order of the header; names may repeat
};

// Parses one part that lies in memory; the views point into `bytes`, which may have any alignment.
// `path` is for messages. Throws Error as OpenGguf does, except that tensor names are compared only
// where a ModelFile is made.
GgufIndex ParseGguf(std::span<const std::byte> bytes, const std::string& path);

}  // namespace fathom
