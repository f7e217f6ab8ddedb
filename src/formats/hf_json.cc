// Both documents are read event by event: a tree would hide keys that are there twice, and that of
// a large index would take ten times its bytes.
#include "formats/hf_json.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace fathom {
namespace {

constexpr std::size_t kMaxDepth = 32;
// Of a dotted path. Bounds what long outer keys before many short inner ones can take.
constexpr std::size_t kMaxKeyBytes = 256;
constexpr std::size_t kMaxNameBytes = 65535;  // of a tensor, as in safetensors.cc

[[noreturn]] void Fail(const std::string& path, const std::string& message) {
  throw Error(ErrorCode::kInvalidFile, path + ": " + message);
}

// VisitJson for a file called `path`.
void Visit(std::string_view text, const std::string& path, JsonVisitor& visitor,
           std::size_t max_depth) {
  try {
    VisitJson(text, path + ": the file", visitor, max_depth);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidArgument) throw;
    throw Error(ErrorCode::kInvalidFile, error.message());
  }
}

class Flattener final : public JsonVisitor {
 public:
  Flattener(const std::string& path, const std::string& prefix, ModelFile::Metadata& metadata)
      : path_(path), metadata_(metadata), key_(prefix) {}

  void BeginObject() override {
    if (in_array_) FailArray("objects");
    levels_.push_back({key_.size(), {}});
  }

  void Key(std::string key) override {
    Level& level = levels_.back();
    key_.resize(level.key_bytes);
    if (levels_.size() > 1) key_ += '.';  // the outermost object has no name of its own
    key_ += key;
    if (key_.size() > kMaxKeyBytes) {
      Fail(path_, "key " + QuotedName(key_) + " has " + std::to_string(key_.size()) +
                      " bytes with those around it, expected at most " +
                      std::to_string(kMaxKeyBytes));
    }
    if (!level.keys.insert(std::move(key)).second) {
      Fail(path_, "key " + QuotedName(key_) + " is there twice");
    }
  }

  void EndObject() override {
    key_.resize(levels_.back().key_bytes);
    levels_.pop_back();
  }

  void BeginArray() override {
    if (levels_.empty()) Fail(path_, "the file is not a JSON object");
    if (in_array_) FailArray("arrays");
    in_array_ = true;
    elements_.clear();
  }

  void EndArray() override {
    in_array_ = false;
    if (elements_.empty()) return;
    const auto all = [this](auto is) {
      return std::all_of(elements_.begin(), elements_.end(), is);
    };
    if (all([](const JsonScalar& e) { return std::holds_alternative<bool>(e); })) {
      Add(Collect<bool, bool>());
    } else if (all([](const JsonScalar& e) { return std::holds_alternative<int64_t>(e); })) {
      Add(Collect<int64_t, int64_t>());
    } else if (all(IsNumber)) {
      Add(Collect<double, int64_t, uint64_t, double>());
    } else if (all([](const JsonScalar& e) { return std::holds_alternative<std::string>(e); })) {
      Add(Collect<std::string, std::string>());
    } else {
      FailArray("values of several kinds");
    }
  }

  void Scalar(JsonScalar value) override {
    if (levels_.empty()) Fail(path_, "the file is not a JSON object");
    if (in_array_) {
      elements_.push_back(std::move(value));
      return;
    }
    std::visit(
        [this]<class T>(T& held) {
          if constexpr (!std::is_same_v<T, std::monostate>) Add(std::move(held));
        },
        value);
  }

 private:
  struct Level {
    std::size_t key_bytes;       // of key_, outside the object
    std::set<std::string> keys;  // seen in it
  };

  static bool IsNumber(const JsonScalar& element) {
    return std::holds_alternative<int64_t>(element) || std::holds_alternative<uint64_t>(element) ||
           std::holds_alternative<double>(element);
  }

  // The elements, each of one of `Kinds`, as a vector of T.
  template <class T, class... Kinds>
  std::vector<T> Collect() {
    std::vector<T> values;
    values.reserve(elements_.size());
    for (JsonScalar& element : elements_) {
      const auto take = [&]<class Kind>(Kind* held) {
        if (held != nullptr) values.push_back(static_cast<T>(std::move(*held)));
      };
      (take(std::get_if<Kinds>(&element)), ...);
    }
    return values;
  }

  void Add(MetadataValue value) {
    if (!metadata_.emplace(key_, std::move(value)).second) {
      Fail(path_, "key " + QuotedName(key_) + " is there twice");
    }
  }

  [[noreturn]] void FailArray(const std::string& elements) const {
    throw Error(ErrorCode::kUnsupported, path_ + ": key " + QuotedName(key_) + " is an array of " +
                                             elements + ", which is not read");
  }

