#include "server/api_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fathom {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const ServedModel kTiny{.name = "tiny", .thinks = true};

ApiRequest Chat(const std::string& fields) {
  return ParseApiRequest(ApiKind::kChat,
                         R"({"messages":[{"role":"user","content":"hi"}])" + fields + "}", kTiny);
}
ApiRequest Completion(const std::string& fields) {
  return ParseApiRequest(ApiKind::kCompletion, R"({"prompt":"hi")" + fields + "}", kTiny);
}

struct Refusal {
  int status = 0;
  std::string param;
  std::string code;
  std::string message;
};
Refusal RefusalOf(ApiKind kind, const std::string& body) {
  try {
    ParseApiRequest(kind, body, kTiny);
  } catch (const Error& error) {
    const ApiError api = ToApiError(error);
    return {api.status(), api.param(), api.api_code(), api.what()};
  }
  return {};
}
Refusal RefusedMessages(const std::string& messages) {
  return RefusalOf(ApiKind::kChat, R"({"messages":)" + messages + "}");
}
Refusal RefusedField(const std::string& field) {
  return RefusalOf(ApiKind::kChat,
                   R"({"messages":[{"role":"user","content":"hi"}],)" + field + "}");
}
Refusal RefusedCompletion(const std::string& fields) {
  return RefusalOf(ApiKind::kCompletion, "{" + fields + "}");
}

const std::vector<ChatMessage>& MessagesOf(const ApiRequest& request) {
  return std::get<std::vector<ChatMessage>>(request.prompts.at(0).prompt);
}

// ---- What is accepted --------------------------------------------------------------------------

TEST(ChatRequestBody, MessagesOfEveryRoleAndShape) {
  const ApiRequest request = ParseApiRequest(ApiKind::kChat, R"({"messages":[
      {"role":"system","content":"s"}, {"role":"developer","content":"d"},
      {"role":"user","content":[{"type":"text","text":"a "},{"type":"text","text":"b"}]},
      {"role":"assistant","content":null}, {"role":"assistant"},
      {"role":"user","content":"","name":"joe"}]})",
                                             kTiny);
  const auto& messages = MessagesOf(request);
  ASSERT_EQ(messages.size(), 6u);
  EXPECT_EQ(messages[0].role, Role::kSystem);
  EXPECT_EQ(messages[1].role, Role::kSystem);
  EXPECT_EQ(messages[2].role, Role::kUser);
  EXPECT_EQ(messages[2].content, "a b");
  EXPECT_EQ(messages[3].role, Role::kAssistant);
  EXPECT_EQ(messages[3].content, "");
  EXPECT_EQ(messages[5].content, "");
}

TEST(ChatRequestBody, DefaultsAreThoseOfTheHeader) {
  const ApiRequest request = Chat("");
  const GenerationOptions& options = request.prompts[0].options;
  EXPECT_FLOAT_EQ(options.sampling.temperature, 0.6f);
  EXPECT_FLOAT_EQ(options.sampling.top_p, 0.95f);
  EXPECT_EQ(options.max_tokens, -1);
  EXPECT_FALSE(options.has_seed);
  EXPECT_FALSE(options.top_logprobs.has_value());
  EXPECT_FALSE(request.stream);
  EXPECT_EQ(request.choices, 1);
  EXPECT_EQ(request.prompts[0].cache_key, "");
  EXPECT_EQ(Completion("").prompts[0].options.max_tokens, 16);
}

TEST(ChatRequestBody, OwnTemperatureTurnsTheDefaultTopPOff) {
  const SamplingParams advised =
      ParseApiRequest(ApiKind::kChat, R"({"messages":[{"role":"user","content":"hi"}]})",
                      {.name = "tiny", .sampling = {.temperature = 0.25, .top_p = 0.5}})
          .prompts[0]
          .options.sampling;
  EXPECT_EQ(advised.temperature, 0.25f);
  EXPECT_EQ(advised.top_p, 0.5f);
  const ApiRequest request = Chat(R"(,"temperature":1)");
  EXPECT_FLOAT_EQ(request.prompts[0].options.sampling.top_p, 1.0f);
  EXPECT_FLOAT_EQ(Chat(R"(,"temperature":1,"top_p":0.5)").prompts[0].options.sampling.top_p, 0.5f);
}

