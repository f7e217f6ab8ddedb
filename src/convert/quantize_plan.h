// Owns: what quantising a model will write: every tensor with its sources and its format, and the
// metadata. Reads headers only. Not for: reading or writing weights (weight_rows.h, quantize.h).
#pragma once

#include <regex>
#include <string>
#include <vector>

#include "convert/gguf_keys.h"
#include "convert/weight_rows.h"
#include "formats/model_file.h"

namespace fathom {

// Tensors whose name the expression finds get this type instead.
struct TypeOverride {
  std::string expression;  // ECMAScript
  Format format = Format::kF32;
};

struct QuantizePlan {
  std::vector<OutputTensor> tensors;
  GgufKeys keys;
  std::vector<std::string> left_out;  // of the source: layers that predict further tokens
};

// `tokenizer` are the keys of the tokenizer of a directory; a GGUF file has its own. The layers of
// a directory that predict further tokens are written where `prediction_layers` says so. Throws
// Error: kUnsupported for an architecture, a type or a tensor that is not known here; kInvalidFile
// for a tensor that is missing or has another shape, named; kInvalidArgument for an override that
// is no expression or finds nothing, and where there are no such layers.
QuantizePlan PlanQuantize(const ModelFile& source, Format type,
                          const std::vector<TypeOverride>& overrides, const GgufKeys& tokenizer,
                          bool prediction_layers = false);

}  // namespace fathom
