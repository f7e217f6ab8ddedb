// Owns: writing importance matrices in both of llama.cpp's formats, which imatrix.h reads. The file
// appears under its name when it is complete. Not for: what the sums are of (imatrix_maker.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace fathom {

// What was added up for the matrices of one tensor.
struct ChannelSums {
  std::vector<float> squares;   // [matrices][columns]: sums of the squares of a column's inputs
  std::vector<int64_t> counts;  // [matrices]: how many inputs each matrix had
};
// By the tensors' names in GGUF.
using ImportanceSums = std::map<std::string, ChannelSums, std::less<>>;

enum class ImatrixFormat : uint8_t {
  kGguf,    // sums and counts
  kLegacy,  // means, "imatrix.dat": what older programs read
};

// Of what the sums were made.
struct ImatrixOrigin {
  std::string text;  // what the text is called
  int64_t chunks = 0;
  int64_t chunk_tokens = 0;
};

// Tensors none of whose matrices had an input are left out; at least one must have had one.
// Replaces an older file. Returns the size of the file. Throws Error kNoSpace, kIo, kPermission,
// kNotFound.
uint64_t WriteImportanceMatrix(const std::filesystem::path& path, ImatrixFormat format,
                               const ImportanceSums& sums, const ImatrixOrigin& origin);

}  // namespace fathom
