#include "models/training/trainable.h"

#include <string>

#include "base/error.h"
#include "models/deepseek/train.h"
#include "models/llama/llama.h"
#include "models/llama/train.h"
#include "models/qwen2/qwen2.h"

namespace fathom {

std::unique_ptr<TrainableModel> ReadTrainable(const ModelFile& file) {
  if (file.kind() != ModelFileKind::kHuggingFace) {
    file.Fail("is a GGUF file, expected a Hugging Face directory", "training starts from one");
  }
  const std::string& type = file.RequireString("model_type");
  if (type == "deepseek_v3" || type == "deepseek_v2") return deepseek::ReadTrainable(file);
  if (type == "llama") return llama::ReadTrainable(file, llama::ReadConfig(file));
  if (type == "qwen2") return llama::ReadTrainable(file, qwen2::ReadConfig(file));
  throw Error(ErrorCode::kUnsupported,
              file.path().string() + ": architecture " + QuotedName(type) + " cannot be trained",
              "can be trained: deepseek_v3, deepseek_v2, llama, qwen2");
}

}  // namespace fathom
