// One file of a download: its part on disk, what is known of it, and the HTTP exchange that is
// under way for it. Used by download.cc only. Not for: scheduling, retries, checksums.
#pragma once

#include <curl/curl.h>

#include <cstdint>
#include <filesystem>
#include <string>

#include "loader/download.h"
#include "loader/download_record.h"

namespace fathom {

// What the headers of one HTTP exchange said. Redirects make several responses: the commit and the
// linked fields come from any of them (Hugging Face sends them with the redirect), the rest from
// the last.
struct ResponseHeaders {
  std::string etag;
  std::string last_modified;
  int64_t content_length = -1;
  int64_t range_start = -1;  // of Content-Range
  int64_t range_total = -1;
  double retry_after = -1;  // seconds
  int64_t linked_size = -1;
  std::string linked_etag;
  std::string linked_sha256;  // of X-Linked-ETag, when it is a SHA-256
  std::string commit;         // X-Repo-Commit
};

class Transfer {
 public:
  Transfer(const DownloadItem& item, const std::filesystem::path& folder);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  // Finds out what an earlier run left: complete(), or a part to go on with.
  void Examine();

  // Makes the curl handle of a HEAD or GET request; GET asks for the rest of the part where it can
  // be validated and starts again where not. The handle belongs to this object.
  CURL* StartHead(const DownloadOptions& options);
  CURL* StartGet(const DownloadOptions& options);
  // Ends the exchange: frees the handle, closes the part.
  void EndRequest();
  CURL* handle() const { return easy_; }
  long response_code() const;
  // After a GET that curl calls complete: also true for an empty body. False: see the errors below.
  bool AcceptEnd();

  // After a HEAD: takes over size and checksum. Throws Error(kIo) where they contradict the item.
  void TakeFacts();
  // After a HEAD that was refused: takes over what the redirects on the way said of the version.
  void TakeLinkedVersion();
  // Whether the answer to a GET is surely of the content that HEAD told of, whatever the commit.
  bool OffersSameContent() const;
  // How many redirects the exchange went through.
  long redirects() const;

  void RemovePart();
  void RemoveComplete();
  void Publish();  // part, which the disk has (SyncFile) -> complete file

  const DownloadItem& item() const { return item_; }
  const std::filesystem::path& part() const { return part_; }
  const ResponseHeaders& headers() const { return headers_; }
  bool complete() const { return complete_; }
  // Whether the catalogue says which content is right: then no version needs to be compared.
  bool pinned() const { return pinned_; }
  // What the server offers: as HEAD said, or, where that said nothing, as the GET did.
  const FileVersion& version() const { return version_; }
  uint64_t have() const { return have_; }
  // What went wrong on this side of the connection: the error number of a failed write, and a
  // description of an answer that makes no sense. Zero and empty otherwise.
  int write_error() const { return write_error_; }
  const std::string& answer_error() const { return answer_error_; }
  const char* curl_error() const { return curl_error_; }

  // Kept by the scheduler:
  bool follow_head = false;  // HEAD goes through redirects
  int failures = 0;          // in a row without anything new
  double not_before = 0;     // monotonic seconds
  uint64_t best_have = 0;

 private:
  CURL* StartRequest(const DownloadOptions& options);
  static std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* self);
  bool AcceptAnswer();
  int64_t AnsweredSize() const;  // of the whole file, by the answer to a GET; -1: not told
  FileVersion OfferedVersion() const;
  bool WriteNote();
  bool Write(const char* data, std::size_t size);

  DownloadItem item_;
  std::filesystem::path final_, part_, note_;
  const bool pinned_;
  bool complete_ = false;
  bool facts_known_ = false;  // version_ is HEAD's
  FileVersion version_;
  uint64_t have_ = 0;  // bytes of the part that are on disk

  CURL* easy_ = nullptr;
  curl_slist* request_headers_ = nullptr;
  char curl_error_[CURL_ERROR_SIZE] = {};
  ResponseHeaders headers_;
  int file_ = -1;
  bool answer_seen_ = false;     // the body of an accepted answer has begun
  bool answer_useless_ = false;  // an error page: read and dropped
  int write_error_ = 0;
  std::string answer_error_;
};

}  // namespace fathom
