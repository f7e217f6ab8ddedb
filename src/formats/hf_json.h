// The JSON files of a Hugging Face model directory, as far as a ModelFile needs them: flat metadata
// and the table of shards. Parsing only; the files themselves are hf_directory.h's, and what a key
// means is the architectures' affair.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "formats/model_file.h"

namespace fathom {

// Hundreds of times what configurations have; bounds what a hostile one may take.
inline constexpr std::size_t kMaxConfigBytes = std::size_t{4} << 20;
// The index of 92,000 tensors has 9 MB.
inline constexpr std::size_t kMaxIndexBytes = std::size_t{128} << 20;

// Adds the values of a JSON object to `metadata`, under `prefix` and the dotted path of their keys:
// {"rope_scaling": {"factor": 4}} is "rope_scaling.factor". A null, an empty object and an empty
// array are as if they were absent. An array is of booleans, integers, numbers (integers among them
// count as numbers) or strings. Throws Error(kInvalidFile) that names `path` for broken JSON, a key
// that is there twice and a key that is too long; Error(kUnsupported) for an array of arrays, of
// objects, or of values of several kinds.
void FlattenJson(std::string_view text, const std::string& path, const std::string& prefix,
                 ModelFile::Metadata& metadata);

// What model.safetensors.index.json says.
struct ShardIndex {
  std::vector<std::string> files;                 // each once, by name
  std::unordered_map<std::string, int> shard_of;  // tensor to index into `files`
};

// Throws Error(kInvalidFile) that names `path` for broken JSON, a tensor that is there twice, and a
// file that is not a plain name ending in .safetensors: the index names files beside it, nothing
// else.
ShardIndex ParseShardIndex(std::string_view text, const std::string& path);

}  // namespace fathom
