// Owns: where the data folder is. Not for: what is in it (loader/catalog.h).
#include <optional>
#include <utility>

#include "base/error.h"
#include "cli/command.h"

namespace fathom::cli {

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

ModelLibrary Context::Library() const { return ModelLibrary(DataFolder(), Catalog::BuiltIn()); }

InstalledModel Context::Resolve(const std::string& name_or_path) const {
  if (std::optional<InstalledModel> model = ResolvePath(name_or_path)) return *std::move(model);
  return Library().Resolve(name_or_path);
}

}  // namespace fathom::cli
