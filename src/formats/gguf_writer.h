// Streaming writer of GGUF v3 files, little-endian. The file appears under its name only when it is
// complete: it is written beside it under another name, flushed to the disk and renamed. Memory
// holds the header and one small buffer, never the tensors.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tensor/format.h"

namespace fathom {

// A metadata value with the exact type it has in the file; other readers insist on, say, 32 bits.
using GgufValue = std::variant<uint8_t, int8_t, uint16_t, int16_t, uint32_t, int32_t, float, bool,
                               std::string, uint64_t, int64_t, double, std::vector<uint8_t>,
                               std::vector<int8_t>, std::vector<uint16_t>, std::vector<int16_t>,
                               std::vector<uint32_t>, std::vector<int32_t>, std::vector<float>,
                               std::vector<bool>, std::vector<std::string>, std::vector<uint64_t>,
                               std::vector<int64_t>, std::vector<double>>;

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

  uint64_t alignment_;
  std::set<std::string, std::less<>> keys_;
  std::set<std::string, std::less<>> tensor_names_;
  std::string metadata_;        // encoded records
  std::string tensor_records_;  // encoded records
  std::vector<uint64_t> tensor_bytes_;
  uint64_t data_bytes_ = 0;  // of all tensors with their padding: the next one's offset
  bool header_written_ = false;
  std::size_t current_ = 0;  // tensor that Append is filling
  uint64_t filled_ = 0;      // bytes of it that are written
  std::unique_ptr<Output> output_;
};

}  // namespace fathom
