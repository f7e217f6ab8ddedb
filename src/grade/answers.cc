#include "grade/answers.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.h"
#include "grade/grid.h"
#include "grade/rational.h"

namespace fathom {
namespace {

constexpr std::size_t kMaxItems = 64;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

void Replace(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

// Names of units, each line one unit.
constexpr std::array<std::array<std::string_view, 6>, 21> kUnitNames = {{
    {"km", "kilometre", "kilometres", "kilometer", "kilometers"},
    {"m", "metre", "metres", "meter", "meters"},
    {"cm", "centimetre", "centimetres", "centimeter", "centimeters"},
    {"mm", "millimetre", "millimetres", "millimeter", "millimeters"},
    {"kg", "kilogram", "kilograms", "kilo", "kilos"},
    {"g", "gram", "grams"},
    {"t", "tonne", "tonnes", "ton", "tons"},
    {"l", "litre", "litres", "liter", "liters"},
    {"ml", "millilitre", "millilitres", "milliliter", "milliliters"},
    {"cl", "centilitre", "centilitres", "centiliter", "centiliters"},
    {"hour", "hours", "h", "hr", "hrs"},
    {"minute", "minutes", "min", "mins"},
    {"second", "seconds", "s", "sec", "secs"},
    {"day", "days", "d"},
    {"week", "weeks"},
    {"month", "months"},
    {"year", "years"},
    {"dollar", "dollars", "$", "usd"},
    {"cent", "cents"},
    {"euro", "euros", "\u20ac", "eur"},
    {"%", "percent"},
}};

// The line of kUnitNames, or -1.
int UnitOf(std::string_view name) {
  for (std::size_t unit = 0; unit < kUnitNames.size(); ++unit) {
    for (const std::string_view known : kUnitNames[unit]) {
      if (!known.empty() && known == name) return static_cast<int>(unit);
    }
  }
  return -1;
}

struct Amount {
  Rational value;
  int unit;  // of kUnitNames; -1: none, or one that is not known
};

// "x = 5", "$12.50", "1,204", "3000 g", "12 apples": one number with nothing that takes it back.
std::optional<Amount> ParseAmount(std::string_view given) {
  std::string text = Lower(PlainOperators(given));
  std::string_view rest = Trim(text);
  if (rest.size() > 2 && IsLetter(rest[0])) {
    const std::string_view after = Trim(rest.substr(1));
    if (after.starts_with('=')) rest = Trim(after.substr(1));
  }
  Amount amount{{}, -1};
  std::string number;
  if (rest.starts_with('-') || rest.starts_with('+')) {
    number = rest[0];
    rest = Trim(rest.substr(1));
  }
  for (const std::string_view sign : {"$", "\u20ac"}) {
    if (!rest.starts_with(sign)) continue;
    amount.unit = UnitOf(sign);
    rest = Trim(rest.substr(sign.size()));
  }
  std::size_t end = 0;
  while (end < rest.size() &&
         (IsDigit(rest[end]) || rest[end] == '.' || rest[end] == ',' || rest[end] == '/')) {
    ++end;
  }
  number += rest.substr(0, end);
  rest = Trim(rest.substr(end));
  while (!number.empty() && (number.back() == '.' || number.back() == ',')) number.pop_back();
  const std::optional<Rational> value = ParseRational(number);
  if (!value) return std::nullopt;
  amount.value = *value;
  // What follows may name the thing, in a few words.
  while (!rest.empty() && (rest.back() == '.' || rest.back() == '!')) rest.remove_suffix(1);
  int words = 0;
  for (const std::string& word : Tokens(rest)) {
    if (IsDigit(word.back()) || word == "or" || word == "and" || word == "not" ||
        word == "remainder" || word == "r" || ++words > 4) {
      return std::nullopt;
    }
  }
  if (rest.find_first_of("+*/=<>") != std::string_view::npos) return std::nullopt;
  if (!rest.empty() && UnitOf(rest) >= 0) amount.unit = UnitOf(rest);
  return amount;
}

bool SameNumber(std::string_view answer, std::string_view text) {
  const std::optional<Amount> right = ParseAmount(answer), given = ParseAmount(text);
  if (!right || !given || right->value != given->value) return false;
  return right->unit < 0 || given->unit < 0 || right->unit == given->unit;
}

// Quotient and remainder; a remainder of nothing may be left away.
std::optional<std::pair<Rational, Rational>> ParseQuotient(std::string_view given) {
  std::vector<Rational> numbers;
  std::string text = Lower(given);
  // "17 r2"
  for (std::size_t i = 0; i + 1 < text.size(); ++i) {
    if (text[i] == 'r' && IsDigit(text[i + 1])) text.insert(i + 1, " ");
  }
  for (const std::string& token : Tokens(text)) {
    if (IsDigit(token.back())) {
      const std::optional<Rational> number = ParseRational(token);
      if (!number || numbers.size() == 2) return std::nullopt;
      numbers.push_back(*number);
    } else if (token != "remainder" && token != "rem" && token != "r" && token != "with" &&
               token != "a" && token != "of" && token != "and" && token != "quotient") {
      return std::nullopt;
    }
  }
  if (numbers.empty()) return std::nullopt;
  return std::pair(numbers[0], numbers.size() == 2 ? numbers[1] : Rational{});
}

// The items of a list: numbers by value, words in lower case.
std::vector<std::string> ListItems(std::string_view given) {
  std::string text = Lower(PlainOperators(given));
  Replace(text, " and ", ",");
  Replace(text, "\u2192", ",");
  for (char& c : text) {
    if (c == ';' || c == '<' || c == '>' || c == '\n') c = ',';
    if (c == '[' || c == ']' || c == '{' || c == '}' || c == '(' || c == ')' || c == '"' ||
        c == '\'' || c == '`') {
      c = ' ';
    }
  }
  const char separator = text.find(',') == std::string::npos ? ' ' : ',';
  std::vector<std::string> items;
  std::string_view rest = Trim(text);
  while (!rest.empty() && rest.back() == '.') rest.remove_suffix(1);
  while (!rest.empty() && items.size() <= kMaxItems) {
    const std::size_t end = std::min(rest.find(separator), rest.size());
    std::string_view item = Trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (item.starts_with("and ")) item = Trim(item.substr(4));
    if (item.empty()) continue;
    if (const std::optional<Rational> number = ParseRational(item)) {
      items.push_back(std::to_string(number->top) + "/" + std::to_string(number->bottom));
    } else {
      items.emplace_back(item);
    }
  }
  return items;
}

// A word without marks around it and without an article.
std::string PlainWord(std::string_view given) {
  std::string text = Lower(Trim(given));
  const auto is_mark = [](char c) {
    return std::string_view("\"'`.,!?:;()[]{} ").find(c) != std::string_view::npos;
  };
  while (!text.empty() && is_mark(text.back())) text.pop_back();
  std::size_t begin = 0;
  while (begin < text.size() && is_mark(text[begin])) ++begin;
  text.erase(0, begin);
  for (const std::string_view article : {"a ", "an ", "the "}) {
    if (text.starts_with(article)) return text.substr(article.size());
  }
  return text;
}

// "yes", "no" or "unknown" where the text begins with it and says nothing else of them; else "".
std::string YesOrNo(std::string_view text) {
  if (text.find('?') != std::string_view::npos) return "";
  std::string found;
  bool first = true;
  for (std::string token : Tokens(text)) {
    if (token == "true") token = "yes";
    if (token == "false") token = "no";
    if (token == "undetermined") token = "unknown";
    const bool says = token == "yes" || token == "no" || token == "unknown";
    if ((first && !says) || (says && !found.empty() && token != found)) return "";
    if (says) found = token;
    first = false;
  }
  return found;
}

// The problem's check is "target: numbers in order".
bool MakesTarget(const Problem& problem, std::string_view given) {
  const std::size_t colon = problem.check.find(':');
  if (colon == std::string::npos) return false;
  const std::optional<Rational> target =
      ParseRational(std::string_view(problem.check).substr(0, colon));
  const std::string text = PlainOperators(given);
  std::string_view expression = Trim(text);
  while (!expression.empty() && expression.back() == '.') expression.remove_suffix(1);
  const std::size_t equals = expression.find('=');
  if (equals != std::string_view::npos) {
    if (ParseRational(expression.substr(equals + 1)) != target) return false;
    expression = Trim(expression.substr(0, equals));
  }
  std::optional<ExpressionValue> value = EvaluateExpression(expression);
  if (!value || !target || value->value != *target) return false;
  std::sort(value->used, value->used + value->count);
  std::string used;
  for (int i = 0; i < value->count; ++i) used += " " + std::to_string(value->used[i]);
  return used == std::string_view(problem.check).substr(colon + 1);
}

bool IsShortestPath(const Problem& problem, std::string_view given) {
  std::string text = Lower(given);
  for (const auto& [word, letter] : {std::pair("up", "u"), std::pair("down", "d"),
                                     std::pair("left", "l"), std::pair("right", "r")}) {
    Replace(text, word, letter);
  }
  Replace(text, "\u2192", "");
  std::string path;
  for (const char c : text) {
    if (c == 'u' || c == 'd' || c == 'l' || c == 'r') {
      path += static_cast<char>(c - 'a' + 'A');
    } else if (std::string_view(" ,.;-\n\"'>").find(c) == std::string_view::npos) {
      return false;
    }
  }
  const std::optional<Grid> grid = Grid::Parse(problem.check);
  return grid && static_cast<int>(path.size()) == grid->ShortestLength() && grid->ReachesEnd(path);
}

}  // namespace

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

std::string PlainOperators(std::string_view text) {
  std::string plain(text);
  for (const auto& [from, to] :
       {std::pair("\u2212", "-"), std::pair("\u2013", "-"), std::pair("\u00d7", "*"),
        std::pair("\u00f7", "/"), std::pair("\u00b7", "*"), std::pair("\\times", "*"),
        std::pair("\\cdot", "*"), std::pair("\\div", "/"), std::pair("\u00a0", " ")}) {
    Replace(plain, from, to);
  }
  return plain;
}

std::vector<std::string> Tokens(std::string_view text) {
  std::vector<std::string> tokens;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    if (IsLetter(text[at])) {
      while (at < text.size() && IsLetter(text[at])) ++at;
      tokens.push_back(Lower(text.substr(begin, at - begin)));
    } else if (IsDigit(text[at])) {
      while (at < text.size() && (IsDigit(text[at]) || std::string_view(".,:/").find(text[at]) !=
                                                           std::string_view::npos)) {
        ++at;
      }
      std::size_t end = at;
      while (!IsDigit(text[end - 1])) --end;
      // A sign belongs to a number at the start of a word: "-5", but not "3-5".
      const bool sign = begin > 0 && text[begin - 1] == '-' &&
                        (begin == 1 || (!IsDigit(text[begin - 2]) && !IsLetter(text[begin - 2])));
      tokens.push_back((sign ? "-" : "") + std::string(text.substr(begin, end - begin)));
    } else {
      ++at;
    }
  }
  return tokens;
}

int TimeMinutes(std::string_view text) {
  const std::vector<std::string> tokens = Tokens(text);
  if (tokens.empty() || tokens.size() > 3) return -1;
  std::string half;  // "am", "pm", or "a", "m" of "a.m."
  for (std::size_t i = 1; i < tokens.size(); ++i) half += tokens[i];
  if (!half.empty() && half != "am" && half != "pm") return -1;
  const std::string& clock = tokens[0];
  const std::size_t colon = clock.find(':');
  const std::string hour_text = clock.substr(0, colon);
  const std::string minute_text = colon == std::string::npos ? "00" : clock.substr(colon + 1);
  if (colon == std::string::npos && half.empty()) return -1;
  const auto small = [](const std::string& digits) {
    return !digits.empty() && digits.size() <= 2 &&
           std::all_of(digits.begin(), digits.end(), IsDigit);
  };
  if (!small(hour_text) || !small(minute_text) || minute_text.size() != 2) return -1;
  int hour = std::stoi(hour_text);
  const int minute = std::stoi(minute_text);
  if (minute > 59 || hour > 24) return -1;
  if (!half.empty()) {
    if (hour < 1 || hour > 12) return -1;
    hour = hour % 12 + (half == "pm" ? 12 : 0);
  }
  return hour % 24 * 60 + minute;
}

int DurationMinutes(std::string_view text) {
  const std::vector<std::string> tokens = Tokens(text);
  if (tokens.size() == 1 && tokens[0].find(':') != std::string::npos) return TimeMinutes(tokens[0]);
  int minutes = 0;
  bool hours_seen = false, minutes_seen = false;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] == "and" && i > 0) continue;
    if (i + 1 >= tokens.size() || tokens[i].size() > 4 || minutes_seen ||
        !std::all_of(tokens[i].begin(), tokens[i].end(), IsDigit)) {
      return -1;
    }
    const int number = std::stoi(tokens[i]);
    const std::string& unit = tokens[++i];
    if (!hours_seen &&
        (unit == "hours" || unit == "hour" || unit == "h" || unit == "hr" || unit == "hrs")) {
      minutes += 60 * number;
      hours_seen = true;
    } else if (unit == "minutes" || unit == "minute" || unit == "min" || unit == "mins" ||
               unit == "m") {
      minutes += number;
      minutes_seen = true;
    } else {
      return -1;
    }
  }
  return hours_seen || minutes_seen ? minutes : -1;
}

