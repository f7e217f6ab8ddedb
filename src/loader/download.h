// Downloads of many large files over HTTP(S): in parallel, resumable, checked.
//
// A file PATH is fetched into FOLDER/PATH.part with FOLDER/PATH.part.json beside it (the validator
// of what the part was cut from) and renamed to FOLDER/PATH once its size and SHA-256 are right. So
// a file under its own name is complete, and whatever ends a download, the next one goes on from
// there. Files whose checksum is not known beforehand are recorded in FOLDER/.download.json with
// the version that the server named; the next run fetches those again that are of another one than
// the server names then.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "loader/catalog.h"

namespace fathom {

struct DownloadItem {
  std::string url;
  std::string path;    // relative to the folder
  uint64_t bytes = 0;  // 0: taken from the server's answer
  std::string sha256;  // empty: taken from the server's answer (X-Linked-ETag) where it has one
};

struct DownloadProgress {
  uint64_t done_bytes = 0;
  uint64_t total_bytes = 0;     // 0: not known
  double bytes_per_second = 0;  // over the last seconds
  double eta_seconds = -1;      // -1: not known
  int files_done = 0;
  int files_total = 0;
  int files_verifying = 0;  // complete, checksum being computed
  std::string note;         // "retrying FILE in 2 s: connection reset", or empty
};

struct DownloadOptions {
  std::string token;  // bearer token for the first host only; may be empty
  int parallel = 4;
  int retries = 6;             // attempts in a row that bring nothing new
  double retry_seconds = 1.0;  // wait before the first retry; doubles up to 30 s
  double connect_timeout_seconds = 15;
  double stall_timeout_seconds = 30;  // a connection that brings nothing for so long is cut
  std::function<void(const DownloadProgress&)> progress;  // about ten times a second; may be empty
  std::function<bool()> cancelled;                        // asked as often; may be empty
};

// Fetches all items, which are of one repository, into `folder` (made when missing). First asks the
// server for every file's size and checks the free space. Throws Error:
//   kNotFound    a file that the server does not have
//   kPermission  401 or 403 (a repository behind a licence), or a folder that cannot be written
//   kNoSpace     with needed and free bytes, before anything is fetched or when the disk runs full
//   kNetwork     no connection, or none that works after all retries
//   kIo          a wrong size or checksum (the part is removed), a file that changes in the
//                repository meanwhile (the part is kept), or another failure of the disk
//   kCancelled   `cancelled` said so; what came so far is kept
void Download(const std::vector<DownloadItem>& items, const std::filesystem::path& folder,
              const DownloadOptions& options);

// Seconds to wait after so many failures in a row (at least 1): `first`, doubled each time, 30 at
// most.
double RetryWaitSeconds(double first, int failures);

inline constexpr std::string_view kDefaultEndpoint = "https://huggingface.co";

// Fetches a catalogue model from `endpoint`/REPOSITORY/resolve/REVISION/FILE and publishes its
// folder in the library by one rename. Returns it. Throws as Download does, and kAlreadyExists when
// it is installed, kUnavailable while another process fetches it.
InstalledModel PullModel(const ModelLibrary& library, const CatalogEntry& entry,
                         const std::string& endpoint, const DownloadOptions& options);

// Installs a catalogue model of one file from a copy of it on this machine, after checking size and
// SHA-256 or, where the catalogue does not know them, that it is a whole GGUF file. Throws
// kInvalidArgument for a model of several files, kInvalidFile when it is another file or no regular
// one; otherwise as PullModel does. Nothing is left behind when it fails.
InstalledModel ImportModel(const ModelLibrary& library, const CatalogEntry& entry,
                           const std::filesystem::path& source, const DownloadOptions& options);

// "98.4 MB", "688 GB": for people.
std::string BytesText(uint64_t bytes);

}  // namespace fathom
