#include "server/connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <exception>
#include <utility>

#include "base/log.h"

namespace fathom {
namespace asio = boost::asio;
using boost::system::error_code;
namespace {

constexpr std::size_t kReadBytes = 16 * 1024;
// Pipelined input kept while a reply is generated or written; beyond it the socket is left alone.
constexpr std::size_t kMaxWaitingInput = 64 * 1024;
// After an early answer the client may still be sending: reading on for a while lets it see the
// answer instead of a reset.
constexpr double kLingerSeconds = 2.0;
constexpr double kLingerSecondsAtShutdown = 0.2;
constexpr std::size_t kMaxLingerBytes = std::size_t{64} << 20;
// Events that are put into words before timers and the socket have their turn again: a reply may
// come faster than it can be written down.
constexpr std::size_t kEventsAtOnce = 64;

ApiError ShuttingDown() {
  return ApiError(503, "server_error", "shutting_down", "", "the server is shutting down");
}

ApiError TooBusy() {
  ApiError error(503, "server_error", "overloaded", "",
                 "too many large requests are waiting to be read; try again later");
  return error.RetryAfter(2);
}

ApiError TooMuchPipelined() {
  return BadRequest("",
                    "more than " + std::to_string(kMaxWaitingInput) +
                        " bytes of further requests came before this one was answered",
                    "too_much_pipelined");
}

}  // namespace

Connection::Connection(asio::ip::tcp::socket socket, ConnectionHost& host, bool refused)
    : host_(host),
      socket_(std::move(socket)),
      strand_(socket_.get_executor()),
      read_timer_(strand_),
      write_timer_(strand_),
      keep_alive_timer_(strand_),
      refused_(refused) {}

Connection::~Connection() = default;

void Connection::Start() {
  asio::post(strand_, [self = shared_from_this()] {
    if (self->state_ == State::kClosed) return;
    error_code ignored;
    self->socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
    // A peer that vanished without a word is noticed by the system's probes.
    self->socket_.set_option(asio::socket_base::keep_alive(true), ignored);
    if (self->refused_) {
      ApiError error(503, "server_error", "too_many_connections", "",
                     "too many connections are open; try again later");
      self->keep_open_ = false;
      self->Respond(ErrorResponse(error.RetryAfter(1)));
      return;
    }
    self->BeginRequest();
  });
}

void Connection::Shutdown() {
  asio::post(strand_, [self = shared_from_this()] {
    self->stopping_ = true;
    self->keep_open_ = false;
    if (self->state_ == State::kReading || self->state_ == State::kLingering) {
      self->Close();
    } else if (self->state_ == State::kGenerating) {
      self->EndGeneration(ShuttingDown());
    }
  });
}

void Connection::Abort() {
  asio::post(strand_, [self = shared_from_this()] { self->Close(); });
}

// ---- Reading -----------------------------------------------------------------------------------

void Connection::BeginRequest() {
  state_ = State::kReading;
  parser_.emplace(host_.options.max_body_bytes);
  preparation_.reset();
  generation_.reset();
  stream_begun_ = false;
  head_only_ = false;
  keep_open_ = !stopping_;
  ArmReadDeadline();
  ParseInput();
}

void Connection::StartRead() {
  if (reading_ || state_ == State::kClosed) return;
  if (state_ != State::kReading && state_ != State::kLingering &&
      input_.size() >= kMaxWaitingInput) {
    if (state_ == State::kGenerating) EndGeneration(TooMuchPipelined());
    return;
  }
  reading_ = true;
  read_chunk_.resize(kReadBytes);
  socket_.async_read_some(asio::buffer(read_chunk_),
                          [self = shared_from_this()](const error_code& code, std::size_t bytes) {
                            self->OnRead(code, bytes);
                          });
}

void Connection::OnRead(const error_code& code, std::size_t bytes) {
  reading_ = false;
  if (state_ == State::kClosed) return;
  if (code) {
    OnPeerGone(code == asio::error::eof);
    return;
  }
  if (state_ == State::kLingering) {
    lingered_ += bytes;
    if (lingered_ > kMaxLingerBytes) {
      Close();
    } else {
      StartRead();
    }
    return;
  }
  const bool first = state_ == State::kReading && !parser_->started();
  input_.append(read_chunk_, 0, bytes);
  if (state_ != State::kReading) {
    StartRead();
    return;
  }
  if (first) ArmReadDeadline();  // waiting for a request ends here, reading it begins
  ParseInput();
}

// A client that closes its sending side while a reply is generated has gone away as far as anybody
// can tell. Of a response that is already complete it may still read the rest.
void Connection::OnPeerGone(bool may_still_read) {
  if (state_ == State::kFlushing && may_still_read && writing_) {
    keep_open_ = false;
    return;
  }
  Close();
}

void Connection::ParseInput() {
  while (state_ == State::kReading) {
    switch (parser_->Feed(input_)) {
      case HttpParser::State::kNeedMore:
        StartRead();
        return;
      case HttpParser::State::kHead:
        if (!OnHead()) return;
        break;
      case HttpParser::State::kComplete:
        OnRequest();
        return;
      case HttpParser::State::kFailed:
        keep_open_ = false;
        Respond(ErrorResponse(parser_->error()));
        return;
    }
  }
}

// False when the request was answered on its head alone.
bool Connection::OnHead() {
  const HttpRequest& request = parser_->request();
  keep_open_ = request.keep_alive && !stopping_;
  head_only_ = request.method == "HEAD";
  HttpResponse response;
  try {
    Site::Decision decision = host_.site.Decide(request);
    if (!decision.response) {
      kind_ = decision.kind;
      if (request.expects_continue) Send("HTTP/1.1 100 Continue\r\n\r\n");
      ArmReadDeadline();
      return true;
    }
    response = std::move(*decision.response);
  } catch (const Error& error) {
    response = ErrorResponse(ToApiError(error));
  } catch (const std::exception& error) {
    response = ErrorResponse(ToApiError(Error(ErrorCode::kInternal, error.what())));
  }
  if (request.has_body) keep_open_ = false;  // it is not read
  Respond(std::move(response));
  return false;
}

void Connection::OnRequest() {
  state_ = State::kGenerating;
  read_timer_.cancel();
  StartRead();  // to notice when the client goes away
  if (state_ != State::kGenerating) return;
  preparation_ = host_.preparing.Add(
      parser_->TakeBody(),
      [self = shared_from_this()](const std::string& body, const CancelFlag& cancelled) {
        Generation generation = StartGeneration(self->host_.chat, self->kind_, body, cancelled);
        asio::post(self->strand_, [self, generation = std::move(generation)]() mutable {
          self->OnPrepared(std::move(generation));
        });
      });
  if (preparation_ == nullptr) Respond(ErrorResponse(TooBusy()));
}

// ---- Generating --------------------------------------------------------------------------------

void Connection::OnPrepared(Generation generation) {
  if (state_ != State::kGenerating || stopping_) {
    generation.Cancel();
    return;
  }
  if (generation.error) {
    Respond(ErrorResponse(*generation.error));
    return;
  }
  generation_ = std::move(generation);
  if (generation_->stream) {
    StreamBegin();
  } else {
    generation_->reply->Begin();
  }
  // The queue is closed before this connection lets go of itself, so it never outlives the strand.
  generation_->events->Open([weak = weak_from_this()] {
    if (auto self = weak.lock()) {
      asio::post(self->strand_, [self] { self->DrainEvents(); });
    }
  });
}

void Connection::StreamBegin() {
  stream_begun_ = true;
  if (parser_->request().version < 11) keep_open_ = false;  // the end of the body is the close
  HttpResponse head;
  head.headers = {{"Content-Type", "text/event-stream; charset=utf-8"},
                  {"Cache-Control", "no-store"},
                  {"X-Accel-Buffering", "no"}};  // asks proxies to pass each event on at once
  host_.site.access().AddCorsHeaders(parser_->request(), head);
  Send(SerializeStreamHead(head, Framing()) + Frame(generation_->reply->Begin()));
  ArmKeepAlive();
}

void Connection::DrainEvents() {
  if (state_ != State::kGenerating || !generation_) return;
  std::string out;
  for (GenerationQueue::Item& item : generation_->events->Take(kEventsAtOnce)) {
    out += generation_->reply->Add(item.reply, std::move(item.event));
  }
  if (generation_->stream && !out.empty()) Send(Frame(std::move(out)));
  if (state_ != State::kGenerating) return;  // the client was too slow
  if (generation_->reply->done()) FinishGeneration();
}

void Connection::FinishGeneration() {
  const ApiReply& reply = *generation_->reply;
  generation_->Cancel();
  if (!generation_->stream) {
    Respond(reply.error() ? ErrorResponse(*reply.error()) : JsonResponse(200, reply.Body()));
    return;
  }
  if (reply.error()) {
    FailStream(*reply.error());
    return;
  }
  state_ = State::kFlushing;
  keep_alive_timer_.cancel();
  if (parser_->request().version >= 11) Send(kLastChunk);
  if (!writing_ && state_ == State::kFlushing) OnFlushed();
}

// Ends the work on the current request before it is done, and the connection with it.
void Connection::EndGeneration(const ApiError& error) {
  keep_open_ = false;
  CancelWork();
  if (stream_begun_) {
    FailStream(error);
  } else {
    Respond(ErrorResponse(error));
  }
}

void Connection::CancelWork() {
  if (preparation_ != nullptr) host_.preparing.Cancel(preparation_);
  if (generation_) generation_->Cancel();
}

// A stream that has begun cannot change its status, so the error is its last event. No [DONE]: what
// was sent is not a whole reply.
void Connection::FailStream(const ApiError& error) {
  state_ = State::kFlushing;
  keep_open_ = false;
  keep_alive_timer_.cancel();
  std::string end = Frame(SseData(ErrorJson(error)));
  if (parser_->request().version >= 11) end += kLastChunk;
  Send(std::move(end));
}

std::string Connection::Frame(std::string data) const {
  return parser_->request().version >= 11 ? ChunkOf(data) : data;
}

// ---- Writing -----------------------------------------------------------------------------------

ResponseFraming Connection::Framing() const {
  const int version = parser_ && parser_->request().version != 0 ? parser_->request().version : 11;
  return {version, keep_open_, head_only_};
}

void Connection::Respond(HttpResponse response) {
  state_ = State::kFlushing;
  read_timer_.cancel();
  if (parser_) host_.site.access().AddCorsHeaders(parser_->request(), response);
  Send(Serialize(response, Framing()));
}

void Connection::Send(std::string data) {
  if (state_ == State::kClosed || data.empty()) return;
  unsent_ += data;
  if (!writing_) {
    StartWrite();
  } else if (stream_begun_ && unsent_.size() > host_.options.max_unsent_bytes) {
    Log(LogLevel::kWarning, "a client reads its stream too slowly: the reply was cancelled");
    Close();
  }
}

void Connection::StartWrite() {
  if (written_ == in_flight_.size()) {
    in_flight_.clear();
    in_flight_.swap(unsent_);
    written_ = 0;
  }
  writing_ = true;
  After(write_timer_, host_.options.idle_timeout_seconds, [this] {
    if (writing_) Close();
  });
  socket_.async_write_some(asio::buffer(in_flight_.data() + written_, in_flight_.size() - written_),
                           [self = shared_from_this()](const error_code& code, std::size_t bytes) {
                             self->OnWritten(code, bytes);
                           });
}

void Connection::OnWritten(const error_code& code, std::size_t bytes) {
  writing_ = false;
  write_timer_.cancel();
  if (state_ == State::kClosed) return;
  if (code) {
    Close();
    return;
  }
  written_ += bytes;
  if (written_ < in_flight_.size() || !unsent_.empty()) {
    StartWrite();
  } else if (state_ == State::kFlushing) {
    OnFlushed();
  }
}

void Connection::OnFlushed() {
  if (keep_open_) {
    BeginRequest();
  } else {
    Linger();
  }
}

// ---- Time --------------------------------------------------------------------------------------

template <class Handler>
void Connection::After(asio::steady_timer& timer, double seconds, Handler handler) {
  timer.expires_after(std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000)));
  timer.async_wait([self = shared_from_this(), &timer, handler](const error_code& code) {
    // A timer that was set anew meanwhile has its own handler.
    if (code || timer.expiry() > std::chrono::steady_clock::now()) return;
    if (self->state_ != State::kClosed) handler();
  });
}