int DateKey(const std::vector<std::string>& tokens) {
  constexpr std::string_view kMonths[] = {"january",   "february", "march",    "april",
                                          "may",       "june",     "july",     "august",
                                          "september", "october",  "november", "december"};
  int day = 0, month = 0, year = 0;
  for (const std::string& token : tokens) {
    if (token == "the" || token == "of" || token == "th" || token == "st" || token == "nd" ||
        token == "rd" || token.ends_with("day")) {
      continue;
    }
    if (IsDigit(token.back())) {
      if (!std::all_of(token.begin(), token.end(), IsDigit) || token.size() > 4) return -1;
      const int number = std::stoi(token);
      // After a year, a number is the month: 2025-03-05.
      int& place = token.size() == 4 ? year : year > 0 && month == 0 ? month : day;
      if (place != 0 || number == 0) return -1;
      place = number;
      continue;
    }
    const auto* name =
        std::find_if(std::begin(kMonths), std::end(kMonths),
                     [&](std::string_view known) { return known.starts_with(token); });
    if (name == std::end(kMonths) || token.size() < 3 || month != 0) return -1;
    month = static_cast<int>(name - kMonths) + 1;
  }
  if (day < 1 || day > 31 || month < 1 || month > 12 || year == 0) return -1;
  return day + 32 * month + 512 * year;
}

