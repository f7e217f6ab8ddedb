// Owns: the schedule of a download (probe, space check, parallel transfers, retries, checksums) and
// the publishing of a fetched model. Invariant: a file gets its own name only after its size and
// checksum are right, and a model its folder only when all its files have. Not for: the bytes of
// one file (transfer.cc).
#include "loader/download.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <deque>
#include <future>
#include <memory>
#include <system_error>
#include <utility>

#include "base/check.h"
#include "base/clock.h"
#include "base/durable_file.h"
#include "base/error.h"
#include "base/sha256.h"
#include "loader/download_record.h"
#include "loader/folder_lock.h"
#include "loader/loader.h"
#include "loader/transfer.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;

// Left free on the disk besides the files themselves: notes, directories, other programs.
constexpr uint64_t kSpaceMargin = 16u << 20;
constexpr double kLongestRetrySeconds = 30;
constexpr double kLongestRetryAfterSeconds = 120;
constexpr double kSpeedWindowSeconds = 5;

void InitCurlOnce() {
  static const CURLcode result = curl_global_init(CURL_GLOBAL_DEFAULT);
  CHECK(result == CURLE_OK);
}

std::string HostOf(const std::string& url) {
  const std::size_t start = url.find("://");
  if (start == std::string::npos) return url;
  return url.substr(0, url.find('/', start + 3));
}

// For a folder that cannot be made, whatever part of its path stands in the way.
Error FolderFailure(const std::error_code& failed, const fs::path& folder) {
  const Error plain = SystemError(failed.value(), "cannot make the folder " + folder.string());
  const ErrorCode code = plain.code() == ErrorCode::kNotFound ? ErrorCode::kIo : plain.code();
  return Error(code, plain.message(), "choose another place with --data");
}

// Throws Error(kNoSpace) when `folder` has no room for so many bytes more.
void RequireSpace(const fs::path& folder, uint64_t needed) {
  if (needed == 0) return;
  struct statvfs disk;
  if (::statvfs(folder.c_str(), &disk) != 0) {
    throw SystemError(errno, "cannot read the free space of " + folder.string());
  }
  const uint64_t free = static_cast<uint64_t>(disk.f_bavail) * disk.f_frsize;
  if (needed + kSpaceMargin <= free) return;
  throw Error(ErrorCode::kNoSpace,
              "not enough disk space in " + folder.parent_path().string() + ": " +
                  BytesText(needed) + " needed, " + BytesText(free) + " free, " +
                  BytesText(needed + kSpaceMargin - free) + " missing",
              "free some space or choose another folder with --data");
}

// ---- The schedule ------------------------------------------------------------------------------

class Downloader {
 public:
  Downloader(const std::vector<DownloadItem>& items, const fs::path& folder,
             const DownloadOptions& options);
  ~Downloader();
  void Run();

 private:
  enum class Phase { kProbe, kFetch };
  struct Job {
    std::unique_ptr<Transfer> transfer;
    bool active = false;       // a request is under way
    bool done = false;         // of the current phase
    double last_progress = 0;  // when the request began or last brought something
    uint64_t last_have = 0;
    std::future<std::string> hash;
  };

  void RunPhase(Phase phase);
  void StartWhatFits(Phase phase);
  void HandleFinished(Phase phase);
  void Finish(Phase phase, Job& job, CURLcode result);
  void CutStalled(Phase phase);
  void FinishProbe(Job& job, CURLcode result);
  void FinishFetch(Job& job, CURLcode result);
  // Schedules another attempt, or throws when this kind of failure does not pass.
  void Retry(Job& job, CURLcode result, long code, double retry_after);
  void BeginVerify(Job& job);
  void Publish(Job& job);
  void CollectHashes();
  // Throws when the last answer is of another commit than what this run has seen before, unless
  // its file is surely the same in both.
  void CheckCommit(const Transfer& transfer);
  // Takes away complete files of an earlier run that are not of the version the server says it has
  // now. Where it says none, they stay.
  void DropOutdated();
  void CheckSpace() const;
  void Report(bool force);
  void ThrowIfCancelled() const;
  Job& JobOf(CURL* easy);
  Error WriteFailure(const Job& job) const;

