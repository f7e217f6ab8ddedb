// ChatML, recognised from the template text a model carries. The text is compared with the known
// shapes of ChatML after a normalization that cannot change what it renders; any other template is
// left to a template interpreter and answered with null here.
#include "text/chat_template.h"

#include <array>
#include <optional>
#include <utility>

namespace fathom {
namespace {

constexpr std::string_view kStart = "<|im_start|>";
constexpr std::string_view kEnd = "<|im_end|>";

class ChatMl : public ChatTemplate {
 public:
  explicit ChatMl(std::optional<std::string> default_system)
      : default_system_(std::move(default_system)) {}

  std::vector<TextSpan> Render(const std::vector<ChatMessage>& messages) const override {
    std::vector<TextSpan> spans;
    std::string written;  // template text not yet in a span
    if (default_system_ && !messages.empty() && messages[0].role != Role::kSystem) {
      written.append(kStart).append("system\n").append(*default_system_).append(kEnd).append("\n");
    }
    for (const ChatMessage& message : messages) {
      written.append(kStart).append(RoleName(message.role)).append("\n");
      spans.push_back({std::exchange(written, {}), true});
      spans.push_back({message.content, false});
      written.append(kEnd).append("\n");
    }
    written.append(kStart).append("assistant\n");
    spans.push_back({std::move(written), true});
    return spans;
  }

  std::string_view name() const override { return "chatml"; }

 private:
  std::optional<std::string> default_system_;
};

// Brings Jinja source to one spelling: no white space around the tokens inside {{ }} and {% %},
// double quotes as single ones, \n in a string literal as a line break. Text outside of tags stays.
std::string Normalize(std::string_view source) {
  std::string out;
  bool in_tag = false;
  char quote = '\0';
  for (std::size_t i = 0; i < source.size(); ++i) {
    const char c = source[i];
    const char next = i + 1 < source.size() ? source[i + 1] : '\0';
    if (quote != '\0') {
      if (c == '\\' && next == 'n') {
        out.push_back('\n');
        ++i;
      } else if (c == '\\') {
        out.push_back(c);  // another escape: stays visible, so that no shape matches by accident
      } else if (c == quote) {
        out.push_back('\'');
        quote = '\0';
      } else {
        out.push_back(c);
      }
    } else if (in_tag && (c == '\'' || c == '"')) {
      out.push_back('\'');
      quote = c;
    } else if (in_tag && (c == ' ' || c == '\n' || c == '\t')) {
      // Words stay apart; a space beside a sign says nothing.
      const auto word = [](char d) {
        return (d >= 'a' && d <= 'z') || (d >= 'A' && d <= 'Z') || (d >= '0' && d <= '9') ||
               d == '_';
      };
      if (!out.empty() && word(out.back()) && word(next)) out.push_back(' ');
    } else {
      if (c == '{' && (next == '{' || next == '%')) in_tag = true;
      if (c == '}' && i > 0 && (source[i - 1] == '}' || source[i - 1] == '%')) in_tag = false;
      out.push_back(c);
    }
  }
  return out;
}

constexpr std::string_view kDefineFlag =
    "{%if not add_generation_prompt is defined%}{%set add_generation_prompt=false%}{%endif%}";
constexpr std::string_view kLoop = "{%for message in messages%}";
// SmolLM2, Qwen1.5, Qwen2: a system prompt of the model's own comes first unless the conversation
// brings one. It stands between these two.
constexpr std::string_view kBeforeSystem =
    "{%if loop.first and messages[0]['role']!='system'%}{{'<|im_start|>system\n";
constexpr std::string_view kAfterSystem = "<|im_end|>\n'}}{%endif%}";
constexpr std::array<std::string_view, 4> kBodies = {
    "{{'<|im_start|>'+message['role']+'\n'+message['content']+'<|im_end|>'+'\n'}}{%endfor%}",
    "{{'<|im_start|>'+message['role']+'\n'+message['content']+'<|im_end|>\n'}}{%endfor%}",
    "{{'<|im_start|>'+message.role+'\n'+message.content+'<|im_end|>'+'\n'}}{%endfor%}",
    "{{'<|im_start|>'+message.role+'\n'+message.content+'<|im_end|>\n'}}{%endfor%}",
};
constexpr std::string_view kPrompt =
    "{%if add_generation_prompt%}{{'<|im_start|>assistant\n'}}{%endif%}";

bool Consume(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

// What a ChatML template says; `known` is false when it is another template.
struct Recognised {
  bool known = false;
  std::optional<std::string> default_system;
};

Recognised Recognise(std::string_view source) {
  Recognised result;
  const std::string normal = Normalize(source);
  std::string_view rest = normal;
  Consume(rest, kDefineFlag);
  if (!Consume(rest, kLoop)) return result;
  if (Consume(rest, kBeforeSystem)) {
    const std::size_t end = rest.find(kAfterSystem);
    if (end == std::string_view::npos) return result;
    const std::string_view system = rest.substr(0, end);
    if (system.find_first_of("'\\") != std::string_view::npos) return result;
    result.default_system = std::string(system);
    rest.remove_prefix(end + kAfterSystem.size());
  }
  for (const std::string_view body : kBodies) {
    if (Consume(rest, body)) {
      result.known = rest == kPrompt;
      return result;
    }
  }
  return result;
}

}  // namespace

std::string_view RoleName(Role role) {
  switch (role) {
    case Role::kSystem:
      return "system";
    case Role::kUser:
      return "user";
    case Role::kAssistant:
      return "assistant";
  }
  return "user";
}

std::unique_ptr<ChatTemplate> MakeChatTemplate(const Tokenizer& tokenizer) {
  if (tokenizer.FindAdded(kStart) < 0 || tokenizer.FindAdded(kEnd) < 0) return nullptr;
  const std::string& source = tokenizer.spec().chat_template;
  if (source.empty()) return std::make_unique<ChatMl>(std::nullopt);
  Recognised found = Recognise(source);
  if (!found.known) return nullptr;
  return std::make_unique<ChatMl>(std::move(found.default_system));
}

}  // namespace fathom
