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
  // Null where binding reads headers and vectors only.
  ModelSpec (*describe)(const ModelFile& file);
  // Both null where the architecture has no such module.
  std::unique_ptr<MtpModule> (*bind_mtp)(const ModelFile& file, HiddenSide side);
  void (*check_mtp)(const ModelFile& file);
};

// One row per architecture and kind of file; a name is empty where the row is not of that kind.
constexpr std::array kArchitectures = {
    Architecture{"deepseek2", "", "", deepseek::Bind, deepseek::Describe, deepseek::BindMtp,
                 deepseek::CheckMtp},
    Architecture{"", "deepseek_v3", "DeepseekV3ForCausalLM", deepseek::Bind, deepseek::Describe,
                 deepseek::BindMtp, deepseek::CheckMtp},
    Architecture{"", "deepseek_v2", "DeepseekV2ForCausalLM", deepseek::Bind, deepseek::Describe,
                 deepseek::BindMtp, deepseek::CheckMtp},
    Architecture{"llama", "llama", "LlamaForCausalLM", llama::Bind, nullptr, nullptr, nullptr},
    Architecture{"qwen2", "qwen2", "Qwen2ForCausalLM", qwen2::Bind, nullptr, nullptr, nullptr},
};

// The same model_type may be that of a classifier, which has other weights behind the same layers.
void CheckClass(const ModelFile& file, const Architecture& architecture) {
  const std::vector<std::string>* classes = file.Strings("architectures");
  if (classes == nullptr) return;
  if (std::find(classes->begin(), classes->end(), architecture.hf_class) != classes->end()) return;
  file.FailKeyUnsupported("architectures", "is " + QuotedName(classes->front()) + ", expected '" +
                                               std::string(architecture.hf_class) + "'");
}

const Architecture& ArchitectureOf(const ModelFile& file) {
  const bool gguf = file.kind() == ModelFileKind::kGguf;
  const std::string& name = file.RequireString(gguf ? "general.architecture" : "model_type");
  std::string known;
  for (const Architecture& architecture : kArchitectures) {
    const std::string_view candidate = gguf ? architecture.gguf : architecture.model_type;
    if (candidate.empty()) continue;
    if (candidate == name) {
      if (!gguf) CheckClass(file, architecture);
      return architecture;
    }
    known += (known.empty() ? "" : ", ") + std::string(candidate);
  }
  throw Error(ErrorCode::kUnsupported,
              file.path().string() + ": architecture " + QuotedName(name) + " is not supported",
              "supported: " + known);
}

}  // namespace

std::unique_ptr<Model> BindModel(const ModelFile& file) { return ArchitectureOf(file).bind(file); }

ModelSpec DescribeModel(const ModelFile& file) {
  const Architecture& architecture = ArchitectureOf(file);
  return architecture.describe != nullptr ? architecture.describe(file)
                                          : architecture.bind(file)->spec();
}

std::unique_ptr<MtpModule> BindMtpModule(const ModelFile& file, HiddenSide side) {
  const Architecture& architecture = ArchitectureOf(file);
  return architecture.bind_mtp == nullptr ? nullptr : architecture.bind_mtp(file, side);
}

void CheckMtpModule(const ModelFile& file) {
  const Architecture& architecture = ArchitectureOf(file);
  if (architecture.check_mtp != nullptr) architecture.check_mtp(file);
}

}  // namespace fathom
