#include "engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <future>
#include <mutex>
#include <new>
#include <thread>

#include "base/allocation_guard.h"
#include "engine/test_allocation_count.h"
#include "engine/test_engine.h"
#include "models/testing/altered_file.h"

namespace fathom {
namespace {

using ::testing::HasSubstr;

TEST_F(EngineTest, GreedyReplyIsTheReferences) {
  Engine engine(*model_, Options());
  const Json& greedy = golden_.at("greedy");
  const Reply reply(
      RunToCompletion(engine, Make(greedy.at("prompt").get<std::vector<int32_t>>(), 64)));
  EXPECT_EQ(reply.ids, greedy.at("ids").get<std::vector<int32_t>>());
  EXPECT_EQ(reply.done.finish, FinishReason::kLength);
  EXPECT_EQ(reply.done.usage.completion_tokens, 64);
  EXPECT_EQ(reply.done.usage.prompt_tokens, 24);
  EXPECT_EQ(reply.done.usage.cached_tokens, 0);
}

TEST_F(EngineTest, ScoresMatchTheReference) {
  Engine engine(*model_, Options());
  Request request = Make(ids_, 0);
  request.score_prompt = true;
  request.top_logprobs = 3;
  const Reply reply(RunToCompletion(engine, std::move(request)));
  const auto expected = golden_.at("logprobs").get<std::vector<double>>();
  ASSERT_EQ(reply.prompt_logprobs.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(reply.prompt_logprobs[i], expected[i], 1e-4) << i;
  }
  EXPECT_TRUE(reply.ids.empty());
}

// The promise of the engine: company changes nothing, at temperature 0 or with a seed.
TEST_F(EngineTest, SixteenTogetherEqualSixteenAlone) {
  for (const KernelTable* kernels : AvailableKernels()) {
    EngineOptions options = Options(*kernels);
    options.max_step_tokens = 48;  // prompts come in odd chunks
    std::vector<Request> requests;
    const auto make = [&](std::size_t i) {
      SamplingParams sampling;
      if (i % 2 == 1) sampling = {.temperature = 0.9f, .top_p = 0.95f, .seed = i};
      return Make(Prompt(i * 3, 20 + 2 * i), 40, sampling);
    };
    std::vector<std::vector<int32_t>> alone;
    for (std::size_t i = 0; i < 16; ++i) {
      Engine engine(*model_, options);
      alone.push_back(Reply(RunToCompletion(engine, make(i))).ids);
    }
    Engine engine(*model_, options);
    Collector collector;
    for (std::size_t i = 0; i < 16; ++i) collector.Submit(engine, make(i));
    collector.WaitForAll();
    for (std::size_t i = 0; i < 16; ++i) {
      EXPECT_EQ(collector.Take(i).ids, alone[i]) << kernels->name << ", request " << i;
    }
  }
}

// A cache far too small for all: sequences are set aside and finish with the same replies.
TEST_F(EngineTest, RunningOutOfCacheChangesNoReply) {
  EngineOptions options = Options();
  options.context_length = 128;
  const int64_t page_bytes = model_->cache_layout(CacheType::kF32).page_bytes;
  options.cache_bytes = 7 * page_bytes;
  std::vector<std::vector<int32_t>> alone;
  for (std::size_t i = 0; i < 8; ++i) {
    Engine engine(*model_, options);
    alone.push_back(Reply(RunToCompletion(engine, Make(Prompt(i, 25), 70))).ids);
  }
  Engine engine(*model_, options);
  Collector collector;
  for (std::size_t i = 0; i < 8; ++i) collector.Submit(engine, Make(Prompt(i, 25), 70));
  collector.WaitForAll();
  for (std::size_t i = 0; i < 8; ++i) {
    const Reply reply = collector.Take(i);
    EXPECT_EQ(reply.ids, alone[i]) << i;
    EXPECT_EQ(reply.done.usage.completion_tokens, 70);
  }
  EXPECT_EQ(engine.stats().pages_total, 7);
}

TEST_F(EngineTest, TheCacheIsReportedBeforeTheFirstRequest) {
  EngineOptions options = Options();
  options.context_length = 128;
  options.cache_bytes = 7 * model_->cache_layout(CacheType::kF32).page_bytes;
  options.cache_type = CacheType::kF32;
  const Engine engine(*model_, options);
  EXPECT_EQ(engine.stats().pages_total, 7);
  EXPECT_EQ(engine.stats().cache_bytes, options.cache_bytes);
}

TEST_F(EngineTest, StopIdsEndTheReplyAndAreSent) {
  Engine engine(*model_, Options());
  const auto greedy = golden_.at("greedy").at("ids").get<std::vector<int32_t>>();
  Request request = Make(golden_.at("greedy").at("prompt").get<std::vector<int32_t>>(), 64);
  request.stop_ids = {greedy[5]};
  const Reply reply(RunToCompletion(engine, std::move(request)));
  const auto first = std::find(greedy.begin(), greedy.end(), greedy[5]);
  EXPECT_EQ(reply.ids, std::vector<int32_t>(greedy.begin(), first + 1));
  EXPECT_EQ(reply.done.finish, FinishReason::kStop);
}

class StopAfter final : public TokenGuide {
 public:
  explicit StopAfter(int count) : left_(count) {}
  GuideDecision Observe(int32_t) override {
    return {--left_ == 0 ? GuideDecision::Action::kStop : GuideDecision::Action::kContinue};
  }

