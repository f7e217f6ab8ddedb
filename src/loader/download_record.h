// What the complete files of a download that is not yet published were fetched from, so that a
// later run does not join files of two versions of a repository. Kept in FOLDER/.download.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace fathom {

// Which version of a file a server offers or a run fetched, as far as headers tell.
struct FileVersion {
  std::string commit;  // X-Repo-Commit: of the repository, and so of all its files
  std::string etag;    // X-Linked-ETag, else ETag, as it was sent
  uint64_t bytes = 0;  // 0: not told
};

// Whether both are surely one content: of one commit, or with one strong validator.
bool IsSameVersion(const FileVersion& fetched, const FileVersion& offered);

class DownloadRecord {
 public:
  static constexpr const char* kFileName = ".download.json";

  // Reads what is there. A record that cannot be read is none: its files are fetched again.
  explicit DownloadRecord(const std::filesystem::path& folder);

  const FileVersion* Find(const std::string& path) const;
  // Writes the file anew. Throws Error when that fails.
  void Set(const std::string& path, const FileVersion& version);

 private:
  std::filesystem::path file_;
  std::map<std::string, FileVersion> versions_;  // by path in the folder
};

}  // namespace fathom
