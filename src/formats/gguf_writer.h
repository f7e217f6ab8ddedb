// Streaming writer of GGUF v3 files, little-endian. The file appears under its name only when it is
// complete: it is written beside it under another name, flushed to the disk and renamed. Memory
// holds the header and one small buffer, never the tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "formats/gguf_header.h"

namespace fathom {

// Order of calls: AddMetadata and AddTensor, then Append until every tensor is full, then Publish.
class GgufWriter {
 public:
  // Creates the temporary file. `alignment` is a power of two from 8 to 2^21; one other than 32 is
  // recorded as "general.alignment". Throws Error kNotFound, kPermission, kNoSpace, kIo, and
  // kInvalidArgument for the alignment.
  explicit GgufWriter(const std::filesystem::path& path, uint32_t alignment = 32);
  // Removes the temporary file when Publish was not reached.
  ~GgufWriter();
  GgufWriter(const GgufWriter&) = delete;
  GgufWriter& operator=(const GgufWriter&) = delete;

  // Throws Error(kInvalidArgument) for an empty or overlong key or one that is there already.
  void AddMetadata(std::string_view key, const GgufValue& value);

  // Declares the next tensor; `shape` is outermost first, 1 to 4 dimensions. Throws
  // Error(kInvalidArgument) for a name that is there already and a shape that cannot be stored.
  void AddTensor(std::string_view name, Format format, std::span<const int64_t> shape);

  // The next bytes of the tensors, in the order of AddTensor and without padding. A piece may be of
  // any size and cross from one tensor to the next. More bytes
  // than the tensors have are a broken invariant. Throws Error kNoSpace or kIo.
  void Append(std::span<const std::byte> data);

  // Completes the file and gives it its name, over an older file of that name; every tensor must be
  // full. Throws Error kNoSpace or kIo.
  void Publish();

 private:
  class Output;

  void WriteHeader();
  void PadToAlignment();

  GgufHeader header_;
  bool header_written_ = false;
  std::size_t current_ = 0;  // tensor that Append is filling
  uint64_t filled_ = 0;      // bytes of it that are written
  std::unique_ptr<Output> output_;
};

}  // namespace fathom
