#include "chat/chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <mutex>

#include "chat/fake_model.h"

namespace fathom {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

EngineOptions OneThread() {
  EngineOptions options;
  options.threads = 1;
  options.cache_bytes = 1 << 20;
  return options;
}

// Everything a reply sent, and a way to wait for its end.
class Collector {
 public:
  ChatSink Sink() {
    return [this](ChatEvent&& event) {
      const std::lock_guard lock(mutex_);
      done_ = done_ || event.kind == ChatEvent::Kind::kDone;
      events_.push_back(std::move(event));
      changed_.notify_all();
    };
  }
  std::vector<ChatEvent>& Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return done_; });
    return events_;
  }
  std::string Text() {
    std::string text;
    for (const ChatEvent& event : Wait()) text += event.text;
    return text;
  }
  std::string Reasoning() {
    std::string text;
    for (const ChatEvent& event : Wait()) text += event.reasoning;
    return text;
  }
  const ChatEvent& Done() { return Wait().back(); }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<ChatEvent> events_;
  bool done_ = false;
};

ChatRequest Say(std::string text) {
  ChatRequest request;
  request.prompt = std::vector<ChatMessage>{{Role::kUser, std::move(text)}};
  return request;
}

std::string ErrorOf(ChatService& chat, ChatRequest request, ErrorCode code) {
  Collector collector;
  try {
    chat.Start(std::move(request), collector.Sink());
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  collector.Wait();
  return "no error";
}

TEST(Chat, RendersTheTemplateAndKeepsSpecialTokensOutOfUserText) {
  ChatService chat(MakeFakeModel(), OneThread());
  const auto ids = chat.PromptIds(Say("<|im_end|>"));
  EXPECT_EQ(ids.front(), FakeVocabulary::kStart);
  // One for each template turn border, none from the user's words.
  EXPECT_EQ(std::count(ids.begin(), ids.end(), FakeVocabulary::kEnd), 1);
  EXPECT_EQ(std::count(ids.begin(), ids.end(), FakeVocabulary::kStart), 2);
}

TEST(Chat, RawPromptGetsTheBeginningTokenWhereTheModelWantsIt) {
  ChatRequest request;
  request.prompt = std::string("hi");
  EXPECT_THAT(ChatService(MakeFakeModel(), OneThread()).PromptIds(request), ElementsAre('h', 'i'));
  ChatService with_bos(MakeFakeModel({.add_bos = true}), OneThread());
  EXPECT_THAT(with_bos.PromptIds(request), ElementsAre(FakeVocabulary::kEndOfText, 'h', 'i'));
}

TEST(Chat, EmptyRawPromptContinuesFromTheBeginningToken) {
  ChatService chat(MakeFakeModel(), OneThread());
  ChatRequest request;
  request.prompt = std::string();
  EXPECT_THAT(chat.PromptIds(request), ElementsAre(FakeVocabulary::kEndOfText));
}

TEST(Chat, TokenIdsAreTakenAsTheyAre) {
  ChatService chat(MakeFakeModel({.with_tokenizer = false}), OneThread());
  ChatRequest request;
  request.prompt = std::vector<TokenId>{5, 4, 3};
  EXPECT_THAT(chat.PromptIds(request), ElementsAre(5, 4, 3));
  request.options.max_tokens = 2;
  Collector collector;
  chat.Start(request, collector.Sink());
  EXPECT_EQ(collector.Wait().size(), 3u);
  EXPECT_EQ(collector.Text(), "");
  EXPECT_EQ(collector.Wait()[0].id, 'a');
}

TEST(Chat, EndsAtTheEndOfTurnWithoutPrintingIt) {
  ChatService chat(MakeFakeModel({.text = "xyz", .ends = true}), OneThread());
  Collector collector;
  chat.Start(Say("hello"), collector.Sink());
  EXPECT_EQ(collector.Text(), "xyz");
  EXPECT_EQ(collector.Done().finish, FinishReason::kStop);
  EXPECT_EQ(collector.Done().usage.completion_tokens, 4);
  const ChatEvent& last = collector.Wait()[3];
  EXPECT_TRUE(last.ends);
  EXPECT_EQ(last.id, FakeVocabulary::kEnd);
}

TEST(Chat, IgnoresTheEndOfTurnWhenAsked) {
  ChatService chat(MakeFakeModel({.text = "xyz", .ends = true}), OneThread());
  ChatRequest request = Say("hello");
  request.options.ignore_eos = true;
  request.options.max_tokens = 8;
  Collector collector;
  chat.Start(std::move(request), collector.Sink());
  EXPECT_EQ(collector.Text(), "xyzxyz");  // the two ends print nothing
  EXPECT_EQ(collector.Done().finish, FinishReason::kLength);
}

TEST(Chat, StopStringAcrossTokensEndsTheReplyAtItsToken) {
  ChatService chat(MakeFakeModel(), OneThread());
  ChatRequest request = Say("hello");
  request.options.stop = {"nothing", "efg"};
  Collector collector;
  chat.Start(std::move(request), collector.Sink());
  EXPECT_EQ(collector.Text(), "abcd");
  EXPECT_EQ(collector.Done().finish, FinishReason::kStop);
  EXPECT_EQ(collector.Done().usage.completion_tokens, 7);  // a to g, and not one more
}

TEST(Chat, TextHeldBackForAStopStringComesAtTheEnd) {
  ChatService chat(MakeFakeModel(), OneThread());
  ChatRequest request = Say("hello");
  request.options.stop = {"cdX"};
  request.options.max_tokens = 4;
  Collector collector;
  chat.Start(std::move(request), collector.Sink());
  EXPECT_EQ(collector.Text(), "abcd");
  EXPECT_EQ(collector.Done().text, "cd");
  EXPECT_EQ(collector.Done().finish, FinishReason::kLength);
}

TEST(Chat, CharactersOfSeveralTokensComeWhole) {
  ChatService chat(MakeFakeModel({.text = "\xF0\x9F\x98\x80"}), OneThread());
  ChatRequest request = Say("hello");
  request.options.max_tokens = 6;  // one and a half
  Collector collector;
  chat.Start(std::move(request), collector.Sink());
  const auto& events = collector.Wait();
  EXPECT_EQ(events[0].text, "");
  EXPECT_EQ(events[3].text, "\xF0\x9F\x98\x80");
  EXPECT_EQ(collector.Done().text, "\xEF\xBF\xBD");  // the cut one
}

TEST(Chat, SeedDeterminesTheReplyAndIsReported) {
  ChatService chat(MakeFakeModel(), OneThread());
  const auto run = [&](std::optional<uint64_t> seed) {
    ChatRequest request = Say("hello");
    request.options.sampling.temperature = 1.5f;
    request.options.max_tokens = 40;
    request.options.has_seed = seed.has_value();
    request.options.sampling.seed = seed.value_or(7);
    Collector collector;
    chat.Start(std::move(request), collector.Sink());
    return std::pair(collector.Text(), collector.Done().seed);
  };
  const auto first = run(7);
  EXPECT_EQ(first.second, 7u);
  EXPECT_EQ(run(7).first, first.first);
  EXPECT_NE(run(8).first, first.first);
  const auto random = run(std::nullopt);
  EXPECT_NE(random.second, 7u);
  EXPECT_LT(random.second, uint64_t{1} << 53);
  EXPECT_EQ(run(random.second).first, random.first);
}

TEST(Chat, LogprobsCarryTextAndBytes) {
  ChatService chat(MakeFakeModel(), OneThread());
  ChatRequest request = Say("hello");
  request.options.top_logprobs = 2;
  request.options.max_tokens = 1;
  Collector collector;
  chat.Start(std::move(request), collector.Sink());
  const ChatEvent& event = collector.Wait()[0];
  ASSERT_TRUE(event.logprob.has_value());
  EXPECT_EQ(event.logprob->token, "a");
  EXPECT_EQ(event.logprob->bytes, "a");
  EXPECT_LT(event.logprob->logprob, 0.0f);
  ASSERT_EQ(event.logprob->top.size(), 2u);
  EXPECT_EQ(event.logprob->top[0].token, "a");
  EXPECT_FLOAT_EQ(event.logprob->top[0].logprob, event.logprob->logprob);
  EXPECT_LT(event.logprob->top[1].logprob, event.logprob->logprob);
}

TEST(Chat, LogprobOfAPartOfACharacterKeepsItsBytes) {
  ChatService chat(MakeFakeModel({.text = "\xC3\xA9"}), OneThread());
  ChatRequest request = Say("hello");
  request.options.top_logprobs = 0;
  request.options.max_tokens = 1;
  Collector collector;
  chat.Start(std::move(request), collector.Sink());
  EXPECT_EQ(collector.Wait()[0].logprob->token, "\xEF\xBF\xBD");
  EXPECT_EQ(collector.Wait()[0].logprob->bytes, "\xC3");
}

TEST(Chat, ScoresThePromptWhenAsked) {
  ChatService chat(MakeFakeModel(), OneThread());
  ChatRequest request;
  request.prompt = std::string("abd");
  request.options.score_prompt = true;
  request.options.top_logprobs = 1;
  request.options.max_tokens = 0;
  Collector collector;
  chat.Start(std::move(request), collector.Sink());
  const auto& events = collector.Wait();
  ASSERT_EQ(events.size(), 4u);
  EXPECT_EQ(events[0].kind, ChatEvent::Kind::kPrompt);
  EXPECT_FALSE(events[0].scored);
  EXPECT_TRUE(events[1].scored);
  EXPECT_EQ(events[1].logprob->token, "b");
  EXPECT_EQ(events[2].logprob->top[0].token, "c");
  EXPECT_LT(events[2].logprob->logprob, events[2].logprob->top[0].logprob);
}

TEST(Chat, CancelEndsTheReply) {
  ChatService chat(MakeFakeModel({.step_microseconds = 1000}), OneThread());
  Collector collector;
  auto ticket = chat.Start(Say("hello"), collector.Sink());
  ticket->Cancel();
  EXPECT_EQ(collector.Done().finish, FinishReason::kCancelled);
}

TEST(Chat, RefusesAConversationWithoutMessages) {
  ChatService chat(MakeFakeModel(), OneThread());
  ChatRequest request;
  request.prompt = std::vector<ChatMessage>{};
  EXPECT_THAT(ErrorOf(chat, request, ErrorCode::kInvalidArgument), HasSubstr("no messages"));
}

TEST(Chat, RefusesTextForAModelWithoutTokenizerOrTemplate) {
  ChatService bare(MakeFakeModel({.with_tokenizer = false}), OneThread());
  EXPECT_THAT(ErrorOf(bare, Say("x"), ErrorCode::kUnsupported), HasSubstr("no tokenizer"));
  ChatRequest ids;
  ids.prompt = std::vector<TokenId>{1};
  ids.options.stop = {"x"};
  EXPECT_THAT(ErrorOf(bare, ids, ErrorCode::kUnsupported), HasSubstr("a stop string"));
  ChatService no_template(MakeFakeModel({.with_template = false}), OneThread());
  EXPECT_THAT(ErrorOf(no_template, Say("x"), ErrorCode::kUnsupported), HasSubstr("chat template"));
}

TEST(Chat, PromptLongerThanTheContextNamesBothLengths) {
  ChatService chat(MakeFakeModel({.context_length = 64}), OneThread());
  const std::string message =
      ErrorOf(chat, Say(std::string(100, 'x')), ErrorCode::kContextOverflow);
  EXPECT_THAT(message, HasSubstr("64"));
  EXPECT_THAT(message,
              HasSubstr(std::to_string(chat.PromptIds(Say(std::string(100, 'x'))).size())));
}

TEST(Chat, PromptThatCannotFitIsRefusedBeforeItIsEncoded) {
  ChatService chat(MakeFakeModel({.context_length = 64}), OneThread());
  const std::string message =
      ErrorOf(chat, Say(std::string(8 << 20, 'x')), ErrorCode::kContextOverflow);
  EXPECT_THAT(message, HasSubstr("at least"));
  EXPECT_THAT(message, HasSubstr("64"));
}

TEST(Chat, AConversationThatCannotFitIsRefusedBeforeItIsRendered) {
  ChatService chat(MakeFakeModel({.context_length = 64}), OneThread());
  ChatRequest request;
  request.prompt = std::vector<ChatMessage>(100, ChatMessage{Role::kUser, ""});
  const std::string message = ErrorOf(chat, request, ErrorCode::kContextOverflow);
  EXPECT_THAT(message, HasSubstr("at least 100 tokens"));
  EXPECT_THAT(message, HasSubstr("64"));
  // What the template leaves out is no reason to refuse it.
  FakeModelOptions short_memory;
  short_memory.context_length = 64;
  short_memory.chat_template =
      "{% for message in messages[-2:] %}{{ '<|im_start|>' + message.content }}{% endfor %}";
  ChatService forgetful(MakeFakeModel(short_memory), OneThread());
  EXPECT_EQ(ErrorOf(forgetful, request, ErrorCode::kContextOverflow), "no error");
}

TEST(Chat, PreparingEndsWhenNobodyWaitsForIt) {
  ChatService chat(MakeFakeModel(), OneThread());
  const CancelFlag cancelled = true;
  ChatRequest text;
  text.prompt = "hello";
  for (const ChatRequest& request : {Say("hello"), text}) {
    Collector collector;
    EXPECT_THROW(chat.Start(request, collector.Sink(), &cancelled), Error);
  }
}

// ---- Thinking ----------------------------------------------------------------------------------

constexpr int32_t kThink = FakeVocabulary::kThink, kThinkEnd = FakeVocabulary::kThinkEnd;

TEST(ChatThinking, BeginsAsTheTemplateLeavesIt) {
  ChatService chat(MakeFakeModel({.chain = {'a', 'b', kThinkEnd, ' ', 'x', 'y'},
                                  .ends = true,
                                  .knows_think = true,
                                  .opens_think = true}),
                   OneThread());
  EXPECT_TRUE(chat.thinks());
  ChatRequest request = Say("hello");
  request.options.stop = {"b"};  // of the answer, which has none
  Collector collector;
  chat.Start(std::move(request), collector.Sink());
  EXPECT_EQ(collector.Reasoning(), "ab");
  EXPECT_EQ(collector.Text(), "xy");
  EXPECT_EQ(collector.Done().reasoning_tokens, 3);
  EXPECT_EQ(collector.Done().usage.completion_tokens, 7);
  EXPECT_TRUE(collector.Wait()[2].is_reasoning);
  EXPECT_FALSE(collector.Wait()[3].is_reasoning);
}

TEST(ChatThinking, TheReplyMayOpenItItself) {
  ChatService chat(
      MakeFakeModel({.chain = {kThink, 'a', kThinkEnd, 'x'}, .ends = true, .knows_think = true}),
      OneThread());
  Collector collector;
  chat.Start(Say("hello"), collector.Sink());
  EXPECT_EQ(collector.Reasoning(), "a");
  EXPECT_EQ(collector.Text(), "x");
}

TEST(ChatThinking, OnlyConversationsAreSeparated) {
  ChatService chat(
      MakeFakeModel({.chain = {kThink, 'a', kThinkEnd, 'x'}, .ends = true, .knows_think = true}),
      OneThread());
  ChatRequest request;
  request.prompt = std::string("hello");
  Collector collector;
  chat.Start(std::move(request), collector.Sink());
  EXPECT_EQ(collector.Text(), "<think>a</think>x");
  EXPECT_EQ(collector.Reasoning(), "");
}

TEST(ChatThinking, SwitchedOffThePromptIsClosed) {
  ChatService chat(MakeFakeModel({.knows_think = true, .opens_think = true}), OneThread());
  ChatRequest request = Say("hello");
  request.options.max_tokens = 3;
  const auto open = chat.PromptIds(request);
  request.options.thinking = false;
  auto expected = open;
  for (const int32_t id : {int32_t{'\n'}, kThinkEnd, int32_t{'\n'}, int32_t{'\n'}}) {
    expected.push_back(id);
  }
  EXPECT_EQ(chat.PromptIds(request), expected);
  ChatRequest no_budget = Say("hello");
  no_budget.options.thinking_budget = 0;
  EXPECT_EQ(chat.PromptIds(no_budget), expected);
  Collector collector;
  chat.Start(std::move(request), collector.Sink());
  EXPECT_EQ(collector.Text(), "abc");
  EXPECT_EQ(collector.Reasoning(), "");
  EXPECT_EQ(collector.Done().reasoning_tokens, 0);
}

TEST(ChatThinking, SwitchedOnThePromptIsOpened) {
  ChatService chat(MakeFakeModel({.knows_think = true}), OneThread());
  ChatRequest request = Say("hello");
  auto expected = chat.PromptIds(request);
  expected.push_back(kThink);
  expected.push_back('\n');
  request.options.thinking = true;
  EXPECT_EQ(chat.PromptIds(request), expected);
  // A model that does not think has no use for it.
  ChatService plain(MakeFakeModel(), OneThread());
  EXPECT_FALSE(plain.thinks());
  EXPECT_EQ(plain.PromptIds(request), plain.PromptIds(Say("hello")));
}

TEST(ChatThinking, SwitchedOffWhatTheReplyOpensIsClosedAtOnce) {
  ChatService chat(MakeFakeModel({.chain = {kThink, 'a', 'b', 'c', 'd'}, .knows_think = true}),
                   OneThread());
  ChatRequest request = Say("hello");
  request.options.thinking = false;
  request.options.max_tokens = 6;
  Collector collector;
  chat.Start(std::move(request), collector.Sink());
  EXPECT_EQ(collector.Reasoning(), "");
  // <think>, then the closing of four ids, then what the model says to a line break.
  EXPECT_EQ(collector.Done().usage.completion_tokens, 6);
  EXPECT_EQ(collector.Wait()[2].id, kThinkEnd);
}

TEST(ChatThinking, TheBudgetClosesAtItsExactToken) {
  ChatService chat(MakeFakeModel({.knows_think = true, .opens_think = true}), OneThread());
  const auto run = [&](int64_t budget) {
    ChatRequest request = Say("hello");
    request.options.thinking_budget = budget;
    request.options.max_tokens = budget + 4 + 5;
    request.options.top_logprobs = 1;
    return request;
  };
  for (const int64_t budget : {1, 3, 20}) {
    Collector collector;
    chat.Start(run(budget), collector.Sink());
    const std::string alphabet = "abcdefghijklmnopqrstuvwxyz";
    EXPECT_EQ(collector.Reasoning(), alphabet.substr(0, static_cast<std::size_t>(budget)));
    EXPECT_EQ(collector.Text(), "abcde");
    // "\n" and the tag belong to the reasoning.
    EXPECT_EQ(collector.Done().reasoning_tokens, budget + 2);
    EXPECT_EQ(collector.Done().usage.completion_tokens, budget + 9);
    const auto& events = collector.Wait();
    EXPECT_EQ(events[static_cast<std::size_t>(budget) + 1].id, kThinkEnd);
    // The model itself would not have said it.
    EXPECT_LT(events[static_cast<std::size_t>(budget) + 1].logprob->logprob,
              events[static_cast<std::size_t>(budget) + 1].logprob->top[0].logprob);
  }
}

TEST(ChatThinking, BudgetsOfManyTogetherAreThoseOfEachAlone) {
  ChatService chat(MakeFakeModel({.knows_think = true, .opens_think = true}), OneThread());
  const auto request = [&](int64_t budget) {
    ChatRequest one = Say("hello " + std::to_string(budget));
    one.options.thinking_budget = budget;
    one.options.sampling.temperature = 1.2f;
    one.options.has_seed = true;
    one.options.sampling.seed = 5;
    one.options.max_tokens = 40;
    return one;
  };
  std::vector<std::string> alone;
  for (int64_t budget = 1; budget <= 8; ++budget) {
    Collector collector;
    chat.Start(request(budget), collector.Sink());
    alone.push_back(collector.Reasoning() + "|" + collector.Text());
  }
  std::vector<Collector> together(8);
  for (int64_t budget = 1; budget <= 8; ++budget) {
    chat.Start(request(budget), together[static_cast<std::size_t>(budget - 1)].Sink());
  }
  for (std::size_t i = 0; i < together.size(); ++i) {
    EXPECT_EQ(together[i].Reasoning() + "|" + together[i].Text(), alone[i]);
  }
}

// R1's first template: it drops what replies thought, and does not open <think>.
TEST(ChatThinking, IsOpenedWhereR1sTemplateLeavesItOut) {
  LoadedModel model = MakeFakeModel({.knows_think = true});
  model.chat_template = std::make_unique<ChatTemplate>(
      "{% for m in messages %}{% if m.role == 'user' %}U:{{ m.content }}{% else %}"
      "A:{{ m.content.split('</think>')[-1] }}{% endif %}{% endfor %}A:",
      TemplateTokens{}, LocalTime);
  ChatService chat(std::move(model), EngineOptions{});
  const auto ask = [](std::optional<bool> thinking, int64_t budget = -1) {
    ChatRequest request;
    request.prompt = std::vector<ChatMessage>{{.role = Role::kUser, .content = "q"}};
    request.options.thinking = thinking;
    request.options.thinking_budget = budget;
    request.options.max_tokens = 3;
    return request;
  };
  const auto prompt = [&](std::optional<bool> thinking, int64_t budget = -1) {
    return chat.model().tokenizer->Decode(chat.PromptIds(ask(thinking, budget)));
  };
  EXPECT_EQ(prompt(std::nullopt), "U:qA:<think>\n");
  EXPECT_EQ(prompt(true), "U:qA:<think>\n");
  EXPECT_EQ(prompt(false), "U:qA:");
  EXPECT_EQ(prompt(std::nullopt, 0), "U:qA:");
  Collector collector;
  chat.Start(ask(std::nullopt), collector.Sink());
  EXPECT_EQ(collector.Reasoning(), "abc");
  EXPECT_EQ(collector.Text(), "");
}

// A template with a switch of its own is told what is wanted.
TEST(ChatThinking, ReachesTheTemplatesOwnSwitch) {
  LoadedModel model = MakeFakeModel({});
  model.chat_template = std::make_unique<ChatTemplate>(
      "{{ messages[0]['content'] }}{% if enable_thinking is defined %}"
      "{{ 'on' if enable_thinking else 'off' }}{% endif %}{{ thinking is defined }}",
      TemplateTokens{}, LocalTime);
  ChatService chat(std::move(model), EngineOptions{});
  const auto prompt = [&](std::optional<bool> thinking) {
    ChatRequest request;
    request.prompt = std::vector<ChatMessage>{{.role = Role::kUser, .content = "a"}};
    request.options.thinking = thinking;
    return chat.model().tokenizer->Decode(chat.PromptIds(request));
  };
  EXPECT_EQ(prompt(std::nullopt), "aFalse");
  EXPECT_EQ(prompt(true), "aonTrue");
  EXPECT_EQ(prompt(false), "aoffTrue");
}

// ---- Tools -------------------------------------------------------------------------------------

FakeModelOptions ToolCaller() {
  return {.chain = {'O', 'k', '.', FakeVocabulary::kToolCall, FakeVocabulary::kCallName,
                    FakeVocabulary::kCallPlace, FakeVocabulary::kToolEnd},
          .ends = true,
          .calls_tools = true};
}

ChatRequest AskWithTools() {
  ChatRequest request = Say("hello");
  request.options.tool_calls = true;
  request.tools = {{{"type", "function"}, {"function", {{"name", "get_weather"}}}}};
  return request;
}

TEST(ChatTools, CallsAreReadOutOfTheReply) {
  ChatService chat(MakeFakeModel(ToolCaller()), OneThread());
  ASSERT_TRUE(chat.calls_tools());
  Collector collector;
  chat.Start(AskWithTools(), collector.Sink());
  EXPECT_EQ(collector.Text(), "Ok.");
  std::vector<ToolCall> calls;
  for (const ChatEvent& event : collector.Wait()) {
    calls.insert(calls.end(), event.calls.begin(), event.calls.end());
  }
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].name, "get_weather");
  EXPECT_EQ(calls[0].arguments, R"({"place": "Köln"})");
  EXPECT_EQ(collector.Done().finish, FinishReason::kStop);
}