 private:
  int left_;
};

TEST_F(EngineTest, GuideStopsAtTheExactToken) {
  Engine engine(*model_, Options());
  Request request = Make(Prompt(0, 10), 64);
  request.guide = std::make_unique<StopAfter>(7);
  const Reply reply(RunToCompletion(engine, std::move(request)));
  EXPECT_EQ(reply.ids.size(), 7u);
  EXPECT_EQ(reply.done.finish, FinishReason::kStop);
}

// Forces ids after some tokens, and keeps what it sees.
class ForceGuide : public TokenGuide {
 public:
  ForceGuide(std::size_t after, std::vector<int32_t> ids, std::vector<int32_t>* seen)
      : after_(after), ids_(std::move(ids)), seen_(seen) {}
  GuideDecision Observe(int32_t id) override {
    seen_->push_back(id);
    if (seen_->size() != after_) return {};
    return {GuideDecision::Action::kForce, ids_};
  }

 private:
  std::size_t after_;
  std::vector<int32_t> ids_;
  std::vector<int32_t>* seen_;
};

TEST_F(EngineTest, ForcedTokensAreFedAsIfSampled) {
  Engine engine(*model_, Options());
  const std::vector<int32_t> prompt = Prompt(0, 20);
  const std::vector<int32_t> free = Reply(RunToCompletion(engine, Make(prompt, 30))).ids;
  const std::vector<int32_t> forced = {7, 3, 7};
  std::vector<int32_t> seen;
  Request request = Make(prompt, 30);
  request.top_logprobs = 1;
  request.guide = std::make_unique<ForceGuide>(5, forced, &seen);
  std::vector<TokenEvent> events = RunToCompletion(engine, std::move(request));
  // What the model says is that, then these, then what it says to a prompt with all of it.
  std::vector<int32_t> expected(free.begin(), free.begin() + 5);
  expected.insert(expected.end(), forced.begin(), forced.end());
  std::vector<int32_t> longer = prompt;
  longer.insert(longer.end(), expected.begin(), expected.end());
  Engine other(*model_, Options());
  const std::vector<int32_t> rest = Reply(RunToCompletion(other, Make(longer, 22))).ids;
  expected.insert(expected.end(), rest.begin(), rest.end());
  for (std::size_t i = 5; i < 8; ++i) {
    ASSERT_TRUE(events[i].logprob.has_value());
    EXPECT_LE(*events[i].logprob, events[i].top[0].logprob);
  }
  const Reply reply(std::move(events));
  EXPECT_EQ(reply.ids, expected);
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(reply.done.usage.completion_tokens, 30);
  EXPECT_EQ(reply.done.finish, FinishReason::kLength);
  // What was forced is in the cache like the rest.
  const Reply again(RunToCompletion(engine, Make(longer, 4)));
  EXPECT_EQ(again.done.usage.cached_tokens, 27);
  EXPECT_TRUE(std::equal(again.ids.begin(), again.ids.end(), rest.begin()));
}

TEST_F(EngineTest, ForcedTokensTakeNoRandomNumbersAndNoSides) {
  // Eight at once, in a cache too small for all, with their own points and lists.
  const auto request = [&](std::size_t i, std::vector<int32_t>* seen) {
    Request one = Make(Prompt(i, 30 + i), 40, {.temperature = 0.9f, .top_p = 0.9f, .seed = i});
    const std::vector<int32_t> ids(i % 3, static_cast<int32_t>(i));
    one.guide = std::make_unique<ForceGuide>(i + 1, ids, seen);
    return one;
  };
  std::vector<std::vector<int32_t>> alone;
  for (std::size_t i = 0; i < 8; ++i) {
    Engine engine(*model_, Options());
    std::vector<int32_t> seen;
    alone.push_back(Reply(RunToCompletion(engine, request(i, &seen))).ids);
  }
  EngineOptions small = Options();
  small.context_length = 96;
  small.cache_bytes = 9 * model_->cache_layout(CacheType::kF32).page_bytes;
  Engine engine(*model_, small);
  std::vector<std::vector<int32_t>> seen(8);
  Collector collector;
  for (std::size_t i = 0; i < 8; ++i) collector.Submit(engine, request(i, &seen[i]));
  collector.WaitForAll();
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(collector.Take(i).ids, alone[i]);
    EXPECT_EQ(seen[i], alone[i]);
  }
}

TEST_F(EngineTest, ForcedTokensEndTheReplyAsOthersDo) {
  Engine engine(*model_, Options());
  std::vector<int32_t> seen;
  Request stops = Make(Prompt(0, 20), 30);
  stops.stop_ids = {3};
  stops.guide = std::make_unique<ForceGuide>(2, std::vector<int32_t>{7, 3, 9}, &seen);
  const Reply stopped(RunToCompletion(engine, std::move(stops)));
  EXPECT_EQ(stopped.ids.size(), 4u);
  EXPECT_EQ(stopped.ids.back(), 3);
  EXPECT_EQ(stopped.done.finish, FinishReason::kStop);
  seen.clear();
  Request cut = Make(Prompt(0, 20), 3);
  cut.guide = std::make_unique<ForceGuide>(2, std::vector<int32_t>{7, 3, 9}, &seen);
  const Reply limited(RunToCompletion(engine, std::move(cut)));
  EXPECT_EQ(limited.ids.size(), 3u);
  EXPECT_EQ(limited.done.finish, FinishReason::kLength);
}

TEST_F(EngineTest, TheContextEndsTheReply) {
  EngineOptions options = Options();
  options.context_length = 40;
  Engine engine(*model_, options);
  const Reply reply(RunToCompletion(engine, Make(Prompt(0, 30), -1)));
  EXPECT_EQ(reply.ids.size(), 10u);
  EXPECT_EQ(reply.done.finish, FinishReason::kLength);
}

TEST_F(EngineTest, LogprobsAreOfTheModelNotOfTheSampler) {
  Engine engine(*model_, Options());
  const auto run = [&](SamplingParams sampling) {
    Request request = Make(Prompt(0, 30), 1, sampling);
    request.top_logprobs = 5;
    return RunToCompletion(engine, std::move(request)).front();
  };
  const TokenEvent greedy = run({});
  const TokenEvent warm = run({.temperature = 2.0f, .presence_penalty = 1.0f, .seed = 3});
  ASSERT_EQ(greedy.top.size(), 5u);
  EXPECT_EQ(greedy.top[0].id, greedy.id);
  EXPECT_FLOAT_EQ(*greedy.logprob, greedy.top[0].logprob);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(greedy.top[i].id, warm.top[i].id);
    EXPECT_FLOAT_EQ(greedy.top[i].logprob, warm.top[i].logprob);
  }
}

