// For the comparison with the reference (tools/goldens/templates.py): a JSON line in, with the
// template's text and its variables, and a JSON line out, with what it renders or the error.
#include <ctime>
#include <iostream>
#include <string>

#include "base/error.h"
#include "base/json.h"
#include "text/chat_template.h"

namespace {

// 2026-02-03 04:05:06, a Tuesday.
std::tm FixedTime() {
  std::tm time{};
  time.tm_year = 126;
  time.tm_mon = 1;
  time.tm_mday = 3;
  time.tm_hour = 4;
  time.tm_min = 5;
  time.tm_sec = 6;
  time.tm_wday = 2;
  time.tm_yday = 33;
  return time;
}

fathom::OrderedJson Answer(const std::string& line) {
  try {
    const fathom::OrderedJson request = fathom::ParseOrderedJson(line, "the request");
    fathom::PromptOptions options;
    options.tools = request["tools"];
    options.variables = request["variables"];
    options.add_generation_prompt = options.variables.value("add_generation_prompt", true);
    options.continue_final_message = options.variables.value("continue_final_message", false);
    options.variables.erase("continue_final_message");
    fathom::TemplateTokens tokens;
    for (const auto& [name, text] : request["tokens"].items()) tokens.emplace_back(name, text);
    const fathom::ChatTemplate chat(request["template"].get<std::string>(), tokens, FixedTime);
    std::string text;
    for (const fathom::TextSpan& span : chat.RenderMessages(request["messages"], options)) {
      text += span.text;
    }
    return {{"text", text}};
  } catch (const fathom::Error& error) {
    return {{"error", error.message()}, {"code", fathom::ErrorCodeName(error.code())}};
  }
}

}  // namespace

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    std::cout << Answer(line).dump(-1, ' ', true) << '\n';
  }
  return 0;
}
