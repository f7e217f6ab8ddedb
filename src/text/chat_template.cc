// What surrounds the template interpreter: the variables that transformers gives to templates, the
// same small corrections of messages, and the end of a prompt that continues a message.
#include "text/chat_template.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/clock.h"
#include "base/error.h"
#include "text/deepseek_tools.h"
#include "text/jinja/casing.h"
#include "text/jinja/parser.h"
#include "text/jinja/render.h"
#include "text/unicode.h"

namespace fathom {
namespace {

constexpr std::string_view kStart = "<|im_start|>";
constexpr std::string_view kEnd = "<|im_end|>";
// Microsoft's ChatML, as the models without a template of their own that have its tokens use it.
constexpr std::string_view kChatMl =
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

// transformers' mark for where a message is to be continued. The space shows whether the template
// keeps the white space at the end of a message.
constexpr std::string_view kContinueMark = "CONTINUE_FINAL_MESSAGE_TAG ";

// The names under which a message's reasoning comes, the usual one first.
constexpr std::array<const char*, 3> kReasoningFields = {"reasoning_content", "thinking",
                                                         "reasoning"};

[[noreturn]] void Invalid(const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, message);
}

// Calls with their arguments as objects where they are JSON objects: templates write them with
// tojson, which would quote a text once more.
OrderedJson WithArgumentObjects(OrderedJson calls) {
  for (OrderedJson& call : calls) {
    if (!call.is_object() || !call.contains("function")) continue;
    OrderedJson& function = call["function"];
    if (!function.is_object() || !function.contains("arguments")) continue;
    OrderedJson& arguments = function["arguments"];
    if (!arguments.is_string()) continue;
    try {
      OrderedJson read = ParseOrderedJson(arguments.get<std::string>(), "arguments");
      if (read.is_object()) arguments = std::move(read);
    } catch (const Error&) {
      // What a model once wrote wrong is shown to it as it was.
    }
  }
  return calls;
}

OrderedJson ToJson(const ChatMessage& message, bool argument_objects) {
  OrderedJson json = {{"role", RoleName(message.role)}};
  if (message.has_content) json["content"] = message.content;
  if (!message.reasoning_content.empty()) json["reasoning_content"] = message.reasoning_content;
  if (!message.tool_calls.is_null()) {
    json["tool_calls"] =
        argument_objects ? WithArgumentObjects(message.tool_calls) : message.tool_calls;
  }
  if (!message.name.empty()) json["name"] = message.name;
  if (!message.tool_call_id.empty()) json["tool_call_id"] = message.tool_call_id;
  return json;
}

// As transformers hands a message on: without the keys that are null, and with the reasoning under
// the names that templates read.
OrderedJson Prepare(const OrderedJson& message, std::size_t index) {
  if (!message.is_object()) Invalid("message " + std::to_string(index) + " is not an object");
  OrderedJson reasoning;
  for (const char* field : kReasoningFields) {
    const auto found = message.find(field);
    if (reasoning.is_null() && found != message.end()) reasoning = *found;
  }
  OrderedJson prepared = OrderedJson::object();
  if (!reasoning.is_null()) prepared["thinking"] = reasoning;
  for (const auto& [key, value] : message.items()) {
    if (!value.is_null()) prepared[key] = value;
  }
  if (!reasoning.is_null()) prepared["reasoning_content"] = reasoning;
  return prepared;
}

// Marks the text that is to be continued, and returns it as it was.
std::string MarkLastContent(OrderedJson& messages) {
  if (messages.empty()) Invalid("there is no message to continue");
  OrderedJson& last = messages.back();
  const auto content = last.find("content");
  if (content == last.end()) Invalid("the last message has no content to continue");
  OrderedJson* text = &*content;
  if (text->is_array()) {
    OrderedJson* found = nullptr;
    for (OrderedJson& part : *text) {
      if (part.is_object() && part.contains("text")) found = &part["text"];
    }
    text = found;
  }
  if (text == nullptr || !text->is_string()) Invalid("the last message has no text to continue");
  std::string before = text->get<std::string>();
  *text = before + std::string(kContinueMark);
  return before;
}

std::string_view Stripped(std::string_view text) {
  std::size_t begin = 0, end = 0;
  bool started = false;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char next = DecodeUtf8(text.data(), at);
    if (!jinja::IsSpace(next.code)) {
      if (!started) begin = at;
      started = true;
      end = at + next.size;
    }
    at += next.size;
  }
  return text.substr(begin, end - begin);
}

