// Encodes the header in memory as records arrive, then passes tensor bytes through to a temporary
// file. The layout is described in gguf_layout.h.
#include "formats/gguf_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/random.h"
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

// A file under construction: buffered appends to a temporary beside `path`.
class GgufWriter::Output {
 public:
  explicit Output(std::filesystem::path path) : path_(std::move(path)) {
    char suffix[32];
    std::snprintf(suffix, sizeof(suffix), ".%016llx.tmp",
                  static_cast<unsigned long long>(RandomSeed()));
    temporary_ = path_;
    temporary_ += suffix;
    fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd_ < 0) throw SystemError(errno, "cannot create " + temporary_.string());
    buffer_.reserve(kBufferBytes);
  }

  ~Output() {
    if (fd_ >= 0) ::close(fd_);
    if (!published_) ::unlink(temporary_.c_str());
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  uint64_t written() const { return written_; }

  void Write(const char* data, std::size_t size) {
    written_ += size;
    if (buffer_.size() + size > kBufferBytes) {
      Flush();
      if (size >= kBufferBytes) {
        WriteThrough(data, size);
        return;
      }
    }
    buffer_.append(data, size);
  }

  // A rename that survives a crash needs the bytes on the disk before it and the folder after it.
  void Publish() {
    Flush();
    if (::fsync(fd_) != 0) Fail();
    if (::close(std::exchange(fd_, -1)) != 0) Fail();
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
      throw SystemError(errno, "cannot rename " + temporary_.string() + " to " + path_.string());
    }
    published_ = true;
    const std::filesystem::path parent = path_.parent_path();
    const int folder =
        ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return;  // a folder that may be written but not read
    ::fsync(folder);
    ::close(folder);
  }

 private:
  static constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

  [[noreturn]] void Fail() const { throw SystemError(errno, "cannot write " + path_.string()); }

  void Flush() {
    WriteThrough(buffer_.data(), buffer_.size());
    buffer_.clear();
  }

  void WriteThrough(const char* data, std::size_t size) {
    while (size > 0) {
      const ssize_t count = ::write(fd_, data, size);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) Fail();
      data += count;
      size -= static_cast<std::size_t>(count);
    }
  }

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int fd_ = -1;
  std::string buffer_;
  uint64_t written_ = 0;
  bool published_ = false;
};

GgufWriter::GgufWriter(const std::filesystem::path& path, uint32_t alignment)
    : alignment_(alignment) {
  if (!IsAlignment(alignment)) {
    FailArgument("the alignment is " + std::to_string(alignment) +
                 ", expected a power of two from " + std::to_string(kSmallestAlignment) + " to " +
                 std::to_string(kLargestAlignment));
  }
  output_ = std::make_unique<Output>(path);
  if (alignment != kDefaultAlignment) AddMetadata(kAlignmentKey, alignment);
}

GgufWriter::~GgufWriter() = default;

void GgufWriter::AddMetadata(std::string_view key, const GgufValue& value) {
  CHECK(!header_written_);
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

void GgufWriter::AddTensor(std::string_view name, Format format, std::span<const int64_t> shape) {
  CHECK(!header_written_);
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
  data_bytes_ += RoundUp(bytes, alignment_);
}

void GgufWriter::WriteHeader() {
  std::string header(kMagic);
  Put(header, kNewestVersion);
  Put(header, static_cast<uint64_t>(tensor_bytes_.size()));
  Put(header, static_cast<uint64_t>(keys_.size()));
  for (const std::string* part : {&header, &metadata_, &tensor_records_}) {
    output_->Write(part->data(), part->size());
  }
  header_written_ = true;
  PadToAlignment();
}

void GgufWriter::PadToAlignment() {
  const uint64_t missing = RoundUp(output_->written(), alignment_) - output_->written();
  const std::string zeros(missing, '\0');
  output_->Write(zeros.data(), zeros.size());
}

void GgufWriter::Append(std::span<const std::byte> data) {
  if (!header_written_) WriteHeader();
  while (!data.empty()) {
    CHECK(current_ < tensor_bytes_.size());
    const std::size_t size = std::min<uint64_t>(data.size(), tensor_bytes_[current_] - filled_);
    output_->Write(reinterpret_cast<const char*>(data.data()), size);
    data = data.subspan(size);
    filled_ += size;
    if (filled_ == tensor_bytes_[current_]) {
      PadToAlignment();
      ++current_;
      filled_ = 0;
    }
  }
}

void GgufWriter::Publish() {
  if (!header_written_) WriteHeader();
  CHECK(current_ == tensor_bytes_.size());
  output_->Publish();
}

}  // namespace fathom
