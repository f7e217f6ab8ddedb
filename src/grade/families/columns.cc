#include "grade/families/columns.h"

#include <algorithm>
#include <string>

namespace fathom {
namespace {

std::string Padded(int64_t value, std::size_t width) {
  const std::string text = Text(value);
  return std::string(width - std::min(width, text.size()), '0') + text;
}

// The digits of both, the shorter with zeros in front.
struct Columns {
  Columns(int64_t a, int64_t b) {
    const std::size_t width = std::max(Text(a).size(), Text(b).size());
    top = Padded(a, width);
    bottom = Padded(b, width);
  }
  std::string top, bottom;
};

std::string Digit(char c) { return std::string(1, c); }

}  // namespace

int64_t AddColumns(Draft& draft, int64_t a, int64_t b) {
  const Columns columns(a, b);
  draft.Think("Digits: " + Spell(columns.top) + " and " + Spell(columns.bottom) + ".");
  std::string written;
  int carry = 0;
  for (std::size_t i = columns.top.size(); i-- > 0;) {
    const int sum = columns.top[i] - '0' + columns.bottom[i] - '0' + carry;
    std::string line = Digit(columns.top[i]) + " + " + Digit(columns.bottom[i]);
    if (carry > 0) line += " + 1";
    line += " = " + Text(sum);
    carry = sum / 10;
    if (carry > 0) line += ", carry 1";
    written = Text(sum % 10) + written;
    draft.Think(line + ": " + written);
  }
  if (carry > 0) {
    written = "1" + written;
    draft.Think("The carry goes in front: " + written);
  }
  draft.Think("So " + Text(a) + " + " + Text(b) + " = " + Text(a + b) + ".");
  return a + b;
}

int64_t SubtractColumns(Draft& draft, int64_t a, int64_t b) {
  const Columns columns(a, b);
  draft.Think("Digits: " + Spell(columns.top) + " and " + Spell(columns.bottom) + ".");
  std::string written;
  int borrow = 0;
  for (std::size_t i = columns.top.size(); i-- > 0;) {
    const int top = columns.top[i] - '0', bottom = columns.bottom[i] - '0';
    const int difference = top - bottom - borrow;
    const std::string taken = " - " + Text(bottom) + (borrow > 0 ? " - 1" : "");
    std::string line;
    if (difference < 0) {
      line = Text(top) + taken + " is too small, borrow: " + Text(top + 10) + taken + " = " +
             Text(difference + 10);
    } else {
      line = Text(top) + taken + " = " + Text(difference);
    }
    borrow = difference < 0 ? 1 : 0;
    const std::string digit = Text(difference < 0 ? difference + 10 : difference);
    written = digit + written;
    draft.Think(line + ": " + written);
  }
  draft.Think("So " + Text(a) + " - " + Text(b) + " = " + Text(a - b) + ".");
  return a - b;
}

int64_t MultiplyByDigit(Draft& draft, int64_t a, int64_t digit, bool brief) {
  const std::string digits = Text(a);
  if (digits.size() == 1) {
    draft.Think(Text(a) + " * " + Text(digit) + " = " + Text(a * digit) + ".");
    return a * digit;
  }
  if (!brief) draft.Think("Digits of " + digits + ": " + Spell(digits) + ".");
  std::string written;
  int64_t carry = 0;
  for (std::size_t i = digits.size(); i-- > 0;) {
    const int64_t product = (digits[i] - '0') * digit + carry;
    std::string line = Digit(digits[i]) + " * " + Text(digit);
    if (carry > 0) line += " + " + Text(carry);
    line += " = " + Text(product);
    carry = product / 10;
    if (i > 0) {
      if (carry > 0) line += ", carry " + Text(carry);
      written = Text(product % 10) + written;
    } else {
      written = Text(product) + written;
    }
    draft.Think(line + ": " + written);
  }
  if (!brief) {
    draft.Think("So " + Text(a) + " * " + Text(digit) + " = " + Text(a * digit) + ".");
  }
  return a * digit;
}

int64_t DivideColumns(Draft& draft, int64_t a, int64_t divisor) {
  draft.Think("Digits of " + Text(a) + ": " + Spell(Text(a)) + ".");
  if (divisor > 9) {
    std::vector<int64_t> multiples;
    for (int64_t i = 1; i <= 9; ++i) multiples.push_back(i * divisor);
    draft.Think("Multiples of " + Text(divisor) + ": " + Join(multiples) + ".");
  }
  std::string written;
  int64_t rest = 0;
  for (const char digit : Text(a)) {
    rest = rest * 10 + (digit - '0');
    if (written.empty() && rest < divisor) {
      draft.Think(Text(rest) + " is less than " + Text(divisor) + ", take the next digit.");
      continue;
    }
    const int64_t times = rest / divisor, product = times * divisor;
    written += Text(times);
    draft.Think(Text(rest) + ": " + Text(times) + " * " + Text(divisor) + " = " + Text(product) +
                ", " + Text(rest) + " - " + Text(product) + " = " + Text(rest - product) +
                ", write " + Text(times) + ": " + written);
    rest -= product;
  }
  draft.Think("So " + Text(a) + " / " + Text(divisor) + " = " + Text(a / divisor) +
              (rest > 0 ? " remainder " + Text(rest) : "") + ".");
  return a / divisor;
}

}  // namespace fathom