  const DownloadOptions& options_;
  fs::path folder_;
  std::vector<Job> jobs_;
  DownloadRecord record_;
  std::string commit_;  // of the repository, where the server tells
  CURLM* multi_ = nullptr;
  bool reached_server_ = false;
  std::string note_;
  double last_report_ = 0;
  std::deque<std::pair<double, uint64_t>> samples_;  // (time, bytes) of the speed window
  std::atomic<bool> abandon_hashes_{false};
};

Downloader::Downloader(const std::vector<DownloadItem>& items, const fs::path& folder,
                       const DownloadOptions& options)
    : options_(options), folder_(folder), record_(folder) {
  InitCurlOnce();
  std::error_code failed;
  fs::create_directories(folder_, failed);
  if (failed) throw FolderFailure(failed, folder_);
  for (const DownloadItem& item : items) {
    Job job;
    job.transfer = std::make_unique<Transfer>(item, folder_);
    job.transfer->Examine();
    jobs_.push_back(std::move(job));
  }
  multi_ = curl_multi_init();
  CHECK(multi_ != nullptr);
}

Downloader::~Downloader() {
  abandon_hashes_ = true;
  for (Job& job : jobs_) {
    if (job.active) job.transfer->EndRequest();  // curl detaches a handle that is cleaned up
  }
  jobs_.clear();  // waits for running checksums, which stop at once
  curl_multi_cleanup(multi_);
}

void Downloader::Run() {
  RunPhase(Phase::kProbe);
  DropOutdated();
  CheckSpace();
  RunPhase(Phase::kFetch);
  Report(/*force=*/true);
}

void Downloader::RunPhase(Phase phase) {
  for (Job& job : jobs_) {
    // A complete file is asked about, too, where nothing but the server knows what it should be.
    job.done = job.transfer->complete() && (phase == Phase::kFetch || job.transfer->pinned());
    job.transfer->failures = 0;
    job.transfer->not_before = 0;
  }
  const auto all_done = [&] {
    return std::all_of(jobs_.begin(), jobs_.end(), [](const Job& job) { return job.done; });
  };
  while (!all_done()) {
    ThrowIfCancelled();
    StartWhatFits(phase);
    int running = 0;
    CHECK(curl_multi_perform(multi_, &running) == CURLM_OK);
    HandleFinished(phase);
    CutStalled(phase);
    CollectHashes();
    Report(/*force=*/false);
    if (!all_done()) CHECK(curl_multi_poll(multi_, nullptr, 0, 100, nullptr) == CURLM_OK);
  }
}

void Downloader::StartWhatFits(Phase phase) {
  int active = 0;
  for (const Job& job : jobs_) active += job.active ? 1 : 0;
  const double now = MonotonicSeconds();
  for (Job& job : jobs_) {
    if (active >= std::max(1, options_.parallel)) return;
    if (job.done || job.active || job.hash.valid() || job.transfer->not_before > now) continue;
    Transfer& transfer = *job.transfer;
    if (phase == Phase::kFetch && transfer.item().bytes != 0 &&
        transfer.have() == transfer.item().bytes) {
      BeginVerify(job);  // an earlier run fetched all of it
      continue;
    }
    CURL* easy =
        phase == Phase::kProbe ? transfer.StartHead(options_) : transfer.StartGet(options_);
    if (phase == Phase::kFetch) transfer.best_have = std::max(transfer.best_have, transfer.have());
    CHECK(curl_multi_add_handle(multi_, easy) == CURLM_OK);
    job.active = true;
    job.last_progress = now;
    job.last_have = transfer.have();
    ++active;
  }
}

Downloader::Job& Downloader::JobOf(CURL* easy) {
  void* transfer = nullptr;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
  const auto found = std::find_if(jobs_.begin(), jobs_.end(),
                                  [&](const Job& job) { return job.transfer.get() == transfer; });
  CHECK(found != jobs_.end());
  return *found;
}

