// A tiny HTTP/1.1 file server on loopback for the download tests, with faults to order: cuts,
// delays, wrong ranges, errors, redirects. Test code only.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace fathom {

struct ServedFile {
  std::string content;
  std::string etag = "\"v1\"";
  bool ranges = true;         // false: ignores Range and sends everything
  int head_status = 0;        // not 0: HEAD gets this status
  int status = 0;             // not 0: every request gets this status
  int failures = 0;           // so many GETs get 503 first
  int cuts = 0;               // so many GETs are cut...
  std::size_t cut_after = 0;  // ...after so many bytes of the body
  bool wrong_range = false;   // answers a range request with another range
  int stalls = 0;             // so many GETs stop sending after cut_after bytes, without closing
  int pause_ms = 0;           // between pieces of 16 KiB
  std::string linked_sha256;  // sent as X-Linked-ETag
  int64_t linked_size = -1;   // sent as X-Linked-Size, and as the size HEAD tells
  std::string commit;         // sent as X-Repo-Commit
  std::string get_commit;     // not empty: GETs send this one instead
  std::string redirect;       // answers 302 to this path; linked fields ride on it
};

struct SeenRequest {
  std::string method, path, range, if_range, authorization;
  int status = 0;
};

class TestHttpServer {
 public:
  TestHttpServer();
  ~TestHttpServer();

  void Put(const std::string& path, ServedFile file);
  void Change(const std::string& path, const std::string& content, const std::string& etag);
  std::string url() const;  // "http://127.0.0.1:PORT"
  std::vector<SeenRequest> requests() const;
  int greatest_parallel() const { return greatest_parallel_; }
  // Stops accepting: later connections are refused.
  void Stop();

 private:
  void Accept();
  void Serve(int socket);
  bool Answer(int socket, const std::string& head);
  void SendBody(int socket, const ServedFile& file, std::size_t start, bool cut, bool stall);

  int listener_ = -1;
  uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread acceptor_;
  mutable std::mutex mutex_;
  std::map<std::string, ServedFile> files_;
  std::vector<SeenRequest> requests_;
  std::vector<std::thread> workers_;
  std::atomic<int> parallel_{0};
  std::atomic<int> greatest_parallel_{0};
};

}  // namespace fathom
