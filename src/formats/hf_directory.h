// Opens a Hugging Face model directory: config.json, the shards that model.safetensors.index.json
// names (or the one model.safetensors), and generation_config.json where there is one. The
// tokenizer beside them is not part of a ModelFile.
#pragma once

#include <filesystem>

#include "base/mapped_file.h"
#include "formats/model_file.h"

namespace fathom {

// Whether `path` is a folder with a config.json.
bool IsHuggingFaceDirectory(const std::filesystem::path& path);

// Maps the file at `path` of a model directory, as all of them are opened: a plain file, or a link
// that stays inside the directory or leads into the blobs of the download cache that it is a
// snapshot of (.../snapshots/REVISION -> .../blobs). Throws Error(kInvalidFile) for other links,
// and what MappedFile::Open throws.
MappedFile OpenInDirectory(const std::filesystem::path& directory,
                           const std::filesystem::path& path);

// The kind of the file is kHuggingFace and its path the directory. Metadata are the flattened keys
// of config.json and, under "generation_config.", of generation_config.json. Every tensor of the
// index must be in the shard it names, and every tensor of a shard in the index. Throws Error:
// kNotFound for a missing file, kPermission or kIo for one that cannot be read, kInvalidFile and
// kUnsupported as the readers of the files do (safetensors.h, hf_json.h).
ModelFile OpenHuggingFaceDirectory(const std::filesystem::path& directory);

}  // namespace fathom
