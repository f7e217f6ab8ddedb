// Owns: where the data folder is. Not for: what is in it (loader/catalog.h).
#include "base/error.h"
#include "cli/command.h"

namespace fathom::cli {

std::filesystem::path Context::DataFolder() const {
  namespace fs = std::filesystem;
  if (!data_flag.empty()) return data_flag;
  // The XDG specification calls relative paths invalid, to be ignored.
  if (fs::path(xdg_data_home).is_absolute()) return fs::path(xdg_data_home) / "fathom";
  if (!home.empty()) return fs::path(home) / ".local/share/fathom";
  throw Error(ErrorCode::kInvalidArgument, "there is no place for data: HOME is not set",
              "give --data DIR");
}

ModelLibrary Context::Library() const { return ModelLibrary(DataFolder(), Catalog::BuiltIn()); }

}  // namespace fathom::cli