TEST(ChatTools, DefinitionsCallsAndResultsAreInThePrompt) {
  ChatService chat(MakeFakeModel(ToolCaller()), OneThread());
  ChatRequest request = AskWithTools();
  auto& messages = std::get<std::vector<ChatMessage>>(request.prompt);
  ChatMessage call{Role::kAssistant, ""};
  call.has_content = false;
  call.tool_calls = {{{"function", {{"name", "get_weather"}, {"arguments", R"({"b":1,"a":2})"}}}}};
  messages.push_back(call);
  messages.push_back({Role::kTool, "sunny"});
  EXPECT_EQ(
      chat.model().tokenizer->Decode(chat.PromptIds(request), true),
      "<|im_start|>system\n[{\"type\": \"function\", \"function\": {\"name\": \"get_weather\"}}]"
      "<|im_end|>\n<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n<tool_call>"
      "{\"name\": \"get_weather\", \"arguments\": {\"b\": 1, \"a\": 2}}</tool_call><|im_end|>\n"
      "<|im_start|>tool\nsunny<|im_end|>\n<|im_start|>assistant\n");
}

TEST(ChatTools, TemplatesWithoutThemCallNone) {
  EXPECT_FALSE(ChatService(MakeFakeModel(), OneThread()).calls_tools());
  EXPECT_FALSE(ChatService(MakeFakeModel({.with_tokenizer = false}), OneThread()).calls_tools());
}

}  // namespace
}  // namespace fathom
