#include "chat/thinking.h"

#include <algorithm>
#include <utility>

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

}  // namespace fathom