TEST(ChatRequestBody, EveryOption) {
  const ApiRequest request = Chat(
      R"(,"temperature":0,"top_p":0.5,"top_k":40,"min_p":0.1,"repetition_penalty":1.1,
      "frequency_penalty":-2,"presence_penalty":2,"seed":-3,"stop":["a","","b"],"stream":true,
      "stream_options":{"include_usage":true},"logprobs":true,"top_logprobs":20,"n":8,
      "user_id":"joe","user":"x","max_tokens":5,"max_completion_tokens":7,"model":"tiny",
      "response_format":{"type":"text"},"tools":[],"unheard_of":{"a":1},"ignore_eos":true)");
  const GenerationOptions& options = request.prompts[0].options;
  EXPECT_EQ(options.sampling.temperature, 0.0f);
  EXPECT_EQ(options.sampling.top_k, 40);
  EXPECT_FLOAT_EQ(options.sampling.min_p, 0.1f);
  EXPECT_FLOAT_EQ(options.sampling.repetition_penalty, 1.1f);
  EXPECT_FLOAT_EQ(options.sampling.frequency_penalty, -2.0f);
  EXPECT_FLOAT_EQ(options.sampling.presence_penalty, 2.0f);
  EXPECT_TRUE(options.has_seed);
  EXPECT_EQ(options.sampling.seed, static_cast<uint64_t>(-3));
  EXPECT_TRUE(request.negative_seed);
  EXPECT_THAT(options.stop, ElementsAre("a", "b"));
  EXPECT_EQ(options.top_logprobs, 20);
  EXPECT_EQ(options.max_tokens, 7);
  EXPECT_TRUE(options.ignore_eos);
  EXPECT_TRUE(request.stream);
  EXPECT_TRUE(request.include_usage);
  EXPECT_EQ(request.replies(), 8u);
  EXPECT_EQ(request.prompts[0].cache_key, "joe");
}

TEST(ChatRequestBody, Thinking) {
  const auto options = [](const char* fields) { return Chat(fields).prompts[0].options; };
  EXPECT_FALSE(options("").thinking.has_value());
  EXPECT_EQ(options("").thinking_budget, -1);
  EXPECT_EQ(options(R"(,"thinking":{"type":"enabled"})").thinking, true);
  EXPECT_EQ(options(R"(,"thinking":{"type":"disabled"})").thinking, false);
  EXPECT_FALSE(options(R"(,"thinking":{"type":"adaptive"})").thinking.has_value());
  EXPECT_EQ(options(R"(,"chat_template_kwargs":{"enable_thinking":false})").thinking, false);
  EXPECT_EQ(options(R"(,"chat_template_kwargs":{"thinking":true})").thinking, true);
  EXPECT_EQ(options(R"(,"thinking_budget":0)").thinking_budget, 0);
  EXPECT_EQ(RefusedField(R"("thinking":{"type":"hard"})").param, "thinking.type");
  EXPECT_EQ(RefusedField(R"("thinking":{})").param, "thinking.type");
  EXPECT_EQ(RefusedField(R"("thinking":true)").param, "thinking");
  EXPECT_EQ(RefusedField(R"("thinking_budget":-1)").param, "thinking_budget");
  EXPECT_EQ(RefusedField(R"("chat_template_kwargs":{"thinking":1})").param,
            "chat_template_kwargs.thinking");
  EXPECT_EQ(RefusedField(R"("chat_template_kwargs":{"colour":1})").code, "unsupported");
}

TEST(ChatRequestBody, NullCountsAsAbsent) {
  const ApiRequest request = Chat(
      R"(,"temperature":null,"max_tokens":null,"stop":null,"stream":null,"seed":null,"tools":null)");
  EXPECT_FLOAT_EQ(request.prompts[0].options.sampling.temperature, 0.6f);
}

TEST(ChatRequestBody, RepliesToOnePromptHaveSeedsInARow) {
  const ApiRequest request = Chat(R"(,"n":3,"seed":10)");
  EXPECT_FALSE(request.negative_seed);
  EXPECT_EQ(request.ReplyRequest(0).options.sampling.seed, 10u);
  EXPECT_EQ(request.ReplyRequest(2).options.sampling.seed, 12u);
}

TEST(ChatRequestBody, ModelByNameOrDefault) {
  Chat(R"(,"model":"tiny")");
  Chat(R"(,"model":"default")");
  const Refusal refusal = RefusedField(R"("model":"gpt-9")");
  EXPECT_EQ(refusal.status, 404);
  EXPECT_EQ(refusal.code, "model_not_found");
  EXPECT_EQ(refusal.param, "model");
  EXPECT_THAT(refusal.message, HasSubstr("gpt-9"));
}

