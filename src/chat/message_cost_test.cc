// What messages are said to cost at least, against what prompts really have: with every template
// of tests/goldens/templates, and with some that leave messages out.
#include "chat/message_cost.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "chat/fake_model.h"

namespace fathom {
namespace {

// A tokenizer that knows the tags which the template writes.
Tokenizer TokenizerFor(const std::string& source) {
  TokenizerSpec spec = FakeTokenizerSpec(false);
  std::set<std::string> tags;
  const std::regex tag("<[^<>\\s'\"{}]{1,40}>|\\[/?[A-Z_]{3,20}\\]");
  for (std::sregex_iterator at(source.begin(), source.end(), tag), end; at != end; ++at) {
    tags.insert(at->str());
  }
  for (const std::string& known : spec.tokens) tags.erase(known);
  for (const std::string& text : tags) {
    spec.tokens.push_back(text);
    spec.kinds.push_back(TokenKind::kUserDefined);
  }
  spec.chat_template = source;
  return Tokenizer(std::move(spec));
}

MessageCost CostIn(const std::string& source) {
  const Tokenizer tokenizer = TokenizerFor(source);
  const auto chat_template = MakeChatTemplate(tokenizer);
  return MessageCostOf(*chat_template, tokenizer, false);
}

std::string Written(const std::string& condition = "true") {
  return "{% for message in messages %}{% if " + condition +
         " %}{{ '<|im_start|>' + message.role + message.content + '<|im_end|>' }}"
         "{% endif %}{% endfor %}";
}

void Expect(const MessageCost& cost, bool user, bool assistant, const std::string& what) {
  EXPECT_EQ(cost.user, user) << what;
  EXPECT_EQ(cost.assistant, assistant) << what;
}

TEST(MessageCost, OfTemplatesThatShowWhatTheyAreGiven) {
  Expect(CostIn(Written()), true, true, "ChatML");
  const std::vector<ChatMessage> messages = {
      {Role::kSystem, "s"}, {Role::kUser, "u"}, {Role::kAssistant, "a"}, {Role::kUser, ""}};
  EXPECT_EQ(CostIn(Written()).Least(messages), 3u);
  EXPECT_EQ(MessageCost().Least(messages), 0u);
}

TEST(MessageCost, OfTemplatesThatLeaveSomeOut) {
  Expect(CostIn(Written("message.content")), false, false, "without text");
  Expect(CostIn(Written("not message.content")), false, false, "with text");
  Expect(CostIn(Written("loop.last")), false, false, "all but the last");
  Expect(CostIn(Written("loop.revindex < 50")), false, false, "all but the last 50");
  Expect(CostIn(Written("message.role == 'user'")), true, false, "assistants");
  Expect(CostIn(Written("loop.first or message.role != loop.previtem.role")), false, false,
         "all but the first of a role");
  Expect(CostIn("{% for message in messages %}{{ message.content }}{% endfor %}"), false, false,
         "every tag");
}

TEST(MessageCost, OfTemplatesThatRefuseSome) {
  const std::string alternate =
      "{% for message in messages %}{% if (message.role == 'user') != (loop.index0 % 2 == 0) %}"
      "{{ raise_exception('roles must alternate') }}{% endif %}{% endfor %}";
  Expect(CostIn(alternate + Written()), true, false, "alternating");
  Expect(CostIn("{{ raise_exception('never') }}"), false, false, "all");
}

// No conversation has fewer tokens than is said.
TEST(MessageCost, IsNeverMoreThanWhatItIs) {
  const std::filesystem::path folder =
      std::filesystem::path(FATHOM_SOURCE_DIR) / "tests" / "goldens" / "templates";
  int templates = 0, known = 0, conversations = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".jinja") continue;
    SCOPED_TRACE(entry.path().filename());
    std::ifstream file(entry.path(), std::ios::binary);
    const Tokenizer tokenizer =
        TokenizerFor({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
    const auto chat_template = MakeChatTemplate(tokenizer);
    const MessageCost cost = MessageCostOf(*chat_template, tokenizer, false);
    ++templates;
    known += cost.user ? 1 : 0;
    std::mt19937 random(7);
    for (int round = 0; round < 60; ++round) {
      std::vector<ChatMessage> messages;
      const auto size = 1 + random() % 24;
      const bool in_turns = random() % 2 == 0;
      for (std::size_t i = 0; i < size; ++i) {
        const auto draw = random() % 8;
        Role role = draw == 0 ? Role::kSystem : draw < 4 ? Role::kUser : Role::kAssistant;
        if (in_turns) role = i % 2 == 0 ? Role::kUser : Role::kAssistant;
        const char* texts[] = {"", "x", "</think>", "<think>a</think>b"};
        messages.push_back(ChatMessage{role, texts[random() % 4]});
      }
      try {
        const auto ids = tokenizer.Encode(chat_template->Render(messages));
        EXPECT_GE(ids.size(), cost.Least(messages));
        ++conversations;
      } catch (const Error&) {
        // The template refuses it.
      }
    }
  }
  EXPECT_GT(templates, 20);
  EXPECT_GT(known, templates / 2);
  EXPECT_GT(conversations, 20 * templates);
}

}  // namespace
}  // namespace fathom
