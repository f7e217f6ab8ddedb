#include "grade/rational.h"

#include <limits>
#include <numeric>

#include "base/text.h"

namespace fathom {
namespace {

constexpr int kMaxDigits = 15;  // 10^15 times 10^3 still fits
constexpr std::size_t kMaxExpression = 200;
constexpr int kMaxDepth = 16;

bool IsDecimalDigit(char c) { return c >= '0' && c <= '9'; }

// Reads digits at the front of `text`, with commas between groups of three where `grouped` allows
// it. Counts them in `digits`; std::nullopt where there is none, or too many, or a group is not
// whole.
std::optional<int64_t> TakeDigits(std::string_view& text, int& digits, bool grouped) {
  int64_t value = 0;
  int group = 0, groups = 0;  // digits since the last comma; commas
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == ',' && grouped) {
      if (group == 0 || group > 3 || (groups > 0 && group != 3)) return std::nullopt;
      ++groups;
      group = 0;
      continue;
    }
    if (!IsDecimalDigit(c)) break;
    if (++digits > kMaxDigits) return std::nullopt;
    ++group;
    value = value * 10 + (c - '0');
  }
  if (at == 0 || (groups > 0 && group != 3)) return std::nullopt;
  text.remove_prefix(at);
  return value;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::optional<ExpressionValue> Run() {
    const std::optional<Rational> value = Sum(0);
    Skip();
    if (!value || !text_.empty()) return std::nullopt;
    result_.value = *value;
    return result_;
  }

 private:
  void Skip() {
    while (!text_.empty() && text_[0] == ' ') text_.remove_prefix(1);
  }

  bool Take(char c) {
    Skip();
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }

  std::optional<Rational> Sum(int depth) {
    std::optional<Rational> value = Product(depth);
    while (value) {
      const char operation = Take('+') ? '+' : Take('-') ? '-' : ' ';
      if (operation == ' ') break;
      const std::optional<Rational> next = Product(depth);
      if (!next) return std::nullopt;
      value = Combine(*value, operation, *next);
    }
    return value;
  }

  std::optional<Rational> Product(int depth) {
    std::optional<Rational> value = Factor(depth);
    while (value) {
      const char operation = Take('*') ? '*' : Take('/') ? '/' : ' ';
      if (operation == ' ') break;
      const std::optional<Rational> next = Factor(depth);
      if (!next) return std::nullopt;
      value = Combine(*value, operation, *next);
    }
    return value;
  }

  std::optional<Rational> Factor(int depth) {
    if (depth >= kMaxDepth) return std::nullopt;
    if (Take('(')) {
      const std::optional<Rational> value = Sum(depth + 1);
      if (!Take(')')) return std::nullopt;
      return value;
    }
    Skip();
    int digits = 0;
    const std::optional<int64_t> number = TakeDigits(text_, digits, false);
    if (!number || result_.count == static_cast<int>(std::size(result_.used))) return std::nullopt;
    result_.used[result_.count++] = *number;
    return Rational{*number, 1};
  }

  std::string_view text_;
  ExpressionValue result_{};
};

}  // namespace

std::optional<Rational> MakeRational(int64_t top, int64_t bottom) {
  constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();
  if (bottom == 0 || top == kLowest || bottom == kLowest) return std::nullopt;
  const int64_t divisor = std::gcd(top, bottom) * (bottom < 0 ? -1 : 1);
  return Rational{top / divisor, bottom / divisor};
}

std::optional<Rational> Combine(const Rational& a, char operation, const Rational& b) {
  int64_t left = 0, right = 0, top = 0, bottom = 0;
  bool overflow = false;
  switch (operation) {
    case '*':
      overflow = __builtin_mul_overflow(a.top, b.top, &top) ||
                 __builtin_mul_overflow(a.bottom, b.bottom, &bottom);
      break;
    case '/':
      overflow = __builtin_mul_overflow(a.top, b.bottom, &top) ||
                 __builtin_mul_overflow(a.bottom, b.top, &bottom);
      break;
    default:
      overflow = __builtin_mul_overflow(a.top, b.bottom, &left) ||
                 __builtin_mul_overflow(b.top, a.bottom, &right) ||
                 __builtin_mul_overflow(a.bottom, b.bottom, &bottom) ||
                 (operation == '+' ? __builtin_add_overflow(left, right, &top)
                                   : __builtin_sub_overflow(left, right, &top));
  }
  if (overflow) return std::nullopt;
  return MakeRational(top, bottom);
}

std::optional<Rational> ParseRational(std::string_view text) {
  text = Trim(text);
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  int digits = 0;
  int64_t top = 0, bottom = 1;
  if (text.empty() || text[0] != '.') {
    const std::optional<int64_t> whole = TakeDigits(text, digits, true);
    if (!whole) return std::nullopt;
    top = *whole;
  }
  if (!text.empty() && text[0] == '/') {
    text.remove_prefix(1);
    int more = 0;
    const std::optional<int64_t> divisor = TakeDigits(text, more, true);
    if (!divisor) return std::nullopt;
    bottom = *divisor;
  } else if (!text.empty() && text[0] == '.') {
    text.remove_prefix(1);
    for (; !text.empty() && IsDecimalDigit(text[0]); text.remove_prefix(1)) {
      if (++digits > kMaxDigits) return std::nullopt;
      top = top * 10 + (text[0] - '0');
      bottom *= 10;
    }
    if (digits == 0) return std::nullopt;
  }
  if (!text.empty()) return std::nullopt;
  return MakeRational(negative ? -top : top, bottom);
}

std::optional<ExpressionValue> EvaluateExpression(std::string_view text) {
  if (text.size() > kMaxExpression) return std::nullopt;
  return Parser(text).Run();
}

}  // namespace fathom
