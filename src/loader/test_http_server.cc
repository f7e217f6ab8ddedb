// Owns: the sockets and threads of the tests' file server. One thread per connection; every wait is
// bounded, so that the destructor ends. Not for: production.
#include "loader/test_http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <sstream>
#include <utility>

#include "base/check.h"

namespace fathom {
namespace {

std::string HeaderOf(const std::string& head, const std::string& name) {
  std::istringstream lines(head);
  std::string line;
  while (std::getline(lines, line)) {
    const std::size_t colon = line.find(':');
    if (colon != name.size()) continue;
    const bool same = std::equal(name.begin(), name.end(), line.begin(), [](char a, char b) {
      return std::tolower(static_cast<unsigned char>(a)) ==
             std::tolower(static_cast<unsigned char>(b));
    });
    if (!same) continue;
    std::string value = line.substr(colon + 1);
    value.erase(0, value.find_first_not_of(' '));
    value.erase(value.find_last_not_of("\r ") + 1);
    return value;
  }
  return {};
}

bool SendAll(int socket, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(socket, data, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data += sent;
    size -= static_cast<std::size_t>(sent);
  }
  return true;
}

}  // namespace

TestHttpServer::TestHttpServer() {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(listener_ >= 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  CHECK(::listen(listener_, 64) == 0);
  socklen_t length = sizeof address;
  CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

TestHttpServer::~TestHttpServer() {
  Stop();
  for (std::thread& worker : workers_) worker.join();
}

void TestHttpServer::Stop() {
  if (stopping_.exchange(true)) return;
  acceptor_.join();
  ::close(listener_);
}

void TestHttpServer::Put(const std::string& path, ServedFile file) {
  const std::lock_guard lock(mutex_);
  files_[path] = std::move(file);
}

void TestHttpServer::Change(const std::string& path, const std::string& content,
                            const std::string& etag) {
  const std::lock_guard lock(mutex_);
  files_[path].content = content;
  files_[path].etag = etag;
}

std::string TestHttpServer::url() const { return "http://127.0.0.1:" + std::to_string(port_); }

std::vector<SeenRequest> TestHttpServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void TestHttpServer::Accept() {
  while (!stopping_) {
    pollfd waiting{listener_, POLLIN, 0};
    if (::poll(&waiting, 1, 20) <= 0) continue;
    const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) continue;
    const std::lock_guard lock(mutex_);
    workers_.emplace_back([this, socket] { Serve(socket); });
  }
}

void TestHttpServer::Serve(int socket) {
  std::string buffer;
  bool go_on = true;
  while (go_on && !stopping_) {
    const std::size_t end = buffer.find("\r\n\r\n");
    if (end != std::string::npos) {
      const std::string head = buffer.substr(0, end + 2);
      buffer.erase(0, end + 4);
      const int now = ++parallel_;
      int greatest = greatest_parallel_;
      while (now > greatest && !greatest_parallel_.compare_exchange_weak(greatest, now)) {
      }
      go_on = Answer(socket, head);
      --parallel_;
      continue;
    }
    pollfd waiting{socket, POLLIN, 0};
    if (::poll(&waiting, 1, 20) <= 0) continue;
    char chunk[4096];
    const ssize_t received = ::recv(socket, chunk, sizeof chunk, 0);
    if (received <= 0) break;
    buffer.append(chunk, static_cast<std::size_t>(received));
  }
  ::close(socket);
}

bool TestHttpServer::Answer(int socket, const std::string& head) {
  SeenRequest seen;
  std::istringstream line(head.substr(0, head.find("\r\n")));
  line >> seen.method >> seen.path;
  seen.range = HeaderOf(head, "Range");
  seen.if_range = HeaderOf(head, "If-Range");
  seen.authorization = HeaderOf(head, "Authorization");
  const bool is_head = seen.method == "HEAD";

  ServedFile file;
  bool cut = false, stall = false;
  int status = 200;
  {
    const std::lock_guard lock(mutex_);
    const auto found = files_.find(seen.path);
    if (found == files_.end()) {
      status = 404;
    } else {
      ServedFile& stored = found->second;
      file = stored;
      if (stored.status != 0)
        status = stored.status;
      else if (is_head && stored.head_status != 0)
        status = stored.head_status;
      else if (!is_head && stored.failures > 0) {
        --stored.failures;
        status = 503;
      } else if (!stored.redirect.empty())
        status = 302;
      else if (!is_head && stored.cuts > 0) {
        --stored.cuts;
        cut = true;
      } else if (!is_head && stored.stalls > 0) {
        --stored.stalls;
        stall = true;
      }
    }
  }
  std::size_t start = 0;
  const std::size_t size = file.content.size();
  const bool same_version = seen.if_range.empty() || seen.if_range == file.etag;
  if (status == 200 && !is_head && file.ranges && same_version &&
      seen.range.starts_with("bytes=")) {
    start = std::stoull(seen.range.substr(6));
    status = start < size ? 206 : 416;
    if (file.wrong_range) ++start;
  }
  seen.status = status;
  std::ostringstream out;
  out << "HTTP/1.1 " << status << " X\r\n";
  if (!file.linked_sha256.empty()) out << "X-Linked-ETag: \"" << file.linked_sha256 << "\"\r\n";
  const std::string& commit = is_head || file.get_commit.empty() ? file.commit : file.get_commit;
  if (!commit.empty()) out << "X-Repo-Commit: " << commit << "\r\n";
  if (file.linked_size >= 0) out << "X-Linked-Size: " << file.linked_size << "\r\n";
  std::string body;
  if (status == 302) {
    out << "Location: " << file.redirect << "\r\n";
  } else if (status == 206) {
    out << "Content-Range: bytes " << start << "-" << size - 1 << "/" << size << "\r\n";
  } else if (status == 416) {
    out << "Content-Range: bytes */" << size << "\r\n";
  } else if (status != 200) {
    body = "an error page\n";
  }
  const bool sends_file = status == 200 || status == 206;
  if (sends_file && !file.etag.empty()) out << "ETag: " << file.etag << "\r\n";
  out << "Content-Length: " << (sends_file ? size - start : body.size()) << "\r\n\r\n";
  if (!is_head) out << body;
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(seen);
  }
  const std::string text = out.str();
  if (!SendAll(socket, text.data(), text.size())) return false;
  if (sends_file && !is_head) SendBody(socket, file, start, cut, stall);
  return !cut && !stall;
}

void TestHttpServer::SendBody(int socket, const ServedFile& file, std::size_t start, bool cut,
                              bool stall) {
  constexpr std::size_t kPiece = 16384;
  std::size_t end = file.content.size();
  if (cut || stall) end = std::min(end, start + file.cut_after);
  for (std::size_t at = start; at < end && !stopping_; at += kPiece) {
    if (!SendAll(socket, file.content.data() + at, std::min(kPiece, end - at))) return;
    if (file.pause_ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(file.pause_ms));
  }
  if (!stall) return;
  pollfd waiting{socket, POLLIN, 0};
  for (int i = 0; i < 500 && !stopping_; ++i) {
    if (::poll(&waiting, 1, 20) > 0) return;  // the client gave up
  }
}

}  // namespace fathom
