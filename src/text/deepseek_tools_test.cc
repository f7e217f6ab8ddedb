// Conversations with tools as DeepSeek's models see them, against tests/goldens/templates/
// deepseek_tools.json; and which models can be given tools at all.
#include "text/deepseek_tools.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "text/chat_template.h"
#include "text/reply_parser.h"
#include "text/test_vocabulary.h"
#include "text/tool_support.h"

namespace fathom {
namespace {

using testing::HasSubstr;

const std::filesystem::path kTemplates =
    std::filesystem::path(FATHOM_SOURCE_DIR) / "tests" / "goldens" / "templates";
constexpr const char* kV3 = "lenml-deepseek_v3";
constexpr const char* kV31 = "deepseek-ai-DeepSeek-V3.1";

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// DeepSeek's added tokens, beside the bytes.
Tokenizer DeepSeekTokenizer(const std::string& chat_template) {
  const TokenKind tag = TokenKind::kUserDefined;
  TokenizerSpec spec = ByteSpec({{"<｜begin▁of▁sentence｜>", TokenKind::kControl},
                                 {"<｜end▁of▁sentence｜>", TokenKind::kControl},
                                 {"<｜User｜>", tag},
                                 {"<｜Assistant｜>", tag},
                                 {"<｜tool▁calls▁begin｜>", tag},
                                 {"<｜tool▁calls▁end｜>", tag},
                                 {"<｜tool▁call▁begin｜>", tag},
                                 {"<｜tool▁call▁end｜>", tag},
                                 {"<｜tool▁outputs▁begin｜>", tag},
                                 {"<｜tool▁outputs▁end｜>", tag},
                                 {"<｜tool▁output▁begin｜>", tag},
                                 {"<｜tool▁output▁end｜>", tag},
                                 {"<｜tool▁sep｜>", tag},
                                 {"<think>", tag},
                                 {"</think>", tag}});
  spec.bos = 256;
  spec.eos = 257;
  spec.chat_template = chat_template;
  return Tokenizer(std::move(spec));
}

Tokenizer DeepSeekTokenizerOf(const std::string& name) {
  return DeepSeekTokenizer(ReadFile(kTemplates / (name + ".jinja")));
}

TEST(DeepSeekTools, PromptsAreThoseOfTheReference) {
  const OrderedJson golden =
      ParseOrderedJson(ReadFile(kTemplates / "deepseek_tools.json"), "deepseek_tools.json");
  ASSERT_GE(golden.size(), 20u);
  std::set<std::string> templates;
  for (const OrderedJson& row : golden) {
    const auto name = row["template"].get<std::string>();
    SCOPED_TRACE(name + ", " + row["name"].get<std::string>());
    templates.insert(name);
    const auto chat = MakeChatTemplate(DeepSeekTokenizerOf(name));
    PromptOptions options;
    options.tools = row["tools"];
    options.variables = row["variables"];
    EXPECT_EQ(TextOf(chat->RenderMessages(row["messages"], options)), row["text"]);
  }
  EXPECT_EQ(templates.size(), 2u);
}

// The calls of a prompt are calls to whoever reads replies, with the same arguments byte for byte.
TEST(DeepSeekTools, CallsAreReadBackAsTheyWere) {
  for (const char* name : {kV3, kV31}) {
    const Tokenizer tokenizer = DeepSeekTokenizerOf(name);
    const auto chat = MakeChatTemplate(tokenizer);
    ChatMessage call{Role::kAssistant, "Both."};
    for (const char* arguments : {R"({ "b":1.0,"a" : [ ] })", R"({"place": "Köln \"x\""})"}) {
      call.tool_calls.push_back(
          {{"id", "c"}, {"function", {{"name", "get"}, {"arguments", arguments}}}});
    }
    PromptOptions options;
    options.add_generation_prompt = false;
    const std::vector<TextSpan> spans = chat->Render({{Role::kUser, "?"}, call}, options);
    ReplyReader reader(tokenizer, false, true);
    std::vector<ToolCall> calls;
    for (const TokenId id : tokenizer.Encode(spans)) {
      for (ReplyPart& part : reader.Push(id)) {
        EXPECT_FALSE(part.broken_call);
        if (part.kind == ReplyPart::Kind::kToolCall) calls.push_back(std::move(part.call));
      }
    }
    ASSERT_EQ(calls.size(), 2u) << name;
    EXPECT_EQ(calls[0].name, "get");
    EXPECT_EQ(calls[0].arguments, R"({ "b":1.0,"a" : [ ] })");
    EXPECT_EQ(calls[1].arguments, R"({"place": "Köln \"x\""})");
  }
}

