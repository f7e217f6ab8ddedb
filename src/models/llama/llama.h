// The `llama` architecture (Llama, Llama 2 and 3, SmolLM2, Mistral-style dense models in GGUF):
// RMSNorm, rotary grouped-query attention, SwiGLU. Relatives with other names and biases are models
// of the same code.
#pragma once

#include <memory>

#include "models/llama/config.h"
#include "models/model.h"

namespace fathom::llama {

// The configuration of a `llama` file, biases settled. Throws as ParseConfig does.
Config ReadConfig(const ModelFile& file);

// The constructor row of the registry.
std::unique_ptr<Model> Bind(const ModelFile& file);

// What the keys of a config.json say, biases included; its tensors need not be there. Throws as
// binding does.
Config ParseHfKeys(const ModelFile& file);

// The model of a validated configuration; throws as BindWeights does.
std::unique_ptr<Model> MakeModel(const ModelFile& file, Config config);

}  // namespace fathom::llama
