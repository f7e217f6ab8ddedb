// Reads one part: ParseGguf. Nothing of the file is believed before it is compared with what is
// left of the file, and nothing is allocated for a count before that many smallest elements are
// known to fit. The layout is described in gguf_layout.h.
#include "formats/gguf.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "base/error.h"
#include "formats/gguf_layout.h"

namespace fathom {
namespace {

using namespace gguf;  // NOLINT(google-build-using-namespace)

// Everything before the tensor data. Vocabularies of 262,144 tokens with their merges take 20 MB;
// decoded values take at most 8 times their bytes (u8 to int64_t), so this bounds a hostile file.
constexpr uint64_t kMaxHeaderBytes = uint64_t{128} << 20;

// Smallest possible records, for checking counts: an empty string is its length alone.
constexpr uint64_t kMinStringBytes = 8;
constexpr uint64_t kMinMetadataBytes = kMinStringBytes + 4 + 1;
constexpr uint64_t kMinTensorBytes = kMinStringBytes + 4 + 8 + 4 + 8;

constexpr const char* kTruncatedHint = "the file is broken or was not downloaded to its end";

// Reads fields one after the other. Errors name the file, the subject (what record is being read),
// the part of it and the byte offset.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, const std::string& path)
      : bytes_(bytes.first(std::min<uint64_t>(bytes.size(), kMaxHeaderBytes))),
        file_bytes_(bytes.size()),
        path_(path) {}

  uint64_t offset() const { return offset_; }
  void set_subject(std::string subject) { subject_ = std::move(subject); }

  template <class T>
  T Read(const char* part) {
    Need(sizeof(T), part);
    T value;
    std::memcpy(&value, bytes_.data() + offset_, sizeof(T));
    offset_ += sizeof(T);
    return value;
  }

  std::string_view ReadString(const char* part) {
    const auto length = Read<uint64_t>(part);
    Need(length, part);
    const auto* begin = reinterpret_cast<const char*>(bytes_.data() + offset_);
    offset_ += length;
    return {begin, static_cast<std::size_t>(length)};
  }

  // A key or a tensor name.
  std::string_view ReadName() {
    const std::string_view name = ReadString("name");
    if (name.empty()) Fail(subject_ + " has an empty name");
    if (name.size() > kMaxNameBytes) {
      Fail(subject_ + " has a name of " + std::to_string(name.size()) +
           " bytes, expected at most " + std::to_string(kMaxNameBytes));
    }
    return name;
  }

  // The next `count` elements of `element_bytes` at least must be there.
  void NeedElements(uint64_t count, uint64_t element_bytes, const std::string& what) const {
    const uint64_t left = bytes_.size() - offset_;
    if (count > left / element_bytes) {
      Fail(subject_ + " claims " + std::to_string(count) + " " + what + " of at least " +
           std::to_string(element_bytes) + " bytes each, but " + std::to_string(left) +
           " bytes are left" + OfTheLimit());
    }
  }

  [[noreturn]] void Fail(const std::string& message, const std::string& hint = {}) const {
    throw Error(ErrorCode::kInvalidFile, path_ + ": " + message, hint);
  }
  [[noreturn]] void FailSubject(const std::string& message) const { Fail(subject_ + message); }
  [[noreturn]] void FailUnsupported(const std::string& message) const {
    throw Error(ErrorCode::kUnsupported, path_ + ": " + message);
  }
  [[noreturn]] void FailUnsupportedSubject(const std::string& message) const {
    FailUnsupported(subject_ + message);
  }

 private:
  void Need(uint64_t count, const char* part) const {
    const uint64_t left = bytes_.size() - offset_;
    if (count <= left) return;
    Fail("truncated in the " + std::string(part) + " of " + subject_ + " at byte " +
             std::to_string(offset_) + ": " + std::to_string(count) + " bytes expected, " +
             std::to_string(left) + " present" + OfTheLimit(),
         bytes_.size() == file_bytes_ ? kTruncatedHint : "");
  }

  // Says so when the end that was hit is not the file's.
  std::string OfTheLimit() const {
    if (bytes_.size() == file_bytes_) return "";
    return " of the " + std::to_string(kMaxHeaderBytes) + " that a header may have";
  }

