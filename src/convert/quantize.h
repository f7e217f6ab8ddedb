// Owns: writing a model (a Hugging Face directory or a GGUF file) as a GGUF file in other storage
// formats: streaming, in memory that does not grow with the model, and resumable, with the same
// bytes at the end however often it was stopped. Not for: choosing what is written
// (quantize_plan.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "convert/gguf_keys.h"
#include "convert/part_file.h"
#include "convert/progress.h"
#include "convert/quantize_plan.h"
#include "formats/model_file.h"

namespace fathom {

struct QuantizeOptions {
  Format type = Format::kQ8_0;
  std::vector<TypeOverride> overrides;  // the first that finds a tensor counts
  std::filesystem::path imatrix;        // empty: none
  GgufKeys tokenizer;                   // of a directory
  GgufKeys sampling;                    // likewise
  bool prediction_layers = false;       // of a directory; a GGUF file keeps those it has
  Overwrite overwrite = Overwrite::kRefuse;
  int threads = 1;
  ConvertHooks hooks;
};

struct QuantizeReport {
  uint64_t bytes = 0;
  uint64_t resumed_bytes = 0;
  bool begun_again = false;  // what was there was shorter than its journal said
  std::size_t tensors = 0;
  struct Fallback {
    std::string tensor;
    Format wanted, written;
  };
  std::vector<Fallback> fallbacks;              // rows that a format does not divide
  std::vector<std::string> left_out;            // tensors of layers that predict further tokens
  std::vector<std::string> without_importance;  // quantised tensors that the imatrix does not have
};

// What is written at first is DESTINATION.part, with a journal beside it; when this is interrupted
// both stay, and the same call goes on from there. Throws Error: as PlanQuantize does;
// kUnsupported and kInvalidFile as DescribeModel does for types that cannot be run together, before
// anything is written; kInvalidFile for a weight that is not a number, or too large for its format,
// with the tensor's name; kInvalidArgument when the destination is the source; kAlreadyExists,
// kNoSpace, kIo, kCancelled.
QuantizeReport Quantize(const ModelFile& source, const std::filesystem::path& destination,
                        const QuantizeOptions& options);

}  // namespace fathom
