// The header of a GGUF v3 file, little-endian: metadata and tensor records as they are added, and
// where the tensors' bytes will lie. Holds no tensor and touches no file: writing is
// gguf_writer.h's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
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

class GgufHeader {
 public:
  // `alignment` is a power of two from 8 to 2^21; one other than 32 is recorded as
  // "general.alignment". Throws Error(kInvalidArgument) for another one.
  explicit GgufHeader(uint32_t alignment = 32);

  // Throws Error(kInvalidArgument) for an empty or overlong key or one that is there already.
  void AddMetadata(std::string_view key, const GgufValue& value);

  // Declares the next tensor; `shape` is outermost first, 1 to 4 dimensions. Throws
  // Error(kInvalidArgument) for a name that is there already and a shape that cannot be stored.
  void AddTensor(std::string_view name, Format format, std::span<const int64_t> shape);

  // The bytes before the data, padded to the alignment.
  std::string Encode() const;

  uint64_t alignment() const { return alignment_; }
  std::size_t tensors() const { return tensor_bytes_.size(); }
  uint64_t BytesOfTensor(std::size_t index) const { return tensor_bytes_[index]; }
  // Of the data of a tensor, counted from the end of the header; the last one is padded, too.
  uint64_t OffsetOfTensor(std::size_t index) const { return tensor_offsets_[index]; }
  uint64_t DataBytes() const { return data_bytes_; }

 private:
  uint64_t alignment_;
  std::set<std::string, std::less<>> keys_;
  std::set<std::string, std::less<>> tensor_names_;
  std::string metadata_;        // encoded records
  std::string tensor_records_;  // encoded records
  std::vector<uint64_t> tensor_bytes_;
  std::vector<uint64_t> tensor_offsets_;
  uint64_t data_bytes_ = 0;  // of all tensors with their padding: the next one's offset
};

}  // namespace fathom