  std::span<const std::byte> bytes_;
  uint64_t file_bytes_;
  const std::string& path_;
  uint64_t offset_ = 0;
  std::string subject_ = "the file header";
};

// ---- Metadata ----------------------------------------------------------------------------------

bool ReadBool(Cursor& cursor) {
  const auto value = cursor.Read<uint8_t>("value");
  if (value > 1) {
    cursor.FailSubject(" holds the boolean " + std::to_string(value) + ", expected 0 or 1");
  }
  return value == 1;
}

// An array of `count` numbers stored as T, widened.
template <class Wide, class T>
std::vector<Wide> ReadNumbers(Cursor& cursor, uint64_t count) {
  cursor.NeedElements(count, sizeof(T), "elements");
  std::vector<Wide> values;
  values.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    const T value = cursor.Read<T>("elements");
    if constexpr (std::is_same_v<T, uint64_t>) {
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
        cursor.FailSubject(" holds the element " + std::to_string(value) +
                           ", expected at most 2^63 - 1");
      }
    }
    values.push_back(static_cast<Wide>(value));
  }
  return values;
}

MetadataValue ReadArray(Cursor& cursor) {
  const auto type = cursor.Read<uint32_t>("element type");
  const auto count = cursor.Read<uint64_t>("element count");
  switch (type) {
    case kUint8:
      return ReadNumbers<int64_t, uint8_t>(cursor, count);
    case kInt8:
      return ReadNumbers<int64_t, int8_t>(cursor, count);
    case kUint16:
      return ReadNumbers<int64_t, uint16_t>(cursor, count);
    case kInt16:
      return ReadNumbers<int64_t, int16_t>(cursor, count);
    case kUint32:
      return ReadNumbers<int64_t, uint32_t>(cursor, count);
    case kInt32:
      return ReadNumbers<int64_t, int32_t>(cursor, count);
    case kUint64:
      return ReadNumbers<int64_t, uint64_t>(cursor, count);
    case kInt64:
      return ReadNumbers<int64_t, int64_t>(cursor, count);
    case kFloat32:
      return ReadNumbers<double, float>(cursor, count);
    case kFloat64:
      return ReadNumbers<double, double>(cursor, count);
    case kBool: {
      cursor.NeedElements(count, 1, "elements");
      std::vector<bool> values;
      values.reserve(count);
      for (uint64_t i = 0; i < count; ++i) values.push_back(ReadBool(cursor));
      return values;
    }
    case kString: {
      cursor.NeedElements(count, kMinStringBytes, "strings");
      std::vector<std::string> values;
      values.reserve(count);
      for (uint64_t i = 0; i < count; ++i) values.emplace_back(cursor.ReadString("elements"));
      return values;
    }
    default:
      break;
  }
  if (type == kArray) cursor.FailUnsupportedSubject(" is an array of arrays, which is not read");
  cursor.FailSubject(" has the element type " + std::to_string(type) + ", expected 0 to 12");
}

MetadataValue ReadValue(Cursor& cursor) {
  const auto type = cursor.Read<uint32_t>("value type");
  switch (type) {
    case kUint8:
      return uint64_t{cursor.Read<uint8_t>("value")};
    case kInt8:
      return int64_t{cursor.Read<int8_t>("value")};
    case kUint16:
      return uint64_t{cursor.Read<uint16_t>("value")};
    case kInt16:
      return int64_t{cursor.Read<int16_t>("value")};
    case kUint32:
      return uint64_t{cursor.Read<uint32_t>("value")};
    case kInt32:
      return int64_t{cursor.Read<int32_t>("value")};
    case kUint64:
      return cursor.Read<uint64_t>("value");
    case kInt64:
      return cursor.Read<int64_t>("value");
    case kFloat32:
      return double{cursor.Read<float>("value")};
    case kFloat64:
      return cursor.Read<double>("value");
    case kBool:
      return ReadBool(cursor);
    case kString:
      return std::string(cursor.ReadString("value"));
    case kArray:
      return ReadArray(cursor);
    default:
      break;
  }
  cursor.FailSubject(" has the value type " + std::to_string(type) + ", expected 0 to 12");
}

