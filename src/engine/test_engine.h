// For tests: a tiny model with its reference results, and what comes back of requests.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "base/json.h"
#include "engine/engine.h"
#include "formats/gguf.h"

namespace fathom {

inline const std::filesystem::path kGoldens =
    std::filesystem::path(FATHOM_SOURCE_DIR) / "tests/goldens/model";

// A tiny model with its reference results; the one golden every engine test runs on.
class EngineTest : public ::testing::Test {
 protected:
  EngineTest() : file_(OpenGguf(kGoldens / "llama_gqa.gguf")), model_(BindModel(file_)) {
    std::ifstream stream(kGoldens / "llama_gqa.json");
    std::stringstream text;
    text << stream.rdbuf();
    golden_ = ParseJson(text.str(), "golden");
    ids_ = golden_.at("ids").get<std::vector<int32_t>>();
  }

  std::vector<int32_t> Prompt(std::size_t from, std::size_t count) const {
    return {ids_.begin() + static_cast<std::ptrdiff_t>(from),
            ids_.begin() + static_cast<std::ptrdiff_t>(from + count)};
  }

  EngineOptions Options(const KernelTable& kernels = ReferenceKernels()) const {
    return {.kernels = &kernels, .threads = 2, .context_length = 256};
  }

  static Request Make(std::vector<int32_t> prompt, int64_t max_tokens,
                      SamplingParams sampling = {}) {
    Request request;
    request.prompt = std::move(prompt);
    request.max_tokens = max_tokens;
    request.sampling = sampling;
    return request;
  }

  ModelFile file_;
  std::unique_ptr<Model> model_;
  Json golden_;
  std::vector<int32_t> ids_;
};

// What came back of one request.
struct Reply {
  std::vector<int32_t> ids;
  std::vector<float> prompt_logprobs;
  TokenEvent done;

  explicit Reply(std::vector<TokenEvent> events) {
    EXPECT_FALSE(events.empty());
    for (TokenEvent& event : events) {
      if (event.kind == TokenEvent::Kind::kToken) ids.push_back(event.id);
      if (event.kind == TokenEvent::Kind::kPrompt && event.logprob) {
        prompt_logprobs.push_back(*event.logprob);
      }
    }
    EXPECT_EQ(events.back().kind, TokenEvent::Kind::kDone);
    done = std::move(events.back());
  }
};

// Collects the replies of many requests that run together.
class Collector {
 public:
  std::shared_ptr<Ticket> Submit(Engine& engine, Request request) {
    const std::size_t index = [&] {
      const std::lock_guard lock(mutex_);
      events_.emplace_back();
      return events_.size() - 1;
    }();
    return engine.Submit(std::move(request), [this, index](TokenEvent&& event) {
      const std::lock_guard lock(mutex_);
      if (event.kind == TokenEvent::Kind::kDone) ++done_;
      events_[index].push_back(std::move(event));
      changed_.notify_all();
    });
  }

  template <class Condition>
  void WaitUntil(Condition condition) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, std::chrono::seconds(60), condition));
  }
  void WaitForAll() {
    WaitUntil([&] { return done_ == events_.size(); });
  }
  std::size_t EventCount(std::size_t index) const { return events_[index].size(); }

  Reply Take(std::size_t index) {
    const std::lock_guard lock(mutex_);
    return Reply(std::move(events_[index]));
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::vector<TokenEvent>> events_;
  std::size_t done_ = 0;
};

// What an engine counted, once it has nothing to do: last events are sent just before the numbers
// are published.
inline EngineStats StatsWhenIdle(const Engine& engine) {
  for (int i = 0; i < 1000 && engine.stats().running > 0; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return engine.stats();
}

}  // namespace fathom
