// The catalogue of models known by name, and where their files live on this machine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fathom {

struct CatalogFile {
  std::string path;     // inside the repository
  uint64_t bytes = 0;   // 0: not known beforehand
  std::string sha256;   // lower-case hex; empty: not known beforehand
};

struct CatalogEntry {
  std::string name;         // "smollm2-135m-instruct"
  std::string title;        // "SmolLM2 135M Instruct (Q4_1)"
  std::string description;
  std::string license;
  std::string repository;   // Hugging Face repository, "" for a model carried by a package
  std::string revision;     // commit or "main"
  std::string format;       // "gguf" or "safetensors"
  double parameters_billion = 0;
  std::vector<CatalogFile> files;  // the first .gguf is what is opened
  bool is_default = false;
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
  std::filesystem::path path;  // the file to open
  uint64_t bytes = 0;
  bool in_catalog = false;
};

// The folder that holds downloaded models: one folder per model, DATA/models/NAME/.
class ModelLibrary {
 public:
  ModelLibrary(std::filesystem::path data_folder, Catalog catalog);

  const Catalog& catalog() const { return catalog_; }
  std::filesystem::path FolderOf(std::string_view name) const;
  std::vector<InstalledModel> Installed() const;

  // A path to an existing file is taken as it is; otherwise a model name that is installed. An empty
  // argument means the default model. Throws Error(kNotFound) that says what is installed and how to
  // get what is missing.
  InstalledModel Resolve(std::string_view name_or_path) const;

  // Deletes an installed model's folder; returns the bytes freed. Throws Error(kNotFound).
  uint64_t Remove(std::string_view name);

 private:
  std::filesystem::path data_folder_;
  Catalog catalog_;
};

}  // namespace fathom
