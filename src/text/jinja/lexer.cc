#include "text/jinja/lexer.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>

#include "text/jinja/casing.h"
#include "text/unicode.h"

namespace fathom::jinja {
namespace {

// Longer ones first.
constexpr std::array<std::string_view, 26> kOperators = {
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
    "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// One kind of line break, no last one, and only well-formed UTF-8.
std::string Normalize(std::string_view source) {
  std::string clean, out;
  AppendUtf8(source, clean);
  out.reserve(clean.size());
  for (std::size_t i = 0; i < clean.size(); ++i) {
    if (clean[i] == '\r') {
      out.push_back('\n');
      if (i + 1 < clean.size() && clean[i + 1] == '\n') ++i;
    } else {
      out.push_back(clean[i]);
    }
  }
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : text_(Normalize(source)), source_(text_) {}

  std::vector<Token> Run() {
    while (at_ < source_.size()) Root();
    Push(TokenType::kEnd);
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void Throw(const std::string& message) const { throw SyntaxError{line_, message}; }
  [[noreturn]] void Unsupported(const std::string& what) const {
    throw SyntaxError{line_, what + " is not supported in chat templates", true};
  }

  Token& Push(TokenType type) {
    tokens_.emplace_back();
    tokens_.back().type = type;
    tokens_.back().line = line_;
    return tokens_.back();
  }

  bool LooksAt(std::string_view text, std::size_t position) const {
    return source_.substr(std::min(position, source_.size())).starts_with(text);
  }
  char CharAt(std::size_t position) const {
    return position < source_.size() ? source_[position] : '\0';
  }

  // Past white space from `position` on.
  std::size_t AfterSpace(std::size_t position) const {
    while (position < source_.size()) {
      const Utf8Char next = DecodeUtf8(source_.data(), position);
      if (!IsSpace(next.code)) break;
      position += next.size;
    }
    return position;
  }

  void MoveTo(std::size_t position) {
    line_ +=
        static_cast<int>(std::count(source_.begin() + static_cast<std::ptrdiff_t>(at_),
                                    source_.begin() + static_cast<std::ptrdiff_t>(position), '\n'));
    at_ = position;
  }

  // ---- Outside of tags ----

  // The text up to the next tag, and the tag.
  void Root() {
    std::size_t open = at_;
    for (;; ++open) {
      open = source_.find('{', open);
      if (open == std::string_view::npos) {
        Data(source_.size(), '+', true);
        return MoveTo(source_.size());
      }
      const char second = CharAt(open + 1);
      if (second == '%' || second == '{' || second == '#') break;
    }
    const char kind = source_[open + 1];
    const char third = CharAt(open + 2);
    const char sign = third == '-' || third == '+' ? third : '\0';
    Data(open, sign, kind == '{');
    MoveTo(open);
    const std::size_t inside = open + 2 + (sign == '\0' ? 0 : 1);
    if (kind == '#') return Comment(inside);
    if (kind == '%') {
      if (const std::size_t raw = RawBegin(inside); raw != 0) return Raw(raw);
    }
    Push(kind == '{' ? TokenType::kVariableBegin : TokenType::kBlockBegin);
    MoveTo(inside);
    Inside(kind == '{');
  }

  // Emits the text from here to `end`, less what the following tag takes away: all white space
  // before it for '-'; the indentation of a line for a block or comment without a sign.
  void Data(std::size_t end, char sign, bool variable) {
    std::string_view text = source_.substr(at_, end - at_);
    if (sign == '-') {
      std::size_t keep = 0;
      for (std::size_t i = 0; i < text.size();) {
        const Utf8Char next = DecodeUtf8(text.data(), i);
        i += next.size;
        if (!IsSpace(next.code)) keep = i;
      }
      text = text.substr(0, keep);
    } else if (sign != '+' && !variable) {
      const std::size_t last = text.rfind('\n');
      const bool at_line_start = at_ == 0 || source_[at_ - 1] == '\n';
      if (last != std::string_view::npos || at_line_start) {
        const std::size_t line = last == std::string_view::npos ? 0 : last + 1;
        if (AfterSpace(at_ + line) >= end) text = text.substr(0, line);
      }
    }
    if (!text.empty()) Push(TokenType::kData).text = text;
  }

  // Past the end of a tag whose closing sign is at `close`: "-" takes the white space after it, a
  // block or comment without a sign takes one line break.
  std::size_t AfterTag(std::size_t close, std::size_t size, char sign, bool trim) const {
    const std::size_t after = close + size;
    if (sign == '-') return AfterSpace(after);
    return trim && sign != '+' && CharAt(after) == '\n' ? after + 1 : after;
  }

  void Comment(std::size_t inside) {
    const std::size_t close = source_.find("#}", inside);
    if (inside >= source_.size()) return MoveTo(source_.size());  // Jinja lets this pass
    if (close == std::string_view::npos) Throw("a comment has no end: expected '#}'");
    const char before = close > inside ? source_[close - 1] : '\0';
    MoveTo(AfterTag(close, 2, before, true));
  }

  // Past "raw %}" if that is what stands here, else 0.
  std::size_t RawBegin(std::size_t inside) const {
    std::size_t at = AfterSpace(inside);
    if (!LooksAt("raw", at)) return 0;
    at = AfterSpace(at + 3);
    if (LooksAt("-%}", at)) return AfterSpace(at + 3);
    return LooksAt("%}", at) ? at + 2 : 0;
  }

  void Raw(std::size_t begin) {
    MoveTo(begin);
    if (begin >= source_.size()) return;  // Jinja lets this pass
    for (std::size_t open = begin;; ++open) {
      open = source_.find("{%", open);
      if (open == std::string_view::npos) Throw("a raw block has no end: expected '{% endraw %}'");
      const char third = CharAt(open + 2);
      const char sign = third == '-' || third == '+' ? third : '\0';
      std::size_t at = AfterSpace(open + 2 + (sign == '\0' ? 0 : 1));
      if (!LooksAt("endraw", at)) continue;
      at = AfterSpace(at + 6);
      const char closing = CharAt(at) == '-' || CharAt(at) == '+' ? CharAt(at) : '\0';
      if (closing != '\0') ++at;
      if (!LooksAt("%}", at)) continue;
      Data(open, sign, false);
      return MoveTo(AfterTag(at, 2, closing, true));
    }
  }

  // ---- Inside of tags ----

  void Inside(bool variable) {
    const std::string_view close = variable ? "}}" : "%}";
    std::string open;  // brackets that wait for their partner
    while (at_ < source_.size()) {
      const std::size_t after = AfterSpace(at_);
      if (after > at_) {
        MoveTo(after);
        continue;
      }
      if (open.empty()) {
        const char c = source_[at_];
        const bool sign = c == '-' || (c == '+' && !variable);
        const std::size_t end = at_ + (sign ? 1 : 0);
        if (LooksAt(close, end)) {
          Push(variable ? TokenType::kVariableEnd : TokenType::kBlockEnd);
          return MoveTo(AfterTag(end, 2, sign ? c : '\0', !variable));
        }
      }
      if (!Number() && !Name() && !String()) Operator(open);
    }
  }

  // Digits with single underscores between them; where they end.
  template <class Test>
  std::size_t Digits(std::size_t position, Test test) const {
    std::size_t end = position;
    while (test(CharAt(end)) || (end > position && CharAt(end) == '_' && test(CharAt(end + 1)))) {
      ++end;
    }
    return end;
  }

  std::string Plain(std::size_t end) const {
    std::string text(source_.substr(at_, end - at_));
    text.erase(std::remove(text.begin(), text.end(), '_'), text.end());
    return text;
  }

  bool Number() {
    if (!IsDigit(source_[at_])) return false;
    const std::size_t whole = Digits(at_, IsDigit);
    std::size_t end = whole;
    if (at_ == 0 || source_[at_ - 1] != '.') {
      if (CharAt(end) == '.' && IsDigit(CharAt(end + 1))) end = Digits(end + 1, IsDigit);
      if (CharAt(end) == 'e' || CharAt(end) == 'E') {
        const std::size_t sign = CharAt(end + 1) == '+' || CharAt(end + 1) == '-' ? 1 : 0;
        if (IsDigit(CharAt(end + 1 + sign))) end = Digits(end + 1 + sign, IsDigit);
      }
      if (end > whole) {
        Push(TokenType::kFloat).number = std::strtod(Plain(end).c_str(), nullptr);
        MoveTo(end);
        return true;
      }
    }
    Integer(whole);
    return true;
  }

  void Integer(std::size_t end) {
    int base = 10;
    std::size_t skip = 0;
    if (source_[at_] == '0') {
      const char letter = CharAt(at_ + 1);
      base = letter == 'b' || letter == 'B'   ? 2
             : letter == 'o' || letter == 'O' ? 8
             : letter == 'x' || letter == 'X' ? 16
                                              : 10;
      const auto digit = [base](char c) {
        const char low = static_cast<char>(c | 32);
        return (c >= '0' && c < '0' + std::min(base, 10)) ||
               (base == 16 && low >= 'a' && low <= 'f');
      };
      const std::size_t from = at_ + 2 + (CharAt(at_ + 2) == '_' ? 1 : 0);
      const std::size_t stop = base == 10 ? from : Digits(from, digit);
      if (base != 10 && stop > from) {
        end = stop;
        skip = 2;
      } else {
        base = 10;
        end = Digits(at_, [](char c) { return c == '0'; });
      }
    }
    const std::string digits = Plain(end).substr(skip);
    int64_t value = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
    if (read.ec != std::errc()) Unsupported("an integer beyond 64 bits");
    Push(TokenType::kInteger).integer = value;
    MoveTo(end);
  }

  bool Name() {
    std::size_t end = at_;
    while (end < source_.size()) {
      const Utf8Char next = DecodeUtf8(source_.data(), end);
      const CharClass kind = ClassOf(next.code);
      if (next.code != '_' && kind != CharClass::kLetter && kind != CharClass::kMark &&
          kind != CharClass::kNumber) {
        break;
      }
      end += next.size;
    }
    if (end == at_) return false;
    Push(TokenType::kName).text = source_.substr(at_, end - at_);
    MoveTo(end);
    return true;
  }

  bool String() {
    const char quote = source_[at_];
    if (quote != '\'' && quote != '"') return false;
    std::size_t end = at_ + 1;
    while (end < source_.size() && source_[end] != quote) end += source_[end] == '\\' ? 2 : 1;
    if (end >= source_.size())
      Throw("a string has no end: expected another " + std::string(1, quote));
    Push(TokenType::kString).text = Unescape(source_.substr(at_ + 1, end - at_ - 1));
    MoveTo(end + 1);
    return true;
  }

  // Hexadecimal digits after a \x, \u or \U.
  uint32_t HexCode(std::string_view text, std::size_t position, std::size_t digits) const {
    uint32_t code = 0;
    const std::string_view part = text.substr(std::min(position, text.size()), digits);
    const auto read = std::from_chars(part.data(), part.data() + part.size(), code, 16);
    if (part.size() != digits || read.ec != std::errc() || read.ptr != part.data() + digits ||
        code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
      Throw("a string has an escape that is no character: '\\" +
            std::string(text.substr(position - 1, digits + 1)) + "'");
    }
    return code;
  }

  std::string Unescape(std::string_view text) const {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (text[i] != '\\' || i + 1 >= text.size()) {
        out.push_back(text[i]);
        continue;
      }
      const char c = text[++i];
      constexpr std::string_view kLetters = "abfnrtv\\'\"", kMeanings = "\a\b\f\n\r\t\v\\'\"";
      if (const std::size_t known = kLetters.find(c); known != std::string_view::npos) {
        out.push_back(kMeanings[known]);
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        AppendCodePoint(HexCode(text, i + 1, digits), out);
        i += digits;
      } else if (c >= '0' && c <= '7') {
        uint32_t code = 0;
        std::size_t size = 0;
        for (; size < 3 && i + size < text.size() && text[i + size] >= '0' && text[i + size] <= '7';
             ++size) {
          code = code * 8 + static_cast<uint32_t>(text[i + size] - '0');
        }
        AppendCodePoint(code, out);
        i += size - 1;
      } else if (c == 'N') {
        Unsupported("a character by its name (\\N)");
      } else if (static_cast<unsigned char>(c) >= 0x80) {
        i = ForeignEscape(text, i, out);
      } else if (c != '\n') {  // a line break after a backslash is no line break
        out.push_back('\\');
        out.push_back(c);
      }
    }
    return out;
  }

  // Jinja spells characters outside of ASCII as escapes before it reads the escapes, so that a
  // backslash before one shows the spelling.
  static std::size_t ForeignEscape(std::string_view text, std::size_t position, std::string& out) {
    const Utf8Char next = DecodeUtf8(text.data(), position);
    const int digits = next.code <= 0xFF ? 2 : next.code <= 0xFFFF ? 4 : 8;
    out += digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U";
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
      out.push_back("0123456789abcdef"[next.code >> shift & 15]);
    }
    return position + next.size - 1;
  }

  void Operator(std::string& open) {
    for (const std::string_view op : kOperators) {
      if (!LooksAt(op, at_)) continue;
      if (op == "{" || op == "(" || op == "[") {
        open.push_back(op == "{" ? '}' : op == "(" ? ')' : ']');
      } else if (op == "}" || op == ")" || op == "]") {
        if (open.empty()) Throw("unexpected '" + std::string(op) + "'");
        if (open.back() != op[0]) {
          Throw("unexpected '" + std::string(op) + "', expected '" + open.back() + "'");
        }
        open.pop_back();
      }
      Push(TokenType::kOperator).text = op;
      return MoveTo(at_ + op.size());
    }
    const Utf8Char next = DecodeUtf8(source_.data(), at_);
    Throw("unexpected character '" + std::string(source_.substr(at_, next.size)) + "'");
  }

  const std::string text_;
  const std::string_view source_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> Tokenize(std::string_view source) {
  if (source.size() > kMaxTemplateBytes) {
    throw SyntaxError{1, "the template has " + std::to_string(source.size()) +
                             " bytes, more than " + std::to_string(kMaxTemplateBytes)};
  }
  return Lexer(source).Run();
}

}  // namespace fathom::jinja
