#include "server/generation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "server/test_client.h"

namespace fathom {
namespace {

TEST(GenerationQueue, WakesOncePerBatchAndKeepsTheOrder) {
  GenerationQueue queue;
  queue.Push(0, {});
  int woken = 0;
  queue.Open([&] { ++woken; });
  EXPECT_EQ(woken, 1);  // for what came before
  queue.Push(1, {});
  EXPECT_EQ(woken, 1);
  const auto items = queue.Take(10);
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].reply, 0u);
  EXPECT_EQ(items[1].reply, 1u);
  queue.Push(2, {});
  EXPECT_EQ(woken, 2);
  queue.Close();
  queue.Push(3, {});
  EXPECT_EQ(woken, 2);
  EXPECT_TRUE(queue.Take(10).empty());
}

TEST(GenerationQueue, WhatIsLeftWakesAgain) {
  GenerationQueue queue;
  int woken = 0;
  queue.Open([&] { ++woken; });
  for (std::size_t i = 0; i < 5; ++i) queue.Push(i, {});
  EXPECT_EQ(woken, 1);
  std::vector<std::size_t> sizes;
  std::size_t next = 0;
  for (int wanted = 2; next < 5; ++wanted) {
    const auto items = queue.Take(2);
    ASSERT_FALSE(items.empty());
    sizes.push_back(items.size());
    for (const auto& item : items) EXPECT_EQ(item.reply, next++);
    EXPECT_EQ(woken, std::min(wanted, 3));
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{2, 2, 1}));
}

TEST(GenerationQueue, NothingIsWokenAfterClose) {
  for (int round = 0; round < 50; ++round) {
    auto queue = std::make_shared<GenerationQueue>();
    std::atomic<bool> closed = false;
    std::atomic<bool> late = false;
    std::atomic<bool> stop = false;
    queue->Open([&] { late = late || closed; });
    std::thread producer([&] {
      while (!stop) queue->Push(0, {});
    });
    queue->Take(10);
    queue->Close();
    closed = true;
    stop = true;
    producer.join();
    EXPECT_FALSE(late);
  }
}

Generation Generate(ChatService& chat, ApiKind kind, const std::string& body) {
  const CancelFlag never = false;
  return StartGeneration(chat, kind, body, never);
}

TEST(Generation, ErrorsAreValues) {
  ChatService chat(MakeFakeModel(), FakeEngineOptions());
  EXPECT_EQ(Generate(chat, ApiKind::kChat, "{").error->status(), 400);
  const std::string prompt(9000, 'x');
  EXPECT_EQ(Generate(chat, ApiKind::kCompletion, "{\"prompt\":\"" + prompt + "\"}").error->param(),
            "prompt");
  // An id that is not in the vocabulary fails the request, the echo included.
  EXPECT_EQ(
      Generate(chat, ApiKind::kCompletion, R"({"prompt":[5000],"echo":true})").error->status(),
      400);
}

TEST(Generation, DroppedOnesAreCancelled) {
  ChatService chat(MakeFakeModel({.context_length = 100000, .step_microseconds = 1000}),
                   FakeEngineOptions());
  {
    const Generation generation = Generate(chat, ApiKind::kChat, ChatBody(R"(,"n":3)"));
    ASSERT_FALSE(generation.error.has_value());
    EXPECT_EQ(generation.tickets.size(), 3u);
    ASSERT_TRUE(Eventually([&] { return chat.engine().stats().running == 3; }));
  }
  EXPECT_TRUE(Eventually([&] { return chat.engine().stats().running == 0; }));
}

TEST(Generation, OnesThatNobodyWaitsForEndWhileTheyArePrepared) {
  ChatService chat(MakeFakeModel({.context_length = 100000, .chat_template = kSlowChatMl}),
                   FakeEngineOptions());
  CancelFlag cancelled = true;
  Generation generation = StartGeneration(chat, ApiKind::kChat, ChatBody(), cancelled);
  ASSERT_TRUE(generation.error.has_value());
  EXPECT_THAT(generation.error->message(), testing::HasSubstr("cancelled"));
  EXPECT_TRUE(generation.tickets.empty());

  cancelled = false;
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    cancelled = true;
  });
  generation = StartGeneration(chat, ApiKind::kChat, SlowBody(), cancelled);
  canceller.join();
  ASSERT_TRUE(generation.error.has_value());
  EXPECT_THAT(generation.error->message(), testing::HasSubstr("cancelled"));
  EXPECT_EQ(chat.engine().stats().prompt_tokens, 0);
}

TEST(Generation, ClientsAreNotToldWhereTheTemplateIs) {
  FakeModelOptions options;
  options.chat_template = "a\n{{ raise_exception('no such talk') }}";
  options.chat_template_origin = "models/m.gguf: key tokenizer.chat_template";
  ChatService chat(MakeFakeModel(options), FakeEngineOptions());
  const Generation refused = Generate(chat, ApiKind::kChat, ChatBody());
  ASSERT_TRUE(refused.error.has_value());
  EXPECT_EQ(refused.error->status(), 400);
  EXPECT_EQ(refused.error->message(), "chat template, line 2: no such talk");
}

}  // namespace
}  // namespace fathom
