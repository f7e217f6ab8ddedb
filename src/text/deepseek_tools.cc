#include "text/deepseek_tools.h"

#include "text/reply_parser.h"

namespace fathom {
namespace {

// How both forms begin: the system messages as one text, a blank line between them.
constexpr std::string_view kSystemText = R"JINJA(
{%- set ns = namespace(system='', first=true, last='') -%}
{%- for message in messages -%}
  {%- if message.role == 'system' -%}
    {%- set ns.system = ns.system + ('' if ns.first else '\n\n') + message.content -%}
    {%- set ns.first = false -%}
  {%- endif -%}
{%- endfor -%}
{{- bos_token + ns.system -}}
)JINJA";

// DeepSeek-V2.5, V3 and R1: definitions as JSON in code blocks; calls with their type, and their
// arguments in a code block, on lines of their own; results between tags as a group.
constexpr std::string_view kCodeBlocks = R"JINJA(
{%- if tools -%}
  {{- '\n\n## Tools\n\n### Function\n\nYou have the following functions available:\n' -}}
  {%- for tool in tools -%}
    {{- '\n- `' + tool.function.name + '`:\n```json\n' -}}
    {{- tool.function | tojson(indent=4) -}}
    {{- '\n```' -}}
  {%- endfor -%}
{%- endif -%}
{%- for message in messages -%}
  {%- if message.role != 'system' -%}
    {%- if ns.last == 'tool' and message.role != 'tool' -%}
      {{- '<｜tool▁outputs▁end｜>' -}}
    {%- endif -%}
    {%- if message.role == 'user' -%}
      {{- '<｜User｜>' + message.content -}}
    {%- elif message.role == 'assistant' -%}
      {%- if ns.last != 'tool' -%}{{- assistant_turn -}}{%- endif -%}
      {%- set content = message.content or '' -%}
      {%- if drops_thinking and '</think>' in content -%}
        {%- set content = content.split('</think>')[-1] -%}
      {%- endif -%}
      {{- content -}}
      {%- if message.tool_calls -%}
        {{- '<｜tool▁calls▁begin｜>' -}}
        {%- for call in message.tool_calls -%}
          {%- if not loop.first -%}{{- '\n' -}}{%- endif -%}
          {%- set arguments = call.function.arguments -%}
          {{- '<｜tool▁call▁begin｜>function<｜tool▁sep｜>' + call.function.name + '\n```json\n' -}}
          {{- arguments if arguments is string else arguments | tojson -}}
          {{- '\n```<｜tool▁call▁end｜>' -}}
        {%- endfor -%}
        {{- '<｜tool▁calls▁end｜>' -}}
      {%- endif -%}
      {{- '<｜end▁of▁sentence｜>' -}}
    {%- elif message.role == 'tool' -%}
      {{- '\n' if ns.last == 'tool' else '<｜tool▁outputs▁begin｜>' -}}
      {{- '<｜tool▁output▁begin｜>' + message.content + '<｜tool▁output▁end｜>' -}}
    {%- else -%}
      {{- raise_exception('unknown role ' + message.role) -}}
    {%- endif -%}
    {%- set ns.last = message.role -%}
  {%- endif -%}
{%- endfor -%}
{%- if ns.last == 'tool' -%}
  {{- '<｜tool▁outputs▁end｜>' -}}
{%- elif add_generation_prompt -%}
  {{- asked_turn -}}
{%- endif -%}
)JINJA";

// DeepSeek-V3.1: definitions in Markdown with the form of calls explained; calls and results one
// after the other, without anything around them.
constexpr std::string_view kPlain = R"JINJA(
{%- if tools -%}
  {{- '\n\n## Tools\nYou have access to the following tools:\n\n' -}}
  {%- for tool in tools -%}
    {{- '### ' + tool.function.name + '\nDescription: ' + (tool.function.description or '') -}}
    {{- '\n\nParameters: ' -}}
    {{- (tool.function.parameters or {}) | tojson -}}
    {{- '\n\n' -}}
  {%- endfor -%}
  {{- 'IMPORTANT: ALWAYS adhere to this exact format for tool use:\n' -}}
  {{- '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>tool_call_name<｜tool▁sep｜>' -}}
  {{- 'tool_call_arguments<｜tool▁call▁end｜>{additional_tool_calls}<｜tool▁calls▁end｜>\n\n' -}}
  {{- 'Where:\n- `tool_call_name` must be an exact match to one of the available tools\n' -}}
  {{- '- `tool_call_arguments` must be valid JSON that strictly follows the tool\'s Parameters ' -}}
  {{- 'Schema\n- For multiple tool calls, chain them directly without separators or spaces' -}}
{%- endif -%}
{%- for message in messages -%}
  {%- if message.role != 'system' -%}
    {%- if message.role == 'user' -%}
      {{- '<｜User｜>' + message.content -}}
    {%- elif message.role == 'assistant' -%}
      {%- if ns.last == 'user' -%}{{- assistant_turn -}}{%- endif -%}
      {%- set content = message.content or '' -%}
      {%- if drops_thinking and '</think>' in content -%}
        {%- set content = content.split('</think>', 1)[1] -%}
      {%- endif -%}
      {{- content -}}
      {%- if message.tool_calls -%}
        {{- '<｜tool▁calls▁begin｜>' -}}
        {%- for call in message.tool_calls -%}
          {%- set arguments = call.function.arguments -%}
          {{- '<｜tool▁call▁begin｜>' + call.function.name + '<｜tool▁sep｜>' -}}
          {{- arguments if arguments is string else arguments | tojson -}}
          {{- '<｜tool▁call▁end｜>' -}}
        {%- endfor -%}
        {{- '<｜tool▁calls▁end｜>' -}}
      {%- endif -%}
      {{- '<｜end▁of▁sentence｜>' -}}
    {%- elif message.role == 'tool' -%}
      {{- '<｜tool▁output▁begin｜>' + message.content + '<｜tool▁output▁end｜>' -}}
    {%- else -%}
      {{- raise_exception('unknown role ' + message.role) -}}
    {%- endif -%}
    {%- set ns.last = message.role -%}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt and ns.last == 'user' -%}{{- asked_turn -}}{%- endif -%}
)JINJA";

constexpr std::string_view kOutputTags[] = {"<｜tool▁output▁begin｜>", "<｜tool▁output▁end｜>"};
constexpr std::string_view kOutputsTags[] = {"<｜tool▁outputs▁begin｜>", "<｜tool▁outputs▁end｜>"};

}  // namespace

std::optional<std::string> DeepSeekToolTemplate(std::string_view own_template,
                                                const Tokenizer& tokenizer) {
  const auto writes = [&](std::string_view text) {
    return own_template.find(text) != std::string_view::npos;
  };
  const auto knows = [&](std::string_view tag) { return tokenizer.FindAdded(tag) >= 0; };
  if (!writes("<｜User｜>") || !writes("<｜end▁of▁sentence｜>")) return std::nullopt;
  for (const ReplyTag tag : {ReplyTag::kCallsOpen, ReplyTag::kCallsClose, ReplyTag::kCallOpen,
                             ReplyTag::kCallSeparator, ReplyTag::kCallClose}) {
    if (!writes(TextOf(tag)) || !knows(TextOf(tag))) return std::nullopt;
  }
  for (const std::string_view tag : kOutputTags) {
    if (!knows(tag)) return std::nullopt;
  }
  if (!writes("```json")) return std::string(kSystemText).append(kPlain);
  for (const std::string_view tag : kOutputsTags) {
    if (!knows(tag)) return std::nullopt;
  }
  return std::string(kSystemText).append(kCodeBlocks);
}

}  // namespace fathom
