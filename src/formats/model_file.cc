// Typed access to metadata and tensors by name. What is absent is the caller's affair; what is
// there with another type or shape is an error that names file, key, expected and found.
#include "formats/model_file.h"

#include <limits>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/error.h"

namespace fathom {
namespace {

// The value as a T, null when the key is absent or holds something else.
template <class T>
const T* As(const MetadataValue* value) {
  return value == nullptr ? nullptr : std::get_if<T>(value);
}

std::string WithArticle(std::string_view noun) {
  const bool vowel = noun.front() == 'a' || noun.front() == 'i';
  return (vowel ? "an " : "a ") + std::string(noun);
}

[[noreturn]] void FailType(const ModelFile& file, std::string_view key, std::string_view expected,
                           const MetadataValue& found) {
  file.FailKey(
      key, "is " + WithArticle(MetadataTypeName(found)) + ", expected " + WithArticle(expected));
}

}  // namespace

std::string_view MetadataTypeName(const MetadataValue& value) {
  return std::visit(
      []<class T>(const T&) -> std::string_view {
        if constexpr (std::is_same_v<T, bool>) return "boolean";
        if constexpr (std::is_same_v<T, int64_t> || std::is_same_v<T, uint64_t>) return "integer";
        if constexpr (std::is_same_v<T, double>) return "number";
        if constexpr (std::is_same_v<T, std::string>) return "string";
        if constexpr (std::is_same_v<T, std::vector<bool>>) return "array of booleans";
        if constexpr (std::is_same_v<T, std::vector<int64_t>>) return "array of integers";
        if constexpr (std::is_same_v<T, std::vector<double>>) return "array of numbers";
        if constexpr (std::is_same_v<T, std::vector<std::string>>) return "array of strings";
      },
      value);
}

std::string QuotedName(std::string_view name) {
  constexpr std::size_t kLongest = 80;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "'";
  for (const char c : name.substr(0, kLongest)) {
    if (c >= ' ' && c <= '~') {
      text += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      text += "\\x";
      text += kDigits[byte >> 4];
      text += kDigits[byte & 15];
    }
  }
  if (name.size() > kLongest) text += "...";
  return text + "'";
}

ModelFile::ModelFile(std::vector<MappedFile> shards, Metadata metadata,
                     std::vector<NamedTensor> tensors, ModelFileKind kind,
                     std::filesystem::path path)
    : kind_(kind),
      path_(std::move(path)),
      shards_(std::move(shards)),
      metadata_(std::move(metadata)),
      tensors_(std::move(tensors)) {
  CHECK(!shards_.empty() || !path_.empty());
  if (path_.empty()) path_ = shards_.front().path();
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    if (!tensor_index_.emplace(tensors_[i].name, i).second) {
      Fail("tensor " + QuotedName(tensors_[i].name) + " is there twice");
    }
  }
}

uint64_t ModelFile::bytes() const {
  uint64_t total = 0;
  for (const MappedFile& shard : shards_) total += shard.bytes().size();
  return total;
}

const MetadataValue* ModelFile::Find(std::string_view key) const {
  const auto found = metadata_.find(key);
  return found == metadata_.end() ? nullptr : &found->second;
}

std::optional<int64_t> ModelFile::Integer(std::string_view key) const {
  const MetadataValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* integer = As<int64_t>(value)) return *integer;
  const auto* natural = As<uint64_t>(value);
  if (natural == nullptr) FailType(*this, key, "integer", *value);
  if (*natural > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
    FailKey(key, "is " + std::to_string(*natural) + ", expected at most 2^63 - 1");
  }
  return static_cast<int64_t>(*natural);
}

std::optional<double> ModelFile::Number(std::string_view key) const {
  const MetadataValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* number = As<double>(value)) return *number;
  if (const auto* integer = As<int64_t>(value)) return static_cast<double>(*integer);
  if (const auto* natural = As<uint64_t>(value)) return static_cast<double>(*natural);
  FailType(*this, key, "number", *value);
}

std::optional<bool> ModelFile::Boolean(std::string_view key) const {
  const MetadataValue* value = Find(key);
  if (value == nullptr) return std::nullopt;
  if (const auto* boolean = As<bool>(value)) return *boolean;
  FailType(*this, key, "boolean", *value);
}

