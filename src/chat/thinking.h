// Thinking at the end of a prompt: whether a rendered prompt leaves the model inside <think>, how
// it is made to think or not to, and which templates leave out what opens it. Only what the
// template wrote counts: a user may end a message with <think>.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace fathom {

struct PromptEnd {
  bool in_reasoning = false;  // the prompt ends in an open <think>
  // What closes it: "</think>" with the line breaks that the template's own style has around it.
  // DeepSeek-R1 and others write <think> on a line of its own, DeepSeek-V3.1 writes none.
  std::string closing;
};

PromptEnd EndOf(const std::vector<TextSpan>& prompt, std::string_view template_source);

// Changes the end of a prompt so that the reply begins inside or outside of reasoning. Inside: an
// empty pair of tags or a lone </think> at the end is opened, and where there is no tag one is
// added. Outside: an open <think> is closed. Nothing happens where the prompt is as wanted.
void SetThinking(bool on, std::string_view template_source, std::vector<TextSpan>& prompt);

// Models that always think, with a template that does not say so: the first uploads of DeepSeek-R1
// and its distills, and the files that were made from them. Such a template leaves out what earlier
// replies thought, up to </think>, writes neither tag where it asks for an answer, and has no
// switch for thinking. Given is what it asks with, after which <think> is to be opened; empty for
// every other template.
std::string TurnThatThinks(const ChatTemplate& chat_template);

// Whether the template wrote `turn` at the end of the prompt.
bool EndsWithTurn(const std::vector<TextSpan>& prompt, std::string_view turn);

}  // namespace fathom
