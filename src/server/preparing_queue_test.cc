#include "server/preparing_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/test_client.h"

namespace fathom {
namespace {

using testing::ElementsAre;

// A queue of one thread, which is held up until Release().
class PreparingQueueTest : public testing::Test {
 protected:
  PreparingQueueTest() : queue_(1, 100, kSmall) {
    std::promise<void> begun;
    holder_ = queue_.Add(
        "", [&, open = released_.get_future().share()](const std::string&, const CancelFlag&) {
          begun.set_value();
          open.wait();
        });
    begun.get_future().wait();
  }
  ~PreparingQueueTest() override { Release(); }

  void Release() {
    if (!std::exchange(open_, true)) released_.set_value();
  }
  std::shared_ptr<CancelFlag> Add(std::size_t bytes) {
    return queue_.Add(std::string(bytes, 'x'), [this](const std::string& body, const CancelFlag&) {
      done_.push_back(body.size());
    });
  }
  // What was done, once everything is.
  std::vector<std::size_t> Done() {
    Release();
    std::promise<void> last;
    const auto end = [&](const std::string&, const CancelFlag&) { last.set_value(); };
    while (queue_.Add("", end) == nullptr) std::this_thread::yield();
    last.get_future().wait();
    return done_;
  }

  static constexpr std::size_t kSmall = 5;
  std::promise<void> released_;
  bool open_ = false;
  std::vector<std::size_t> done_;
  std::shared_ptr<CancelFlag> holder_;
  PreparingQueue queue_;
};

TEST_F(PreparingQueueTest, FirstComeFirstServed) {
  Add(3);
  Add(1);
  Add(2);
  EXPECT_THAT(Done(), ElementsAre(3, 1, 2));
}

TEST_F(PreparingQueueTest, WhatWaitsIsBounded) {
  EXPECT_NE(Add(1000), nullptr);  // alone
  EXPECT_EQ(Add(kSmall + 1), nullptr);
  EXPECT_THAT(Done(), ElementsAre(1000));
  done_.clear();
  EXPECT_NE(Add(60), nullptr);
  EXPECT_THAT(Done(), ElementsAre(60));
}

TEST_F(PreparingQueueTest, LargeOnesDoNotShutOutSmallOnes) {
  EXPECT_NE(Add(1000), nullptr);
  EXPECT_NE(Add(kSmall), nullptr);
  EXPECT_THAT(Done(), ElementsAre(1000, kSmall));
}

TEST_F(PreparingQueueTest, WhatIsCancelledLeavesAtOnce) {
  auto held = std::make_shared<int>(0);
  const std::weak_ptr<int> still_held = held;
  const auto large = queue_.Add(
      std::string(90, 'x'), [this, held = std::move(held)](const std::string&, const CancelFlag&) {
        done_.push_back(0);
      });
  EXPECT_EQ(Add(20), nullptr);
  EXPECT_FALSE(still_held.expired());
  queue_.Cancel(large);
  EXPECT_TRUE(still_held.expired());
  queue_.Cancel(large);
  EXPECT_NE(Add(20), nullptr);
  EXPECT_THAT(Done(), ElementsAre(20));
  queue_.Cancel(large);
}

TEST(PreparingQueue, WhatRunsIsToldOfItsEnd) {
  PreparingQueue queue(2, 100);
  std::atomic<int> running = 0;
  const auto work = [&](const std::string&, const CancelFlag& cancelled) {
    ++running;
    while (!cancelled) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    --running;
  };
  const auto first = queue.Add("a", work);
  queue.Add("b", work);
  ASSERT_TRUE(Eventually([&] { return running == 2; }));
  queue.Cancel(first);
  EXPECT_TRUE(Eventually([&] { return running == 1; }));
  // The other one would not end without being told, and what waits is not begun.
  const auto third = queue.Add("c", work);
  ASSERT_TRUE(Eventually([&] { return running == 2; }));
  bool begun = false;
  queue.Add("d", [&](const std::string&, const CancelFlag&) { begun = true; });
  queue.Stop();
  EXPECT_EQ(running, 0);
  EXPECT_FALSE(begun);
  EXPECT_NE(queue.Add("e", work), nullptr);
  queue.Stop();
}

}  // namespace
}  // namespace fathom
