// The header is read event by event, never as a tree: 163 headers of 92,000 tensors in all cost
// little more than the tensor table they become.
#include "formats/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/json.h"

namespace fathom {
namespace {

static_assert(std::endian::native == std::endian::little, "the header length is read in place");

constexpr uint64_t kLengthBytes = 8;
// The limit of the format's reference implementation.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr std::size_t kMaxNameBytes = 65535;  // as for GGUF
constexpr std::size_t kDepth = 3;             // { "name": { "shape": [ ] } }
// So that bytes, at most 4 per value, are countable in int64_t.
constexpr int64_t kMaxElements = std::numeric_limits<int64_t>::max() / 4;

constexpr std::string_view kMetadataName = "__metadata__";
constexpr const char* kTruncatedHint = "the file is broken or was not downloaded to its end";

struct TypeName {
  std::string_view name;  // as "dtype" has it
  Format format;
};
constexpr std::array kTypes = {
    TypeName{"F32", Format::kF32},
    TypeName{"F16", Format::kF16},
    TypeName{"BF16", Format::kBF16},
    TypeName{"F8_E4M3", Format::kF8_E4M3},
};

[[noreturn]] void Fail(const std::string& path, const std::string& message,
                       const std::string& hint = {}) {
  throw Error(ErrorCode::kInvalidFile, path + ": " + message, hint);
}

// Turns the events of a header into tensors whose shapes and byte counts agree; their places are
// still relative to the data, and the views have no memory yet.
class HeaderReader final : public JsonVisitor {
 public:
  explicit HeaderReader(const std::string& path) : path_(path) {}

  std::vector<NamedTensor> TakeTensors() { return std::move(tensors_); }

  void BeginObject() override {
    if (depth_ == 2) FailEntry("has an object in " + QuotedName(field_));
    if (++depth_ == 1) return;
    if (entry_ == kMetadataName) {
      if (metadata_seen_) FailEntry("is there twice");
      metadata_seen_ = true;
      return;
    }
    tensor_ = NamedTensor{};
    tensor_.name = entry_;
    has_type_ = false;
    shape_.reset();
    range_.reset();
  }

  void Key(std::string key) override {
    if (depth_ == 1) {
      if (key.empty()) Fail(path_, "a tensor has an empty name");
      if (key.size() > kMaxNameBytes) {
        Fail(path_, "a tensor has a name of " + std::to_string(key.size()) +
                        " bytes, expected at most " + std::to_string(kMaxNameBytes));
      }
      entry_ = std::move(key);
      return;
    }
    field_ = std::move(key);
    if (entry_ == kMetadataName) {
      if (!metadata_keys_.insert(field_).second) {
        FailEntry("has the key " + QuotedName(field_) + " twice");
      }
      return;
    }
    if (field_ != "dtype" && field_ != "shape" && field_ != "data_offsets") {
      FailEntry("has the field " + QuotedName(field_) + ", expected dtype, shape or data_offsets");
    }
  }

  void EndObject() override {
    if (--depth_ == 0 || entry_ == kMetadataName) return;
    FinishTensor();
  }

  void BeginArray() override {
    if (depth_ != 2 || in_array_ || (field_ != "shape" && field_ != "data_offsets") ||
        entry_ == kMetadataName) {
      FailEntry(depth_ < 2 ? "is an array, expected an object"
                           : "has an array in " + QuotedName(field_));
    }
    std::optional<std::vector<uint64_t>>& numbers = field_ == "shape" ? shape_ : range_;
    if (numbers) FailEntry("has " + QuotedName(field_) + " twice");
    numbers.emplace();
    in_array_ = true;
  }

  void EndArray() override { in_array_ = false; }

  void Scalar(JsonScalar value) override {
    if (depth_ == 0) Fail(path_, "the header is not a JSON object");
    if (depth_ == 1) FailEntry("is no object");
    if (entry_ == kMetadataName) {
      if (!std::holds_alternative<std::string>(value)) {
        FailEntry("has a value of " + QuotedName(field_) + " that is no string");
      }
    } else if (in_array_) {
      AddNumber(value);
    } else if (field_ == "dtype" && std::holds_alternative<std::string>(value)) {
      if (has_type_) FailEntry("has 'dtype' twice");
      has_type_ = true;
      SetType(std::get<std::string>(value));
    } else {
      FailEntry("has " + QuotedName(field_) + " of a wrong kind");
    }
  }

 private:
  [[noreturn]] void FailEntry(const std::string& message) const {
    if (depth_ == 0) Fail(path_, "the header is not a JSON object");
    Fail(path_, "tensor " + QuotedName(entry_) + " " + message);
  }
  [[noreturn]] void FailUnsupported(const std::string& message) const {
    throw Error(ErrorCode::kUnsupported, path_ + ": tensor " + QuotedName(entry_) + " " + message);
  }

  void AddNumber(const JsonScalar& value) {
    std::vector<uint64_t>& numbers = field_ == "shape" ? *shape_ : *range_;
    const auto* integer = std::get_if<int64_t>(&value);
    if (integer == nullptr || *integer < 0) {
      FailEntry("has a number in " + QuotedName(field_) + " that is not from 0 to 2^63 - 1");
    }
    if (field_ == "shape" && numbers.size() == TensorView().shape.size()) {
      FailUnsupported("has more than " + std::to_string(numbers.size()) +
                      " dimensions, which is not read");
    }
    if (field_ == "data_offsets" && numbers.size() == 2) {
      FailEntry("has more than two numbers in 'data_offsets'");
    }
    numbers.push_back(static_cast<uint64_t>(*integer));
  }

  void SetType(const std::string& name) {
    for (const TypeName& type : kTypes) {
      if (type.name == name) {
        tensor_.view.format = type.format;
        return;
      }
    }
    FailUnsupported("has the type " + QuotedName(name) + ", which is not read");
  }

