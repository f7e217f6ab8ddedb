#include "server/server.h"

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <chrono>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/log.h"
#include "server/access.h"
#include "server/connection.h"
#include "server/preparing_queue.h"
#include "server/site.h"
#include "server/web_assets.h"

namespace fathom {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
namespace {

// Connections only copy bytes; one thread more than the one that called Run() keeps a burst of them
// from waiting for each other.
constexpr int kIoThreads = 2;
constexpr int kPreparingThreads = 2;
// Beyond the limit, this many are told so in words; the rest are just closed.
constexpr std::size_t kMaxRefusing = 64;
// Replies that do not end by themselves this long after Stop() are cut off.
constexpr std::chrono::seconds kShutdownGrace{3};
// Accepting failed, mostly for want of file descriptors: waits for some to come free.
constexpr std::chrono::milliseconds kAcceptPause{100};

tcp::endpoint EndpointOf(const ServerOptions& options) {
  const std::string host = options.host == "localhost" ? "127.0.0.1" : options.host;
  return {asio::ip::make_address(host), options.port};
}

[[noreturn]] void ThrowListenError(const error_code& code, const ServerOptions& options) {
  const std::string where = options.host + " port " + std::to_string(options.port);
  if (code == asio::error::address_in_use) {
    throw Error(ErrorCode::kUnavailable, "cannot listen on " + where + ": the port is in use",
                "stop what uses it, or choose another port with --port");
  }
  if (code == asio::error::access_denied) {
    throw Error(ErrorCode::kPermission, "cannot listen on " + where + ": permission denied",
                "choose a port from 1024 on with --port");
  }
  throw Error(ErrorCode::kInvalidArgument, "cannot listen on " + where + ": " + code.message());
}

}  // namespace

struct Server::Impl {
  Impl(ChatService& chat, ServerOptions given)
      : options(std::move(given)),
        site(chat, AccessPolicy(options.host, options.api_key, options.allowed_hosts), WebAssets()),
        io(kIoThreads),
        accept_strand(asio::make_strand(io)),
        acceptor(accept_strand),
        timer(accept_strand),
        preparing(kPreparingThreads, options.max_waiting_bytes),
        host{chat, site, options, preparing,
             [this](Connection* connection) { OnClosed(connection); }} {
    Listen();
  }

  void Listen() {
    const tcp::endpoint endpoint = EndpointOf(options);
    error_code code;
    acceptor.open(endpoint.protocol(), code);
    if (!code) acceptor.set_option(asio::socket_base::reuse_address(true), code);
    if (!code) acceptor.bind(endpoint, code);
    if (!code) acceptor.listen(asio::socket_base::max_listen_connections, code);
    if (code) ThrowListenError(code, options);
    port = acceptor.local_endpoint().port();
  }

  // On the accept strand.
  void Accept() {
    acceptor.async_accept(asio::make_strand(io),
                          [this](const error_code& code, tcp::socket socket) {
                            if (stopping || code == asio::error::operation_aborted) return;
                            if (code) {
                              timer.expires_after(kAcceptPause);
                              timer.async_wait([this](const error_code& waited) {
                                if (!waited && !stopping) Accept();
                              });
                              return;
                            }
                            Welcome(std::move(socket));
                            Accept();
                          });
  }

  void Welcome(tcp::socket socket) {
    const auto limit = static_cast<std::size_t>(std::max(options.max_connections, 1));
    std::shared_ptr<Connection> connection;
    {
      const std::lock_guard lock(mutex);
      if (connections.size() >= limit + kMaxRefusing) return;
      connection =
          std::make_shared<Connection>(std::move(socket), host, connections.size() >= limit);
      connections.emplace(connection.get(), connection);
    }
    connection->Start();
  }

  void OnClosed(Connection* connection) {
    const std::lock_guard lock(mutex);
    connections.erase(connection);
    if (connections.empty() && stopping) asio::post(accept_strand, [this] { EndStop(); });
  }

  std::vector<std::shared_ptr<Connection>> Connections() {
    const std::lock_guard lock(mutex);
    std::vector<std::shared_ptr<Connection>> all;
    for (const auto& [key, connection] : connections) all.push_back(connection);
    return all;
  }

  // On the accept strand, once.
  void BeginStop() {
    error_code ignored;
    acceptor.close(ignored);
    const auto all = Connections();
    for (const auto& connection : all) connection->Shutdown();
    if (all.empty()) {
      EndStop();
      return;
    }
    timer.expires_after(kShutdownGrace);
    timer.async_wait([this](const error_code& waited) {
      if (waited) return;
      for (const auto& connection : Connections()) connection->Abort();
    });
  }

  // On the accept strand: nothing is left to wait for, so the I/O threads run out of work.
  void EndStop() {
    timer.cancel();
    work.reset();
  }

  void RunIo() {
    while (true) {
      try {
        io.run();
        return;
      } catch (const std::exception& error) {
        Log(LogLevel::kError, std::string("while serving: ") + error.what());
      }
    }
  }

  const ServerOptions options;
  const Site site;
  asio::io_context io;
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  asio::strand<asio::io_context::executor_type> accept_strand;
  tcp::acceptor acceptor;
  asio::steady_timer timer;
  PreparingQueue preparing;
  ConnectionHost host;
  uint16_t port = 0;
  std::atomic<bool> stopping = false;

  std::mutex mutex;  // guards `connections`
  std::map<Connection*, std::shared_ptr<Connection>> connections;
};

Server::Server(ChatService& chat, ServerOptions options)
    : impl_(std::make_unique<Impl>(chat, std::move(options))) {}
Server::~Server() = default;

uint16_t Server::port() const { return impl_->port; }

std::string Server::url() const {
  std::string host = impl_->options.host;
  if (host == "0.0.0.0") host = "127.0.0.1";
  if (host == "::") host = "::1";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return "http://" + host + ":" + std::to_string(impl_->port) + "/";
}

void Server::Run() {
  asio::post(impl_->accept_strand, [impl = impl_.get()] {
    if (!impl->stopping) impl->Accept();
  });
  std::vector<std::thread> threads;
  for (int i = 1; i < kIoThreads; ++i)
    threads.emplace_back([impl = impl_.get()] { impl->RunIo(); });
  impl_->RunIo();
  for (std::thread& thread : threads) thread.join();
  impl_->preparing.Stop();
}

void Server::Stop() {
  if (impl_->stopping.exchange(true)) return;
  asio::post(impl_->accept_strand, [impl = impl_.get()] { impl->BeginStop(); });
}

}  // namespace fathom
