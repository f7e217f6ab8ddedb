// Chat messages to the prompt text a model was trained on.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/tokenizer.h"

namespace fathom {

enum class Role { kSystem, kUser, kAssistant };
std::string_view RoleName(Role role);

struct ChatMessage {
  Role role = Role::kUser;
  std::string content;  // UTF-8
};

class ChatTemplate {
 public:
  virtual ~ChatTemplate() = default;
  // Spans of the prompt that asks for the next assistant message. Only the template's own text is
  // marked from_template.
  virtual std::vector<TextSpan> Render(const std::vector<ChatMessage>& messages) const = 0;
  virtual std::string_view name() const = 0;
};

// The template for a tokenizer: ChatML where the vocabulary has <|im_start|> and <|im_end|> and the
// model's own template text is ChatML (or it has none); null where no known template fits.
// SmolLM2's ChatML puts its own default system prompt first when the conversation brings none; that
// text is read from the model's template.
std::unique_ptr<ChatTemplate> MakeChatTemplate(const Tokenizer& tokenizer);

}  // namespace fathom
