// Owns: the catalogue's JSON reader and the folder of installed models. Invariant: every name and
// every file path that leaves this file stays inside its folder. Not for: fetching (download.cc) or
// opening models (loader.cc).
#include "loader/catalog.h"

#include <algorithm>
#include <cctype>
#include <system_error>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "formats/hf_directory.h"
#include "loader/catalog_data.h"
#include "loader/folder_lock.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

// ---- Reading models/catalog.json ---------------------------------------------------------------

[[noreturn]] void FailRow(const std::string& where, const std::string& problem) {
  throw Error(ErrorCode::kInvalidFile, where + ": " + problem);
}

// The value of `key` when it is there and `accepts` it; refuses another type by name.
template <class T, class Accepts>
T Get(const Json& object, const char* key, T fallback, bool required, Accepts accepts,
      const char* expected, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end()) {
    if (required) FailRow(where, std::string("'") + key + "' is missing");
    return fallback;
  }
  if (!accepts(*found)) {
    FailRow(where,
            std::string("'") + key + "' must be " + expected + ", found " + found->type_name());
  }
  return found->template get<T>();
}

std::string GetString(const Json& object, const char* key, bool required,
                      const std::string& where) {
  return Get<std::string>(
      object, key, {}, required, [](const Json& v) { return v.is_string(); }, "a string", where);
}

uint64_t GetCount(const Json& object, const char* key, const std::string& where) {
  return Get<uint64_t>(
      object, key, 0, false, [](const Json& v) { return v.is_number_unsigned(); },
      "a whole number of at least 0", where);
}

bool GetFlag(const Json& object, const char* key, const std::string& where) {
  return Get<bool>(
      object, key, false, false, [](const Json& v) { return v.is_boolean(); }, "true or false",
      where);
}

bool IsSafePath(const std::string& path) {
  if (path.empty() || path.front() == '/' || path.find('\\') != std::string::npos) return false;
  for (const fs::path& part : fs::path(path)) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return path.find('\0') == std::string::npos;
}

bool IsSha256(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

void RefuseOtherKeys(const Json& object, std::initializer_list<std::string_view> known,
                     const std::string& where) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      FailRow(where, "unknown key '" + key + "'");
    }
  }
}

CatalogFile ParseFile(const Json& json, const std::string& where) {
  if (!json.is_object()) FailRow(where, "must be an object");
  RefuseOtherKeys(json, {"path", "bytes", "sha256"}, where);
  CatalogFile file;
  file.path = GetString(json, "path", true, where);
  file.bytes = GetCount(json, "bytes", where);
  file.sha256 = GetString(json, "sha256", false, where);
  if (!IsSafePath(file.path)) FailRow(where, "'path' must stay inside the folder: " + file.path);
  if (!file.sha256.empty() && !IsSha256(file.sha256)) {
    FailRow(where, "'sha256' must be 64 lower-case hexadecimal digits");
  }
  return file;
}

// Hugging Face numbers the shards of a large model from 1: model-00001-of-000163.safetensors.
std::string ShardName(uint64_t index, uint64_t count) {
  const auto padded = [](uint64_t value, std::size_t width) {
    std::string digits = std::to_string(value);
    return digits.size() < width ? std::string(width - digits.size(), '0') + digits : digits;
  };
  return "model-" + padded(index, 5) + "-of-" + padded(count, 6) + ".safetensors";
}

RecommendedSampling ParseSampling(const Json& json, std::string where) {
  where += " sampling";
  if (!json.is_object()) FailRow(where, "must be an object");
  RefuseOtherKeys(json, {"temperature", "top_p"}, where);
  const auto get = [&](const char* key, double most) {
    return Get<double>(
        json, key, 0, true,
        [&](const Json& v) {
          return v.is_number() && v.get<double>() >= 0 && v.get<double>() <= most;
        },
        ("a number from 0 to " + std::to_string(static_cast<int>(most))).c_str(), where);
  };
  return {get("temperature", 2), get("top_p", 1)};
}

