// A model file seen as metadata and named tensor views over memory-mapped shards. Readers of
// concrete formats (gguf.h, hf_directory.h) make it; architectures bind to it by name, and ask
// kind() which names those are. Owns the mappings.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/mapped_file.h"
#include "tensor/tensor_view.h"

namespace fathom {

// Integers of any width are widened; arrays are homogeneous.
using MetadataValue =
    std::variant<bool, int64_t, uint64_t, double, std::string, std::vector<bool>,
                 std::vector<int64_t>, std::vector<double>, std::vector<std::string>>;

// "string", "array of integers", ...: for messages.
std::string_view MetadataTypeName(const MetadataValue& value);

// A name from a file, fit for a message: in single quotes, printable ASCII only (other bytes as
// \xNN), cut after 80 bytes.
std::string QuotedName(std::string_view name);

struct NamedTensor {
  std::string name;
  TensorView view;
  int shard = 0;             // index into ModelFile::shards()
  uint64_t file_offset = 0;  // of the data, in that shard
};

enum class ModelFileKind : uint8_t {
  kGguf,         // keys such as "llama.block_count", tensors such as "blk.0.attn_q.weight"
  kHuggingFace,  // keys of config.json ("rope_scaling.factor") and of generation_config.json
                 // ("generation_config.eos_token_id"), tensors as
                 // "model.layers.0.mlp.up_proj.weight"
};

class ModelFile {
 public:
  using Metadata = std::map<std::string, MetadataValue, std::less<>>;

  // The views point into the shards, and unused dimensions of shapes are 0. Throws
  // Error(kInvalidFile) when two tensors have one name. `path` is what messages call the whole;
  // left empty it is that of the first shard. Without shards, views point into the maker's memory.
  ModelFile(std::vector<MappedFile> shards, Metadata metadata, std::vector<NamedTensor> tensors,
            ModelFileKind kind = ModelFileKind::kGguf, std::filesystem::path path = {});

  ModelFileKind kind() const { return kind_; }
  const std::filesystem::path& path() const { return path_; }  // of the first shard, or the folder
  const std::vector<MappedFile>& shards() const { return shards_; }
  const Metadata& metadata() const { return metadata_; }
  const std::vector<NamedTensor>& tensors() const { return tensors_; }  // in file order
  uint64_t bytes() const;                                               // of all shards

  // ---- Metadata: null / nullopt when absent; Error(kInvalidFile) naming the file, the key, the
  // expected and the found type when it is there with another type. ----
  const MetadataValue* Find(std::string_view key) const;
  std::optional<int64_t> Integer(std::string_view key) const;  // also refuses out-of-range values
  std::optional<double> Number(std::string_view key) const;    // float or integer
  std::optional<bool> Boolean(std::string_view key) const;
  const std::string* String(std::string_view key) const;
  const std::vector<std::string>* Strings(std::string_view key) const;
  const std::vector<int64_t>* Integers(std::string_view key) const;
  const std::vector<double>* Numbers(std::string_view key) const;

  // Like the above, but absence is an error as well.
  int64_t RequireInteger(std::string_view key) const;
  double RequireNumber(std::string_view key) const;
  const std::string& RequireString(std::string_view key) const;

  // ---- Tensors ----
  const NamedTensor* FindTensor(std::string_view name) const;
  // The tensor of that name with exactly this shape (outermost first); Error(kInvalidFile) that
  // names file, tensor, expected and found otherwise.
  const TensorView& RequireTensor(std::string_view name,
                                  std::initializer_list<int64_t> shape) const;

  // Error(kInvalidFile) whose message starts with the path of the file.
  [[noreturn]] void Fail(const std::string& message, const std::string& hint = {}) const;
  // The same with the file that has the tensor and its name: "PATH: tensor 'T' MESSAGE". The tensor
  // must be there.
  [[noreturn]] void FailTensor(std::string_view name, const std::string& message) const;
  // The same with the file that has the key and the key: "PATH: key 'K' MESSAGE".
  [[noreturn]] void FailKey(std::string_view key, const std::string& message) const;
  [[noreturn]] void FailKeyUnsupported(std::string_view key, const std::string& message,
                                       const std::string& hint = {}) const;

 private:
  std::string PlaceOf(std::string_view key) const;

  ModelFileKind kind_;
  std::filesystem::path path_;
  std::vector<MappedFile> shards_;
  Metadata metadata_;
  std::vector<NamedTensor> tensors_;
  std::map<std::string_view, std::size_t, std::less<>> tensor_index_;
};

}  // namespace fathom
