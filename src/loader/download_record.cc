// Owns: the record's file. Invariant: what it says of a file was told by the server that the file
// came from. Not for: asking servers (transfer.cc) or deciding what to fetch again (download.cc).
#include "loader/download_record.h"

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

#include "base/durable_file.h"
#include "base/error.h"
#include "base/json.h"

namespace fathom {
namespace {

std::string StringIn(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

bool IsSameVersion(const FileVersion& fetched, const FileVersion& offered) {
  if (offered.bytes != 0 && offered.bytes != fetched.bytes) return false;
  if (!fetched.commit.empty() && fetched.commit == offered.commit) return true;
  // RFC 9110, 8.8.1: a weak validator may stand for several contents.
  return !fetched.etag.empty() && !fetched.etag.starts_with("W/") && fetched.etag == offered.etag;
}

DownloadRecord::DownloadRecord(const std::filesystem::path& folder) : file_(folder / kFileName) {
  std::ifstream in(file_, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  const Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return;
  for (const auto& [path, version] : document.items()) {
    if (!version.is_object() || !version.contains("bytes") ||
        !version["bytes"].is_number_unsigned()) {
      continue;
    }
    versions_[path] = {StringIn(version, "commit"), StringIn(version, "etag"),
                       version["bytes"].get<uint64_t>()};
  }
}

const FileVersion* DownloadRecord::Find(const std::string& path) const {
  const auto found = versions_.find(path);
  return found == versions_.end() ? nullptr : &found->second;
}

void DownloadRecord::Set(const std::string& path, const FileVersion& version) {
  versions_[path] = version;
  Json document = Json::object();
  for (const auto& [name, known] : versions_) {
    document[name] = Json{{"commit", known.commit}, {"etag", known.etag}, {"bytes", known.bytes}};
  }
  std::filesystem::path temporary = file_;
  temporary += ".new";
  errno = 0;
  std::ofstream out(temporary, std::ios::binary | std::ios::trunc);
  out << DumpJson(document);
  out.close();
  try {
    if (!out) throw SystemError(errno != 0 ? errno : EIO, "cannot write " + file_.string());
    SyncFile(temporary);
    PublishPath(temporary, file_);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(temporary, ignored);
    throw;
  }
}

}  // namespace fathom
