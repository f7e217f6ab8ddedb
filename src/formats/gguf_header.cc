// Encodes records in memory as they arrive. The layout is described in gguf_layout.h.
#include "formats/gguf_header.h"

#include <cstring>
#include <type_traits>

#include "base/error.h"
#include "formats/gguf_layout.h"
#include "formats/model_file.h"

namespace fathom {
namespace {

using namespace gguf;  // NOLINT(google-build-using-namespace)

constexpr uint64_t kMaxDataBytes = uint64_t{1} << 62;

// The type number of a metadata value in the file.
template <class T>
constexpr uint32_t TypeNumber() {
  if constexpr (std::is_same_v<T, uint8_t>) return kUint8;
  if constexpr (std::is_same_v<T, int8_t>) return kInt8;
  if constexpr (std::is_same_v<T, uint16_t>) return kUint16;
  if constexpr (std::is_same_v<T, int16_t>) return kInt16;
  if constexpr (std::is_same_v<T, uint32_t>) return kUint32;
  if constexpr (std::is_same_v<T, int32_t>) return kInt32;
  if constexpr (std::is_same_v<T, float>) return kFloat32;
  if constexpr (std::is_same_v<T, bool>) return kBool;
  if constexpr (std::is_same_v<T, std::string>) return kString;
  if constexpr (std::is_same_v<T, uint64_t>) return kUint64;
  if constexpr (std::is_same_v<T, int64_t>) return kInt64;
  if constexpr (std::is_same_v<T, double>) return kFloat64;
}

template <class T>
void Put(std::string& out, const T& value) {
  if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>) {
    Put(out, static_cast<uint64_t>(value.size()));
    out += value;
  } else {
    static_assert(std::is_arithmetic_v<T>);
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    out.append(bytes, sizeof(T));
  }
}

template <class T>
void PutValue(std::string& out, const T& value) {
  Put(out, TypeNumber<T>());
  Put(out, value);
}

template <class T>
void PutValue(std::string& out, const std::vector<T>& values) {
  Put(out, static_cast<uint32_t>(kArray));
  Put(out, TypeNumber<T>());
  Put(out, static_cast<uint64_t>(values.size()));
  for (std::size_t i = 0; i < values.size(); ++i) Put<T>(out, values[i]);
}

[[noreturn]] void FailArgument(const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, message);
}

void CheckName(std::string_view what, std::string_view name) {
  if (name.empty() || name.size() > kMaxNameBytes) {
    FailArgument(std::string(what) + " has a name of " + std::to_string(name.size()) +
                 " bytes, expected 1 to " + std::to_string(kMaxNameBytes));
  }
}

// Bytes of a tensor of that shape; refuses one that cannot be stored.
uint64_t CheckedBytes(std::string_view name, Format format, std::span<const int64_t> shape) {
  const FormatRow& row = RowOf(format);
  const std::string subject = "tensor " + QuotedName(name);
  if (!row.gguf_type) {
    FailArgument(subject + " has the format " + std::string(row.name) +
                 ", for which GGUF has no type");
  }
  if (shape.empty() || shape.size() > kMaxRank) {
    FailArgument(subject + " has " + std::to_string(shape.size()) + " dimensions, expected 1 to " +
                 std::to_string(kMaxRank));
  }
  int64_t elements = 1;
  for (const int64_t dimension : shape) {
    if (dimension < 1 || dimension > kMaxElements / elements) {
      FailArgument(subject + " has a dimension of " + std::to_string(dimension));
    }
    elements *= dimension;
  }
  if (shape.back() % row.block_elements != 0) {
    FailArgument(subject + " has rows of " + std::to_string(shape.back()) +
                 " values, expected a multiple of " + std::to_string(row.block_elements) + " for " +
                 std::string(row.name));
  }
  return static_cast<uint64_t>(BytesOf(format, elements));
}

}  // namespace

GgufHeader::GgufHeader(uint32_t alignment) : alignment_(alignment) {
  if (!IsAlignment(alignment)) {
    FailArgument("the alignment is " + std::to_string(alignment) +
                 ", expected a power of two from " + std::to_string(kSmallestAlignment) + " to " +
                 std::to_string(kLargestAlignment));
  }
  if (alignment != kDefaultAlignment) AddMetadata(kAlignmentKey, alignment);
}

void GgufHeader::AddMetadata(std::string_view key, const GgufValue& value) {
  CheckName("a key", key);
  if (keys_.contains(key)) FailArgument("key " + QuotedName(key) + " is there already");
  if (key == kAlignmentKey && value != GgufValue(static_cast<uint32_t>(alignment_))) {
    FailArgument("key 'general.alignment' is not the alignment of the file, " +
                 std::to_string(alignment_));
  }
  keys_.emplace(key);
  Put(metadata_, key);
  std::visit([this](const auto& typed) { PutValue(metadata_, typed); }, value);
}

void GgufHeader::AddTensor(std::string_view name, Format format, std::span<const int64_t> shape) {
  CheckName("a tensor", name);
  if (tensor_names_.contains(name)) {
    FailArgument("tensor " + QuotedName(name) + " is there already");
  }
  const uint64_t bytes = CheckedBytes(name, format, shape);
  if (bytes > kMaxDataBytes || data_bytes_ > kMaxDataBytes)
    FailArgument("the tensors have too many bytes");
  tensor_names_.emplace(name);
  Put(tensor_records_, name);
  Put(tensor_records_, static_cast<uint32_t>(shape.size()));
  for (std::size_t i = shape.size(); i > 0; --i) {
    Put(tensor_records_, static_cast<uint64_t>(shape[i - 1]));
  }
  Put(tensor_records_, RowOf(format).gguf_type.value());
  Put(tensor_records_, data_bytes_);
  tensor_bytes_.push_back(bytes);
  tensor_offsets_.push_back(data_bytes_);
  data_bytes_ += RoundUp(bytes, alignment_);
}

std::string GgufHeader::Encode() const {
  std::string header(kMagic);
  Put(header, kNewestVersion);
  Put(header, static_cast<uint64_t>(tensor_bytes_.size()));
  Put(header, static_cast<uint64_t>(keys_.size()));
  header += metadata_;
  header += tensor_records_;
  header.resize(RoundUp(header.size(), alignment_), '\0');
  return header;
}

}  // namespace fathom
