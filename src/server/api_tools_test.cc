// Tools in chat requests: what is read, and what is refused.
#include "server/api_tools.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/api_request.h"

namespace fathom {
namespace {

using testing::HasSubstr;

constexpr const char* kTool =
    R"({"type":"function","function":{"name":"get_weather","description":"d",
        "parameters":{"type":"object","properties":{"z":{"type":"string"},"a":{"type":"string"}}}}})";
constexpr const char* kQuestion = R"({"role":"user","content":"?"})";

ChatRequest Read(const std::string& messages, const std::string& fields, bool calls_tools = true) {
  const std::string body = "{\"messages\":[" + messages + "]" + fields + "}";
  return ParseApiRequest(ApiKind::kChat, body, {.name = "tiny", .calls_tools = calls_tools})
      .prompts.at(0);
}
ChatRequest WithTools(const std::string& fields = "") {
  return Read(kQuestion, ",\"tools\":[" + std::string(kTool) + "]" + fields);
}
std::string Call(const std::string& id, const std::string& name = "get_weather") {
  return R"({"id":")" + id + R"(","type":"function","function":{"name":")" + name +
         R"(","arguments":"{\"a\": 1}"}})";
}
std::string Calls(const std::string& calls, const std::string& content = "null") {
  return R"({"role":"assistant","content":)" + content + R"(,"tool_calls":[)" + calls + "]}";
}
std::string Result(const std::string& id, const std::string& text) {
  return R"({"role":"tool","tool_call_id":")" + id + R"(","content":")" + text + R"("})";
}

// The error's field and code, for a request that must be refused.
std::pair<std::string, std::string> Refusal(const std::string& messages, const std::string& fields,
                                            bool calls_tools = true) {
  try {
    Read(messages, fields, calls_tools);
  } catch (const ApiError& error) {
    EXPECT_EQ(error.status(), 400);
    return {error.param(), error.api_code()};
  }
  return {};
}
std::string RefusedTool(const std::string& tool) {
  return Refusal(kQuestion, ",\"tools\":[" + tool + "]").first;
}

TEST(ToolRequest, DefinitionsKeepTheirOrder) {
  const ChatRequest request = WithTools();
  EXPECT_TRUE(request.options.tool_calls);
  EXPECT_FALSE(request.options.one_call);
  ASSERT_EQ(request.tools.size(), 1u);
  EXPECT_EQ(request.tools[0]["function"]["parameters"].dump(),
            R"({"type":"object","properties":{"z":{"type":"string"},"a":{"type":"string"}}})");
  // A definition without a type is one of a function.
  const ChatRequest bare = Read(kQuestion, R"(,"tools":[{"function":{"name":"f"}}])");
  EXPECT_EQ(bare.tools[0]["type"], "function");
}

TEST(ToolRequest, Choice) {
  EXPECT_TRUE(WithTools(R"(,"tool_choice":"auto")").options.tool_calls);
  const ChatRequest none = WithTools(R"(,"tool_choice":"none")");
  EXPECT_FALSE(none.options.tool_calls);
  EXPECT_TRUE(none.tools.is_null());
  EXPECT_TRUE(WithTools(R"(,"parallel_tool_calls":false)").options.one_call);
  const std::string tools = ",\"tools\":[" + std::string(kTool) + "]";
  for (const char* choice :
       {R"("required")", R"({"type":"function","function":{"name":"get_weather"}})"}) {
    EXPECT_EQ(Refusal(kQuestion, tools + ",\"tool_choice\":" + choice),
              std::make_pair(std::string("tool_choice"), std::string("unsupported")));
  }
  EXPECT_EQ(Refusal(kQuestion, tools + R"(,"tool_choice":"some")").second, "invalid_value");
  EXPECT_EQ(Refusal(kQuestion, tools + R"(,"tool_choice":3)").second, "invalid_type");
}

TEST(ToolRequest, CallsAndResults) {
  const std::string messages = std::string(kQuestion) + "," +
                               Calls(Call("c1") + "," + Call("c2", "f")) + "," +
                               Result("c2", "second") + "," + Result("c1", "first");
  const ChatRequest request = Read(messages, "");
  const auto& read = std::get<std::vector<ChatMessage>>(request.prompt);
  ASSERT_EQ(read.size(), 4u);
  EXPECT_FALSE(read[1].has_content);
  EXPECT_EQ(read[1].tool_calls[0]["id"], "c1");
  EXPECT_EQ(read[1].tool_calls[0]["function"]["arguments"], R"({"a": 1})");
  // In the order of the calls, each with its tool's name.
  EXPECT_EQ(read[2].role, Role::kTool);
  EXPECT_EQ(read[2].content, "first");
  EXPECT_EQ(read[2].name, "get_weather");
  EXPECT_EQ(read[2].tool_call_id, "c1");
  EXPECT_EQ(read[3].content, "second");
  EXPECT_EQ(read[3].name, "f");
  // Tools of an earlier turn need no definitions now.
  EXPECT_FALSE(request.options.tool_calls);
  const ChatRequest said = Read(Calls(Call("c"), R"("Let me see.")") + "," + Result("c", "r"), "");
  EXPECT_TRUE(std::get<std::vector<ChatMessage>>(said.prompt)[0].has_content);
  Read(std::string(kQuestion) + R"(,{"role":"assistant","content":"x","tool_calls":[]})", "");
}