bool HasTools(const OrderedJson& messages, const OrderedJson& tools) {
  if (tools.is_array() && !tools.empty()) return true;
  return std::any_of(messages.begin(), messages.end(), [](const OrderedJson& message) {
    const auto calls = message.find("tool_calls"), role = message.find("role");
    return (calls != message.end() && !calls->empty()) ||
           (role != message.end() && *role == "tool");
  });
}

// Ends the prompt where the marked message ends.
std::vector<TextSpan> CutAtMark(std::vector<TextSpan> spans, const std::string& content) {
  const std::string text = TextOf(spans);
  const std::string_view mark = kContinueMark.substr(0, kContinueMark.size() - 1);
  std::string clean;
  AppendUtf8(content, clean);
  const std::size_t at = text.rfind(mark);
  if (at == std::string::npos || text.find(Stripped(clean)) == std::string::npos) {
    Invalid(
        "the model's chat template does not show the end of the last message, so the message "
        "cannot be continued");
  }
  std::size_t keep = at;
  if (!std::string_view(text).substr(at).starts_with(kContinueMark)) {
    const std::string_view before = std::string_view(text).substr(0, at);
    const std::string_view stripped = Stripped(before);
    keep = stripped.empty() ? 0 : static_cast<std::size_t>(stripped.end() - before.begin());
  }
  std::vector<TextSpan> kept;
  for (TextSpan& span : spans) {
    if (keep == 0) break;
    span.text.resize(std::min(span.text.size(), keep));
    keep -= span.text.size();
    kept.push_back(std::move(span));
  }
  return kept;
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
    case Role::kTool:
      return "tool";
  }
  return "user";
}

struct ChatTemplate::Impl {
  std::string source;
  jinja::Template parsed;
  std::optional<jinja::Template> with_tools;
  TemplateTokens tokens;
  std::function<std::tm()> now;

  jinja::Inputs InputsOf(const PromptOptions& options) const;
  TemplateTokens Turns(const jinja::Inputs& inputs) const;
};

// Everything but the messages and what is asked for.
jinja::Inputs ChatTemplate::Impl::InputsOf(const PromptOptions& options) const {
  jinja::Inputs inputs;
  inputs.now = now;
  inputs.limits.cancelled = options.cancelled;
  inputs.tokens = tokens;
  if (!options.variables.is_null()) {
    if (!options.variables.is_object()) Invalid("the template's variables are not an object");
    for (const auto& [name, value] : options.variables.items()) {
      inputs.data.emplace_back(name, value);
    }
  }
  if (!options.variables.is_object() || !options.variables.contains("documents")) {
    inputs.data.emplace_back("documents", nullptr);
  }
  return inputs;
}

// How the file's own template begins an assistant's turn, and how it asks for one: found between
// texts that it writes in a conversation without tools.
TemplateTokens ChatTemplate::Impl::Turns(const jinja::Inputs& inputs) const {
  const std::string question = "fathom asks", answer = "fathom answers";
  const auto after_question = [&](OrderedJson messages, bool ask) {
    jinja::Inputs probe = inputs;
    probe.data.emplace_back("messages", std::move(messages));
    probe.data.emplace_back("tools", nullptr);
    probe.data.emplace_back("add_generation_prompt", ask);
    const std::string text = TextOf(jinja::Render(parsed, probe));
    const std::size_t at = text.rfind(question);
    if (at == std::string::npos) Invalid("the model's chat template does not show the messages");
    return text.substr(at + question.size());
  };
  const OrderedJson user = {{"role", "user"}, {"content", question}};
  const OrderedJson assistant = {{"role", "assistant"}, {"content", answer}};
  std::string turn = after_question({user, assistant}, false);
  turn.resize(std::min(turn.size(), turn.find(answer)));
  return {{"assistant_turn", turn},
          {"asked_turn", after_question(OrderedJson::array({user}), true)}};
}