void Downloader::HandleFinished(Phase phase) {
  int left = 0;
  while (CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const CURLcode result = message->data.result;
    Finish(phase, JobOf(message->easy_handle), result);
  }
}

// curl's own low-speed limit looks at an average and acts seconds late.
void Downloader::CutStalled(Phase phase) {
  const double now = MonotonicSeconds();
  for (Job& job : jobs_) {
    if (!job.active) continue;
    if (job.transfer->have() != job.last_have) {
      job.last_have = job.transfer->have();
      job.last_progress = now;
    } else if (now - job.last_progress > options_.stall_timeout_seconds) {
      Finish(phase, job, CURLE_OPERATION_TIMEDOUT);
    }
  }
}

void Downloader::Finish(Phase phase, Job& job, CURLcode result) {
  curl_multi_remove_handle(multi_, job.transfer->handle());
  job.active = false;
  if (phase == Phase::kProbe) {
    FinishProbe(job, result);
  } else {
    FinishFetch(job, result);
  }
  job.transfer->EndRequest();
}

void Downloader::FinishProbe(Job& job, CURLcode result) {
  Transfer& transfer = *job.transfer;
  const long code = transfer.response_code();
  const bool answered = result == CURLE_OK;
  const bool redirect = answered && code >= 300 && code < 400;
  if ((answered && code >= 200 && code < 300) ||
      (redirect && transfer.headers().linked_size >= 0)) {
    reached_server_ = true;
    CheckCommit(transfer);
    transfer.TakeFacts();
    job.done = true;
  } else if (redirect && !transfer.follow_head) {
    reached_server_ = true;
    transfer.follow_head = true;  // the facts are where it leads to
  } else if (answered && (code == 400 || code == 405 || code == 501 ||
                          (code == 403 && transfer.redirects() > 0))) {
    // A server without HEAD, or a signed address that is good for GET only: the GET will tell.
    reached_server_ = true;
    transfer.TakeLinkedVersion();
    job.done = true;
  } else {
    Retry(job, result, code, transfer.headers().retry_after);
  }
}

void Downloader::FinishFetch(Job& job, CURLcode result) {
  Transfer& transfer = *job.transfer;
  const long code = transfer.response_code();
  if (transfer.write_error() != 0) throw WriteFailure(job);
  if (code == 200 || code == 206) CheckCommit(transfer);
  if (result == CURLE_OK && (code == 200 || code == 206)) {
    reached_server_ = true;
    const bool accepted = transfer.AcceptEnd();
    if (transfer.write_error() != 0) throw WriteFailure(job);
    if (accepted && (transfer.item().bytes == 0 || transfer.have() == transfer.item().bytes)) {
      BeginVerify(job);
      return;
    }
  }
  if (code == 416) transfer.RemovePart();  // the part does not fit the file any more
  if (!transfer.answer_error().empty()) {
    transfer.RemovePart();
    throw Error(ErrorCode::kIo,
                transfer.item().path + ": " + transfer.answer_error() + "; the part was removed",
                "try again, or another --endpoint");
  }
  Retry(job, result, code, transfer.headers().retry_after);
}

Error Downloader::WriteFailure(const Job& job) const {
  const Transfer& transfer = *job.transfer;
  const Error plain =
      SystemError(transfer.write_error(), "cannot write " + transfer.part().string());
  if (plain.code() != ErrorCode::kNoSpace) return plain;
  return Error(ErrorCode::kNoSpace,
               "the disk is full: " + BytesText(transfer.have()) + " of " + transfer.item().path +
                   " are written",
               "free some space and run the same command again; what came so far is kept");
}