TEST(ChatRequestBody, NulCharactersInsideStringsAreText) {
  const ApiRequest request = ParseApiRequest(
      ApiKind::kChat, R"({"messages":[{"role":"user","content":"a\u0000b"}]})", kTiny);
  EXPECT_EQ(MessagesOf(request)[0].content, std::string("a\0b", 3));
}

TEST(CompletionRequestBody, PromptsOfEveryShape) {
  EXPECT_EQ(std::get<std::string>(Completion("").prompts[0].prompt), "hi");
  const auto parse = [](const char* body) {
    return ParseApiRequest(ApiKind::kCompletion, body, kTiny);
  };
  EXPECT_EQ(parse(R"({"prompt":["a","b"],"n":2})").replies(), 4u);
  EXPECT_THAT(std::get<std::vector<TokenId>>(parse(R"({"prompt":[3,4]})").prompts[0].prompt),
              ElementsAre(3, 4));
  EXPECT_THAT(std::get<std::vector<TokenId>>(parse(R"({"prompt":[[3],[4,5]]})").prompts[1].prompt),
              ElementsAre(4, 5));
  const ApiRequest echo = Completion(R"(,"echo":true,"logprobs":3,"max_tokens":0)");
  EXPECT_TRUE(echo.echo);
  EXPECT_TRUE(echo.prompts[0].options.score_prompt);
  EXPECT_EQ(echo.prompts[0].options.top_logprobs, 3);
}

// ---- What is refused ---------------------------------------------------------------------------

TEST(BadChatRequest, MalformedJsonNamesThePlace) {
  for (const char* body : {"", "{", "{\"messages\":[}", "nope", "{\"a\":1}}", "{'a':1}"}) {
    const Refusal refusal = RefusalOf(ApiKind::kChat, body);
    EXPECT_EQ(refusal.status, 400) << body;
    EXPECT_THAT(refusal.message, HasSubstr("not valid JSON at byte")) << body;
  }
}

TEST(BadChatRequest, RawNulByteIsNotJson) {
  using std::string_literals::operator""s;
  const std::string body = "{\"messages\":[{\"role\":\"user\",\"content\":\"a\0b\"}]}"s;
  EXPECT_EQ(RefusalOf(ApiKind::kChat, body).status, 400);
  EXPECT_EQ(RefusalOf(ApiKind::kChat, std::string(3, '\0')).status, 400);
}

TEST(BadChatRequest, InvalidUtf8IsNotJson) {
  const Refusal refusal = RefusedMessages("[{\"role\":\"user\",\"content\":\"\xC3(\xFF\"}]");
  EXPECT_EQ(refusal.status, 400);
  EXPECT_THAT(refusal.message, HasSubstr("UTF-8"));
  EXPECT_EQ(RefusedMessages(R"([{"role":"user","content":"\ud800"}])").status, 400);
}

TEST(BadChatRequest, DeepNestingIsRefused) {
  EXPECT_THAT(RefusalOf(ApiKind::kChat, std::string(1 << 20, '[')).message,
              HasSubstr("nests deeper"));
}

TEST(BadChatRequest, NumbersBeyondAnyRangeAreRefused) {
  EXPECT_EQ(RefusedField(R"("temperature":1e999)").status, 400);
  EXPECT_EQ(RefusedField(R"("max_tokens":18446744073709551615)").param, "max_tokens");
  EXPECT_EQ(RefusedField(R"("max_tokens":99999999999999999999999)").status, 400);
  EXPECT_EQ(RefusedField(R"("seed":1.5)").param, "seed");
}

TEST(BadChatRequest, EmptyMessages) {
  const Refusal refusal = RefusedMessages("[]");
  EXPECT_EQ(refusal.status, 400);
  EXPECT_EQ(refusal.param, "messages");
  EXPECT_THAT(refusal.message, HasSubstr("at least one message"));
  EXPECT_EQ(RefusalOf(ApiKind::kChat, "{}").param, "messages");
}

