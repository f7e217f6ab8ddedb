// DeepSeek-V2 and V3 for training.
#pragma once

#include <memory>

#include "models/deepseek/config.h"
#include "models/training/trainable.h"

namespace fathom::deepseek {

// All parameters zero.
std::unique_ptr<TrainableModel> MakeTrainable(const Config& config);
// With the values of the file, which is a Hugging Face directory.
std::unique_ptr<TrainableModel> ReadTrainable(const ModelFile& file);

}  // namespace fathom::deepseek