TEST_F(EngineTest, CancelEndsARunningAndAWaitingRequest) {
  EngineOptions options = Options();
  options.max_sequences = 1;
  Engine engine(*model_, options);
  Collector collector;
  const auto running = collector.Submit(engine, Make(Prompt(0, 10), -1));
  const auto waiting = collector.Submit(engine, Make(Prompt(1, 10), -1));
  collector.WaitUntil([&] { return collector.EventCount(0) >= 3; });
  waiting->Cancel();
  collector.WaitUntil([&] { return collector.EventCount(1) == 1; });
  running->Cancel();
  collector.WaitForAll();
  EXPECT_EQ(collector.Take(0).done.finish, FinishReason::kCancelled);
  const Reply never_started = collector.Take(1);
  EXPECT_EQ(never_started.done.finish, FinishReason::kCancelled);
  EXPECT_TRUE(never_started.ids.empty());
  EXPECT_EQ(Reply(RunToCompletion(engine, Make(Prompt(0, 10), 3))).ids.size(), 3u);
}

TEST_F(EngineTest, ShutdownCancelsEverything) {
  Collector collector;
  {
    Engine engine(*model_, Options());
    for (std::size_t i = 0; i < 4; ++i) collector.Submit(engine, Make(Prompt(i, 10), -1));
    collector.WaitUntil([&] { return collector.EventCount(0) >= 1; });
  }
  for (std::size_t i = 0; i < 4; ++i) {
    const FinishReason finish = collector.Take(i).done.finish;
    EXPECT_TRUE(finish == FinishReason::kCancelled || finish == FinishReason::kLength);
  }
}