void Downloader::Retry(Job& job, CURLcode result, long code, double retry_after) {
  Transfer& transfer = *job.transfer;
  const std::string& path = transfer.item().path;
  const std::string host = HostOf(transfer.item().url);
  if (result == CURLE_OK && code == 404) {
    throw Error(ErrorCode::kNotFound, host + " has no file " + path + " (404)",
                "the repository may have changed, or --endpoint is another kind of server");
  }
  if (result == CURLE_OK && (code == 401 || code == 403)) {
    throw Error(ErrorCode::kPermission,
                host + " does not give out " + path + " (" + std::to_string(code) + ")",
                "accept the repository's licence on its page and set HF_TOKEN to an access token");
  }
  std::string reason;
  if (result != CURLE_OK) {
    reason = transfer.curl_error()[0] != '\0' ? transfer.curl_error() : curl_easy_strerror(result);
  } else if (code >= 400) {
    reason = "the server answered " + std::to_string(code);
  } else {
    reason = "the file ended early";
  }
  const bool no_connection = result == CURLE_COULDNT_RESOLVE_HOST ||
                             result == CURLE_COULDNT_RESOLVE_PROXY ||
                             result == CURLE_COULDNT_CONNECT;
  const bool not_trusted =
      result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_CACERT_BADFILE;
  const bool bad_address = result == CURLE_URL_MALFORMAT || result == CURLE_UNSUPPORTED_PROTOCOL;
  if (not_trusted) {
    throw Error(ErrorCode::kNetwork, host + " cannot be trusted: " + reason,
                "check the system's CA certificates (package ca-certificates) and its clock");
  }
  if (bad_address) {
    throw Error(ErrorCode::kInvalidArgument, "bad address " + transfer.item().url + ": " + reason);
  }
  if (no_connection && !reached_server_) {
    throw Error(ErrorCode::kNetwork, "cannot reach " + host + ": " + reason,
                "check the network; models that are installed and any GGUF file work without it");
  }
  const bool passes =
      result != CURLE_OK || code < 400 || code == 408 || code == 416 || code == 429 || code >= 500;
  if (transfer.have() > transfer.best_have) transfer.failures = 0;
  transfer.best_have = std::max(transfer.best_have, transfer.have());
  ++transfer.failures;
  if (!passes || transfer.failures > options_.retries) {
    throw Error(ErrorCode::kNetwork,
                host + ": " + path + ": " + reason +
                    (passes ? " (" + std::to_string(transfer.failures) + " attempts)" : ""),
                "run the same command again to go on; what came so far is kept");
  }
  double wait = RetryWaitSeconds(options_.retry_seconds, transfer.failures);
  if (retry_after > 0) wait = std::max(wait, std::min(retry_after, kLongestRetryAfterSeconds));
  transfer.not_before = MonotonicSeconds() + wait;
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.1f", wait);
  note_ = "retrying " + path + " in " + seconds + " s: " + reason;
}

void Downloader::BeginVerify(Job& job) {
  Transfer& transfer = *job.transfer;
  transfer.EndRequest();
  if (transfer.item().sha256.empty()) {
    SyncFile(transfer.part());
    Publish(job);
    return;
  }
  // Beside the transfers, so that no connection starves while a large file goes to the disk and is
  // read back.
  job.hash = std::async(std::launch::async, [path = transfer.part(), this] {
    SyncFile(path);
    return Sha256OfFile(path, [this](uint64_t) {
      if (abandon_hashes_) throw Error(ErrorCode::kCancelled, "checksum abandoned");
    });
  });
}

void Downloader::Publish(Job& job) {
  Transfer& transfer = *job.transfer;
  if (!transfer.pinned()) {
    FileVersion version = transfer.version();
    version.bytes = transfer.have();
    record_.Set(transfer.item().path, version);
  }
  transfer.Publish();
  job.done = true;
}

void Downloader::CheckCommit(const Transfer& transfer) {
  const std::string& commit = transfer.headers().commit;
  if (commit.empty() || transfer.pinned()) return;
  if (commit_.empty()) commit_ = commit;
  if (commit == commit_ || transfer.OffersSameContent()) return;
  throw Error(ErrorCode::kIo,
              HostOf(transfer.item().url) + ": the repository changed while it was fetched: " +
                  transfer.item().path + " is of commit " + commit + ", expected " + commit_,
              "run the same command again; what has not changed is kept");
}

