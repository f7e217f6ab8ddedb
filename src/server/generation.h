// A generation request between the server's threads and the engine: parsing and prompt encoding on
// a preparing thread, events from the engine thread, replies on the connection's thread. Knows no
// socket.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "chat/chat.h"
#include "server/api_error.h"
#include "server/api_reply.h"
#include "server/api_request.h"

namespace fathom {

// Carries events from the engine thread to whoever asked. Once Close() has returned, the engine
// thread neither adds anything nor calls `wake`, so what wake refers to may go away.
class GenerationQueue {
 public:
  struct Item {
    std::size_t reply;
    ChatEvent event;
  };

  // Engine thread.
  void Push(std::size_t reply, ChatEvent&& event);

  // Consumer. `wake` is called (at once, or on the engine thread) when there is something to take
  // after nothing was, and by Take() when it leaves something; it must be quick and must not call
  // back.
  void Open(std::function<void()> wake);
  // The first of what is there, at most `most`.
  std::vector<Item> Take(std::size_t most);
  void Close();

 private:
  std::mutex mutex_;
  std::deque<Item> items_;
  std::function<void()> wake_;
  bool closed_ = false;
};

// A request that was parsed and submitted, or why it was not.
struct Generation {
  Generation() = default;
  Generation(Generation&&) = default;
  Generation& operator=(Generation&&) = default;
  ~Generation() { Cancel(); }  // what nobody waits for is not generated

  std::optional<ApiError> error;
  std::optional<ApiReply> reply;
  bool stream = false;
  std::shared_ptr<GenerationQueue> events;
  std::vector<std::shared_ptr<Ticket>> tickets;

  // Ends the replies and forgets their events. Harmless when repeated.
  void Cancel();
};

// Parses the body and submits all its replies. Takes milliseconds for a long prompt and seconds for
// megabytes, so never on an I/O thread. Once `cancelled` is set it ends soon and submits nothing.
// Throws nothing.
Generation StartGeneration(ChatService& chat, ApiKind kind, const std::string& body,
                           const CancelFlag& cancelled);

}  // namespace fathom
