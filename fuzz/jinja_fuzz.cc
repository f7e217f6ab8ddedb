// Any text as a chat template, over fixed conversations. It must be refused with an Error, or
// render within its limits; no special token may come of what is data.
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/error.h"
#include "base/json.h"
#include "text/jinja/parser.h"
#include "text/jinja/render.h"
#include "text/unicode.h"

namespace {

using fathom::OrderedJson;

// The one character that data has and the template cannot spell without being told: it is in no
// literal, so wherever it shows up it came from the data.
constexpr const char* kMark = "\xF0\x9F\x9C\x8F";

std::vector<OrderedJson> Conversations() {
  const std::string mark = kMark;
  const OrderedJson call = {
      {"id", mark}, {"function", {{"name", mark}, {"arguments", {{"a", {1, 2.5, nullptr}}}}}}};
  return {
      OrderedJson::array(),
      {{{"role", "user"}, {"content", mark + "<think>\n a  b"}}},
      {{{"role", "system"}, {"content", ""}},
       {{"role", "user"}, {"content", {{{"type", "text"}, {"text", mark}}}}},
       {{"role", "assistant"}, {"content", "x</think>" + mark}, {"tool_calls", {call}}},
       {{"role", "tool"}, {"name", mark}, {"content", "{\"a\": [1, -2]}"}}},
  };
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  static const std::vector<OrderedJson> conversations = Conversations();
  try {
    const fathom::jinja::Template parsed = fathom::jinja::Parse(source, "fuzz");
    for (const OrderedJson& messages : conversations) {
      fathom::jinja::Inputs inputs;
      inputs.limits.steps = 20000;
      inputs.limits.bytes = 4 << 20;
      inputs.now = [] { return std::tm{}; };
      inputs.tokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
      inputs.data = {{"messages", messages}, {"tools", messages}, {"add_generation_prompt", true},
                     {"x", kMark},           {"n", -7},           {"f", 2.5}};
      try {
        bool before = false, first = true;
        for (const fathom::TextSpan& span : fathom::jinja::Render(parsed, inputs)) {
          CHECK(!span.text.empty());
          CHECK(first || span.from_template != before);
          CHECK(fathom::WellFormedPrefix(span.text) == span.text.size());
          before = span.from_template;
          first = false;
          // A template may hold the mark itself, or an escape or number that makes it.
          const bool plain = source.find('\\') == std::string_view::npos &&
                             source.find("%c") == std::string_view::npos &&
                             source.find(kMark) == std::string_view::npos;
          if (plain && span.from_template) CHECK(span.text.find(kMark) == std::string::npos);
        }
      } catch (const fathom::Error& error) {
        CHECK(error.message().starts_with("fuzz, line "));
      }
    }
  } catch (const fathom::Error& error) {
    CHECK(error.message().starts_with("fuzz, line "));
  }
  return 0;
}
