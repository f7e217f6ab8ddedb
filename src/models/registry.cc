#include <algorithm>
#include <array>
#include <string>

#include "base/error.h"
#include "models/deepseek/deepseek.h"
#include "models/llama/llama.h"
#include "models/model.h"
#include "models/qwen2/qwen2.h"

namespace fathom {
namespace {

struct Architecture {
  std::string_view gguf;        // as "general.architecture" has it
  std::string_view model_type;  // as a config.json has it
  std::string_view hf_class;    // of its "architectures", the one whose weights are read
  std::unique_ptr<Model> (*bind)(const ModelFile& file);
};

// One row per architecture; empty names where a kind of file is not read.
constexpr std::array kArchitectures = {
    Architecture{"deepseek2", "", "", deepseek::BindGgufModel},
    Architecture{"llama", "llama", "LlamaForCausalLM", llama::Bind},
    Architecture{"qwen2", "qwen2", "Qwen2ForCausalLM", qwen2::Bind},
};

// The same model_type may be that of a classifier, which has other weights behind the same layers.
void CheckClass(const ModelFile& file, const Architecture& architecture) {
  const std::vector<std::string>* classes = file.Strings("architectures");
  if (classes == nullptr) return;
  if (std::find(classes->begin(), classes->end(), architecture.hf_class) != classes->end()) return;
  file.FailKeyUnsupported("architectures", "is " + QuotedName(classes->front()) + ", expected '" +
                                               std::string(architecture.hf_class) + "'");
}

}  // namespace

std::unique_ptr<Model> BindModel(const ModelFile& file) {
  const bool gguf = file.kind() == ModelFileKind::kGguf;
  const std::string& name = file.RequireString(gguf ? "general.architecture" : "model_type");
  std::string known;
  for (const Architecture& architecture : kArchitectures) {
    const std::string_view candidate = gguf ? architecture.gguf : architecture.model_type;
    if (candidate.empty()) continue;
    if (candidate == name) {
      if (!gguf) CheckClass(file, architecture);
      return architecture.bind(file);
    }
    known += (known.empty() ? "" : ", ") + std::string(candidate);
  }
  throw Error(ErrorCode::kUnsupported,
              file.path().string() + ": architecture " + QuotedName(name) + " is not supported",
              "supported: " + known);
}

}  // namespace fathom
