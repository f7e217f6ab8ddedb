// Owns: the part file and the HTTP exchange of one file. Invariant: have_ is the length of the
// part, and every byte of it came from the version of the file that the note's validator names. Not
// for: deciding when to try again (download.cc).
#include "loader/transfer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string_view>

#include "base/check.h"
#include "base/durable_file.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

int64_t NumberOr(std::string_view text, int64_t fallback) {
  int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  return result.ec == std::errc() && result.ptr == text.data() + text.size() && value >= 0
             ? value
             : fallback;
}

std::string Unquoted(std::string_view text) {
  if (text.starts_with("W/")) text.remove_prefix(2);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  return std::string(text);
}

// "bytes 100-199/200" or "bytes */200"
void ParseContentRange(std::string_view value, ResponseHeaders& headers) {
  if (!value.starts_with("bytes ")) return;
  value.remove_prefix(6);
  const std::size_t slash = value.find('/');
  if (slash == std::string_view::npos) return;
  headers.range_total = NumberOr(value.substr(slash + 1), -1);
  const std::size_t dash = value.find('-');
  if (dash < slash) headers.range_start = NumberOr(value.substr(0, dash), -1);
}

void ParseHeader(std::string_view line, ResponseHeaders& headers) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string name = Lower(Trim(line.substr(0, colon)));
  const std::string_view value = Trim(line.substr(colon + 1));
  if (name == "etag") {
    headers.etag = value;
  } else if (name == "last-modified") {
    headers.last_modified = value;
  } else if (name == "content-length") {
    headers.content_length = NumberOr(value, -1);
  } else if (name == "content-range") {
    ParseContentRange(value, headers);
  } else if (name == "retry-after") {
    headers.retry_after = static_cast<double>(NumberOr(value, -1));
  } else if (name == "x-linked-size") {
    headers.linked_size = NumberOr(value, -1);
  } else if (name == "x-linked-etag") {
    const std::string digest = Lower(Unquoted(value));
    const bool is_sha256 =
        digest.size() == 64 && digest.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (is_sha256) headers.linked_sha256 = digest;
    headers.linked_etag = value;
  } else if (name == "x-repo-commit") {
    headers.commit = value;
  }
}

// The note beside a part; null when there is none that can be read.
Json ReadNote(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  Json note = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  return note.is_object() ? note : Json();
}

std::string NoteString(const Json& note, const char* key) {
  return note.is_object() && note.contains(key) && note[key].is_string()
             ? note[key].get<std::string>()
             : std::string();
}

}  // namespace

Transfer::Transfer(const DownloadItem& item, const fs::path& folder)
    : item_(item),
      final_(folder / item.path),
      part_(folder / (item.path + ".part")),
      note_(folder / (item.path + ".part.json")),
      pinned_(!item.sha256.empty()) {}

Transfer::~Transfer() { EndRequest(); }

void Transfer::Examine() {
  std::error_code failed;
  const uint64_t complete_size = fs::file_size(final_, failed);
  if (!failed && (item_.bytes == 0 || complete_size == item_.bytes)) {
    complete_ = true;
    have_ = complete_size;
    return;
  }
  const uint64_t part_size = fs::file_size(part_, failed);
  have_ = failed ? 0 : part_size;
}

CURL* Transfer::StartRequest(const DownloadOptions& options) {
  EndRequest();
  headers_ = {};
  answer_seen_ = answer_useless_ = false;
  write_error_ = 0;
  answer_error_.clear();
  curl_error_[0] = '\0';
  easy_ = curl_easy_init();
  CHECK(easy_ != nullptr);
  const bool secure = item_.url.starts_with("https://");
  curl_easy_setopt(easy_, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy_, CURLOPT_URL, item_.url.c_str());
  curl_easy_setopt(easy_, CURLOPT_USERAGENT, "fathom/1");
  curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, curl_error_);
  // A secure start never ends at an insecure place.
  curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy_, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(easy_, CURLOPT_MAXREDIRS, 10L);
  curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(options.connect_timeout_seconds * 1000));
  curl_easy_setopt(easy_, CURLOPT_HEADERFUNCTION, &Transfer::OnHeader);
  curl_easy_setopt(easy_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Transfer::OnBody);
  curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  if (!options.token.empty()) {
    // As an option rather than a header: curl sends it to the first host only.
    curl_easy_setopt(easy_, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
    curl_easy_setopt(easy_, CURLOPT_XOAUTH2_BEARER, options.token.c_str());
  }
  return easy_;
}

