// The llama family (llama, qwen2) for training.
#pragma once

#include <memory>

#include "models/llama/config.h"
#include "models/training/trainable.h"

namespace fathom::llama {

// With the values of the file, which is a Hugging Face directory of that configuration; without a
// head of its own the model has the embedding for one.
std::unique_ptr<TrainableModel> ReadTrainable(const ModelFile& file, const Config& config);

}  // namespace fathom::llama
