// How DeepSeek's models see tools: definitions, calls and results. The templates in their files
// show no definitions, and leave a single call unclosed; so conversations with tools are rendered
// by templates of Fathom's own. They follow what DeepSeek published: the model cards of
// DeepSeek-V2.5 (whose form V3 and R1 share: "Function calling") and of DeepSeek-V3.1 ("ToolCall"),
// and the parts of the files' templates that are right. Where a turn begins is taken from the
// file's own template. Not for conversations without tools, nor for DeepSeek-V3.2 and later, which
// write calls otherwise.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "text/tokenizer.h"

namespace fathom {

// Source of the template for conversations with tools, for a model whose own one is given; nothing
// where that is none of DeepSeek's, or the vocabulary lacks the tags. Beside the usual variables it
// reads these, which its caller takes from the file's own template:
//   assistant_turn  what stands between the last message of a user and the assistant's answer
//   asked_turn      what asks for that answer
//   drops_thinking  whether what an assistant thought before is left out
std::optional<std::string> DeepSeekToolTemplate(std::string_view own_template,
                                                const Tokenizer& tokenizer);

}  // namespace fathom