TEST(BadChatRequest, WrongTypesNameTheField) {
  EXPECT_THAT(RefusalOf(ApiKind::kChat, "[]").message, HasSubstr("must be a JSON object"));
  EXPECT_THAT(RefusedMessages("\"hi\"").message,
              HasSubstr("'messages' must be an array, but is a string"));
  EXPECT_EQ(RefusedMessages("[3]").param, "messages[0]");
  EXPECT_EQ(RefusedMessages(R"([{"content":"x"}])").param, "messages[0].role");
  EXPECT_EQ(RefusedMessages(R"([{"role":"user"}])").param, "messages[0].content");
  EXPECT_EQ(RefusedMessages(R"([{"role":"user","content":3}])").param, "messages[0].content");
  EXPECT_EQ(RefusedMessages(R"([{"role":"user","content":[{"type":"text"}]}])").param,
            "messages[0].content[0].text");
  EXPECT_EQ(RefusedMessages(R"([{"role":"king","content":"x"}])").param, "messages[0].role");
  for (const char* field :
       {R"("temperature":"hot")", R"("top_p":[])", R"("max_tokens":1.5)", R"("stream":"yes")",
        R"("stop":3)", R"("logprobs":1)", R"("n":"2")", R"("seed":"x")", R"("model":7)",
        R"("stream_options":1)", R"("user_id":1)", R"("response_format":"json")"}) {
    EXPECT_EQ(RefusedField(field).status, 400) << field;
    EXPECT_THAT(RefusedField(field).message, HasSubstr("must be")) << field;
  }
}

TEST(BadChatRequest, OutOfRange) {
  for (const char* field :
       {R"("temperature":2.1)", R"("temperature":-0.1)", R"("top_p":1.1)", R"("min_p":-1)",
        R"("top_k":-2)", R"("frequency_penalty":3)", R"("presence_penalty":-2.5)",
        R"("repetition_penalty":0)", R"("n":0)", R"("n":9)", R"("max_tokens":0)",
        R"("max_tokens":-5)", R"("logprobs":true,"top_logprobs":21)"}) {
    EXPECT_EQ(RefusedField(field).status, 400) << field;
  }
  EXPECT_THAT(RefusedField(R"("temperature":2.5)").message,
              HasSubstr("'temperature' must be from 0 to 2, but is 2.5"));
  // One range with the engine's, which knows no field to name.
  EXPECT_EQ(RefusedField(R"("repetition_penalty":0.0005)").param, "repetition_penalty");
  EXPECT_THAT(RefusedField(R"("repetition_penalty":10.5)").message,
              HasSubstr("'repetition_penalty' must be from 0.001 to 10, but is 10.5"));
  for (const char* most : {R"(,"repetition_penalty":0.001)", R"(,"repetition_penalty":10)"}) {
    EXPECT_NO_THROW(Validate(Chat(most).prompts.at(0).options.sampling)) << most;
  }
  EXPECT_EQ(RefusedField(R"("top_logprobs":2)").param, "top_logprobs");
  EXPECT_EQ(RefusedField("\"user_id\":\"" + std::string(513, 'u') + "\"").param, "user_id");
  std::string stops = "\"a\"";
  for (int i = 0; i < 16; ++i) stops += ",\"a\"";
  EXPECT_EQ(RefusedField("\"stop\":[" + stops + "]").param, "stop");
}

TEST(BadChatRequest, WhatIsNotSupportedIsSaidSo) {
  const std::pair<const char*, const char*> both[] = {
      {"functions", "[{}]"},
      {"function_call", R"({"name":"f"})"},
      {"tool_choice", R"("required")"},
      {"tool_choice", R"({"type":"function","function":{"name":"f"}})"},
      {"logit_bias", R"({"1":2})"},
      {"suffix", R"("b")"},
      {"best_of", "3"},
  };
  const std::pair<const char*, const char*> chat_only[] = {
      {"audio", R"({"voice":"alloy","format":"wav"})"},
      {"echo", "true"},
      {"modalities", R"(["text","audio"])"},
      {"prediction", R"({"type":"content","content":"x"})"},
      {"reasoning_effort", R"("low")"},
      {"reasoning_effort", R"("xhigh")"},
      {"verbosity", R"("low")"},
      {"web_search_options", "{}"},
  };
  const auto check = [](const Refusal& refusal, const std::string& name) {
    EXPECT_EQ(refusal.status, 400) << name;
    EXPECT_EQ(refusal.code, "unsupported") << name;
    EXPECT_EQ(refusal.param, name);
    EXPECT_THAT(refusal.message, testing::Not(HasSubstr("this model"))) << name;
  };
  for (const auto& [name, value] : both) {
    const std::string field = "\"" + std::string(name) + "\":" + value;
    check(RefusedField(field), name);
    check(RefusedCompletion(R"("prompt":"a",)" + field), name);
  }
  const std::pair<const char*, const char*> completion_only[] = {
      {"chat_template_kwargs", R"({"thinking":true})"},
      {"thinking", R"({"type":"disabled"})"},
      {"thinking_budget", "5"},
      {"tools", R"([{"type":"function"}])"},
  };
  for (const auto& [name, value] : completion_only) {
    check(RefusedCompletion(R"("prompt":"a",")" + std::string(name) + "\":" + value), name);
  }
  for (const auto& [name, value] : chat_only) {
    check(RefusedField("\"" + std::string(name) + "\":" + value), name);
  }
  EXPECT_EQ(RefusedField(R"("response_format":{"type":"json_object"})").param,
            "response_format.type");
  const auto message = [](const char* fields) {
    return RefusedMessages(R"([{"role":"assistant","content":"x",)" + std::string(fields) + "}]");
  };
  check(message(R"("prefix":true)"), "messages[0].prefix");
  check(message(R"("audio":{"id":"a"})"), "messages[0].audio");
  check(message(R"("function_call":{"name":"f"})"), "messages[0].function_call");
  EXPECT_EQ(
      RefusedMessages(R"([{"role":"user","content":[{"type":"image_url","image_url":{}}]}])").code,
      "unsupported");
}

