#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace fathom {
namespace {

TEST(ThreadPool, RunsEveryTaskExactlyOnce) {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (const int64_t tasks : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> ran(static_cast<std::size_t>(tasks));
      std::atomic<bool> worker_in_range{true};
      pool.ParallelFor(tasks, [&](int64_t task, int worker) {
        ran[static_cast<std::size_t>(task)].fetch_add(1);
        if (worker < 0 || worker >= threads) worker_in_range = false;
      });
      for (const auto& count : ran) EXPECT_EQ(count.load(), 1);
      EXPECT_TRUE(worker_in_range.load());
    }
  }
}

TEST(ThreadPool, ManyShortLoopsInARowSeeEachOthersWrites) {
  ThreadPool pool(4);
  std::vector<int64_t> values(64, 0);
  for (int loop = 0; loop < 20000; ++loop) {
    pool.ParallelFor(64, [&](int64_t task, int) { ++values[static_cast<std::size_t>(task)]; });
  }
  for (const int64_t value : values) EXPECT_EQ(value, 20000);
}

// A worker that is late for a short loop must not take a task of the longer one that is being
// published behind it.
TEST(ThreadPool, LateWorkersTakeNothingOfTheNextLoop) {
  ThreadPool pool(8);
  std::vector<std::atomic<int>> ran(40);
  for (int loop = 0; loop < 100000; ++loop) {
    const std::size_t tasks = loop % 2 == 0 ? 2 : ran.size();
    for (std::size_t task = 0; task < tasks; ++task) ran[task] = 0;
    pool.ParallelFor(static_cast<int64_t>(tasks),
                     [&](int64_t task, int) { ++ran[static_cast<std::size_t>(task)]; });
    for (std::size_t task = 0; task < tasks; ++task) ASSERT_EQ(ran[task], 1) << "loop " << loop;
  }
}

TEST(ThreadPool, WakesWorkersThatSleep) {
  ThreadPool pool(3);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    std::atomic<int64_t> sum{0};
    pool.ParallelFor(100, [&](int64_t task, int) { sum += task; });
    EXPECT_EQ(sum.load(), 4950);
  }
}

TEST(ThreadPool, SeveralThreadsTakePartInALongLoop) {
  ThreadPool pool(2);
  std::atomic<int> workers_seen{0};
  std::atomic<bool> seen[2] = {false, false};
  pool.ParallelFor(2, [&](int64_t, int worker) {
    if (!seen[worker].exchange(true)) ++workers_seen;
    // Each task waits for the other, so one thread alone could never finish (bounded: 5 s).
    for (int i = 0; i < 5000 && workers_seen.load() < 2; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  EXPECT_EQ(workers_seen.load(), 2);
}

TEST(ThreadPool, CountsAreSane) {
  EXPECT_GE(AvailableProcessors(), 1);
  EXPECT_GE(PhysicalCores(), 1);
  EXPECT_LE(PhysicalCores(), AvailableProcessors());
  EXPECT_EQ(ThreadPool(3).threads(), 3);
}

}  // namespace
}  // namespace fathom