  void FinishTensor() {
    if (!has_type_) FailEntry("has no 'dtype'");
    if (!shape_) FailEntry("has no 'shape'");
    if (!range_ || range_->size() != 2) FailEntry("has no two numbers as 'data_offsets'");
    if (shape_->empty()) FailUnsupported("has no dimensions, which is not read");

    TensorView& view = tensor_.view;
    uint64_t elements = 1;
    for (const uint64_t dimension : *shape_) {
      if (dimension == 0) FailUnsupported("has a dimension of 0, which is not read");
      if (dimension > static_cast<uint64_t>(kMaxElements) / elements) {
        FailEntry("has more than 2^61 values");
      }
      elements *= dimension;
      view.shape[static_cast<std::size_t>(view.rank++)] = static_cast<int64_t>(dimension);
    }
    const uint64_t begin = (*range_)[0], end = (*range_)[1];
    const auto bytes = static_cast<uint64_t>(view.bytes());
    if (end < begin || end - begin != bytes) {
      FailEntry("(" + std::string(RowOf(view.format).name) + " " + ShapeText(view) + ") has " +
                std::to_string(bytes) + " bytes, but 'data_offsets' are " + std::to_string(begin) +
                " to " + std::to_string(end));
    }
    tensor_.file_offset = begin;
    tensors_.push_back(std::move(tensor_));
  }

  const std::string& path_;
  int depth_ = 0;      // 1: among the tensors, 2: inside one
  std::string entry_;  // the tensor, or kMetadataName
  std::string field_;  // the key inside it
  bool in_array_ = false;
  bool metadata_seen_ = false;
  std::set<std::string> metadata_keys_;
  NamedTensor tensor_;
  bool has_type_ = false;
  std::optional<std::vector<uint64_t>> shape_, range_;
  std::vector<NamedTensor> tensors_;
};

void RefuseEqualNames(const std::vector<NamedTensor>& tensors, const std::string& path) {
  std::vector<std::string_view> names;
  names.reserve(tensors.size());
  for (const NamedTensor& tensor : tensors) names.push_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) Fail(path, "tensor " + QuotedName(*twice) + " is there twice");
}

// Sorts the tensors by their data, which they must cover exactly, and gives the views their memory.
void PlaceTensors(std::vector<NamedTensor>& tensors, std::span<const std::byte> data,
                  uint64_t data_begin, const std::string& path) {
  std::sort(tensors.begin(), tensors.end(), [](const NamedTensor& a, const NamedTensor& b) {
    return a.file_offset < b.file_offset;
  });
  uint64_t covered = 0;
  for (NamedTensor& tensor : tensors) {
    const uint64_t begin = tensor.file_offset;
    const auto size = static_cast<uint64_t>(tensor.view.bytes());
    if (begin > data.size() || size > data.size() - begin) {
      Fail(path,
           "truncated: tensor " + QuotedName(tensor.name) + " (" +
               std::string(RowOf(tensor.view.format).name) + " " + ShapeText(tensor.view) +
               ") has " + std::to_string(size) + " bytes at offset " + std::to_string(begin) +
               " of the data, of which the file has " + std::to_string(data.size()),
           kTruncatedHint);
    }
    if (begin < covered) {
      Fail(path, "tensor " + QuotedName(tensor.name) +
                     " shares bytes of the file with the one before it");
    }
    if (begin > covered) {
      Fail(path, "no tensor has the bytes " + std::to_string(covered) + " to " +
                     std::to_string(begin) + " of the data");
    }
    covered = begin + size;
    tensor.view.data = data.data() + begin;
    tensor.file_offset = data_begin + begin;
  }
  if (covered != data.size()) {
    Fail(path,
         "no tensor has the last " + std::to_string(data.size() - covered) + " bytes of the data");
  }
}

}  // namespace

std::vector<NamedTensor> ParseSafetensors(std::span<const std::byte> bytes,
                                          const std::string& path) {
  if (bytes.size() < kLengthBytes) {
    Fail(path, "truncated: " + std::to_string(bytes.size()) + " bytes, expected 8 of header length",
         kTruncatedHint);
  }
  constexpr std::string_view kLfsPointer = "version https://git-lfs";
  if (std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())
          .starts_with(kLfsPointer)) {
    Fail(path, "not a safetensors file but a Git LFS pointer",
         "fetch the file itself with git lfs pull");
  }
  uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kMaxHeaderBytes) {
    Fail(path, "not a safetensors file: its header would have " + std::to_string(length) +
                   " bytes, expected at most " + std::to_string(kMaxHeaderBytes));
  }
  if (length > bytes.size() - kLengthBytes) {
    Fail(path,
         "truncated in the header: " + std::to_string(length) + " bytes expected, " +
             std::to_string(bytes.size() - kLengthBytes) + " present",
         kTruncatedHint);
  }
  const std::string_view header(reinterpret_cast<const char*>(bytes.data()) + kLengthBytes, length);
  if (!header.starts_with('{')) {
    Fail(path, "not a safetensors file: its header starts with " + QuotedName(header.substr(0, 1)) +
                   ", expected '{'");
  }
  HeaderReader reader(path);
  try {
    VisitJson(header, path + ": the header", reader, kDepth);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidArgument) throw;
    throw Error(ErrorCode::kInvalidFile, error.message());
  }
  std::vector<NamedTensor> tensors = reader.TakeTensors();
  RefuseEqualNames(tensors, path);
  const uint64_t data_begin = kLengthBytes + length;
  PlaceTensors(tensors, bytes.subspan(data_begin), data_begin, path);
  return tensors;
}

}  // namespace fathom
