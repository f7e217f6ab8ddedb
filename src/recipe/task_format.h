// A problem as the tokens of a conversation, by a tokenizer and its chat template: the prompt that
// asks it, the worked solution that follows, and the text of a reply.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "grade/task.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"
#include "train/samples.h"

namespace fathom {

class TaskFormat {
 public:
  // Both outlive it. Throws Error(kInvalidArgument) for a tokenizer that has no end of a reply.
  TaskFormat(const Tokenizer& tokenizer, const ChatTemplate& chat_template);

  // Ids up to where the reply begins: behind "<think>\n" where the template opens the thinking.
  std::vector<int32_t> Prompt(const Problem& problem) const;

  // The prompt, the worked solution ("thinking\n</think>\n\nreply") and the end of the reply. Every
  // token of the solution weighs 1 and every token of the prompt `prompt_weight`.
  Sample Worked(const Problem& problem, float prompt_weight) const;

  // What a model wrote behind the prompt, as Grade takes it: thinking, "</think>", reply, with the
  // "<think>" in front that the prompt had where the template opens the thinking, so that thinking
  // which does not end is seen; special tokens that end a reply are left out.
  std::string ReplyText(std::span<const int32_t> ids) const;

  // Ids that end a reply.
  const std::vector<int32_t>& stops() const { return stops_; }
  // The ids of "</think>" where the vocabulary has it as one token, else -1.
  int32_t end_of_thinking() const { return end_of_thinking_; }

 private:
  const Tokenizer& tokenizer_;
  const ChatTemplate& template_;
  std::vector<int32_t> stops_;
  int32_t end_of_thinking_ = -1;
  bool opens_thinking_ = false;  // prompts end within the thinking
};

}  // namespace fathom
