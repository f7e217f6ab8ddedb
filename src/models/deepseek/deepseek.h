// DeepSeek-V2, V2-Lite, V3 and R1: multi-head latent attention and a mixture of experts with shared
// ones (arXiv 2405.04434 and 2412.19437).
#pragma once

#include <memory>

#include "models/model.h"

namespace fathom::deepseek {

// The constructor row of the registry for GGUF's `deepseek2`.
std::unique_ptr<Model> BindGgufModel(const ModelFile& file);

}  // namespace fathom::deepseek
