// Follows one reply from the thread of the terminal: events of the engine thread through a queue,
// and Ctrl-C.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "chat/chat.h"

namespace fathom::cli {

// Whether a SIGTERM, or the SIGHUP of a terminal that is closed, came while an InterruptScope
// lived: the program's exit code says so.
bool TerminationAsked();

// While one of these lives, SIGINT, SIGTERM and SIGHUP are counted instead of ending the program.
// SIGINT stops what is going on; the others also everything after it, in order, SIGHUP unless it
// was ignored before. A signal that nobody has asked about when the next three arrive ends the
// program after all. One at a time.
class InterruptScope {
 public:
  InterruptScope();
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

  // True once for each interrupt (any number that came since the last call), and always after a
  // SIGTERM or SIGHUP.
  bool Take();
  bool pending() const;
  // Set from the first of these signals on, for work that looks at a flag.
  const CancelFlag& flag() const;
  // Whether one of these came: there is nothing to do but to end.
  bool terminated() const { return TerminationAsked(); }

 private:
  struct Saved;
  std::unique_ptr<Saved> saved_;
};

struct Reply {
  std::string reasoning;
  std::string text;                    // the answer
  std::vector<TokenId> ids;            // generated, without the end-of-text id
  std::vector<LogprobEntry> logprobs;  // as many as ids, when asked for
  std::vector<ChatEvent> prompt;       // scored prompt tokens, when asked for
  FinishReason finish = FinishReason::kStop;
  Usage usage;
  int64_t reasoning_tokens = 0;
  uint64_t seed = 0;
  bool interrupted = false;
};

// Starts the request and waits for its end; `on_event` (may be empty) sees every event here, on the
// calling thread. An interrupt cancels the request and sets `interrupted`. Throws what Start
// throws, and the error the reply ended with.
Reply FollowReply(ChatService& chat, ChatRequest request, InterruptScope& interrupts,
                  const std::function<void(const ChatEvent&)>& on_event);

}  // namespace fathom::cli