TEST_F(EngineTest, BadRequestsAreRefusedAtOnce) {
  EngineOptions options = Options();
  options.context_length = 40;
  Engine engine(*model_, options);
  const auto refusal = [&](Request request) -> std::string {
    try {
      engine.Submit(std::move(request), [](TokenEvent&&) {});
    } catch (const Error& error) {
      return std::string(ErrorCodeName(error.code())) + ": " + error.message();
    }
    return "accepted";
  };
  EXPECT_THAT(refusal(Make({}, 5)), HasSubstr("invalid_argument: the prompt is empty"));
  EXPECT_THAT(refusal(Make({-1}, 5)), HasSubstr("outside the vocabulary"));
  EXPECT_THAT(refusal(Make({1 << 30}, 5)), HasSubstr("outside the vocabulary"));
  EXPECT_THAT(refusal(Make(Prompt(0, 41), 5)),
              HasSubstr("context_overflow: the prompt has 41 tokens, the context holds 40"));
  EXPECT_THAT(refusal(Make({1}, 5, {.temperature = -1})), HasSubstr("temperature"));
}

TEST_F(EngineTest, ImpossibleOptionsAreRefused) {
  EngineOptions longer = Options();
  longer.context_length = model_->spec().context_length + 1;
  EXPECT_THROW(Engine(*model_, longer), Error);
  EngineOptions tiny = Options();
  tiny.cache_bytes = 1;
  EXPECT_THROW(Engine(*model_, tiny), Error);
  EngineOptions huge = Options();
  huge.cache_bytes = int64_t{1} << 60;
  EXPECT_THROW(Engine(*model_, huge), Error);
}

TEST_F(EngineTest, StatsAddUp) {
  Engine engine(*model_, Options());
  RunToCompletion(engine, Make(Prompt(0, 64), 10));
  RunToCompletion(engine, Make(Prompt(0, 64), 10));
  const EngineStats stats = StatsWhenIdle(engine);
  EXPECT_EQ(stats.generated_tokens, 20);
  EXPECT_EQ(stats.prompt_tokens, 65);
  EXPECT_EQ(stats.cached_tokens, 63);
  EXPECT_EQ(stats.running, 0);
  EXPECT_EQ(stats.pages_used, 0);
  EXPECT_GT(stats.pages_cached, 0);
}

// ---- What fails ---------------------------------------------------------------------------------

// Writes id 1 for ever, in a long context; some of its steps throw.
class FaultyModel : public Model {
 public:
  static constexpr int32_t kBadToken = 7;  // a step that evaluates it fails