void Downloader::DropOutdated() {
  std::string names;
  int count = 0;
  for (Job& job : jobs_) {
    Transfer& transfer = *job.transfer;
    if (!transfer.complete() || transfer.pinned()) continue;
    const FileVersion* fetched = record_.Find(transfer.item().path);
    const FileVersion& offered = transfer.version();
    const bool told = !offered.commit.empty() || !offered.etag.empty();
    const bool fits = told ? fetched != nullptr && IsSameVersion(*fetched, offered)
                           : offered.bytes == 0 || offered.bytes == transfer.have();
    if (fetched != nullptr && fetched->bytes == transfer.have() && fits) continue;
    transfer.RemoveComplete();
    if (++count <= 3) names += (names.empty() ? "" : ", ") + transfer.item().path;
  }
  if (count == 0) return;
  if (count > 3) names += " and " + std::to_string(count - 3) + " more";
  note_ = "fetching again what an earlier run did not fetch from the version that is there now" +
          (commit_.empty() ? std::string() : " (commit " + commit_ + ")") + ": " + names;
  Report(/*force=*/true);
}

void Downloader::CollectHashes() {
  for (Job& job : jobs_) {
    if (!job.hash.valid()) continue;
    if (job.hash.wait_for(std::chrono::seconds(0)) != std::future_status::ready) continue;
    const std::string found = job.hash.get();
    Transfer& transfer = *job.transfer;
    if (found != transfer.item().sha256) {
      transfer.RemovePart();
      throw Error(ErrorCode::kIo,
                  "wrong checksum of " + transfer.item().path + ": expected SHA-256 " +
                      transfer.item().sha256 + ", found " + found + "; the part was removed",
                  "try again; if it repeats, the server offers another file");
    }
    Publish(job);
  }
}

void Downloader::CheckSpace() const {
  uint64_t needed = 0;
  for (const Job& job : jobs_) {
    const Transfer& transfer = *job.transfer;
    if (!transfer.complete() && transfer.item().bytes > transfer.have()) {
      needed += transfer.item().bytes - transfer.have();
    }
  }
  RequireSpace(folder_, needed);
}

void Downloader::Report(bool force) {
  if (!options_.progress) return;
  const double now = MonotonicSeconds();
  if (!force && now - last_report_ < 0.1) return;
  last_report_ = now;
  DownloadProgress progress;
  bool total_known = true;
  for (const Job& job : jobs_) {
    const Transfer& transfer = *job.transfer;
    progress.done_bytes += transfer.have();
    const uint64_t bytes = transfer.complete() ? transfer.have() : transfer.item().bytes;
    total_known = total_known && (bytes != 0 || transfer.complete());
    progress.total_bytes += bytes;
    progress.files_done += transfer.complete() ? 1 : 0;
    progress.files_verifying += job.hash.valid() ? 1 : 0;
  }
  progress.files_total = static_cast<int>(jobs_.size());
  if (!total_known) progress.total_bytes = 0;
  if (!samples_.empty() && samples_.back().second > progress.done_bytes) samples_.clear();
  samples_.emplace_back(now, progress.done_bytes);
  while (samples_.size() > 2 && now - samples_.front().first > kSpeedWindowSeconds) {
    samples_.pop_front();
  }
  const double elapsed = now - samples_.front().first;
  if (elapsed > 0.2) {
    progress.bytes_per_second =
        static_cast<double>(progress.done_bytes - samples_.front().second) / elapsed;
  }
  if (progress.total_bytes >= progress.done_bytes && progress.bytes_per_second > 0) {
    progress.eta_seconds =
        static_cast<double>(progress.total_bytes - progress.done_bytes) / progress.bytes_per_second;
  }
  progress.note = std::exchange(note_, {});
  options_.progress(progress);
}