  const std::string& path_;
  ModelFile::Metadata& metadata_;
  std::string key_;  // dotted, of the value at hand
  std::vector<Level> levels_;
  bool in_array_ = false;
  std::vector<JsonScalar> elements_;
};

// {"metadata": {anything}, "weight_map": {"tensor": "file"}}
class IndexReader final : public JsonVisitor {
 public:
  explicit IndexReader(const std::string& path) : path_(path) {}

  ShardIndex Take() {
    if (!map_seen_) Fail(path_, "key 'weight_map' is missing");
    // Numbered by name, whatever the order of the tensors.
    std::vector<int> new_number(index_.files.size());
    std::vector<std::string> sorted;
    for (const auto& [file, number] : number_of_) {
      new_number[static_cast<std::size_t>(number)] = static_cast<int>(sorted.size());
      sorted.push_back(file);
    }
    for (auto& [tensor, shard] : index_.shard_of) {
      shard = new_number[static_cast<std::size_t>(shard)];
    }
    index_.files = std::move(sorted);
    return std::move(index_);
  }

  void BeginObject() override {
    if (in_map_) FailTensor("is an object");
    if (++depth_ != 2 || key_ != kMapKey) return;
    if (map_seen_) Fail(path_, "key 'weight_map' is there twice");
    map_seen_ = in_map_ = true;
  }
  void EndObject() override {
    if (--depth_ == 1) in_map_ = false;
  }
  void Key(std::string key) override {
    if (in_map_ && key.size() > kMaxNameBytes) {
      Fail(path_, "a tensor has a name of " + std::to_string(key.size()) +
                      " bytes, expected at most " + std::to_string(kMaxNameBytes));
    }
    if (in_map_ || depth_ == 1) key_ = std::move(key);
  }
  void BeginArray() override {
    if (in_map_) FailTensor("is an array");
    RefuseOutsideMap();
  }
  void EndArray() override {}
  void Scalar(JsonScalar value) override {
    if (!in_map_) return RefuseOutsideMap();
    auto* file = std::get_if<std::string>(&value);
    if (file == nullptr) FailTensor("is no string");
    AddTensor(*std::move(file));
  }

 private:
  static constexpr std::string_view kMapKey = "weight_map";

  [[noreturn]] void FailTensor(const std::string& message) const {
    Fail(path_, "tensor " + QuotedName(key_) + " " + message + ", expected the name of a file");
  }

  // Something that is no object stands where the file or the map should be one.
  void RefuseOutsideMap() const {
    if (depth_ == 0) Fail(path_, "the file is not a JSON object");
    if (depth_ == 1 && key_ == kMapKey) Fail(path_, "key 'weight_map' is no object");
  }

  void AddTensor(std::string file) {
    const auto known = number_of_.find(file);
    int number = 0;
    if (known != number_of_.end()) {
      number = known->second;
    } else {
      CheckFileName(file);
      number = static_cast<int>(index_.files.size());
      index_.files.push_back(file);
      number_of_.emplace(std::move(file), number);
    }
    if (!index_.shard_of.emplace(key_, number).second) {
      Fail(path_, "tensor " + QuotedName(key_) + " is there twice");
    }
  }

  void CheckFileName(const std::string& file) const {
    constexpr std::string_view kSuffix = ".safetensors";
    const bool plain = file.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos &&
                       file.ends_with(kSuffix) && !file.starts_with('.');
    if (plain) return;
    Fail(path_, "tensor " + QuotedName(key_) + " is in " + QuotedName(file) +
                    ", expected the name of a .safetensors file beside the index");
  }

  const std::string& path_;
  int depth_ = 0;
  std::string key_;  // at the top level, or the tensor
  bool map_seen_ = false;
  bool in_map_ = false;
  ShardIndex index_;
  std::map<std::string, int, std::less<>> number_of_;
};

}  // namespace

void FlattenJson(std::string_view text, const std::string& path, const std::string& prefix,
                 ModelFile::Metadata& metadata) {
  if (text.size() > kMaxConfigBytes) {
    Fail(path, std::to_string(text.size()) + " bytes are more than a configuration has (at most " +
                   std::to_string(kMaxConfigBytes) + ")");
  }
  Flattener flattener(path, prefix, metadata);
  Visit(text, path, flattener, kMaxDepth);
}

ShardIndex ParseShardIndex(std::string_view text, const std::string& path) {
  if (text.size() > kMaxIndexBytes) {
    Fail(path, std::to_string(text.size()) + " bytes are more than an index has (at most " +
                   std::to_string(kMaxIndexBytes) + ")");
  }
  IndexReader reader(path);
  Visit(text, path, reader, kMaxDepth);
  return reader.Take();
}

}  // namespace fathom
