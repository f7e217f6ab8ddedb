#include "server/preparing_queue.h"

#include <algorithm>
#include <utility>

namespace fathom {

PreparingQueue::PreparingQueue(int threads, std::size_t max_waiting_bytes, std::size_t small_body)
    : max_waiting_bytes_(max_waiting_bytes),
      small_body_(small_body),
      running_(static_cast<std::size_t>(threads)) {
  for (std::size_t i = 0; i < running_.size(); ++i) {
    threads_.emplace_back([this, i] { Run(i); });
  }
}

PreparingQueue::~PreparingQueue() { Stop(); }

std::shared_ptr<CancelFlag> PreparingQueue::Add(std::string body, Work work) {
  auto flag = std::make_shared<CancelFlag>(false);
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return flag;
    const bool fits = waiting_bytes_ + body.size() <= max_waiting_bytes_;
    if (!waiting_.empty() && !fits && body.size() > small_body_) return nullptr;
    waiting_bytes_ += body.size();
    waiting_.push_back({flag, std::move(body), std::move(work)});
  }
  wake_.notify_one();
  return flag;
}

void PreparingQueue::Cancel(const std::shared_ptr<CancelFlag>& flag) {
  Job forgotten;  // goes without the lock: it may hold the last of its connection
  const std::lock_guard lock(mutex_);
  flag->store(true, std::memory_order_relaxed);
  const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                  [&](const Job& job) { return job.cancelled == flag; });
  if (found == waiting_.end()) return;
  forgotten = std::move(*found);
  waiting_bytes_ -= forgotten.body.size();
  waiting_.erase(found);
}

void PreparingQueue::Stop() {
  std::deque<Job> forgotten;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    forgotten.swap(waiting_);
    waiting_bytes_ = 0;
    for (const auto& flag : running_) {
      if (flag != nullptr) flag->store(true, std::memory_order_relaxed);
    }
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void PreparingQueue::Run(std::size_t thread) {
  while (true) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      running_[thread] = nullptr;
      wake_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      job = std::move(waiting_.front());
      waiting_.pop_front();
      waiting_bytes_ -= job.body.size();
      running_[thread] = job.cancelled;
    }
    job.work(job.body, *job.cancelled);
  }
}

}  // namespace fathom
