// Owns: the queue between the engine thread and the terminal, and the process's handlers of SIGINT,
// SIGTERM and SIGHUP while an InterruptScope lives. Not for: printing.
#include "cli/reply.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "base/check.h"
#include "base/error.h"
#include "cli/command.h"

namespace fathom::cli {
namespace {

constexpr int kMostSignals = 3;
std::atomic<int> interrupts_pending{0};
std::atomic<int> terminations{0};
CancelFlag signalled{false};
// For use in a signal handler.
static_assert(std::atomic<int>::is_always_lock_free && CancelFlag::is_always_lock_free);

void OnInterrupt(int) {
  signalled = true;
  if (++interrupts_pending > kMostSignals) ::_exit(kExitInterrupted);
}

void OnTerminate(int) {
  signalled = true;
  if (++terminations > kMostSignals) ::_exit(kExitTerminated);
}

class EventQueue {
 public:
  void Push(ChatEvent&& event) {
    {
      const std::lock_guard lock(mutex_);
      events_.push_back(std::move(event));
    }
    arrived_.notify_one();
  }

  bool Pop(std::chrono::milliseconds wait, ChatEvent& event) {
    std::unique_lock lock(mutex_);
    if (!arrived_.wait_for(lock, wait, [&] { return !events_.empty(); })) return false;
    event = std::move(events_.front());
    events_.pop_front();
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<ChatEvent> events_;
};

}  // namespace

struct InterruptScope::Saved {
  struct sigaction interrupt = {};
  struct sigaction terminate = {};
  struct sigaction hang_up = {};
};

InterruptScope::InterruptScope() : saved_(std::make_unique<Saved>()) {
  interrupts_pending = 0;
  signalled = terminated();
  struct sigaction action = {};
  action.sa_handler = OnInterrupt;  // no SA_RESTART: a read of the terminal must end
  CHECK(::sigaction(SIGINT, &action, &saved_->interrupt) == 0);
  action.sa_handler = OnTerminate;
  CHECK(::sigaction(SIGTERM, &action, &saved_->terminate) == 0);
  // Who had it ignored (nohup) wants the program to go on without its terminal.
  CHECK(::sigaction(SIGHUP, nullptr, &saved_->hang_up) == 0);
  if (saved_->hang_up.sa_handler != SIG_IGN) ::sigaction(SIGHUP, &action, nullptr);
}

InterruptScope::~InterruptScope() {
  ::sigaction(SIGINT, &saved_->interrupt, nullptr);
  ::sigaction(SIGTERM, &saved_->terminate, nullptr);
  // A terminal that closes hangs up twice (its shell, then the kernel): the second must not cut
  // short what is still to be closed in order.
  if (terminated()) saved_->hang_up.sa_handler = SIG_IGN;
  ::sigaction(SIGHUP, &saved_->hang_up, nullptr);
}

bool InterruptScope::Take() { return interrupts_pending.exchange(0) > 0 || terminated(); }
bool InterruptScope::pending() const { return interrupts_pending > 0 || terminated(); }
const CancelFlag& InterruptScope::flag() const { return signalled; }

bool TerminationAsked() { return terminations > 0; }

Reply FollowReply(ChatService& chat, ChatRequest request, InterruptScope& interrupts,
                  const std::function<void(const ChatEvent&)>& on_event) {
  // Shared with the sink, which may outlive this function when `on_event` throws.
  const auto queue = std::make_shared<EventQueue>();
  const std::shared_ptr<Ticket> ticket =
      chat.Start(std::move(request), [queue](ChatEvent&& event) { queue->Push(std::move(event)); });
  Reply reply;
  ChatEvent event;
  try {
    while (true) {
      if (interrupts.Take()) {
        reply.interrupted = true;
        ticket->Cancel();
      }
      if (!queue->Pop(std::chrono::milliseconds(50), event)) continue;
      if (on_event) on_event(event);
      reply.reasoning += event.reasoning;
      reply.text += event.text;
      if (event.kind == ChatEvent::Kind::kPrompt) {
        reply.prompt.push_back(std::move(event));
      } else if (event.kind == ChatEvent::Kind::kToken) {
        if (event.ends) continue;
        reply.ids.push_back(event.id);
        if (event.logprob) reply.logprobs.push_back(*std::move(event.logprob));
      } else {
        break;
      }
    }
  } catch (...) {
    ticket->Cancel();
    throw;
  }
  reply.finish = event.finish;
  reply.usage = event.usage;
  reply.reasoning_tokens = event.reasoning_tokens;
  reply.seed = event.seed;
  if (event.error) throw *std::move(event.error);
  return reply;
}

}  // namespace fathom::cli
