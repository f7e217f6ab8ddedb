// What requests share: the cache pages of a common beginning, those of earlier requests and those
// of requests beside them.
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/test_engine.h"

namespace fathom {
namespace {

using EnginePrefixTest = EngineTest;

TEST_F(EnginePrefixTest, ASecondTurnEvaluatesOnlyWhatIsNew) {
  Engine engine(*model_, Options());
  const std::vector<int32_t> first = Prompt(0, 50);
  const Reply reply(RunToCompletion(engine, Make(first, 21)));
  std::vector<int32_t> second = first;
  second.insert(second.end(), reply.ids.begin(), reply.ids.end());
  const std::vector<int32_t> more = Prompt(60, 9);
  second.insert(second.end(), more.begin(), more.end());
  const Reply follow_up(RunToCompletion(engine, Make(second, 20)));
  // The last reply token was sampled but never evaluated.
  EXPECT_EQ(follow_up.done.usage.cached_tokens, 50 + 20);

  Engine fresh(*model_, Options());
  EXPECT_EQ(Reply(RunToCompletion(fresh, Make(second, 20))).ids, follow_up.ids);
}

TEST_F(EnginePrefixTest, AnEqualPromptIsReusedButForItsLastToken) {
  Engine engine(*model_, Options());
  const Reply first(RunToCompletion(engine, Make(Prompt(0, 64), 10)));
  const Reply second(RunToCompletion(engine, Make(Prompt(0, 64), 10)));
  EXPECT_EQ(second.done.usage.cached_tokens, 63);
  EXPECT_EQ(second.ids, first.ids);
}

// Keeps the engine busy until it is let go: what is submitted meanwhile arrives together.
class Held {
 public:
  Held(Engine& engine, Request request) {
    engine.Submit(std::move(request), [this](TokenEvent&& event) {
      if (event.kind == TokenEvent::Kind::kDone) return;
      reached_.set_value();
      released_.get_future().wait();
    });
    reached_.get_future().wait();
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  void Release() { released_.set_value(); }

 private:
  std::promise<void> reached_, released_;
};

TEST_F(EnginePrefixTest, APromptThatManyAskAtOnceIsEvaluatedOnce) {
  const auto request = [&] { return Make(Prompt(0, 100), 6); };  // three full pages and a bit
  Engine apart(*model_, Options());
  const Reply alone(RunToCompletion(apart, request()));
  Collector replies;
  Engine engine(*model_, Options());
  Held held(engine, Make(Prompt(40, 2), 1));
  for (int i = 0; i < 8; ++i) replies.Submit(engine, request());
  held.Release();
  replies.WaitForAll();
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(replies.Take(i).ids, alone.ids);
  EXPECT_LE(StatsWhenIdle(engine).prompt_tokens, 2 + 100 + 7 * 4);
}

// Requests of one token each that arrive together: which of them ends first.
class EnginePrefixOrderTest : public EnginePrefixTest {
 protected:
  // "ba": the second of two requests ended first.
  template <class... Requests>
  std::string OrderOf(Engine& engine, Requests... requests) {
    struct Order {
      std::mutex mutex;
      std::condition_variable changed;
      std::string names;
    };
    const auto order = std::make_shared<Order>();
    Held held(engine, Make(Prompt(40, 2), 1));
    char next = 'a';
    const auto submit = [&](Request request) {
      engine.Submit(std::move(request), [order, name = next++](TokenEvent&& event) {
        if (event.kind != TokenEvent::Kind::kDone) return;
        const std::lock_guard lock(order->mutex);
        order->names += name;
        order->changed.notify_all();
      });
    };
    (submit(std::move(requests)), ...);
    held.Release();
    std::unique_lock lock(order->mutex);
    order->changed.wait_for(lock, std::chrono::seconds(60),
                            [&] { return order->names.size() == sizeof...(requests); });
    return order->names;
  }

  EngineOptions SmallSteps() const {
    EngineOptions options = Options();
    options.max_sequences = 4;
    options.max_step_tokens = 8;
    return options;
  }
  Request Long() const { return Make(Prompt(0, 100), 1); }
  Request Short() const { return Make(Prompt(60, 5), 1); }
};

TEST_F(EnginePrefixOrderTest, WhoWaitsForAPrefixHoldsNobodyUp) {
  Engine engine(*model_, SmallSteps());
  EXPECT_EQ(OrderOf(engine, Long(), Long(), Short()), "acb");
}

TEST_F(EnginePrefixOrderTest, NobodyWaitsForAPrefixOfAnotherOwner) {
  Engine engine(*model_, SmallSteps());
  Request other = Long();
  other.cache_key = "somebody else";
  EXPECT_EQ(OrderOf(engine, Long(), std::move(other), Short()), "abc");
}

// Scoring evaluates 64 tokens in a step, also those that are cached.
TEST_F(EnginePrefixOrderTest, NobodyWaitsForAPromptThatIsScored) {
  Engine engine(*model_, Options());
  RunToCompletion(engine, Long());
  Request scored = Make(Prompt(0, 100), 0);
  scored.score_prompt = true;
  EXPECT_EQ(OrderOf(engine, std::move(scored), Long()), "ba");
}

// The first one ends in the middle of its prompt: a prompt of one token is through in one step.
TEST_F(EnginePrefixTest, WhoWaitsGoesOnWhenTheOtherIsCancelled) {
  EngineOptions options = Options();
  options.max_sequences = options.max_step_tokens = 3;
  Engine apart(*model_, options);
  const Reply alone(RunToCompletion(apart, Make(Prompt(0, 100), 6)));
  Collector replies;
  Engine engine(*model_, options);
  Held held(engine, Make(Prompt(40, 2), 1));
  const auto first = replies.Submit(engine, Make(Prompt(0, 100), 6));
  replies.Submit(engine, Make(Prompt(0, 100), 6));
  engine.Submit(Make(Prompt(60, 1), 1), [first](TokenEvent&&) { first->Cancel(); });
  held.Release();
  replies.WaitForAll();
  EXPECT_EQ(replies.Take(0).done.finish, FinishReason::kCancelled);
  EXPECT_EQ(replies.Take(1).ids, alone.ids);
}

TEST_F(EnginePrefixTest, CacheKeysKeepPrefixesApart) {
  Engine engine(*model_, Options());
  RunToCompletion(engine, Make(Prompt(0, 64), 4));
  Request other = Make(Prompt(0, 64), 4);
  other.cache_key = "somebody else";
  EXPECT_EQ(Reply(RunToCompletion(engine, std::move(other))).done.usage.cached_tokens, 0);
}

}  // namespace
}  // namespace fathom
