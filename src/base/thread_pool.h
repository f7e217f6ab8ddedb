// A fixed set of worker threads for data-parallel loops of one owner thread, tuned for many short
// loops in a row: workers spin briefly between loops and sleep when nothing comes.
#pragma once

#include <cstdint>
#include <memory>
#include <type_traits>

namespace fathom {

// Logical processors this process may use, and physical cores behind them (hwloc; at least 1).
int AvailableProcessors();
int PhysicalCores();

class ThreadPool {
 public:
  // `threads` counts the calling thread too, so 1 starts no worker.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const;

  // Runs body(task, worker) for every task in [0, tasks), worker in [0, threads()); returns when
  // all are done. Tasks are handed out in order, in runs of neighbours that grow shorter, to
  // whoever is free: what lies together in memory is mostly worked on by one thread. No result may
  // depend on which worker ran a task. `body` must not throw. One loop at a time, from one thread;
  // never nested. Allocates nothing.
  template <class Body>
  void ParallelFor(int64_t tasks, Body&& body) {
    using Plain = std::remove_reference_t<Body>;
    Run(
        tasks,
        [](void* state, int64_t task, int worker) { (*static_cast<Plain*>(state))(task, worker); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

 private:
  using Function = void (*)(void* state, int64_t task, int worker);
  void Run(int64_t tasks, Function function, void* state);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fathom
