// The threads that read bodies and encode prompts, and the requests that wait for one of them. What
// waits is bounded in bytes, and what nobody wants any more leaves the queue at once, so clients
// that have gone away hold up nobody. Knows no connection.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/cancel.h"

namespace fathom {

class PreparingQueue {
 public:
  // On a thread of the queue. Looks at the flag now and then; throws nothing.
  using Work = std::function<void(const std::string& body, const CancelFlag& cancelled)>;

  static constexpr std::size_t kSmallBody = std::size_t{64} << 10;

  // Bodies of at most `small_body` bytes wait however much is waiting: a few large ones must not
  // shut everybody out, and connections bound how many small ones there are.
  PreparingQueue(int threads, std::size_t max_waiting_bytes, std::size_t small_body = kSmallBody);
  ~PreparingQueue();  // stops
  PreparingQueue(const PreparingQueue&) = delete;
  PreparingQueue& operator=(const PreparingQueue&) = delete;

  // Work by first come, first served. What is returned cancels it; null: too many bytes wait. A
  // body that waits alone may have any size.
  std::shared_ptr<CancelFlag> Add(std::string body, Work work);

  // Work that has not begun is forgotten with its body; of what runs, the flag is set. Harmless for
  // what is done.
  void Cancel(const std::shared_ptr<CancelFlag>& flag);

  // Cancels everything and returns when the threads have ended. What is added later is forgotten.
  void Stop();

 private:
  struct Job {
    std::shared_ptr<CancelFlag> cancelled;
    std::string body;
    Work work;
  };

  void Run(std::size_t thread);

  const std::size_t max_waiting_bytes_;
  const std::size_t small_body_;
  std::mutex mutex_;  // guards all but the threads themselves
  std::condition_variable wake_;
  std::deque<Job> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::vector<std::shared_ptr<CancelFlag>> running_;  // by thread; null where it has no work
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace fathom
