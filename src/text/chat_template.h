// Chat messages to the prompt text a model was trained on, by the template that its file carries.
#pragma once

#include <ctime>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/cancel.h"
#include "base/json.h"
#include "text/tokenizer.h"

namespace fathom {

enum class Role { kSystem, kUser, kAssistant, kTool };
std::string_view RoleName(Role role);

struct ChatMessage {
  Role role = Role::kUser;
  std::string content;            // UTF-8
  std::string reasoning_content;  // of an assistant: what it thought before; empty: nothing
  // Of an assistant: the calls it made, as in the OpenAI API ({"id", "type", "function": {"name",
  // "arguments"}}), with the arguments as JSON text or as an object. Null: none.
  OrderedJson tool_calls;
  std::string name;          // of a tool: whose result this is; of others: who speaks; may be empty
  std::string tool_call_id;  // of a tool: which call this answers; may be empty
  bool has_content = true;   // false: there is none, as where an assistant only calls tools
};

struct PromptOptions {
  OrderedJson tools;      // an array of definitions as in the OpenAI API; null: none
  OrderedJson variables;  // an object of further variables: enable_thinking, thinking, ...; or null
  bool add_generation_prompt = true;  // ask for the next message of the assistant
  // The last message is unfinished: the prompt ends where its content ends. Then nothing is asked
  // for, whatever add_generation_prompt says.
  bool continue_final_message = false;
  // Another thread ends the rendering with it; may be null.
  const CancelFlag* cancelled = nullptr;
};

// Texts of special tokens by the names that templates know: "bos_token", "eos_token", ...
using TemplateTokens = std::vector<std::pair<std::string, std::string>>;

// A Jinja template, rendered as transformers' apply_chat_template does it; of DeepSeek's models,
// with what deepseek_tools.h says of tools. Const after construction; may be used from many
// threads.
class ChatTemplate {
 public:
  // Throws Error that names the line and what was expected for a template that is wrong
  // (kInvalidFile) or uses what Fathom does not have (kUnsupported). `now` is the local time for
  // templates that write the date. `tool_source` (may be empty) is a template that takes its place
  // in conversations with tools, as DeepSeekToolTemplate describes it. Messages name the template
  // by `origin`, the file that it comes from.
  ChatTemplate(std::string_view source, TemplateTokens tokens, std::function<std::tm()> now,
               std::string_view tool_source = {}, const std::string& origin = "chat template");
  ~ChatTemplate();
  ChatTemplate(const ChatTemplate&) = delete;
  ChatTemplate& operator=(const ChatTemplate&) = delete;

  // Spans of the prompt. Only what the template itself wrote is marked from_template: messages,
  // tool definitions and variables never are, whatever the template does with them. Throws Error:
  // kInvalidArgument when the template refuses the conversation, kUnsupported for what Fathom does
  // not do and for a template without an end; kCancelled.
  std::vector<TextSpan> Render(const std::vector<ChatMessage>& messages,
                               const PromptOptions& options = {}) const;

  // The same for messages in the form that templates see. Throws Error(kInvalidArgument) when they
  // are not an array of objects.
  std::vector<TextSpan> RenderMessages(const OrderedJson& messages,
                                       const PromptOptions& options = {}) const;

  const std::string& source() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

std::tm LocalTime();

// The template for a tokenizer: the one that the model's file carries, or ChatML where it carries
// none and the vocabulary has <|im_start|> and <|im_end|>; null where neither is so. Throws Error
// as the constructor does.
std::unique_ptr<ChatTemplate> MakeChatTemplate(const Tokenizer& tokenizer,
                                               std::function<std::tm()> now = LocalTime);

}  // namespace fathom