TEST(BadToolRequest, Definitions) {
  EXPECT_EQ(Refusal(kQuestion, R"(,"tools":{})").first, "tools");
  EXPECT_EQ(RefusedTool("3"), "tools[0]");
  EXPECT_EQ(RefusedTool(R"({"type":"function"})"), "tools[0].function");
  EXPECT_EQ(RefusedTool(R"({"type":"web_search"})"), "tools[0].type");
  EXPECT_EQ(RefusedTool(R"({"type":"function","function":{}})"), "tools[0].function.name");
  EXPECT_EQ(RefusedTool(R"({"function":{"name":"a b"}})"), "tools[0].function.name");
  EXPECT_EQ(RefusedTool(R"({"function":{"name":"f\n"}})"), "tools[0].function.name");
  EXPECT_EQ(RefusedTool("{\"function\":{\"name\":\"" + std::string(65, 'n') + "\"}}"),
            "tools[0].function.name");
  EXPECT_EQ(RefusedTool(R"({"function":{"name":"f","description":1}})"),
            "tools[0].function.description");
  EXPECT_EQ(RefusedTool(R"({"function":{"name":"f","parameters":"x"}})"),
            "tools[0].function.parameters");
  EXPECT_EQ(RefusedTool(R"({"function":{"name":"f","strict":true}})"), "tools[0].function.strict");
  EXPECT_EQ(RefusedTool(R"({"function":{"name":"f","strict":false}})"), "");
  std::string many = kTool;
  for (int i = 0; i < 128; ++i) many += "," + std::string(kTool);
  EXPECT_EQ(RefusedTool(many), "tools");
}

TEST(BadToolRequest, CallsAndResults) {
  const auto refused = [](const std::string& messages) { return Refusal(messages, "").first; };
  const std::string question = std::string(kQuestion) + ",";
  EXPECT_EQ(refused(question + Result("c", "r")), "messages[1].role");
  EXPECT_EQ(refused(question + Calls(Call("c"))), "messages[1].tool_calls");
  EXPECT_EQ(refused(question + Calls(Call("c") + "," + Call("d")) + "," + Result("d", "r")),
            "messages[1].tool_calls");
  EXPECT_EQ(refused(question + Calls(Call("c")) + "," + Result("x", "r")),
            "messages[2].tool_call_id");
  EXPECT_EQ(refused(question + Calls(Call("c")) + "," + Result("c", "r") + "," + Result("c", "r")),
            "messages[3].tool_call_id");
  EXPECT_EQ(refused(question + Calls(Call("c") + "," + Call("c"))), "messages[1].tool_calls[1].id");
  EXPECT_EQ(refused(question + R"({"role":"tool","content":"x"})"), "messages[1].tool_call_id");
  EXPECT_EQ(refused(R"({"role":"user","content":"x","tool_calls":[)" + Call("c") + "]}"),
            "messages[0].tool_calls");
  EXPECT_EQ(refused(Calls("3")), "messages[0].tool_calls[0]");
  EXPECT_EQ(refused(Calls(R"({"id":"c","function":{"name":"f"}})")),
            "messages[0].tool_calls[0].function.arguments");
  EXPECT_EQ(refused(Calls(R"({"id":"c","function":{"name":"f","arguments":{}}})")),
            "messages[0].tool_calls[0].function.arguments");
  EXPECT_EQ(refused(Calls(R"({"function":{"name":"f","arguments":"{}"}})")),
            "messages[0].tool_calls[0].id");
  EXPECT_EQ(refused(Calls(R"({"id":"c","type":"custom","custom":{}})")),
            "messages[0].tool_calls[0].type");
  EXPECT_EQ(refused(question + R"({"role":"function","name":"f","content":"x"})"),
            "messages[1].role");
}

TEST(BadToolRequest, ModelsThatCannotAreNamed) {
  const std::string tools = ",\"tools\":[" + std::string(kTool) + "]";
  EXPECT_EQ(Refusal(kQuestion, tools, false),
            std::make_pair(std::string("tools"), std::string("unsupported")));
  EXPECT_EQ(Refusal(Calls(Call("c")) + "," + Result("c", "r"), "", false).first, "messages");
  EXPECT_EQ(Refusal(kQuestion, tools + R"(,"tool_choice":"none")", false).first, "");
  try {
    Read(kQuestion, tools, false);
  } catch (const ApiError& error) {
    EXPECT_THAT(error.what(), HasSubstr("the model 'tiny' cannot call tools"));
  }
}

}  // namespace
}  // namespace fathom
