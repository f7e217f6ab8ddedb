#include <array>
#include <string>

#include "base/error.h"
#include "models/deepseek/deepseek.h"
#include "models/llama/llama.h"
#include "models/model.h"

namespace fathom {
namespace {

struct Architecture {
  std::string_view name;  // as "general.architecture" has it
  std::unique_ptr<Model> (*bind)(const ModelFile& file);
};

// One row per architecture.
constexpr std::array kArchitectures = {
    Architecture{"deepseek2", deepseek::BindGgufModel},
    Architecture{"llama", llama::Bind},
};

}  // namespace

std::unique_ptr<Model> BindModel(const ModelFile& file) {
  const std::string& name = file.RequireString("general.architecture");
  std::string known;
  for (const Architecture& architecture : kArchitectures) {
    if (architecture.name == name) return architecture.bind(file);
    known += (known.empty() ? "" : ", ") + std::string(architecture.name);
  }
  throw Error(ErrorCode::kUnsupported,
              file.path().string() + ": architecture '" + name + "' is not supported",
              "supported: " + known);
}

}  // namespace fathom
