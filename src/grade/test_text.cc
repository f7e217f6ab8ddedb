#include "grade/test_text.h"

#include <cctype>
#include <cmath>

namespace fathom {
namespace {

bool Digit(char c) { return c >= '0' && c <= '9'; }
bool Letter(char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; }

struct Reader {
  std::string_view rest;
  bool failed = false;

  char Next() {
    while (!rest.empty() && rest[0] == ' ') rest.remove_prefix(1);
    return rest.empty() ? '\0' : rest[0];
  }
  double Number() {
    if (Next() == '-') {
      rest.remove_prefix(1);
      return -Number();
    }
    if (Next() == '(') {
      rest.remove_prefix(1);
      const double value = Sum();
      if (Next() != ')') failed = true;
      if (!rest.empty()) rest.remove_prefix(1);
      return value;
    }
    std::string digits;
    Next();
    while (!rest.empty() && (Digit(rest[0]) || rest[0] == '.')) {
      digits += rest[0];
      rest.remove_prefix(1);
    }
    if (digits.empty()) {
      failed = true;
      return 0;
    }
    return std::stod(digits);
  }
  double Product() {
    double value = Number();
    while (!failed && (Next() == '*' || Next() == '/')) {
      const char operation = Next();
      rest.remove_prefix(1);
      const double next = Number();
      value = operation == '*' ? value * next : value / next;
    }
    return value;
  }
  double Sum() {
    double value = Product();
    while (!failed && (Next() == '+' || Next() == '-')) {
      const char operation = Next();
      rest.remove_prefix(1);
      const double next = Product();
      value = operation == '+' ? value + next : value - next;
    }
    return value;
  }
};

}  // namespace

std::vector<int64_t> IntegersIn(std::string_view text) {
  std::vector<int64_t> numbers;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!Digit(text[at])) continue;
    const bool negative = at > 0 && text[at - 1] == '-' && (at == 1 || !Digit(text[at - 2]));
    int64_t value = 0;
    while (at < text.size() && Digit(text[at])) value = value * 10 + (text[at++] - '0');
    numbers.push_back(negative ? -value : value);
  }
  return numbers;
}

std::vector<std::string> WordsIn(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (Letter(c)) {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(word);
  return words;
}

bool Evaluate(std::string_view text, double& value) {
  Reader reader{text};
  value = reader.Sum();
  return !reader.failed && reader.Next() == '\0';
}

int CheckEquations(std::string_view text, std::string& wrong) {
  int count = 0;
  for (std::size_t at = 0; (at = text.find('=', at)) != std::string_view::npos; ++at) {
    // The left side: back over everything an expression may have. A point that no digit follows
    // ends a sentence.
    std::size_t begin = at;
    while (begin > 0) {
      const char c = text[begin - 1];
      const bool sentence = c == '.' && !Digit(text[begin]);
      if (sentence || std::string_view("0123456789+-*/(). ").find(c) == std::string_view::npos)
        break;
      --begin;
    }
    std::string_view left = text.substr(begin, at - begin);
    while (!left.empty() && left[0] == ' ') left.remove_prefix(1);
    if (left.find_first_of("+-*/", 1) == std::string_view::npos) continue;
    // The right side: one number, perhaps with a remainder.
    std::size_t end = at + 1;
    while (end < text.size() && (text[end] == ' ' || text[end] == '-')) ++end;
    while (end < text.size() && (Digit(text[end]) || (text[end] == '.' && end + 1 < text.size() &&
                                                      Digit(text[end + 1])))) {
      ++end;
    }
    double a = 0, b = 0;
    const bool readable = Evaluate(left, a) && Evaluate(text.substr(at + 1, end - at - 1), b);
    constexpr std::string_view kRemainder = " remainder ";
    if (text.substr(end).starts_with(kRemainder)) {
      const std::vector<int64_t> sides = IntegersIn(left);
      const std::vector<int64_t> rest = IntegersIn(text.substr(end, kRemainder.size() + 8));
      if (sides.size() == 2 && !rest.empty()) {
        a = static_cast<double>(sides[0]);
        b = b * static_cast<double>(sides[1]) + static_cast<double>(rest[0]);
        if (rest[0] >= sides[1]) b = std::nan("");
      }
    }
    ++count;
    if ((!readable || !(std::abs(a - b) < 1e-9)) && wrong.empty()) {
      wrong = std::string(text.substr(begin, end + 12 - begin));
    }
  }
  return count;
}

}  // namespace fathom
