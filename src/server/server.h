// The HTTP server: the OpenAI-style API and the embedded web page over one ChatService.
// Asynchronous: a few I/O threads serve any number of connections.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "chat/chat.h"

namespace fathom {

struct ServerOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 8080;                    // 0: any free port
  std::string api_key;                     // empty: none; required when host is not loopback
  std::vector<std::string> allowed_hosts;  // further values accepted in Host and Origin
  std::size_t max_body_bytes = 16u << 20;
  // Of bodies that wait for a thread to read them: beyond it, requests are refused.
  std::size_t max_waiting_bytes = 64u << 20;
  int max_connections = 1024;
  double idle_timeout_seconds = 60;         // reading a request, or a write without progress: slow
                                            // and half-open connections
  double keep_alive_seconds = 10;           // a stream that is silent this long gets a comment
  std::size_t max_unsent_bytes = 1u << 20;  // a stream whose client reads slower than this is ended
};

class Server {
 public:
  // Binds and listens. Throws Error: kUnavailable for a busy port, kPermission for a privileged
  // one, kInvalidArgument for a host that is not an address, or one that is not loopback without a
  // key.
  Server(ChatService& chat, ServerOptions options);
  ~Server();

  uint16_t port() const;
  std::string url() const;  // "http://127.0.0.1:8080/"

  // Serves until Stop(); then stops accepting, cancels running replies and returns.
  void Run();
  void Stop();  // any thread, and safe more than once

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fathom