CatalogEntry ParseEntry(const Json& json, std::string where) {
  if (!json.is_object()) FailRow(where, "must be an object");
  CatalogEntry entry;
  entry.name = GetString(json, "name", true, where);
  try {
    CheckModelName(entry.name);
  } catch (const Error& error) {
    FailRow(where, error.message());
  }
  where += " (" + entry.name + ")";
  RefuseOtherKeys(
      json,
      {"name", "default", "bundled", "title", "description", "license", "repository", "revision",
       "package", "format", "parameters_billion", "sampling", "files", "shards"},
      where);
  entry.bundled = GetFlag(json, "bundled", where);
  entry.title = GetString(json, "title", true, where);
  entry.description = GetString(json, "description", false, where);
  entry.license = GetString(json, "license", true, where);
  entry.repository = GetString(json, "repository", !entry.bundled, where);
  entry.revision = GetString(json, "revision", !entry.bundled, where);
  entry.package = GetString(json, "package", false, where);
  entry.format = GetString(json, "format", true, where);
  if (entry.format != "gguf" && entry.format != "safetensors") {
    FailRow(where, "'format' must be gguf or safetensors, found " + entry.format);
  }
  if (!entry.bundled && !IsSafePath(entry.repository)) {
    FailRow(where, "'repository' must look like owner/name");
  }
  entry.parameters_billion = Get<double>(
      json, "parameters_billion", 0, false, [](const Json& v) { return v.is_number(); }, "a number",
      where);
  entry.is_default = GetFlag(json, "default", where);
  if (const auto sampling = json.find("sampling"); sampling != json.end()) {
    entry.sampling = ParseSampling(*sampling, where);
  }
  const auto files = json.find("files");
  if (files == json.end() || !files->is_array() || files->empty()) {
    FailRow(where, "'files' must be a list of at least one file");
  }
  for (std::size_t i = 0; i < files->size(); ++i) {
    entry.files.push_back(ParseFile((*files)[i], where + " file " + std::to_string(i)));
  }
  const uint64_t shards = GetCount(json, "shards", where);
  if (shards > 99999) FailRow(where, "'shards' must be at most 99999");
  for (uint64_t i = 1; i <= shards; ++i) entry.files.push_back({ShardName(i, shards), 0, {}});
  return entry;
}

// ---- Installed models --------------------------------------------------------------------------

uint64_t BytesUnder(const fs::path& folder) {
  uint64_t bytes = 0;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder, ignored)) {
    std::error_code failed;
    if (!entry.is_regular_file(failed)) continue;
    const uint64_t size = entry.file_size(failed);
    if (!failed) bytes += size;
  }
  return bytes;
}

// The first .gguf of a folder by name, which is the first part of a split one; empty when there is
// none.
fs::path FirstGguf(const fs::path& folder) {
  fs::path first;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    if (entry.path().extension() != ".gguf") continue;
    if (first.empty() || entry.path() < first) first = entry.path();
  }
  return first;
}

bool LooksLikePath(std::string_view text) {
  return text.find('/') != std::string_view::npos || text.ends_with(".gguf") || text == "." ||
         text == "..";
}

}  // namespace

void CheckModelName(std::string_view name) {
  const bool good =
      !name.empty() && name.size() <= 200 && name.front() != '.' &&
      std::all_of(name.begin(), name.end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
      });
  if (!good) {
    throw Error(ErrorCode::kInvalidArgument, "'" + std::string(name) + "' cannot be a model's name",
                "letters, digits, '.', '_' and '-', not starting with '.'");
  }
}

uint64_t CatalogEntry::bytes() const {
  uint64_t total = 0;
  for (const CatalogFile& file : files) {
    if (file.bytes == 0) return 0;
    total += file.bytes;
  }
  return total;
}

Catalog Catalog::BuiltIn() { return Parse(CatalogJson(), "models/catalog.json"); }

Catalog Catalog::Parse(std::string_view json, const std::string& source) {
  Json document;
  try {
    document = ParseJson(json, source);
  } catch (const Error& error) {
    throw Error(ErrorCode::kInvalidFile, error.message(), error.hint());
  }
  if (!document.is_object()) FailRow(source, "must be an object");
  RefuseOtherKeys(document, {"version", "models"}, source);
  if (GetCount(document, "version", source) != 1) FailRow(source, "'version' must be 1");
  const auto models = document.find("models");
  if (models == document.end() || !models->is_array()) FailRow(source, "'models' must be a list");

  Catalog catalog;
  int defaults = 0;
  for (std::size_t i = 0; i < models->size(); ++i) {
    const std::string where = source + ": model " + std::to_string(i);
    CatalogEntry entry = ParseEntry((*models)[i], where);
    if (catalog.Find(entry.name) != nullptr) FailRow(where, "the name is taken: " + entry.name);
    defaults += entry.is_default ? 1 : 0;
    catalog.entries_.push_back(std::move(entry));
  }
  if (defaults != 1) {
    FailRow(source, "exactly one model must be the default, found " + std::to_string(defaults));
  }
  return catalog;
}