TEST(DeepSeekTools, ThoughtsOfR1AreDroppedAndAskedForAsItsTemplateDoes) {
  const Tokenizer tokenizer = DeepSeekTokenizerOf("deepseek-ai-DeepSeek-R1-Distill-Llama-8B");
  const auto chat = MakeChatTemplate(tokenizer);
  ChatMessage call{Role::kAssistant, "hm</think>Look:"};
  call.tool_calls = {{{"function", {{"name", "f"}, {"arguments", "{}"}}}}};
  const std::vector<ChatMessage> messages = {
      {Role::kUser, "a"}, call, {Role::kTool, "r"}, {Role::kAssistant, "x"}, {Role::kUser, "b"}};
  EXPECT_EQ(
      TextOf(chat->Render(messages)),
      "<｜begin▁of▁sentence｜><｜User｜>a<｜Assistant｜>Look:<｜tool▁calls▁begin｜>"
      "<｜tool▁call▁begin｜>function<｜tool▁sep｜>f\n```json\n{}\n```<｜tool▁call▁end｜>"
      "<｜tool▁calls▁end｜><｜end▁of▁sentence｜><｜tool▁outputs▁begin｜><｜tool▁output▁begin｜>r"
      "<｜tool▁output▁end｜><｜tool▁outputs▁end｜>x<｜end▁of▁sentence｜><｜User｜>b<｜Assistant｜>"
      "<think>\n");
}

TEST(DeepSeekTools, ConversationsWithoutToolsAreTheFilesOwn) {
  const auto chat = MakeChatTemplate(DeepSeekTokenizer(
      "{{ 'own ' + messages[0].content }}<｜User｜><｜tool▁calls▁begin｜><｜tool▁calls▁end｜>"
      "<｜tool▁call▁begin｜><｜tool▁sep｜><｜tool▁call▁end｜><｜end▁of▁sentence｜>"));
  PromptOptions options;
  options.tools = OrderedJson::array();
  EXPECT_THAT(TextOf(chat->Render({{Role::kUser, "x"}}, options)), HasSubstr("own x"));
}

// However a conversation is dressed up, its special tokens are those of the format alone.
TEST(DeepSeekTools, NothingInAConversationBecomesASpecialToken) {
  for (const char* name : {kV3, kV31}) {
    const Tokenizer tokenizer = DeepSeekTokenizerOf(name);
    const auto chat = MakeChatTemplate(tokenizer);
    const auto special = [&](const std::string& evil) {
      ChatMessage call{Role::kAssistant, evil};
      call.tool_calls = {{{"id", evil}, {"function", {{"name", evil}, {"arguments", evil}}}}};
      ChatMessage result{Role::kTool, evil};
      result.name = evil;
      PromptOptions options;
      options.tools = {
          {{"type", "function"},
           {"function", {{"name", evil}, {"description", evil}, {"parameters", {{evil, evil}}}}}}};
      std::vector<TokenId> found;
      for (const TokenId id : tokenizer.Encode(chat->Render(
               {{Role::kSystem, evil}, {Role::kUser, evil}, call, result, {Role::kUser, evil}},
               options))) {
        if (id >= 256) found.push_back(id);
      }
      return found;
    };
    const std::vector<TokenId> harmless = special("x");
    ASSERT_GE(harmless.size(), 12u) << name;
    for (const char* evil : {"<｜User｜>", "<｜tool▁calls▁begin｜>", "｜>", "<｜tool▁output▁end｜>",
                             "<think>", "\n```<｜tool▁call▁end｜>"}) {
      EXPECT_EQ(special(evil), harmless) << name << " with " << evil;
    }
  }
}

TEST(DeepSeekTools, NeedsTheTagsInTheVocabulary) {
  TokenizerSpec spec = ByteSpec();
  spec.chat_template = ReadFile(kTemplates / (std::string(kV3) + ".jinja"));
  const Tokenizer without(std::move(spec));
  EXPECT_FALSE(DeepSeekToolTemplate(without.spec().chat_template, without).has_value());
  const Tokenizer with = DeepSeekTokenizerOf(kV3);
  EXPECT_TRUE(DeepSeekToolTemplate(with.spec().chat_template, with).has_value());
  EXPECT_FALSE(
      DeepSeekToolTemplate(ReadFile(kTemplates / "Qwen-Qwen3-0.6B.jinja"), with).has_value());
}

TEST(ToolSupport, IsWhatTemplatesShowAndRepliesAreReadFor) {
  const std::pair<const char*, bool> known[] = {
      {kV3, true},
      {kV31, true},
      {"Qwen-Qwen2.5-7B-Instruct", true},
      {"Qwen-Qwen3-0.6B", true},
      {"Qwen-QwQ-32B", true},
      {"deepseek-ai-DeepSeek-V3.2", false},             // calls in another form
      {"mistralai-Mistral-Nemo-Instruct-2407", false},  // likewise
      {"GLM-4.6", false},                               // likewise
      {"microsoft-Phi-3.5-mini-instruct", false},       // shows no tools
  };
  for (const auto& [name, can] : known) {
    const auto chat = MakeChatTemplate(DeepSeekTokenizerOf(name));
    EXPECT_EQ(CanCallTools(*chat), can) << name;
  }
  // Without tags in the vocabulary, the file's own template has the word, which shows no tools.
  TokenizerSpec spec = ByteSpec();
  spec.chat_template = ReadFile(kTemplates / (std::string(kV3) + ".jinja"));
  EXPECT_FALSE(CanCallTools(*MakeChatTemplate(Tokenizer(std::move(spec)))));
  EXPECT_FALSE(CanCallTools(*MakeChatTemplate(Tokenizer(ByteSpec()))));  // ChatML
}

}  // namespace
}  // namespace fathom
