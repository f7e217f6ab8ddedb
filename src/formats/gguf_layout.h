// The numbers of the GGUF file format that its reader and its writer share. Layout, all fields
// little-endian:
//   header    "GGUF", u32 version, u64 tensor count, u64 metadata count
//   metadata  string key, u32 value type, value; an array is u32 element type, u64 count, elements
//   tensors   string name, u32 rank, u64 dimensions (innermost first), u32 type, u64 offset
//   data      from the next multiple of the alignment on; tensor offsets count from there
// A string is u64 length and bytes. Version 2 differs from 3 in nothing that a little-endian reader
// sees.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <string_view>

namespace fathom::gguf {

static_assert(std::endian::native == std::endian::little, "GGUF fields are read in place");

inline constexpr std::string_view kMagic = "GGUF";
inline constexpr uint32_t kOldestVersion = 2;
inline constexpr uint32_t kNewestVersion = 3;

inline constexpr std::string_view kAlignmentKey = "general.alignment";
inline constexpr uint64_t kDefaultAlignment = 32;
inline constexpr uint64_t kSmallestAlignment = 8;                 // the specification's
inline constexpr uint64_t kLargestAlignment = uint64_t{2} << 20;  // a huge page

constexpr bool IsAlignment(uint64_t value) {
  return std::has_single_bit(value) && value >= kSmallestAlignment && value <= kLargestAlignment;
}
constexpr uint64_t RoundUp(uint64_t bytes, uint64_t alignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

inline constexpr uint32_t kMaxRank = 4;           // of TensorView, too
inline constexpr uint64_t kMaxNameBytes = 65535;  // the specification's, for keys
// So that bytes, at most 4 per value, are countable in int64_t.
inline constexpr int64_t kMaxElements = std::numeric_limits<int64_t>::max() / 4;

enum ValueType : uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

}  // namespace fathom::gguf