const CatalogEntry* Catalog::Find(std::string_view name) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const CatalogEntry& entry) { return entry.name == name; });
  return found == entries_.end() ? nullptr : &*found;
}

const CatalogEntry& Catalog::Default() const {
  return *std::find_if(entries_.begin(), entries_.end(),
                       [](const CatalogEntry& entry) { return entry.is_default; });
}

ModelLibrary::ModelLibrary(fs::path data_folder, Catalog catalog,
                           std::vector<fs::path> bundled_folders)
    : data_folder_(std::move(data_folder)),
      catalog_(std::move(catalog)),
      bundled_folders_(std::move(bundled_folders)) {}

fs::path ModelLibrary::FolderOf(std::string_view name) const {
  CheckModelName(name);
  return models_folder() / name;
}

fs::path ModelLibrary::PartialFolderOf(std::string_view name) const {
  CheckModelName(name);
  std::string folder(".");
  folder.append(name).append(".partial");
  return models_folder() / folder;
}

std::optional<InstalledModel> ModelLibrary::InstalledAt(const std::string& name) const {
  if (std::optional<InstalledModel> model = ModelIn(FolderOf(name), name)) return model;
  const CatalogEntry* entry = catalog_.Find(name);
  if (entry == nullptr || !entry->bundled) return std::nullopt;
  for (const fs::path& folder : bundled_folders_) {
    if (std::optional<InstalledModel> model = ModelIn(folder / name, name)) {
      model->bundled = true;
      return model;
    }
  }
  return std::nullopt;
}

std::optional<InstalledModel> ModelLibrary::ModelIn(const fs::path& folder,
                                                    const std::string& name) const {
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored)) return std::nullopt;
  InstalledModel model;
  model.name = name;
  model.folder = folder;
  model.bytes = BytesUnder(folder);
  const CatalogEntry* entry = catalog_.Find(name);
  model.in_catalog = entry != nullptr;
  if (entry != nullptr) {
    model.sampling = entry->sampling;
    for (const CatalogFile& file : entry->files) {
      if (!file.path.ends_with(".gguf")) continue;
      model.path = folder / file.path;
      break;
    }
  }
  if (model.path.empty()) {
    model.path = IsHuggingFaceDirectory(folder) ? folder : FirstGguf(folder);
  }
  if (model.path.empty() || !fs::exists(model.path, ignored)) return std::nullopt;
  return model;
}

std::vector<InstalledModel> ModelLibrary::Installed() const {
  std::vector<InstalledModel> models;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(models_folder(), ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.front() == '.') continue;
    try {
      if (std::optional<InstalledModel> model = InstalledAt(name)) {
        models.push_back(*std::move(model));
      }
    } catch (const Error&) {
      // A folder that no model can be called: not ours.
    }
  }
  for (const CatalogEntry& entry : catalog_.entries()) {
    if (!entry.bundled ||
        std::ranges::find(models, entry.name, &InstalledModel::name) != models.end()) {
      continue;
    }
    if (std::optional<InstalledModel> model = InstalledAt(entry.name)) {
      models.push_back(*std::move(model));
    }
  }
  std::sort(models.begin(), models.end(),
            [](const InstalledModel& a, const InstalledModel& b) { return a.name < b.name; });
  return models;
}