CURL* Transfer::StartHead(const DownloadOptions& options) {
  StartRequest(options);
  curl_easy_setopt(easy_, CURLOPT_NOBODY, 1L);
  curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, follow_head ? 1L : 0L);
  return easy_;
}

CURL* Transfer::StartGet(const DownloadOptions& options) {
  StartRequest(options);
  fs::create_directories(part_.parent_path());
  file_ = ::open(part_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (file_ < 0) throw SystemError(errno, "cannot write " + part_.string());
  struct stat status;
  if (::fstat(file_, &status) != 0) throw SystemError(errno, "cannot read " + part_.string());
  have_ = static_cast<uint64_t>(status.st_size);

  if (have_ > 0) {
    const Json note = ReadNote(note_);
    const std::string etag = NoteString(note, "etag");
    const std::string date = NoteString(note, "last_modified");
    const bool same_file = NoteString(note, "sha256") == item_.sha256;
    std::string validator;
    // RFC 9110, 13.1.5: only a strong validator may join parts.
    if (!etag.empty() && !etag.starts_with("W/"))
      validator = etag;
    else if (etag.empty())
      validator = date;
    // Without a validator a known checksum still tells at the end whether the halves fit.
    const bool can_resume = same_file && (!validator.empty() || !item_.sha256.empty()) &&
                            (item_.bytes == 0 || have_ < item_.bytes);
    if (can_resume) {
      const std::string range = std::to_string(have_) + "-";
      curl_easy_setopt(easy_, CURLOPT_RANGE, range.c_str());
      if (!validator.empty()) {
        request_headers_ = curl_slist_append(nullptr, ("If-Range: " + validator).c_str());
        curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, request_headers_);
      }
    }
  }
  return easy_;
}

void Transfer::EndRequest() {
  if (easy_ != nullptr) curl_easy_cleanup(easy_);
  easy_ = nullptr;
  if (request_headers_ != nullptr) curl_slist_free_all(request_headers_);
  request_headers_ = nullptr;
  if (file_ >= 0) ::close(file_);
  file_ = -1;
}

long Transfer::response_code() const {
  long code = 0;
  if (easy_ != nullptr) curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &code);
  return code;
}

long Transfer::redirects() const {
  long count = 0;
  if (easy_ != nullptr) curl_easy_getinfo(easy_, CURLINFO_REDIRECT_COUNT, &count);
  return count;
}

FileVersion Transfer::OfferedVersion() const {
  return {headers_.commit, headers_.linked_etag.empty() ? headers_.etag : headers_.linked_etag,
          item_.bytes};
}

void Transfer::TakeLinkedVersion() {
  version_ = {headers_.commit, headers_.linked_etag, item_.bytes};
}

int64_t Transfer::AnsweredSize() const {
  return response_code() == 206 ? headers_.range_total : headers_.content_length;
}

bool Transfer::OffersSameContent() const {
  if (!facts_known_) return false;
  if (!item_.sha256.empty()) {
    // An answer that names no checksum is held against HEAD's when the file is complete.
    return headers_.linked_sha256.empty() || headers_.linked_sha256 == item_.sha256;
  }
  FileVersion offered = OfferedVersion();
  const int64_t size = AnsweredSize();
  offered.bytes = size < 0 || version_.bytes == 0 ? 0 : static_cast<uint64_t>(size);
  return IsSameVersion(version_, offered);
}

void Transfer::TakeFacts() {
  const bool redirected = response_code() >= 300;  // whose length is that of its own body
  const int64_t size = headers_.linked_size >= 0 ? headers_.linked_size
                       : redirected              ? -1
                                                 : headers_.content_length;
  const std::string who =
      item_.path + ": the server offers another file than the catalogue knows: ";
  if (size >= 0) {
    const uint64_t offered = static_cast<uint64_t>(size);
    if (item_.bytes != 0 && item_.bytes != offered) {
      throw Error(ErrorCode::kIo, who + std::to_string(offered) + " bytes, expected " +
                                      std::to_string(item_.bytes));
    }
    item_.bytes = offered;
  }
  if (!headers_.linked_sha256.empty()) {
    if (!item_.sha256.empty() && item_.sha256 != headers_.linked_sha256) {
      throw Error(ErrorCode::kIo,
                  who + "SHA-256 " + headers_.linked_sha256 + ", expected " + item_.sha256);
    }
    item_.sha256 = headers_.linked_sha256;
  }
  facts_known_ = true;
  version_ = OfferedVersion();
  if (!complete_ && item_.bytes != 0 && have_ > item_.bytes) RemovePart();
}

