// Jinja source to tokens, with the white space rules of trim_blocks and lstrip_blocks applied and
// the last line break dropped, as transformers sets Jinja up for chat templates.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fathom::jinja {

enum class TokenType : uint8_t {
  kData,  // text outside of tags
  kVariableBegin,
  kVariableEnd,
  kBlockBegin,
  kBlockEnd,
  kName,
  kString,  // with its escapes read
  kInteger,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenType type = TokenType::kEnd;
  int line = 0;      // from 1
  std::string text;  // of data, names, strings and operators
  int64_t integer = 0;
  double number = 0;
};

// A mistake in the template's text. The parser's caller adds the template's name.
struct SyntaxError {
  int line;
  std::string message;
  bool unsupported = false;  // not a mistake, but something Fathom does not do
};

inline constexpr std::size_t kMaxTemplateBytes = std::size_t{1} << 20;

// Always ends with kEnd. Throws SyntaxError.
std::vector<Token> Tokenize(std::string_view source);

}  // namespace fathom::jinja