InstalledModel ModelLibrary::Resolve(std::string_view name_or_path) const {
  if (std::optional<InstalledModel> model = ResolvePath(name_or_path)) return *std::move(model);
  std::string wanted(name_or_path);
  if (wanted.empty()) {
    wanted = catalog_.Default().name;
    for (const CatalogEntry& entry : catalog_.entries()) {
      if (InstalledAt(wanted)) break;
      if (entry.bundled && InstalledAt(entry.name)) wanted = entry.name;
    }
  }
  std::error_code ignored;
  CheckModelName(wanted);
  const CatalogEntry* entry = catalog_.Find(wanted);
  if (std::optional<InstalledModel> model = InstalledAt(wanted)) {
    if (entry != nullptr) {
      for (const CatalogFile& file : entry->files) {
        const fs::path path = model->folder / file.path;
        const uint64_t found = fs::file_size(path, ignored);
        if (file.bytes == 0 || found == file.bytes) continue;
        throw Error(
            ErrorCode::kInvalidFile,
            path.string() + " has " + std::to_string(found) + " bytes, expected " +
                std::to_string(file.bytes),
            model->bundled ? "it comes with the program: install or build that again"
            : entry->bundled
                ? "'fathom rm " + wanted + "' deletes it; that of the program is used then"
                : "'fathom rm " + wanted + "' and 'fathom pull " + wanted + "' fetch it again");
      }
    }
    return *std::move(model);
  }
  if (entry != nullptr && entry->bundled) {
    throw Error(ErrorCode::kNotFound,
                "model " + wanted + " comes with the program, but does not lie beside it",
                "build the program again, or install it with its files");
  }
  if (entry != nullptr) {
    throw Error(ErrorCode::kNotFound,
                "model " + wanted + " is not installed in " + models_folder().string(),
                "'fathom pull " + wanted +
                    "' fetches it; the path of a GGUF file or Hugging Face directory works too");
  }
  std::string names;
  for (const InstalledModel& model : Installed()) names += (names.empty() ? "" : ", ") + model.name;
  throw Error(ErrorCode::kNotFound, "there is no model or file called '" + wanted + "'",
              "installed: " + (names.empty() ? "none" : names) +
                  "; 'fathom list --all' shows what can be fetched");
}

uint64_t ModelLibrary::Remove(std::string_view name) {
  uint64_t freed = 0;
  bool found = false;
  std::optional<FolderLock> lock;
  const fs::path partial = PartialFolderOf(name);
  if (std::error_code ignored; fs::is_directory(partial, ignored)) {
    lock.emplace(partial, "fetching " + std::string(name));
  }
  for (const fs::path& folder : {FolderOf(name), PartialFolderOf(name)}) {
    std::error_code failed;
    if (!fs::exists(folder, failed)) continue;
    found = true;
    freed += BytesUnder(folder);
    fs::remove_all(folder, failed);
    if (failed) throw SystemError(failed.value(), "cannot delete " + folder.string());
  }
  if (!found && InstalledAt(std::string(name))) {
    throw Error(ErrorCode::kInvalidArgument,
                "model " + std::string(name) + " comes with the program and cannot be deleted");
  }
  if (!found) {
    throw Error(ErrorCode::kNotFound, "model " + std::string(name) + " is not installed",
                "'fathom list' shows what is");
  }
  return freed;
}

std::optional<InstalledModel> ResolvePath(std::string_view name_or_path) {
  const std::string wanted(name_or_path);
  std::error_code ignored;
  if (wanted.empty() || !(LooksLikePath(wanted) || fs::is_regular_file(wanted, ignored) ||
                          IsHuggingFaceDirectory(wanted))) {
    return std::nullopt;
  }
  fs::path path(wanted);
  if (path.filename() == "config.json") path = fs::absolute(path, ignored).parent_path();
  if (IsHuggingFaceDirectory(path)) {
    const fs::path folder = fs::canonical(path);
    return InstalledModel{folder.filename().string(), path, BytesUnder(path), false, std::nullopt};
  }
  if (fs::is_directory(path, ignored)) {
    const fs::path inside = FirstGguf(path);
    throw Error(ErrorCode::kInvalidFile, wanted + " is a folder, not a model file",
                inside.empty() ? "give the path of a .gguf file or of a folder with a config.json"
                               : "did you mean " + inside.string());
  }
  if (!fs::exists(path, ignored)) {
    throw Error(
        ErrorCode::kNotFound, "there is no file " + wanted,
        "give the path of a .gguf file or a model directory, or a name from 'fathom list --all'");
  }
  return InstalledModel{path.stem().string(), path, fs::file_size(path, ignored), false,
                        std::nullopt};
}

}  // namespace fathom