// What would happen anyway, and what changes no reply.
TEST(ChatRequestBody, HarmlessFieldsAreAccepted) {
  const std::string both =
      R"(,"best_of":1,"suffix":null,"functions":[],"function_call":"none","tool_choice":"auto",
      "logit_bias":{},"tools":[],"user":"u","metadata":{"a":"b"},"store":true,
      "service_tier":"auto","stream_options":{"include_obfuscation":false},
      "safety_identifier":"s","prompt_cache_key":"k","parallel_tool_calls":true)";
  Chat(both);
  Completion(both);
  Completion(R"(,"suffix":"")");
  Chat(R"(,"modalities":["text"],"audio":null,"echo":false,"prediction":null,
       "web_search_options":null,"reasoning_effort":"high","verbosity":"medium")");
  EXPECT_EQ(Completion(R"(,"best_of":2,"n":2)").replies(), 2u);
}

TEST(ChatRequestBody, ReasoningEffortNoneIsNoThinking) {
  EXPECT_EQ(Chat(R"(,"reasoning_effort":"none")").prompts[0].options.thinking, false);
  EXPECT_FALSE(Chat(R"(,"reasoning_effort":"medium")").prompts[0].options.thinking.has_value());
}

TEST(BadChatRequest, ThinkingIsRefusedWhereTheModelCannot) {
  const auto refusal = [](const std::string& field) -> Refusal {
    try {
      ParseApiRequest(ApiKind::kChat,
                      R"({"messages":[{"role":"user","content":"hi"}],)" + field + "}",
                      {.name = "plain"});
    } catch (const ApiError& error) {
      return {error.status(), error.param(), error.api_code(), error.what()};
    }
    return {};
  };
  const Refusal enabled = refusal(R"("thinking":{"type":"enabled"})");
  EXPECT_EQ(enabled.status, 400);
  EXPECT_EQ(enabled.param, "thinking");
  EXPECT_EQ(enabled.code, "unsupported");
  EXPECT_THAT(enabled.message, HasSubstr("the model 'plain' cannot think"));
  EXPECT_EQ(refusal(R"("chat_template_kwargs":{"enable_thinking":true})").param,
            "chat_template_kwargs");
  for (const char* fine :
       {R"("thinking":{"type":"disabled"})", R"("thinking":{"type":"adaptive"})",
        R"("chat_template_kwargs":{"enable_thinking":false})", R"("thinking_budget":5)"}) {
    EXPECT_EQ(refusal(fine).status, 0) << fine;
  }
}

TEST(BadCompletionRequest, Prompts) {
  EXPECT_EQ(RefusedCompletion("").param, "prompt");
  EXPECT_EQ(RefusedCompletion(R"("prompt":[])").param, "prompt");
  EXPECT_EQ(RefusedCompletion(R"("prompt":{})").param, "prompt");
  EXPECT_EQ(RefusedCompletion(R"("prompt":[1,-2])").param, "prompt[1]");
  EXPECT_EQ(RefusedCompletion(R"("prompt":[1,"a"])").param, "prompt[1]");
  EXPECT_EQ(RefusedCompletion(R"("prompt":["a",1])").param, "prompt[1]");
  EXPECT_EQ(RefusedCompletion(R"("prompt":[4294967296])").param, "prompt[0]");
  EXPECT_EQ(RefusedCompletion(R"("prompt":"a","max_tokens":0)").param, "max_tokens");
  std::string many = "\"a\"";
  for (int i = 1; i < 20; ++i) many += ",\"a\"";
  EXPECT_EQ(RefusedCompletion("\"prompt\":[" + many + "],\"n\":4").param, "n");
}

}  // namespace
}  // namespace fathom
