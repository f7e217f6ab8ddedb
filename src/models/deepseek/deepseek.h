// DeepSeek-V2, V2-Lite, V3 and R1: multi-head latent attention and a mixture of experts with shared
// ones (arXiv 2405.04434 and 2412.19437), and V3's module that predicts one token further.
#pragma once

#include <memory>

#include "models/model.h"

namespace fathom::deepseek {

// The functions of the registry's rows: GGUF's `deepseek2`, Hugging Face's `deepseek_v2` and
// `deepseek_v3`.
std::unique_ptr<Model> Bind(const ModelFile& file);
ModelSpec Describe(const ModelFile& file);
std::unique_ptr<MtpModule> BindMtp(const ModelFile& file, HiddenSide side);
void CheckMtp(const ModelFile& file);

}  // namespace fathom::deepseek
