// For tests only: a server over a fake model, and a plain-socket HTTP client that can misbehave.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/clock.h"
#include "base/json.h"
#include "chat/fake_model.h"
#include "server/server.h"

namespace fathom {

inline EngineOptions FakeEngineOptions() {
  EngineOptions options;
  options.threads = 1;
  options.cache_bytes = 4 << 20;
  return options;
}

// Serves until it is destroyed.
class RunningServer {
 public:
  explicit RunningServer(ServerOptions options = {}, const FakeModelOptions& model = {})
      : chat_(MakeFakeModel(model), FakeEngineOptions()) {
    options.port = 0;
    server_ = std::make_unique<Server>(chat_, std::move(options));
    thread_ = std::thread([this] { server_->Run(); });
  }
  ~RunningServer() { Stop(); }

  void Stop() {
    server_->Stop();
    if (thread_.joinable()) thread_.join();
  }
  uint16_t port() const { return server_->port(); }
  Server& server() { return *server_; }
  ChatService& chat() { return chat_; }

 private:
  ChatService chat_;
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

struct ClientResponse {
  int status = 0;  // 0: the connection ended before a whole response came
  std::string head;
  std::string body;

  Json json() const { return ParseJson(body, "the response"); }
  std::string error_code() const {
    const Json code = json().at("error").at("code");
    return code.is_string() ? code.get<std::string>() : "";
  }
  std::string message() const { return json().at("error").at("message").get<std::string>(); }
  // "" when there is no such header. `name` as sent.
  std::string Header(const std::string& name) const {
    const auto begin = head.find("\r\n" + name + ": ");
    if (begin == std::string::npos) return "";
    const auto value = begin + name.size() + 4;
    return head.substr(value, head.find("\r\n", value) - value);
  }
  // The JSON of every event of a stream, without [DONE].
  std::vector<Json> Events() const {
    std::vector<Json> events;
    for (std::size_t at = 0; (at = body.find("data: ", at)) != std::string::npos;) {
      at += 6;
      const std::string data = body.substr(at, body.find("\n\n", at) - at);
      if (data != "[DONE]") events.push_back(ParseJson(data, "an event"));
    }
    return events;
  }
  // The text of a chat stream's choice.
  std::string StreamedText(std::size_t choice = 0) const {
    std::string text;
    for (const Json& event : Events()) {
      for (const Json& one : event.value("choices", Json::array())) {
        if (one.at("index") == choice && one.contains("delta")) {
          text += one.at("delta").value("content", "");
        }
      }
    }
    return text;
  }
};

class Client {
 public:
  // `receive_buffer`: the socket's, in bytes; 0 for the system's choice.
  explicit Client(uint16_t port, int receive_buffer = 0) {
    socket_ = ::socket(AF_INET, SOCK_STREAM, 0);
    if (receive_buffer > 0) {
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  }
  ~Client() { Close(); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  void Close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }
  // Ends the connection with a reset.
  void Reset() {
    const linger now{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    Close();
  }
  void ShutdownSend() { ::shutdown(socket_, SHUT_WR); }

  // False when the server does not take it (any more).
  bool Send(std::string_view data) {
    while (!data.empty()) {
      const ssize_t sent = ::send(socket_, data.data(), data.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      data.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void Get(const std::string& path, const std::string& headers = "") {
    Send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers + "\r\n");
  }
  void Post(const std::string& path, const std::string& body, const std::string& headers = "") {
    Send("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n" +
         headers + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  }

  // Reads on until `text` came; false at the end of the connection or after `seconds`.
  bool ReadUntil(const std::string& text, double seconds = 20) {
    const double end = MonotonicSeconds() + seconds;
    while (received_.find(text) == std::string::npos) {
      if (!Receive(end - MonotonicSeconds())) return false;
    }
    return true;
  }
  // True when the server closes the connection within `seconds`; what comes before is kept.
  bool Closes(double seconds = 20) {
    const double end = MonotonicSeconds() + seconds;
    while (Receive(end - MonotonicSeconds())) {
    }
    return ended_;
  }
  const std::string& received() const { return received_; }

  // The next response, with its chunks joined.
  ClientResponse Read(bool head_only = false) {
    ClientResponse response;
    if (!ReadUntil("\r\n\r\n")) return response;
    const auto end = received_.find("\r\n\r\n");
    response.head = received_.substr(0, end + 2);
    received_.erase(0, end + 4);
    const int status = std::atoi(response.head.c_str() + 9);
    if (status == 100) return Read(head_only);
    const std::string length = response.Header("Content-Length");
    if (head_only || status == 204 || status == 304) {
      response.status = status;
    } else if (response.Header("Transfer-Encoding") == "chunked") {
      if (ReadChunks(response.body)) response.status = status;
    } else if (length.empty()) {
      if (Closes()) response.status = status;
      response.body = std::exchange(received_, "");
    } else {
      const auto bytes = static_cast<std::size_t>(std::atoll(length.c_str()));
      while (received_.size() < bytes && Receive(20)) {
      }
      if (received_.size() < bytes) return response;
      response.body = received_.substr(0, bytes);
      received_.erase(0, bytes);
      response.status = status;
    }
    return response;
  }

 private:
  bool Receive(double seconds) {
    pollfd waiting{socket_, POLLIN, 0};
    if (seconds <= 0 || ::poll(&waiting, 1, static_cast<int>(seconds * 1000) + 1) <= 0)
      return false;
    char buffer[65536];
    const ssize_t bytes = ::recv(socket_, buffer, sizeof(buffer), 0);
    if (bytes <= 0) {
      ended_ = true;
      return false;
    }
    received_.append(buffer, static_cast<std::size_t>(bytes));
    return true;
  }

  bool ReadChunks(std::string& body) {
    while (true) {
      if (!ReadUntil("\r\n")) return false;
      const auto size = static_cast<std::size_t>(std::strtoul(received_.c_str(), nullptr, 16));
      received_.erase(0, received_.find("\r\n") + 2);
      while (received_.size() < size + 2 && Receive(20)) {
      }
      if (received_.size() < size + 2) return false;
      body += received_.substr(0, size);
      received_.erase(0, size + 2);
      if (size == 0) return true;
    }
  }

  int socket_ = -1;
  std::string received_;
  bool ended_ = false;
};

inline constexpr char kChatPath[] = "/v1/chat/completions";

// {"messages":[{"role":"user","content":"hello"}],"temperature":0 FIELDS}
inline std::string ChatBody(const std::string& fields = "", const std::string& content = "hello") {
  return R"({"messages":[{"role":"user","content":")" + content + R"("}],"temperature":0)" +
         fields + "}";
}

// A conversation that kSlowChatMl takes seconds for.
inline std::string SlowBody() {
  std::string messages;
  for (int i = 0; i < 20000; ++i) messages += R"({"role":"user","content":"x"},)";
  messages.pop_back();
  return R"({"messages":[)" + messages + R"(],"max_tokens":1})";
}

inline ClientResponse GetOnce(uint16_t port, const std::string& path,
                              const std::string& headers = "") {
  Client client(port);
  client.Get(path, headers);
  return client.Read();
}
inline ClientResponse PostOnce(uint16_t port, const std::string& path, const std::string& body,
                               const std::string& headers = "") {
  Client client(port);
  client.Post(path, body, headers);
  return client.Read();
}

// True when the server answers a chat as it should.
inline bool StillServes(uint16_t port) {
  const ClientResponse response = PostOnce(port, kChatPath, ChatBody(R"(,"max_tokens":3)"));
  return response.status == 200 &&
         response.json().at("choices").at(0).at("message").at("content") == "abc";
}

// Waits for a condition that another thread brings about.
inline bool Eventually(const std::function<bool()>& condition, double seconds = 20) {
  const double end = MonotonicSeconds() + seconds;
  while (!condition()) {
    if (MonotonicSeconds() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace fathom
