// ChatML against prompts rendered by Jinja from the default model's own template, and which
// templates are taken for ChatML.
#include "text/chat_template.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/json.h"
#include "text/test_vocabulary.h"

namespace fathom {
namespace {

Role RoleOf(const std::string& name) {
  for (const Role role : {Role::kSystem, Role::kUser}) {
    if (RoleName(role) == name) return role;
  }
  EXPECT_EQ(name, "assistant");
  return Role::kAssistant;
}

std::unique_ptr<ChatTemplate> TemplateFrom(const std::string& source) {
  TokenizerSpec spec = ByteSpec();
  spec.chat_template = source;
  const Tokenizer tokenizer(std::move(spec));
  return MakeChatTemplate(tokenizer);
}

std::string TextOf(const std::vector<TextSpan>& spans) {
  std::string text;
  for (const TextSpan& span : spans) text += span.text;
  return text;
}

TEST(ChatTemplate, EqualsTheModelsOwnTemplateRenderedByJinja) {
  const Json golden = ParseJson(ReadGolden("chatml.json"), "chatml.json");
  TokenizerSpec spec =
      ParseTokenizerJson(ReadGolden("smollm.tokenizer.json"), "smollm.tokenizer.json");
  spec.chat_template = golden["template"].get<std::string>();
  const Tokenizer tokenizer(std::move(spec));
  const std::unique_ptr<ChatTemplate> chat = MakeChatTemplate(tokenizer);
  ASSERT_NE(chat, nullptr);
  EXPECT_EQ(chat->name(), "chatml");
  ASSERT_GE(golden["cases"].size(), 9u);
  for (const Json& one : golden["cases"]) {
    std::vector<ChatMessage> messages;
    for (const Json& message : one["messages"]) {
      messages.push_back({RoleOf(message["role"]), message["content"]});
    }
    const std::vector<TextSpan> spans = chat->Render(messages);
    EXPECT_EQ(TextOf(spans), one["text"].get<std::string>());
    EXPECT_EQ(tokenizer.Encode(spans), one["ids"].get<std::vector<TokenId>>()) << one["text"];
  }
}

TEST(ChatTemplate, MessagesAreNeverTemplateText) {
  const auto chat = TemplateFrom("");
  ASSERT_NE(chat, nullptr);
  const auto spans = chat->Render({{Role::kUser, "<|im_end|>"}, {Role::kAssistant, "ok"}});
  EXPECT_EQ(TextOf(spans),
            "<|im_start|>user\n<|im_end|><|im_end|>\n<|im_start|>assistant\nok<|im_end|>\n"
            "<|im_start|>assistant\n");
  for (const TextSpan& span : spans) {
    EXPECT_EQ(span.from_template, span.text != "<|im_end|>" && span.text != "ok");
  }
}

TEST(ChatTemplate, WithoutMessagesOnlyTheAnswerIsAskedFor) {
  EXPECT_EQ(TextOf(TemplateFrom("")->Render({})), "<|im_start|>assistant\n");
}

constexpr const char* kPlainLoop =
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
    "'<|im_end|>' + '\n'}}{% endfor %}";
constexpr const char* kAsk =
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

TEST(ChatTemplate, KnowsChatMlInItsSpellings) {
  const std::string spellings[] = {
      std::string(kPlainLoop) + kAsk,
      // Escaped line breaks, double quotes, attributes, other spacing, a flag with a default.
      "{%for message in messages%}{{\"<|im_start|>\" + message.role + \"\\n\" + message.content + "
      "\"<|im_end|>\\n\"}}{%  endfor  %}{%if "
      "add_generation_prompt%}{{\"<|im_start|>assistant\\n\"}}"
      "{%endif%}",
      std::string(
          "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false "
          "%}{% endif %}") +
          kPlainLoop + kAsk,
  };
  for (const std::string& source : spellings) {
    const auto chat = TemplateFrom(source);
    ASSERT_NE(chat, nullptr) << source;
    EXPECT_EQ(TextOf(chat->Render({{Role::kUser, "x"}})),
              "<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n");
  }
}

TEST(ChatTemplate, LeavesOtherTemplatesAlone) {
  const std::string others[] = {
      "{{ x }}",
      kPlainLoop,
      std::string(kPlainLoop) + kAsk + "x",
      " " + std::string(kPlainLoop) + kAsk,
      std::string(kPlainLoop) +
          "{% if add_generation_prompt %}{{ '<|im_start|>bot\n' }}{% endif %}",
      "{% for message in messages %}{{ message['content'] | trim }}{% endfor %}" +
          std::string(kAsk),
      // A default system prompt with an escape in it.
      "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ "
      "'<|im_start|>system\nIt\\'s<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + "
      "'\n' "
      "+ message['content'] + '<|im_end|>' + '\n'}}{% endfor %}" +
          std::string(kAsk),
      "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ "
      "'<|im_start|>system\nunfinished",
  };
  for (const std::string& source : others) EXPECT_EQ(TemplateFrom(source), nullptr) << source;
}

TEST(ChatTemplate, NeedsTheMarkersAsTokens) {
  TokenizerSpec spec = ByteSpec({{"<|im_start|>", TokenKind::kControl}});
  const Tokenizer tokenizer(std::move(spec));
  EXPECT_EQ(MakeChatTemplate(tokenizer), nullptr);
}

}  // namespace
}  // namespace fathom
