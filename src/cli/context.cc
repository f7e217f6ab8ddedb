// Owns: where the data folder is, and the models that come with the program. Not for: what is in it
// (loader/catalog.h).
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.h"
#include "cli/command.h"
#include "cli/terminal.h"

namespace fathom::cli {
namespace {

// Where the models that come with the program may lie: beside it, or in the share folder of where
// it is installed.
std::vector<std::filesystem::path> BundledFolders() {
  std::error_code failed;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", failed);
  if (failed) return {};
  const std::filesystem::path folder = program.parent_path();
  return {folder / "models", folder.parent_path() / "share/fathom/models"};
}

}  // namespace

std::filesystem::path Context::FindDataFolder() const {
  namespace fs = std::filesystem;
  if (!data_flag.empty()) return data_flag;
  // The XDG specification calls relative paths invalid, to be ignored.
  if (fs::path(xdg_data_home).is_absolute()) return fs::path(xdg_data_home) / "fathom";
  if (!home.empty()) return fs::path(home) / ".local/share/fathom";
  return {};
}

std::filesystem::path Context::DataFolder() const {
  std::filesystem::path folder = FindDataFolder();
  if (!folder.empty()) return folder;
  throw Error(ErrorCode::kInvalidArgument, "there is no place for data: HOME is not set",
              "give --data DIR");
}

ModelLibrary Context::Library() const {
  return ModelLibrary(DataFolder(), Catalog::BuiltIn(), BundledFolders());
}

InstalledModel Context::Resolve(const std::string& name_or_path) const {
  if (std::optional<InstalledModel> model = ResolvePath(name_or_path)) return *std::move(model);
  const ModelLibrary library = Library();
  InstalledModel model = library.Resolve(name_or_path);
  if (name_or_path.empty() && model.name != library.catalog().Default().name) {
    PrintError("The default model is not installed ('fathom pull' fetches it): this is " +
               model.name + ", which comes with the program.\n");
  }
  return model;
}

}  // namespace fathom::cli