ModelFile::Metadata ReadMetadata(Cursor& cursor, uint64_t count) {
  ModelFile::Metadata metadata;
  for (uint64_t i = 0; i < count; ++i) {
    cursor.set_subject("metadata entry " + std::to_string(i + 1) + " of " + std::to_string(count));
    const std::string_view key = cursor.ReadName();
    cursor.set_subject("key " + QuotedName(key));
    if (metadata.contains(key)) cursor.FailSubject(" is there twice");
    metadata.emplace(key, ReadValue(cursor));
  }
  return metadata;
}

uint64_t AlignmentOf(const ModelFile::Metadata& metadata, Cursor& cursor) {
  const auto found = metadata.find(kAlignmentKey);
  if (found == metadata.end()) return kDefaultAlignment;
  cursor.set_subject("key 'general.alignment'");
  const auto* alignment = std::get_if<uint64_t>(&found->second);
  if (alignment == nullptr) {
    cursor.FailSubject(" has the type " + std::string(MetadataTypeName(found->second)) +
                       ", expected an unsigned integer");
  }
  if (!IsAlignment(*alignment)) {
    cursor.FailSubject(" is " + std::to_string(*alignment) + ", expected a power of two from " +
                       std::to_string(kSmallestAlignment) + " to " +
                       std::to_string(kLargestAlignment));
  }
  return *alignment;
}

// ---- Tensors -----------------------------------------------------------------------------------

// One tensor record; `file_offset` is still relative to the data, and the view has no memory yet.
NamedTensor ReadTensorRecord(Cursor& cursor) {
  NamedTensor tensor;
  tensor.name = cursor.ReadName();
  cursor.set_subject("tensor " + QuotedName(tensor.name));

  const auto rank = cursor.Read<uint32_t>("rank");
  if (rank < 1 || rank > kMaxRank) {
    cursor.FailSubject(" has " + std::to_string(rank) + " dimensions, expected 1 to " +
                       std::to_string(kMaxRank));
  }
  TensorView& view = tensor.view;
  view.rank = static_cast<int>(rank);
  std::array<uint64_t, kMaxRank> dimensions{};
  for (uint32_t i = 0; i < rank; ++i) dimensions[i] = cursor.Read<uint64_t>("dimensions");

  const auto type = cursor.Read<uint32_t>("type");
  const std::optional<Format> format = FormatFromGguf(type);
  if (!format) {
    cursor.FailUnsupportedSubject(" has the format " + std::string(GgufTypeName(type)) + " (type " +
                                  std::to_string(type) + "), which is not read");
  }
  view.format = *format;
  const FormatRow& row = RowOf(*format);

  // The bytes must be countable in int64_t: every format has at most 4 bytes per value, and the
  // byte count of quantised ones is smaller still.
  uint64_t elements = 1;
  for (uint32_t i = 0; i < rank; ++i) {
    if (dimensions[i] == 0) cursor.FailSubject(" has a dimension of 0");
    if (dimensions[i] > static_cast<uint64_t>(kMaxElements) / elements) {
      cursor.FailSubject(" has more than 2^61 values");
    }
    elements *= dimensions[i];
    view.shape[rank - 1 - i] = static_cast<int64_t>(dimensions[i]);
  }
  if (dimensions[0] % static_cast<uint64_t>(row.block_elements) != 0) {
    cursor.FailSubject(" has rows of " + std::to_string(dimensions[0]) +
                       " values, expected a multiple of " + std::to_string(row.block_elements) +
                       " for " + std::string(row.name));
  }
  tensor.file_offset = cursor.Read<uint64_t>("offset");
  return tensor;
}