const std::string* ModelFile::String(std::string_view key) const {
  const MetadataValue* value = Find(key);
  const auto* string = As<std::string>(value);
  if (value != nullptr && string == nullptr) FailType(*this, key, "string", *value);
  return string;
}

const std::vector<std::string>* ModelFile::Strings(std::string_view key) const {
  const MetadataValue* value = Find(key);
  const auto* strings = As<std::vector<std::string>>(value);
  if (value != nullptr && strings == nullptr) FailType(*this, key, "array of strings", *value);
  return strings;
}

const std::vector<int64_t>* ModelFile::Integers(std::string_view key) const {
  const MetadataValue* value = Find(key);
  const auto* integers = As<std::vector<int64_t>>(value);
  if (value != nullptr && integers == nullptr) FailType(*this, key, "array of integers", *value);
  return integers;
}

const std::vector<double>* ModelFile::Numbers(std::string_view key) const {
  const MetadataValue* value = Find(key);
  const auto* numbers = As<std::vector<double>>(value);
  if (value != nullptr && numbers == nullptr) FailType(*this, key, "array of numbers", *value);
  return numbers;
}

int64_t ModelFile::RequireInteger(std::string_view key) const {
  if (const auto value = Integer(key)) return *value;
  FailKey(key, "is missing, expected an integer");
}

double ModelFile::RequireNumber(std::string_view key) const {
  if (const auto value = Number(key)) return *value;
  FailKey(key, "is missing, expected a number");
}

const std::string& ModelFile::RequireString(std::string_view key) const {
  if (const std::string* value = String(key)) return *value;
  FailKey(key, "is missing, expected a string");
}

const NamedTensor* ModelFile::FindTensor(std::string_view name) const {
  const auto found = tensor_index_.find(name);
  return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

const TensorView& ModelFile::RequireTensor(std::string_view name,
                                           std::initializer_list<int64_t> shape) const {
  TensorView expected;
  CHECK(shape.size() <= expected.shape.size());
  for (const int64_t dimension : shape) expected.shape[expected.rank++] = dimension;

  const NamedTensor* tensor = FindTensor(name);
  if (tensor == nullptr) {
    Fail("tensor " + QuotedName(name) + " is missing, expected shape " + ShapeText(expected));
  }
  if (tensor->view.rank != expected.rank || tensor->view.shape != expected.shape) {
    FailTensor(name, "has shape " + ShapeText(tensor->view) + ", expected " + ShapeText(expected));
  }
  return tensor->view;
}

std::string ModelFile::PlaceOf(std::string_view key) const {
  constexpr std::string_view kGeneration = "generation_config.";
  std::filesystem::path place = path_;
  std::error_code ignored;
  const bool is_config = std::filesystem::is_regular_file(path_, ignored);  // of a shape
  if (kind_ == ModelFileKind::kHuggingFace && !is_config) {
    const bool generation = key.starts_with(kGeneration);
    if (generation) key.remove_prefix(kGeneration.size());
    place /= generation ? "generation_config.json" : "config.json";
  }
  return place.string() + ": key " + QuotedName(key) + " ";
}

void ModelFile::FailTensor(std::string_view name, const std::string& message) const {
  const NamedTensor* tensor = FindTensor(name);
  CHECK(tensor != nullptr);
  const std::filesystem::path& place =
      shards_.empty() ? path_ : shards_[static_cast<std::size_t>(tensor->shard)].path();
  throw Error(ErrorCode::kInvalidFile,
              place.string() + ": tensor " + QuotedName(name) + " " + message);
}

void ModelFile::FailKey(std::string_view key, const std::string& message) const {
  throw Error(ErrorCode::kInvalidFile, PlaceOf(key) + message);
}

void ModelFile::FailKeyUnsupported(std::string_view key, const std::string& message,
                                   const std::string& hint) const {
  throw Error(ErrorCode::kUnsupported, PlaceOf(key) + message, hint);
}

void ModelFile::Fail(const std::string& message, const std::string& hint) const {
  throw Error(ErrorCode::kInvalidFile, path().string() + ": " + message, hint);
}

}  // namespace fathom
