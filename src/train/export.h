// A trained model as others read it: a Hugging Face directory with the official tensor names.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "models/training/trainable.h"
#include "tensor/format.h"

namespace fathom {

// The other files of the directory, name and text: "config.json", "tokenizer.json", ...
using DirectoryTexts = std::vector<std::pair<std::string, std::string>>;

// Writes model.safetensors in F32 or BF16 (router biases in F32 always) and the texts. The folder
// appears when it is complete; an older one of that name is refused. Throws Error kAlreadyExists,
// kNoSpace, kPermission or kIo.
void ExportDirectory(const TrainableModel& model, Format format, const DirectoryTexts& texts,
                     const std::filesystem::path& path);

}  // namespace fathom