// Turns relative offsets into places in the file, and checks that they are inside it.
void PlaceTensors(std::vector<NamedTensor>& tensors, std::span<const std::byte> bytes,
                  uint64_t data_begin, uint64_t alignment, Cursor& cursor) {
  for (NamedTensor& tensor : tensors) {
    cursor.set_subject("tensor " + QuotedName(tensor.name));
    const uint64_t offset = tensor.file_offset;
    const auto size = static_cast<uint64_t>(tensor.view.bytes());
    if (offset % alignment != 0) {
      cursor.FailSubject(" has the offset " + std::to_string(offset) + ", expected a multiple of " +
                         std::to_string(alignment));
    }
    const uint64_t data_bytes = bytes.size() > data_begin ? bytes.size() - data_begin : 0;
    if (offset > data_bytes || size > data_bytes - offset) {
      cursor.Fail("truncated: tensor " + QuotedName(tensor.name) + " (" +
                      std::string(RowOf(tensor.view.format).name) + " " + ShapeText(tensor.view) +
                      ") has " + std::to_string(size) + " bytes at offset " +
                      std::to_string(offset) + " of the data, which starts at byte " +
                      std::to_string(data_begin) + ", but the file has " +
                      std::to_string(bytes.size()) + " bytes",
                  kTruncatedHint);
    }
    tensor.file_offset = data_begin + offset;
    tensor.view.data = bytes.data() + tensor.file_offset;
  }
}

void RefuseOverlaps(const std::vector<NamedTensor>& tensors, const Cursor& cursor) {
  std::vector<const NamedTensor*> order;
  order.reserve(tensors.size());
  for (const NamedTensor& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const NamedTensor* a, const NamedTensor* b) {
    return a->file_offset < b->file_offset;
  });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const NamedTensor& before = *order[i - 1];
    if (before.file_offset + static_cast<uint64_t>(before.view.bytes()) > order[i]->file_offset) {
      cursor.Fail("tensors " + QuotedName(before.name) + " and " + QuotedName(order[i]->name) +
                  " share bytes of the file");
    }
  }
}

// ---- The header of one part --------------------------------------------------------------------

void CheckMagicAndVersion(Cursor& cursor, std::span<const std::byte> bytes) {
  constexpr std::string_view kLfsPointer = "version https://git-lfs";
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (!text.starts_with(kMagic)) {
    const bool pointer = text.starts_with(kLfsPointer);
    cursor.Fail(
        "not a GGUF file: it starts with " + QuotedName(text.substr(0, kMagic.size())) +
            ", expected " + QuotedName(kMagic),
        pointer ? "this is a Git LFS pointer; fetch the file itself with git lfs pull" : "");
  }
  cursor.Read<uint32_t>("magic");
  const auto version = cursor.Read<uint32_t>("version");
  if (version >= kOldestVersion && version <= kNewestVersion) return;
  // A big-endian file keeps the magic in its order and swaps everything after it.
  if (version != 0 && (version & 0xffffU) == 0) {
    cursor.FailUnsupported("a big-endian GGUF file; only little-endian ones are read");
  }
  cursor.FailUnsupported("GGUF version " + std::to_string(version) + "; versions " +
                         std::to_string(kOldestVersion) + " and " + std::to_string(kNewestVersion) +
                         " are read");
}

}  // namespace

GgufIndex ParseGguf(std::span<const std::byte> bytes, const std::string& path) {
  Cursor cursor(bytes, path);
  CheckMagicAndVersion(cursor, bytes);
  const auto tensor_count = cursor.Read<uint64_t>("tensor count");
  const auto metadata_count = cursor.Read<uint64_t>("metadata count");
  cursor.NeedElements(metadata_count, kMinMetadataBytes, "metadata entries");
  cursor.NeedElements(tensor_count, kMinTensorBytes, "tensors");

  GgufIndex index;
  index.metadata = ReadMetadata(cursor, metadata_count);
  const uint64_t alignment = AlignmentOf(index.metadata, cursor);
  cursor.set_subject("the tensor list");
  cursor.NeedElements(tensor_count, kMinTensorBytes, "tensors");
  index.tensors.reserve(tensor_count);
  for (uint64_t i = 0; i < tensor_count; ++i) {
    cursor.set_subject("tensor " + std::to_string(i + 1) + " of " + std::to_string(tensor_count));
    index.tensors.push_back(ReadTensorRecord(cursor));
  }
  const uint64_t data_begin = RoundUp(cursor.offset(), alignment);
  PlaceTensors(index.tensors, bytes, data_begin, alignment, cursor);
  RefuseOverlaps(index.tensors, cursor);
  return index;
}

}  // namespace fathom
