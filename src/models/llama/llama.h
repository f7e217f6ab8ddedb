// The `llama` architecture (Llama, Llama 2 and 3, SmolLM2, Mistral-style dense models in GGUF):
// RMSNorm, rotary grouped-query attention, SwiGLU.
#pragma once

#include <memory>

#include "models/model.h"

namespace fathom::llama {

// The constructor row of the registry.
std::unique_ptr<Model> Bind(const ModelFile& file);

}  // namespace fathom::llama
