#include "chat/thinking.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "text/reply_parser.h"

namespace fathom {
namespace {

constexpr std::string_view kWhite = " \t\r\n";

// The text that the template wrote at the end of the prompt, in one piece, and where it begins.
struct Tail {
  std::size_t first_span = 0;
  std::string text;
};

Tail TailOf(const std::vector<TextSpan>& prompt) {
  Tail tail{.first_span = prompt.size()};
  while (tail.first_span > 0 && prompt[tail.first_span - 1].from_template) --tail.first_span;
  for (std::size_t i = tail.first_span; i < prompt.size(); ++i) tail.text += prompt[i].text;
  return tail;
}

bool OnlyWhiteAfter(std::string_view text, std::size_t at) {
  return text.find_first_not_of(kWhite, at) == std::string_view::npos;
}

// Where a tag begins that nothing but white space follows, or npos.
std::size_t FindLast(std::string_view tail, std::string_view tag) {
  const std::size_t at = tail.rfind(tag);
  const bool last = at != std::string_view::npos && OnlyWhiteAfter(tail, at + tag.size());
  return last ? at : std::string_view::npos;
}

// Whether <think> stands on a line of its own.
bool OnItsOwnLine(std::string_view tail, std::string_view template_source) {
  const std::string_view open = TextOf(ReplyTag::kThinkOpen);
  const std::size_t at = FindLast(tail, open);
  if (at != std::string_view::npos) return tail.substr(at + open.size()).starts_with('\n');
  // Templates are source text: a line break in a string is written \n.
  for (const std::string_view line : {"<think>\n", "<think>\\n"}) {
    if (template_source.find(line) != std::string_view::npos) return true;
  }
  return template_source.find(open) == std::string_view::npos;
}

// A conversation as a template writes it when it asks for the next answer, with its switches (by
// the names that templates have for them) on, off, or not given.
std::string Asked(const ChatTemplate& chat_template, const std::vector<ChatMessage>& messages,
                  std::optional<bool> thinking) {
  PromptOptions options;
  if (thinking) options.variables = {{"enable_thinking", *thinking}, {"thinking", *thinking}};
  std::string text;
  for (const TextSpan& span : chat_template.Render(messages, options)) text += span.text;
  return text;
}

// Texts that no template has of its own.
constexpr std::string_view kQuestion = "fathom asks", kThought = "fathom thinks",
                           kAnswer = "fathom answers";

bool DropsThinking(const ChatTemplate& chat_template) {
  ChatMessage reply{Role::kAssistant};
  reply.content = "<think>\n" + std::string(kThought) + "\n</think>\n\n" + std::string(kAnswer);
  const ChatMessage user{Role::kUser, std::string(kQuestion)};
  const std::string text = Asked(chat_template, {user, reply, user}, std::nullopt);
  return text.find(kAnswer) != std::string::npos && text.find(kThought) == std::string::npos;
}

}  // namespace

PromptEnd EndOf(const std::vector<TextSpan>& prompt, std::string_view template_source) {
  const std::string tail = TailOf(prompt).text;
  PromptEnd end;
  end.in_reasoning = FindLast(tail, TextOf(ReplyTag::kThinkOpen)) != std::string::npos;
  end.closing = OnItsOwnLine(tail, template_source) ? "\n</think>\n\n" : "</think>";
  return end;
}

void SetThinking(bool on, std::string_view template_source, std::vector<TextSpan>& prompt) {
  const PromptEnd end = EndOf(prompt, template_source);
  if (end.in_reasoning == on) return;
  Tail tail = TailOf(prompt);
  if (on) {
    const std::string_view open = TextOf(ReplyTag::kThinkOpen);
    tail.text.resize(
        std::min(tail.text.size(), FindLast(tail.text, TextOf(ReplyTag::kThinkClose))));
    tail.text.resize(std::min(tail.text.size(), FindLast(tail.text, open)));
    tail.text += open;
    if (end.closing.starts_with('\n')) tail.text += '\n';
  } else {
    tail.text += end.closing;
  }
  prompt.resize(tail.first_span);
  prompt.push_back({std::move(tail.text), true});
}

std::string TurnThatThinks(const ChatTemplate& chat_template) {
  try {
    if (!DropsThinking(chat_template)) return {};
    const std::vector<ChatMessage> question = {{Role::kUser, std::string(kQuestion)}};
    const std::string text = Asked(chat_template, question, std::nullopt);
    for (const bool thinking : {true, false}) {
      if (Asked(chat_template, question, thinking) != text) return {};
    }
    const std::size_t at = text.rfind(kQuestion);
    if (at == std::string::npos) return {};
    std::string turn = text.substr(at + kQuestion.size());
    for (const ReplyTag tag : {ReplyTag::kThinkOpen, ReplyTag::kThinkClose}) {
      if (turn.find(TextOf(tag)) != std::string::npos) return {};
    }
    return turn;
  } catch (const Error&) {
    return {};  // the template refuses such a conversation
  }
}

bool EndsWithTurn(const std::vector<TextSpan>& prompt, std::string_view turn) {
  return TailOf(prompt).text.ends_with(turn);
}

}  // namespace fathom