bool IsRight(const Problem& problem, std::string_view text) {
  switch (problem.kind) {
    case AnswerKind::kNumber:
      return SameNumber(problem.answer, text);
    case AnswerKind::kQuotient: {
      const auto right = ParseQuotient(problem.answer);
      return right && ParseQuotient(text) == right;
    }
    case AnswerKind::kWord:
      return PlainWord(text) == PlainWord(problem.answer);
    case AnswerKind::kYesNo:
      return YesOrNo(text) == problem.answer;
    case AnswerKind::kList:
      return ListItems(text) == ListItems(problem.answer);
    case AnswerKind::kSet: {
      std::vector<std::string> right = ListItems(problem.answer), given = ListItems(text);
      std::sort(right.begin(), right.end());
      std::sort(given.begin(), given.end());
      return right == given;
    }
    case AnswerKind::kDate: {
      // "2025-03-05" and "March 5, 2025" have their parts in one token or in several.
      std::string spaced = Lower(text);
      for (char& c : spaced) {
        if (c == '-' || c == ',' || c == '.' || c == '/') c = ' ';
      }
      if (spaced.size() > 60) return false;
      return DateKey(Tokens(spaced)) == DateKey(Tokens(problem.answer));
    }
    case AnswerKind::kTime:
      return TimeMinutes(text) == TimeMinutes(problem.answer);
    case AnswerKind::kDuration:
      return DurationMinutes(text) == DurationMinutes(problem.answer);
    case AnswerKind::kExpression:
      return MakesTarget(problem, text);
    case AnswerKind::kPath:
      return IsShortestPath(problem, text);
    case AnswerKind::kFree:
      return false;
  }
  return false;
}

}  // namespace fathom
