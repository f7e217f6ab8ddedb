#include "chat/message_cost.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"

namespace fathom {
namespace {

// Messages that are added to as many. More than templates show where they show only the last ones.
constexpr std::size_t kProbed = 64;

using Conversation = std::vector<ChatMessage>;

OrderedJson ProbeTools() {
  return {{{"type", "function"},
           {"function",
            {{"name", "fathom_probe"},
             {"description", "A probe."},
             {"parameters", {{"type", "object"}, {"properties", OrderedJson::object()}}}}}}};
}

Conversation Repeated(const std::vector<Role>& roles, const char* text, std::size_t messages) {
  Conversation conversation;
  for (std::size_t i = 0; i < messages; ++i) {
    conversation.push_back(ChatMessage{roles[i % roles.size()], text});
  }
  return conversation;
}

class Probe {
 public:
  Probe(const ChatTemplate& chat_template, const Tokenizer& tokenizer, OrderedJson tools)
      : template_(chat_template), tokenizer_(tokenizer) {
    options_.tools = std::move(tools);
    options_.add_generation_prompt = false;
  }

  // Special tokens that kProbed further messages bring at least; nullopt where the template refuses
  // them. Some templates leave messages without text out.
  std::optional<std::size_t> Cost(const std::vector<Role>& roles) const {
    try {
      std::optional<std::size_t> least;
      for (const char* text : {"", "x"}) {
        const std::size_t few = SpecialTokens(Repeated(roles, text, kProbed));
        const std::size_t many = SpecialTokens(Repeated(roles, text, 2 * kProbed));
        const std::size_t cost = many - std::min(few, many);
        least = std::min(least.value_or(cost), cost);
      }
      return least;
    } catch (const Error&) {
      return std::nullopt;
    }
  }

  MessageCost Find() const {
    const auto both = Cost({Role::kUser, Role::kAssistant});
    if (!both) return {};
    // Where roles must alternate, every other message is the user's.
    const auto user = Cost({Role::kUser}), assistant = Cost({Role::kAssistant});
    MessageCost cost;
    cost.user = user ? *user >= kProbed : *both >= kProbed / 2;
    cost.assistant = assistant && *assistant >= kProbed;
    const std::size_t counted = (cost.user ? kProbed / 2 : 0) + (cost.assistant ? kProbed / 2 : 0);
    return *both >= counted ? cost : MessageCost{};
  }

 private:
  std::size_t SpecialTokens(const Conversation& messages) const {
    const std::vector<TextSpan> spans = template_.Render(messages, options_);
    const std::vector<TokenId> ids = tokenizer_.Encode(spans);
    return static_cast<std::size_t>(std::count_if(ids.begin(), ids.end(), [&](TokenId id) {
      return tokenizer_.KindOf(id) != TokenKind::kNormal;
    }));
  }

  const ChatTemplate& template_;
  const Tokenizer& tokenizer_;
  PromptOptions options_;
};

}  // namespace

std::size_t MessageCost::Least(const std::vector<ChatMessage>& messages) const {
  return static_cast<std::size_t>(
      std::count_if(messages.begin(), messages.end(), [&](const ChatMessage& message) {
        return (message.role == Role::kUser && user) ||
               (message.role == Role::kAssistant && assistant);
      }));
}

MessageCost MessageCostOf(const ChatTemplate& chat_template, const Tokenizer& tokenizer,
                          bool with_tools) {
  MessageCost cost = Probe(chat_template, tokenizer, nullptr).Find();
  if (with_tools) {
    const MessageCost other = Probe(chat_template, tokenizer, ProbeTools()).Find();
    cost.user = cost.user && other.user;
    cost.assistant = cost.assistant && other.assistant;
  }
  return cost;
}

}  // namespace fathom
