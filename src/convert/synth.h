// Owns: model files with random weights, of any shape and size, for tests and benchmarks:
// streaming, in bounded memory, the same bytes for the same shape, type and seed. Not for: weights
// that mean anything.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "convert/part_file.h"
#include "convert/progress.h"
#include "tensor/format.h"

namespace fathom {

struct SynthOptions {
  std::string shape;  // a built-in name or the path of a config.json
  Format type = Format::kQ8_0;
  std::optional<int64_t> layers;  // instead of the shape's
  uint64_t seed = 1;
  bool ghost = false;  // of a directory: headers, and holes where the weights would be
  Overwrite overwrite = Overwrite::kRefuse;
  int threads = 1;
  ConvertHooks hooks;
};

struct SynthReport {
  uint64_t bytes = 0;
  uint64_t files = 0;
  uint64_t tensors = 0;
  int64_t parameters = 0;  // scales not counted
};

// Writes a GGUF file. Throws Error: kNotFound and kInvalidFile for the shape, kUnsupported for a
// type that GGUF or this code does not have, kAlreadyExists, kNoSpace, kIo, and kCancelled.
SynthReport WriteSyntheticGguf(const SynthOptions& options, const std::filesystem::path& path);

// Writes a Hugging Face directory in F32, F16, BF16, or as DeepSeek's models are published:
// F8_E4M3 with a scale per square, and BF16 for what they do not quantise. A ghost takes a few
// megabytes of disk, whatever its size: its weights read as zeros. What is written at first is
// DESTINATION.part. Throws Error as the above; a directory that is there is never replaced.
SynthReport WriteSyntheticDirectory(const SynthOptions& options, const std::filesystem::path& path);

}  // namespace fathom