void Transfer::RemovePart() {
  std::error_code ignored;
  fs::remove(part_, ignored);
  fs::remove(note_, ignored);
  have_ = best_have = 0;
}

void Transfer::RemoveComplete() {
  std::error_code failed;
  fs::remove(final_, failed);
  if (failed) throw SystemError(failed.value(), "cannot delete " + final_.string());
  complete_ = false;
  Examine();
}

void Transfer::Publish() {
  PublishPath(part_, final_);
  std::error_code ignored;
  fs::remove(note_, ignored);
  complete_ = true;
}

std::size_t Transfer::OnHeader(char* data, std::size_t size, std::size_t count, void* self) {
  Transfer& transfer = *static_cast<Transfer*>(self);
  const std::string_view line(data, size * count);
  ResponseHeaders& headers = transfer.headers_;
  if (line.starts_with("HTTP/")) {
    ResponseHeaders fresh;  // the next response of a chain of redirects
    fresh.linked_size = headers.linked_size;
    fresh.linked_etag = headers.linked_etag;
    fresh.linked_sha256 = headers.linked_sha256;
    fresh.commit = headers.commit;
    headers = fresh;
  } else {
    ParseHeader(line, headers);
  }
  return size * count;
}

bool Transfer::AcceptAnswer() {
  answer_seen_ = true;
  const long code = response_code();
  if (!facts_known_) {
    version_ = OfferedVersion();
  } else if ((code == 200 || code == 206) && !pinned_ && !version_.commit.empty() &&
             !headers_.commit.empty() && headers_.commit != version_.commit &&
             !OffersSameContent()) {
    return false;  // what is on disk stays as it is; the scheduler says why
  }
  if (code == 206) {
    if (headers_.range_start < 0 || static_cast<uint64_t>(headers_.range_start) != have_) {
      answer_error_ = "the server answered with another range than the one asked for";
      return false;
    }
  } else if (code == 200) {
    // No range, or the file has changed: from the start.
    if (::ftruncate(file_, 0) != 0) {
      write_error_ = errno;
      return false;
    }
    have_ = 0;
  } else {
    answer_useless_ = true;
    return true;
  }
  const int64_t total = AnsweredSize();
  if (item_.bytes != 0 && total >= 0 && static_cast<uint64_t>(total) != item_.bytes) {
    answer_error_ = "the server offers " + std::to_string(total) + " bytes, expected " +
                    std::to_string(item_.bytes);
    return false;
  }
  if (::lseek(file_, static_cast<off_t>(have_), SEEK_SET) < 0) {
    write_error_ = errno;
    return false;
  }
  return code == 206 || WriteNote();
}

bool Transfer::AcceptEnd() { return answer_seen_ || AcceptAnswer(); }

bool Transfer::WriteNote() {
  const std::string text = DumpJson(Json{{"url", item_.url},
                                         {"etag", headers_.etag},
                                         {"last_modified", headers_.last_modified},
                                         {"sha256", item_.sha256}});
  std::ofstream out(note_, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) write_error_ = errno != 0 ? errno : EIO;
  return out.good();
}

bool Transfer::Write(const char* data, std::size_t size) {
  if (item_.bytes != 0 && have_ + size > item_.bytes) {
    answer_error_ =
        "the server sends more than the " + std::to_string(item_.bytes) + " bytes expected";
    return false;
  }
  while (size > 0) {
    const ssize_t written = ::write(file_, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      write_error_ = errno;
      return false;
    }
    have_ += static_cast<uint64_t>(written);
    data += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

std::size_t Transfer::OnBody(char* data, std::size_t size, std::size_t count, void* self) {
  Transfer& transfer = *static_cast<Transfer*>(self);
  const std::size_t bytes = size * count;
  if (!transfer.answer_seen_ && !transfer.AcceptAnswer()) return 0;
  if (transfer.answer_useless_) return bytes;
  return transfer.Write(data, bytes) ? bytes : 0;
}

}  // namespace fathom