void Downloader::ThrowIfCancelled() const {
  if (!options_.cancelled || !options_.cancelled()) return;
  throw Error(ErrorCode::kCancelled, "the download was stopped; what came so far is kept",
              "run the same command again to go on");
}

// ---- Models ------------------------------------------------------------------------------------

std::string EscapedPath(const std::string& path) {
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : path) {
    const unsigned char byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) || std::strchr("-._~/", c) != nullptr) {
      escaped.push_back(c);
    } else {
      escaped.push_back('%');
      escaped.push_back(kHex[byte >> 4]);
      escaped.push_back(kHex[byte & 15]);
    }
  }
  return escaped;
}

// Makes the folder a model is put together in: DATA/models/.NAME.partial.
fs::path MakeStaging(const ModelLibrary& library, const CatalogEntry& entry) {
  const fs::path published = library.FolderOf(entry.name);
  std::error_code failed;
  if (fs::exists(published, failed)) {
    throw Error(ErrorCode::kAlreadyExists,
                "model " + entry.name + " is installed in " + published.string(),
                "'fathom rm " + entry.name + "' deletes it");
  }
  const fs::path staging = library.PartialFolderOf(entry.name);
  fs::create_directories(staging, failed);
  if (failed) throw FolderFailure(failed, staging);
  return staging;
}

InstalledModel PublishStaging(const ModelLibrary& library, const CatalogEntry& entry,
                              const fs::path& staging) {
  std::error_code failed;
  fs::remove(staging / DownloadRecord::kFileName, failed);
  // The disk has the files' bytes; their names first, then that of the folder.
  for (const fs::directory_entry& found : fs::recursive_directory_iterator(staging)) {
    if (found.is_directory()) SyncFolder(found.path());
  }
  SyncFolder(staging);
  const fs::path published = library.FolderOf(entry.name);
  PublishPath(staging, published);
  fs::remove(published / FolderLock::kFileName, failed);  // last: nobody begins beside this one
  for (const InstalledModel& model : library.Installed()) {
    if (model.name == entry.name) return model;
  }
  throw Error(ErrorCode::kInternal, "model " + entry.name + " is not where it was put");
}

// ---- Models from files -------------------------------------------------------------------------

void ThrowIfStopped(const DownloadOptions& options) {
  if (!options.cancelled || !options.cancelled()) return;
  throw Error(ErrorCode::kCancelled, "stopped; nothing was installed");
}

// Throws unless `source`, of `size` bytes, is the one file of `entry`, as far as can be known.
void CheckSource(const CatalogEntry& entry, const fs::path& source, uint64_t size,
                 const DownloadOptions& options) {
  const CatalogFile& file = entry.files.front();
  const auto refuse = [&](const std::string& found, const std::string& expected) {
    throw Error(ErrorCode::kInvalidFile, source.string() + " is not the file of " + entry.name +
                                             ": found " + found + ", expected " + expected);
  };
  if (file.bytes != 0 && size != file.bytes) {
    refuse(std::to_string(size) + " bytes", std::to_string(file.bytes));
  }
  if (!file.sha256.empty()) {
    const std::string digest = Sha256OfFile(source, [&](uint64_t) { ThrowIfStopped(options); });
    if (digest != file.sha256) refuse("SHA-256 " + digest, file.sha256);
    return;
  }
  const ModelFile model = OpenModelFile(source);
  if (model.shards().size() != 1) {
    refuse("a part of a model of " + std::to_string(model.shards().size()) + " files", "one file");
  }
}

struct Descriptor {
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
  int number;
};