ChatTemplate::ChatTemplate(std::string_view source, TemplateTokens tokens,
                           std::function<std::tm()> now, std::string_view tool_source,
                           const std::string& origin)
    : impl_(std::make_unique<Impl>()) {
  impl_->source = source;
  impl_->parsed = jinja::Parse(source, origin);
  if (!tool_source.empty()) {
    impl_->with_tools = jinja::Parse(tool_source, "chat template for tools");
  }
  impl_->tokens = std::move(tokens);
  impl_->now = std::move(now);
}

ChatTemplate::~ChatTemplate() = default;

const std::string& ChatTemplate::source() const { return impl_->source; }

std::vector<TextSpan> ChatTemplate::Render(const std::vector<ChatMessage>& messages,
                                           const PromptOptions& options) const {
  OrderedJson list = OrderedJson::array();
  // What the model wrote is shown to it as it was where the template can.
  const bool argument_objects = !impl_->with_tools;
  for (const ChatMessage& message : messages) {
    CheckCancelled(options.cancelled);
    list.push_back(ToJson(message, argument_objects));
  }
  return RenderMessages(list, options);
}

std::vector<TextSpan> ChatTemplate::RenderMessages(const OrderedJson& messages,
                                                   const PromptOptions& options) const {
  if (!messages.is_array()) Invalid("the messages are not an array");
  OrderedJson prepared = OrderedJson::array();
  for (std::size_t i = 0; i < messages.size(); ++i) {
    CheckCancelled(options.cancelled);
    prepared.push_back(Prepare(messages[i], i));
  }
  std::optional<std::string> continued;
  if (options.continue_final_message) continued = MarkLastContent(prepared);

  jinja::Inputs inputs = impl_->InputsOf(options);
  const bool with_tools = impl_->with_tools && HasTools(prepared, options.tools);
  if (with_tools) {
    const TemplateTokens turns = impl_->Turns(inputs);
    inputs.tokens.insert(inputs.tokens.end(), turns.begin(), turns.end());
    const bool drops = impl_->source.find("'</think>'") != std::string::npos;
    inputs.data.emplace_back("drops_thinking", drops);
  }
  // These come last, so that no variable takes their place.
  inputs.data.emplace_back("messages", std::move(prepared));
  inputs.data.emplace_back("tools", options.tools);
  inputs.data.emplace_back("add_generation_prompt", options.add_generation_prompt && !continued);
  std::vector<TextSpan> spans =
      jinja::Render(with_tools ? *impl_->with_tools : impl_->parsed, inputs);
  return continued ? CutAtMark(std::move(spans), *continued) : spans;
}

std::tm LocalTime() {
  const std::time_t now = UnixSeconds();
  std::tm time{};
  localtime_r(&now, &time);
  return time;
}

std::unique_ptr<ChatTemplate> MakeChatTemplate(const Tokenizer& tokenizer,
                                               std::function<std::tm()> now) {
  const TokenizerSpec& spec = tokenizer.spec();
  std::string_view source = spec.chat_template;
  const std::string& origin = spec.chat_template_origin;
  if (source.empty()) {
    if (tokenizer.FindAdded(kStart) < 0 || tokenizer.FindAdded(kEnd) < 0) return nullptr;
    source = kChatMl;
  }
  TemplateTokens tokens;
  const std::pair<const char*, TokenId> known[] = {
      {"bos_token", spec.bos}, {"eos_token", spec.eos}, {"pad_token", spec.pad}};
  for (const auto& [name, id] : known) {
    if (id < 0) continue;
    tokens.emplace_back(name, tokenizer.BytesOf(id));
  }
  return std::make_unique<ChatTemplate>(
      source, std::move(tokens), std::move(now),
      DeepSeekToolTemplate(source, tokenizer).value_or(std::string()),
      origin.empty() ? "chat template" : origin);
}

}  // namespace fathom