  explicit FaultyModel(std::exception_ptr fault) : fault_(std::move(fault)) {
    spec_.architecture = "faulty";
    spec_.vocabulary = 8;
    spec_.layers = 1;
    spec_.hidden = 1;
    spec_.context_length = 20000;
  }
  const ModelSpec& spec() const override { return spec_; }
  CacheLayout cache_layout(CacheType) const override { return {64}; }
  std::size_t ScratchBytes(int64_t, int64_t, int) const override { return 64; }
  void Forward(ExecContext&, const StepBatch& batch, float* logits) const override {
    // The exception was made before: nothing is allocated here.
    if (std::count(batch.tokens.begin(), batch.tokens.end(), kBadToken) > 0) {
      std::rethrow_exception(fault_);
    }
    for (std::size_t row = 0; row < batch.logit_rows.size(); ++row) {
      for (int32_t id = 0; id < 8; ++id) *logits++ = id == 1 ? 5.0f : 0.0f;
    }
  }
  std::vector<NamedLinear> Linears(const ModelFile&) const override { return {}; }

 private:
  std::exception_ptr fault_;
  ModelSpec spec_;
};

class FaultyEngine : public ::testing::Test {
 protected:
  static EngineOptions Options() {
    return {.kernels = &ReferenceKernels(), .threads = 1, .cache_bytes = 4 << 20};
  }
  static Request Make(std::vector<int32_t> prompt, int64_t max_tokens) {
    Request request;
    request.prompt = std::move(prompt);
    request.max_tokens = max_tokens;
    return request;
  }
  // The last event; keeps nothing of the others, so that it allocates nothing.
  static TokenEvent Run(Engine& engine, Request request) {
    std::promise<TokenEvent> done;
    engine.Submit(std::move(request), [&done](TokenEvent&& event) {
      if (event.kind == TokenEvent::Kind::kDone) done.set_value(std::move(event));
    });
    return done.get_future().get();
  }
  static void ExpectServes(Engine& engine) {
    const TokenEvent done = Run(engine, Make({1, 2, 3}, 5));
    EXPECT_EQ(done.finish, FinishReason::kLength);
    EXPECT_EQ(done.usage.completion_tokens, 5);
    for (int i = 0; i < 1000 && engine.stats().running > 0; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(engine.stats().running, 0);
    EXPECT_EQ(engine.stats().waiting, 0);
    EXPECT_EQ(engine.stats().pages_used, 0);
  }
};

TEST_F(FaultyEngine, AStepThatThrowsFailsItsRequestsAlone) {
  const struct {
    std::exception_ptr fault;
    ErrorCode code;
    const char* message;
  } cases[] = {
      {std::make_exception_ptr(Error(ErrorCode::kIo, "the disk is gone")), ErrorCode::kIo,
       "the disk is gone"},
      {std::make_exception_ptr(std::bad_alloc()), ErrorCode::kOutOfMemory, "not enough memory"},
      {std::make_exception_ptr(std::runtime_error("odd")), ErrorCode::kInternal, "odd"},
      {std::make_exception_ptr(1), ErrorCode::kInternal, "unknown"},
  };
  for (const auto& [fault, code, message] : cases) {
    const FaultyModel model(fault);
    Engine engine(model, Options());
    const TokenEvent done = Run(engine, Make({1, 2, FaultyModel::kBadToken}, 5));
    EXPECT_EQ(done.finish, FinishReason::kError);
    ASSERT_TRUE(done.error.has_value());
    EXPECT_EQ(done.error->code(), code);
    EXPECT_THAT(done.error->message(), HasSubstr(message));
    EXPECT_EQ(done.usage.prompt_tokens, 3);
    ExpectServes(engine);
  }
}

// A step that fails takes what is in it, not what runs beside it, and what was evaluated before
// stays good.
TEST_F(FaultyEngine, OthersGoOnAfterAFailedStep) {
  const FaultyModel model(std::make_exception_ptr(Error(ErrorCode::kIo, "the disk is gone")));
  EngineOptions options = Options();
  options.max_step_tokens = 64;
  options.max_sequences = 2;
  Engine engine(model, options);
  std::vector<int32_t> prompt(200, 2);
  prompt[199] = FaultyModel::kBadToken;  // in the fourth step of the prompt
  EXPECT_EQ(Run(engine, Make(prompt, 5)).finish, FinishReason::kError);
  prompt[199] = 3;
  const TokenEvent again = Run(engine, Make(prompt, 5));
  EXPECT_EQ(again.finish, FinishReason::kLength);
  EXPECT_EQ(again.usage.cached_tokens, 192);
  // One that waits behind failing ones comes through.
  std::vector<std::thread> callers;
  std::atomic<int> failed = 0;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      const TokenEvent done = Run(engine, Make({FaultyModel::kBadToken}, 5));
      failed += done.finish == FinishReason::kError ? 1 : 0;
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(failed, 4);
  ExpectServes(engine);
}

TEST_F(FaultyEngine, ARequestThereIsNoMemoryForFailsAlone) {
  const FaultyModel model(nullptr);
  Engine engine(model, Options());
  const auto expect_failure = [&](std::size_t failing, Request request, int64_t generated) {
    if (!FailAllocationsFrom(failing)) GTEST_SKIP() << "another allocator hook is active";
    const TokenEvent done = Run(engine, std::move(request));
    FailAllocationsFrom(0);
    EXPECT_EQ(done.finish, FinishReason::kError);
    ASSERT_TRUE(done.error.has_value());
    EXPECT_EQ(done.error->code(), ErrorCode::kOutOfMemory);
    EXPECT_EQ(done.usage.prompt_tokens, 100);
    EXPECT_EQ(done.usage.completion_tokens, generated);
    ExpectServes(engine);
  };
  const std::vector<int32_t> prompt(100, 2);
  // Admission: the tokens' room (4096 of 4 bytes), and the cache's own books.
  expect_failure(16000, Make(prompt, -1), 0);
  Request keyed = Make(prompt, 1);
  keyed.cache_key = std::string(100000, 'k');
  expect_failure(100000, std::move(keyed), 0);
  // While it runs: the first room is full, and 32 KB more are wanted.
  expect_failure(20000, Make(prompt, -1), 4096);
}

// A long limit takes no memory until the reply is long.
TEST_F(FaultyEngine, ALongReplyGrowsBetweenSteps) {
  TakeForbiddenAllocations();
  const FaultyModel model(nullptr);
  Engine engine(model, Options());
  EXPECT_EQ(Run(engine, Make({1, 2, 3}, -1)).usage.completion_tokens, 20000 - 3);
  EXPECT_EQ(TakeForbiddenAllocations().value_or(0), 0);
}

class ThrowingGuide : public TokenGuide {
 public:
  GuideDecision Observe(int32_t) override {
    if (++seen_ == 3) throw std::bad_alloc();
    return {};
  }