void CopyFile(const fs::path& source, const fs::path& target, uint64_t size,
              const DownloadOptions& options) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  const Descriptor in{::open(source.c_str(), O_RDONLY | O_CLOEXEC)};
  if (in.number < 0) throw SystemError(errno, "cannot read " + source.string());
  const Descriptor out{::open(target.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
  if (out.number < 0) throw SystemError(errno, "cannot write " + target.string());
  std::vector<char> piece(kPiece);
  DownloadProgress progress;
  progress.total_bytes = size;
  progress.files_total = 1;
  double last_report = MonotonicSeconds();
  while (true) {
    ThrowIfStopped(options);
    const ssize_t count = ::read(in.number, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw SystemError(errno, "cannot read " + source.string());
    if (count == 0) break;
    for (ssize_t at = 0; at < count;) {
      const ssize_t written =
          ::write(out.number, piece.data() + at, static_cast<std::size_t>(count - at));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) throw SystemError(errno, "cannot write " + target.string());
      at += written;
    }
    progress.done_bytes += static_cast<uint64_t>(count);
    if (!options.progress || MonotonicSeconds() - last_report < 0.1) continue;
    last_report = MonotonicSeconds();
    options.progress(progress);
  }
  if (progress.done_bytes != size) {
    throw Error(ErrorCode::kIo, source.string() + " changed while it was copied");
  }
  if (::fsync(out.number) != 0) throw SystemError(errno, "cannot write " + target.string());
}

}  // namespace

void Download(const std::vector<DownloadItem>& items, const fs::path& folder,
              const DownloadOptions& options) {
  Downloader(items, folder, options).Run();
}

InstalledModel PullModel(const ModelLibrary& library, const CatalogEntry& entry,
                         const std::string& endpoint, const DownloadOptions& options) {
  const fs::path staging = MakeStaging(library, entry);
  const FolderLock lock(staging, "fetching " + entry.name);
  std::vector<DownloadItem> items;
  for (const CatalogFile& file : entry.files) {
    items.push_back({endpoint + "/" + EscapedPath(entry.repository) + "/resolve/" +
                         EscapedPath(entry.revision) + "/" + EscapedPath(file.path),
                     file.path, file.bytes, file.sha256});
  }
  Download(items, staging, options);
  return PublishStaging(library, entry, staging);
}

InstalledModel ImportModel(const ModelLibrary& library, const CatalogEntry& entry,
                           const fs::path& source, const DownloadOptions& options) {
  if (entry.files.size() != 1) {
    throw Error(ErrorCode::kInvalidArgument,
                "model " + entry.name + " has " + std::to_string(entry.files.size()) +
                    " files; only a model of one file can be installed from a file",
                "a folder with all of them is used where it is: 'fathom run FOLDER'");
  }
  std::error_code failed;
  const fs::file_status kind = fs::status(source, failed);
  if (!failed && !fs::is_regular_file(kind)) {
    throw Error(ErrorCode::kInvalidFile, source.string() + " is not a regular file",
                "--from takes the one file of the model");
  }
  const uint64_t size = fs::file_size(source, failed);
  if (failed) throw SystemError(failed.value(), "cannot read " + source.string());
  CheckSource(entry, source, size, options);
  const fs::path staging = MakeStaging(library, entry);
  const FolderLock lock(staging, "fetching " + entry.name);
  // What an unfinished download left is its own and stays when this fails.
  const bool fresh = std::distance(fs::directory_iterator(staging), {}) == 1;
  const fs::path target = staging / entry.files.front().path;
  try {
    RequireSpace(staging, size);
    fs::create_directories(target.parent_path(), failed);
    if (failed) throw FolderFailure(failed, target.parent_path());
    CopyFile(source, target, size, options);
    return PublishStaging(library, entry, staging);
  } catch (...) {
    fs::remove(target, failed);
    if (fresh) fs::remove_all(staging, failed);
    throw;
  }
}

double RetryWaitSeconds(double first, int failures) {
  constexpr int kMostDoublings = 30;  // a first wait of a microsecond is past the longest by then
  return std::min(kLongestRetrySeconds, std::ldexp(first, std::min(failures - 1, kMostDoublings)));
}

std::string BytesText(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < std::size(kUnits)) {
    value /= 1000;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit > 0 && value < 99.95 ? "%.1f %s" : "%.0f %s", value,
                kUnits[unit]);
  return text;
}

}  // namespace fathom
