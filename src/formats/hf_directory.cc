#include "formats/hf_directory.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/error.h"
#include "formats/hf_json.h"
#include "formats/safetensors.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfig = "config.json";
constexpr const char* kGenerationConfig = "generation_config.json";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr const char* kSingle = "model.safetensors";

std::string_view TextOf(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

bool Exists(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

bool IsInside(const fs::path& path, const fs::path& folder) {
  const auto [rest, end] = std::mismatch(folder.begin(), folder.end(), path.begin(), path.end());
  return rest == folder.end() && end != path.end();
}

// A link may lead anywhere, so where it ends is looked at: a directory from elsewhere must not make
// the program read other files of this machine.
void RefuseEscape(const fs::path& directory, const fs::path& path) {
  std::error_code error;
  const fs::path folder = fs::canonical(directory, error);
  const fs::path target = fs::canonical(path, error);
  if (error) return;  // opening it says what is wrong
  if (IsInside(target, folder)) return;
  const bool snapshot = folder.parent_path().filename() == "snapshots";
  if (snapshot && IsInside(target, folder.parent_path().parent_path() / "blobs")) return;
  throw Error(ErrorCode::kInvalidFile,
              path.string() + ": is a link to " + QuotedName(target.string()) +
                  ", which is outside the directory",
              "put the file itself into the directory");
}

ModelFile::Metadata ReadMetadata(const fs::path& directory) {
  ModelFile::Metadata metadata;
  const MappedFile config = OpenInDirectory(directory, directory / kConfig);
  FlattenJson(TextOf(config), config.path().string(), "", metadata);
  if (Exists(directory / kGenerationConfig)) {
    const MappedFile generation = OpenInDirectory(directory, directory / kGenerationConfig);
    FlattenJson(TextOf(generation), generation.path().string(), "generation_config.", metadata);
  }
  return metadata;
}

// ---- One file ----------------------------------------------------------------------------------

struct Weights {
  std::vector<MappedFile> shards;
  std::vector<NamedTensor> tensors;

  // Maps one more shard and returns its tensors, which the caller adds.
  std::vector<NamedTensor> Open(const fs::path& directory, const fs::path& path) {
    MappedFile file = OpenInDirectory(directory, path);
    std::vector<NamedTensor> found = ParseSafetensors(file.bytes(), path.string());
    for (NamedTensor& tensor : found) tensor.shard = static_cast<int>(shards.size());
    shards.push_back(std::move(file));
    return found;
  }
};

// ---- Many files --------------------------------------------------------------------------------

[[noreturn]] void FailMissingShard(const fs::path& path, std::size_t number,
                                   const ShardIndex& index) {
  const auto tensors =
      std::count_if(index.shard_of.begin(), index.shard_of.end(),
                    [&](const auto& entry) { return entry.second == static_cast<int>(number); });
  throw Error(ErrorCode::kNotFound,
              path.string() + " is missing: " + kIndex + " has " + std::to_string(tensors) +
                  " tensors in it",
              "all files of the model must lie in one directory");
}

// Refuses tensors that the index does not have, or has elsewhere; takes the others from it.
void CheckAgainstIndex(const std::vector<NamedTensor>& tensors, const fs::path& path,
                       std::size_t number, ShardIndex& index) {
  for (const NamedTensor& tensor : tensors) {
    const auto found = index.shard_of.find(tensor.name);
    if (found == index.shard_of.end()) {
      throw Error(ErrorCode::kInvalidFile, path.string() + ": tensor " + QuotedName(tensor.name) +
                                               " is not in " + kIndex + ", or in two files");
    }
    if (found->second != static_cast<int>(number)) {
      throw Error(ErrorCode::kInvalidFile,
                  path.string() + ": tensor " + QuotedName(tensor.name) + " is here, but " +
                      kIndex + " has it in " +
                      QuotedName(index.files[static_cast<std::size_t>(found->second)]));
    }
    index.shard_of.erase(found);
  }
}

Weights OpenShards(const fs::path& directory) {
  const MappedFile file = OpenInDirectory(directory, directory / kIndex);
  ShardIndex index = ParseShardIndex(TextOf(file), file.path().string());
  if (index.files.empty()) {
    throw Error(ErrorCode::kInvalidFile, file.path().string() + ": key 'weight_map' is empty");
  }
  Weights weights;
  weights.tensors.reserve(index.shard_of.size());
  for (std::size_t number = 0; number < index.files.size(); ++number) {
    const fs::path path = directory / index.files[number];
    if (!Exists(path)) FailMissingShard(path, number, index);
    std::vector<NamedTensor> tensors = weights.Open(directory, path);
    CheckAgainstIndex(tensors, path, number, index);
    std::move(tensors.begin(), tensors.end(), std::back_inserter(weights.tensors));
  }
  if (index.shard_of.empty()) return weights;
  const auto first =
      std::min_element(index.shard_of.begin(), index.shard_of.end(),
                       [](const auto& a, const auto& b) { return a.first < b.first; });
  const fs::path path = directory / index.files[static_cast<std::size_t>(first->second)];
  throw Error(ErrorCode::kInvalidFile, path.string() + ": tensor " + QuotedName(first->first) +
                                           " is missing, but " + kIndex + " has it in this file");
}

Weights OpenWeights(const fs::path& directory) {
  const bool single = Exists(directory / kSingle);
  const bool index = Exists(directory / kIndex);
  if (single && index) {
    throw Error(ErrorCode::kInvalidFile,
                directory.string() + ": has both " + kSingle + " and " + kIndex +
                    ", and which of them is the model is not known",
                "take away the one that is left over");
  }
  if (index) return OpenShards(directory);
  if (!single) {
    throw Error(ErrorCode::kNotFound,
                directory.string() + ": has neither " + kSingle + " nor " + kIndex,
                "weights in other formats (.bin, .pt, .gguf) are not read from a directory");
  }
  Weights weights;
  weights.tensors = weights.Open(directory, directory / kSingle);
  return weights;
}

}  // namespace

MappedFile OpenInDirectory(const fs::path& directory, const fs::path& path) {
  RefuseEscape(directory, path);
  return MappedFile::Open(path);
}

bool IsHuggingFaceDirectory(const fs::path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path / kConfig, ignored);
}

ModelFile OpenHuggingFaceDirectory(const fs::path& directory) {
  ModelFile::Metadata metadata = ReadMetadata(directory);
  Weights weights = OpenWeights(directory);
  return ModelFile(std::move(weights.shards), std::move(metadata), std::move(weights.tensors),
                   ModelFileKind::kHuggingFace, directory);
}

}  // namespace fathom
