// The `qwen2` architecture (Qwen2, Qwen2.5, the Qwen distills of DeepSeek-R1): the llama code with
// biases on queries, keys and values.
#pragma once

#include <memory>

#include "models/llama/config.h"
#include "models/model.h"

namespace fathom::qwen2 {

// The configuration of a `qwen2` file, biases settled. Throws as ParseConfig does.
llama::Config ReadConfig(const ModelFile& file);

// The constructor row of the registry.
std::unique_ptr<Model> Bind(const ModelFile& file);

// What the keys of a config.json say, biases included; its tensors need not be there. Throws as
// binding does.
llama::Config ParseHfKeys(const ModelFile& file);

}  // namespace fathom::qwen2
