// The header is kept until the first bytes of a tensor come; from then on they pass through to a
// temporary file.
#include "formats/gguf_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "base/random.h"
#include "formats/gguf_layout.h"

namespace fathom {

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
    : header_(alignment), output_(std::make_unique<Output>(path)) {}

GgufWriter::~GgufWriter() = default;

void GgufWriter::AddMetadata(std::string_view key, const GgufValue& value) {
  CHECK(!header_written_);
  header_.AddMetadata(key, value);
}

void GgufWriter::AddTensor(std::string_view name, Format format, std::span<const int64_t> shape) {
  CHECK(!header_written_);
  header_.AddTensor(name, format, shape);
}

void GgufWriter::WriteHeader() {
  const std::string header = header_.Encode();
  output_->Write(header.data(), header.size());
  header_written_ = true;
}

void GgufWriter::PadToAlignment() {
  const uint64_t missing =
      gguf::RoundUp(output_->written(), header_.alignment()) - output_->written();
  const std::string zeros(missing, '\0');
  output_->Write(zeros.data(), zeros.size());
}

void GgufWriter::Append(std::span<const std::byte> data) {
  if (!header_written_) WriteHeader();
  while (!data.empty()) {
    CHECK(current_ < header_.tensors());
    const std::size_t size =
        std::min<uint64_t>(data.size(), header_.BytesOfTensor(current_) - filled_);
    output_->Write(reinterpret_cast<const char*>(data.data()), size);
    data = data.subspan(size);
    filled_ += size;
    if (filled_ == header_.BytesOfTensor(current_)) {
      PadToAlignment();
      ++current_;
      filled_ = 0;
    }
  }
}

void GgufWriter::Publish() {
  if (!header_written_) WriteHeader();
  CHECK(current_ == header_.tensors());
  output_->Publish();
}

}  // namespace fathom
