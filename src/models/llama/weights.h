// Weights of the `llama` architecture and its relatives: tensor names to views, shapes checked.
#pragma once

#include <vector>

#include "models/layers/linear.h"
#include "models/llama/config.h"

namespace fathom::llama {

struct LayerWeights {
  std::vector<float> attention_norm;  // [hidden]
  Linear query, key, value, output;
  std::vector<float> feed_forward_norm;  // [hidden]
  Linear gate, up, down;
};

struct Weights {
  TensorView embedding;  // {vocabulary, hidden}
  std::vector<LayerWeights> layers;
  std::vector<float> output_norm;  // [hidden]
  Linear head;                     // {vocabulary, hidden}; the embedding where the file has no head
  bool tied_head = false;
};

// Throws Error(kInvalidFile) naming the tensor, expected and found; Error(kUnsupported) for a
// tensor that the architecture does not use, since it would change the result.
Weights BindWeights(const ModelFile& file, const Config& config);

// What Forward multiplies by, under the names that GGUF has for it.
std::vector<NamedLinear> NameLinears(const Weights& weights);

}  // namespace fathom::llama