 private:
  int seen_ = 0;
};

TEST_F(FaultyEngine, WhatAGuideOrASinkThrowsEndsItsRequest) {
  const FaultyModel model(nullptr);
  Engine engine(model, Options());
  Request guided = Make({1, 2}, 50);
  guided.guide = std::make_unique<ThrowingGuide>();
  const TokenEvent done = Run(engine, std::move(guided));
  EXPECT_EQ(done.finish, FinishReason::kError);
  EXPECT_EQ(done.usage.completion_tokens, 3);
  std::promise<FinishReason> finish;
  engine.Submit(Make({1, 2}, 50), [&](TokenEvent&& event) {
    if (event.kind != TokenEvent::Kind::kDone) throw std::bad_alloc();
    finish.set_value(event.finish);
    throw std::bad_alloc();
  });
  EXPECT_EQ(finish.get_future().get(), FinishReason::kError);
  ExpectServes(engine);
}

// ---- Allocations --------------------------------------------------------------------------------

TEST_F(EngineTest, DecodingAllocatesNothing) {
  TakeForbiddenAllocations();
  for (const KernelTable* kernels : AvailableKernels()) {
    Engine engine(*model_, Options(*kernels));
    Collector collector;
    for (std::size_t i = 0; i < 4; ++i) {
      collector.Submit(engine, Make(Prompt(i, 30), 60, {.temperature = 0.8f, .top_p = 0.9f}));
    }
    collector.WaitForAll();
    // Several owners in a cache too small for all: pages are evicted, owners forgotten, sequences
    // set aside and admitted again.
    EngineOptions options = Options(*kernels);
    options.context_length = 128;
    options.cache_type = CacheType::kF32;
    options.cache_bytes = 7 * model_->cache_layout(CacheType::kF32).page_bytes;
    Engine small(*model_, options);
    Collector crowd;
    for (std::size_t i = 0; i < 24; ++i) {
      Request request = Make(Prompt(i, 25), 70);
      request.cache_key = "owner " + std::to_string(i);
      crowd.Submit(small, std::move(request));
    }
    crowd.WaitForAll();
  }
  const std::optional<int64_t> found = TakeForbiddenAllocations();
  if (!found) GTEST_SKIP() << "another allocator hook is active in this build";
  EXPECT_EQ(*found, 0);
  {  // The hook works: an allocation inside a scope is seen.
    const NoAllocationScope guard;
    ::operator delete(::operator new(8));
  }
  EXPECT_EQ(TakeForbiddenAllocations(), 1);
}

struct BrokenWeight {
  const char* golden;
  const char* tensor;
  int64_t row;
};

// Of each kind of layer and format: one value that is no number.
TEST(BrokenWeights, EndInAnErrorNotInText) {
  const std::vector<int32_t> prompt = {5, 9, 3, 7, 11, 2, 40, 8};
  for (const BrokenWeight& broken : {
           BrokenWeight{"llama_gqa.gguf", "blk.0.ffn_down.weight", 0},
           BrokenWeight{"llama_gqa.gguf", "blk.1.attn_q.weight", 0},
           BrokenWeight{"llama_gqa.gguf", "token_embd.weight", prompt.back()},
           BrokenWeight{"llama_gqa.gguf", "token_embd.weight", prompt.front()},  // from the cache
           BrokenWeight{"deepseek_v3.split.gguf", "token_embd.weight", prompt.front()},
           BrokenWeight{"deepseek_v3.split.gguf", "blk.1.attn_output.weight", 3},
           BrokenWeight{"deepseek_v3", "model.layers.1.self_attn.o_proj.weight", 0},
           BrokenWeight{"deepseek_fp8", "model.layers.0.mlp.down_proj.weight", 1},
           BrokenWeight{"deepseek_v3", "model.layers.1.mlp.gate.weight", 0},
           BrokenWeight{"deepseek_v3", "model.layers.1.mlp.gate.weight", 7},
           BrokenWeight{"deepseek_v2", "model.layers.1.mlp.gate.weight", 7},
       }) {
    for (const KernelTable* kernels : AvailableKernels()) {
      SCOPED_TRACE(std::string(broken.tensor) + " " + std::string(kernels->name));
      AlteredFile altered(broken.golden);
      TensorView& view = altered.Tensor(broken.tensor).view;
      std::vector<std::byte> data(view.data, view.data + view.bytes());
      const auto bits = view.format == Format::kF32 ? 0x7fc00000U : 0x7f7f7f7fU;  // F8: its NaN
      const uint32_t nan =
          view.format == Format::kF16 || view.format == Format::kBF16 ? 0x7fff7fffU : bits;
      std::memcpy(data.data() + broken.row * view.row_bytes(), &nan, sizeof nan);
      view.data = data.data();
      const ModelFile file = altered.Open();
      const std::unique_ptr<Model> model = BindModel(file);
      Engine engine(
          *model,
          {.kernels = kernels, .threads = 2, .context_length = 64, .model_name = "some-model"});
      for (const bool scoring : {false, true}) {
        Request request;
        request.prompt = prompt;
        request.max_tokens = 4;
        request.score_prompt = scoring;
        const Reply reply(RunToCompletion(engine, std::move(request)));
        EXPECT_TRUE(reply.ids.empty());
        EXPECT_EQ(reply.done.finish, FinishReason::kError);
        ASSERT_TRUE(reply.done.error.has_value());
        EXPECT_EQ(reply.done.error->code(), ErrorCode::kInvalidFile);
        EXPECT_THAT(reply.done.error->message(),
                    HasSubstr("some-model: the model computes numbers that are not finite"));
      }
    }
  }
}

}  // namespace
}  // namespace fathom
