// One client's connection: reads requests, answers them in order, streams replies. Everything of a
// connection runs on its own strand, so nothing in here is locked; the engine reaches it through a
// GenerationQueue only.
//
// While a reply is generated the socket is still read: a client that closes its side has gone away,
// and its work is cancelled. What it sends meanwhile (pipelined requests) waits in a bounded
// buffer. When that is full, nobody could tell any more whether the client is still there, so its
// work ends too.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "server/generation.h"
#include "server/http_parser.h"
#include "server/preparing_queue.h"
#include "server/server.h"
#include "server/site.h"

namespace fathom {

class Connection;

// What all connections of a server share. Outlives them.
struct ConnectionHost {
  ChatService& chat;
  const Site& site;
  const ServerOptions& options;
  PreparingQueue& preparing;  // parses bodies and encodes prompts
  std::function<void(Connection*)> on_closed;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `socket` was accepted onto a strand of its own. `refused`: there are too many connections; the
  // client is told so and let go.
  Connection(boost::asio::ip::tcp::socket socket, ConnectionHost& host, bool refused);
  ~Connection();

  // Both from any thread.
  void Start();
  // Ends the current reply with an error, then closes.
  void Shutdown();
  // Closes at once, whatever is going on.
  void Abort();

 private:
  enum class State {
    kReading,     // a request, or waiting for one
    kGenerating,  // preparing or producing a reply
    kFlushing,    // the response is complete but not written yet
    kLingering,   // nothing more will be sent; discards what the client still sends
    kClosed,
  };

  // Reading.
  void BeginRequest();
  void StartRead();
  void OnRead(const boost::system::error_code& code, std::size_t bytes);
  void OnPeerGone(bool may_still_read);
  void ParseInput();
  bool OnHead();
  void OnRequest();

  // Generating.
  void OnPrepared(Generation generation);
  void StreamBegin();
  void DrainEvents();
  void FinishGeneration();
  void EndGeneration(const ApiError& error);
  void CancelWork();
  void FailStream(const ApiError& error);
  std::string Frame(std::string data) const;

  // Writing.
  void Respond(HttpResponse response);
  void Send(std::string data);
  void StartWrite();
  void OnWritten(const boost::system::error_code& code, std::size_t bytes);
  void OnFlushed();
  ResponseFraming Framing() const;

  // Time.
  void ArmReadDeadline();
  void OnReadDeadline();
  void ArmKeepAlive();
  template <class Handler>
  void After(boost::asio::steady_timer& timer, double seconds, Handler handler);

  void Linger();
  void Close();

  ConnectionHost& host_;
  boost::asio::ip::tcp::socket socket_;
  const boost::asio::any_io_executor strand_;
  boost::asio::steady_timer read_timer_;
  boost::asio::steady_timer write_timer_;
  boost::asio::steady_timer keep_alive_timer_;
  const bool refused_;

  State state_ = State::kReading;
  std::string read_chunk_;  // where the socket writes
  std::string input_;       // read, not parsed yet
  std::optional<HttpParser> parser_;
  bool reading_ = false;
  std::size_t lingered_ = 0;  // bytes discarded

  ApiKind kind_ = ApiKind::kChat;
  bool head_only_ = false;
  bool keep_open_ = true;                    // after this response
  bool stopping_ = false;                    // the server is
  std::shared_ptr<CancelFlag> preparation_;  // of the current request, once it is complete
  std::optional<Generation> generation_;
  bool stream_begun_ = false;

  std::string unsent_;     // waits behind what is being written
  std::string in_flight_;  // being written, from `written_` on
  std::size_t written_ = 0;
  bool writing_ = false;
};

}  // namespace fathom