void Connection::ArmReadDeadline() {
  After(read_timer_, host_.options.idle_timeout_seconds, [this] { OnReadDeadline(); });
}

void Connection::OnReadDeadline() {
  if (state_ != State::kReading) return;
  if (!parser_->started()) {  // an idle connection owes nobody an answer
    Close();
    return;
  }
  keep_open_ = false;
  Respond(ErrorResponse(ApiError(408, "invalid_request_error", "request_timeout", "",
                                 "the request did not arrive in time")));
}

void Connection::ArmKeepAlive() {
  After(keep_alive_timer_, host_.options.keep_alive_seconds, [this] {
    if (state_ != State::kGenerating) return;
    Send(Frame(kSseKeepAlive));
    if (state_ == State::kGenerating) ArmKeepAlive();
  });
}

// ---- The end -----------------------------------------------------------------------------------

void Connection::Linger() {
  state_ = State::kLingering;
  error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  input_.clear();
  After(read_timer_, stopping_ ? kLingerSecondsAtShutdown : kLingerSeconds, [this] { Close(); });
  StartRead();
}

void Connection::Close() {
  if (state_ == State::kClosed) return;
  const std::shared_ptr<Connection> keep = shared_from_this();
  state_ = State::kClosed;
  CancelWork();
  read_timer_.cancel();
  write_timer_.cancel();
  keep_alive_timer_.cancel();
  error_code ignored;
  socket_.close(ignored);
  host_.on_closed(this);
}

}  // namespace fathom
