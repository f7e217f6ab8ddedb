// Owns: reading llama.cpp's importance matrices: per tensor the mean square of each input value,
// over some text. Both of its formats are read: GGUF ("general.type" is "imatrix") and the older
// binary one. Not for: making them (imatrix_maker.h).
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace fathom {

// Tensor name to one weight per column, or as many for each matrix of a stack, one after the other.
using ImportanceMatrix = std::map<std::string, std::vector<float>, std::less<>>;

// Throws Error(kInvalidFile) that names file and tensor for broken content, and as opening does.
ImportanceMatrix ReadImportanceMatrix(const std::filesystem::path& path);

// Parses a file in memory; `path` is for messages.
ImportanceMatrix ParseImportanceMatrix(std::span<const std::byte> bytes, const std::string& path);

}  // namespace fathom
