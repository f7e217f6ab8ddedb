#include "base/thread_pool.h"

#include <hwloc.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/allocation_guard.h"
#include "base/check.h"
#include "base/clock.h"

namespace fathom {
namespace {

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Processors granted by a cgroup v2 quota ("max 100000" or "150000 100000"); 0 when there is none.
int CgroupQuota() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  std::string quota;
  double period = 0;
  if (!(file >> quota >> period) || quota == "max" || period <= 0) return 0;
  try {
    return std::max(1, static_cast<int>(std::ceil(std::stod(quota) / period)));
  } catch (const std::exception&) {
    return 0;
  }
}

// How long a worker looks for the next loop before it sleeps: longer than the serial work between
// two loops of a decode step, short enough not to be seen as load.
constexpr double kSpinSeconds = 100e-6;

}  // namespace

int AvailableProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int count = sched_getaffinity(0, sizeof(set), &set) == 0
                  ? CPU_COUNT(&set)
                  : static_cast<int>(std::thread::hardware_concurrency());
  if (const int quota = CgroupQuota(); quota > 0) count = std::min(count, quota);
  return std::max(count, 1);
}

int PhysicalCores() {
  static const int cores = [] {
    int found = 0;
    hwloc_topology_t topology;
    if (hwloc_topology_init(&topology) == 0) {
      if (hwloc_topology_load(topology) == 0) {
        found = hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE);
      }
      hwloc_topology_destroy(topology);
    }
    const int processors = AvailableProcessors();
    return found > 0 ? std::min(found, processors) : processors;
  }();
  return cores;
}

// A loop is published as one 64-bit ticket: its number in the high half, how many of its tasks are
// left in the low half. A worker claims some by compare-and-swap on the whole ticket. When that
// succeeds the loop had tasks left, so the owner was still in it, and the function, state and
// count that the worker read before are this loop's. A worker that is late for a loop finds none
// left, whatever of the next loop is already written.
struct ThreadPool::Impl {
  explicit Impl(int threads) {
    workers.reserve(static_cast<std::size_t>(threads) - 1);
    for (int worker = 1; worker < threads; ++worker) {
      workers.emplace_back([this, worker] { Work(worker); });
    }
  }

  ~Impl() {
    stopping.store(true);
    ticket.fetch_add(kLoopStep);
    ticket.notify_all();
    for (std::thread& worker : workers) worker.join();
  }

  // Runs tasks of loop `loop` until none is left; returns how many.
  int64_t TakeTasks(uint64_t loop, int worker) {
    const Function run = function.load(std::memory_order_relaxed);
    void* const argument = state.load(std::memory_order_relaxed);
    const uint64_t count = tasks.load(std::memory_order_relaxed);
    int64_t ran = 0;
    uint64_t current = ticket.load(std::memory_order_acquire);
    while (current / kLoopStep == loop && current % kLoopStep > 0) {
      // Half of a fair share of what is left: neighbours mostly stay together, and the threads
      // still end together, also where the first tasks are twice the average.
      const uint64_t left = current % kLoopStep;
      const uint64_t claim = std::max<uint64_t>(left / (2 * (workers.size() + 1)), 1);
      if (!ticket.compare_exchange_weak(current, current - claim, std::memory_order_acq_rel)) {
        continue;
      }
      for (uint64_t task = count - left; task < count - left + claim; ++task) {
        run(argument, static_cast<int64_t>(task), worker);
      }
      ran += static_cast<int64_t>(claim);
      current = ticket.load(std::memory_order_acquire);
    }
    return ran;
  }

  void Work(int worker) {
    const NoAllocationScope guard;
    uint64_t seen = 0;
    while (true) {
      const uint64_t loop = WaitForLoopAfter(seen);
      if (stopping.load(std::memory_order_relaxed)) return;
      seen = loop;
      if (const int64_t ran = TakeTasks(loop, worker); ran > 0) {
        completed.fetch_add(ran, std::memory_order_release);
      }
    }
  }

  uint64_t WaitForLoopAfter(uint64_t seen) {
    double deadline = 0;
    for (int spins = 0;; ++spins) {
      const uint64_t current = ticket.load(std::memory_order_acquire);
      if (current / kLoopStep != seen) return current / kLoopStep;
      if (spins % 64 == 63) {
        const double now = MonotonicSeconds();
        if (deadline == 0) deadline = now + kSpinSeconds;
        if (now > deadline) {
          sleepers.fetch_add(1);
          const uint64_t latest = ticket.load();
          if (latest / kLoopStep == seen) ticket.wait(latest);
          sleepers.fetch_sub(1);
          deadline = 0;
        }
      }
      Pause();
    }
  }

  static constexpr uint64_t kLoopStep = uint64_t{1} << 32;

  std::atomic<Function> function{nullptr};
  std::atomic<void*> state{nullptr};
  std::atomic<uint64_t> tasks{0};
  std::atomic<bool> stopping{false};
  std::atomic<int> sleepers{0};
  alignas(64) std::atomic<uint64_t> ticket{0};
  alignas(64) std::atomic<int64_t> completed{0};
  std::vector<std::thread> workers;
};

ThreadPool::ThreadPool(int threads) {
  CHECK(threads >= 1);
  impl_ = std::make_unique<Impl>(threads);
}
ThreadPool::~ThreadPool() = default;

int ThreadPool::threads() const { return static_cast<int>(impl_->workers.size()) + 1; }

void ThreadPool::Run(int64_t tasks, Function function, void* state) {
  if (tasks <= 0) return;
  if (tasks == 1 || impl_->workers.empty()) {
    for (int64_t task = 0; task < tasks; ++task) function(state, task, 0);
    return;
  }
  DCHECK(static_cast<uint64_t>(tasks) < Impl::kLoopStep);
  Impl& pool = *impl_;
  pool.function.store(function, std::memory_order_relaxed);
  pool.state.store(state, std::memory_order_relaxed);
  pool.tasks.store(static_cast<uint64_t>(tasks), std::memory_order_relaxed);
  pool.completed.store(0, std::memory_order_relaxed);
  const uint64_t loop = pool.ticket.load(std::memory_order_relaxed) / Impl::kLoopStep + 1;
  pool.ticket.store(loop * Impl::kLoopStep + static_cast<uint64_t>(tasks));
  if (pool.sleepers.load() > 0) pool.ticket.notify_all();

  const int64_t mine = pool.TakeTasks(loop, 0);
  for (int spins = 0; pool.completed.load(std::memory_order_acquire) + mine < tasks; ++spins) {
    // A worker that holds the last task may have lost its processor: let it have this one.
    if (spins > 20000) std::this_thread::yield();
    Pause();
  }
}

}  // namespace fathom
