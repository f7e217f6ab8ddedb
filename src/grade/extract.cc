#include "grade/extract.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "grade/answers.h"

namespace fathom {
namespace {

constexpr std::size_t kMaxAnswer = 300;  // bytes of a marked answer
constexpr std::size_t kMaxGuesses = 2;   // different marked answers

// Remembers `text` unless it is there; false: that is one too many.
bool Remember(std::vector<std::string>& guesses, std::string_view text) {
  const std::string guess = Lower(Trim(text));
  if (std::find(guesses.begin(), guesses.end(), guess) == guesses.end()) guesses.push_back(guess);
  return guesses.size() <= kMaxGuesses;
}

// The end of the group whose opening brace is at text[open]; npos where none is near.
std::size_t CloseOf(std::string_view text, std::size_t open) {
  int depth = 0;
  const std::size_t end = std::min(text.size(), open + kMaxAnswer);
  for (std::size_t at = open; at < end; ++at) {
    if (text[at] == '{') ++depth;
    if (text[at] == '}' && --depth == 0) return at;
  }
  return std::string_view::npos;
}

// \frac{a}{b} to a/b, \text{a} to a, and the marks of mathematics away.
std::string WithoutLatex(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size();) {
    const std::string_view rest = text.substr(at);
    bool taken = false;
    for (const std::string_view name :
         {"\\frac{", "\\dfrac{", "\\text{", "\\mathrm{", "\\textbf{"}) {
      if (!rest.starts_with(name)) continue;
      const std::size_t close = CloseOf(text, at + name.size() - 1);
      if (close == std::string_view::npos) continue;
      plain += text.substr(at + name.size(), close - at - name.size());
      at = close + 1;
      if (name.find("frac") != std::string_view::npos) plain += '/';
      taken = true;
      break;
    }
    if (taken) continue;
    const char c = text[at];
    const bool escaped = c == '\\' && at + 1 < text.size() &&
                         std::string_view("$%#{},!; ").find(text[at + 1]) != std::string_view::npos;
    if (escaped) {
      const char next = text[at + 1];
      if (next == '$' || next == '%') plain += next;
      at += 2;
      continue;
    }
    if (!(c == '{' && !plain.empty() && plain.back() == '/') && !(c == '}')) plain += c;
    ++at;
  }
  return plain;
}

std::vector<std::string> LastOf(std::vector<std::string> items, std::size_t count) {
  items.erase(items.begin(),
              items.end() - static_cast<std::ptrdiff_t>(std::min(count, items.size())));
  return items;
}

std::string JoinWith(const std::vector<std::string>& items, std::string_view between) {
  std::string text;
  for (const std::string& item : items) {
    if (!text.empty()) text += between;
    text += item;
  }
  return text;
}

std::string_view LastLine(std::string_view text) {
  text = Trim(text);
  return text.substr(text.rfind('\n') + 1);
}

bool HasDigit(const std::string& token) {
  return token.find_first_of("0123456789") != std::string::npos;
}

// The last line's words and numbers, each for itself.
std::vector<std::string> LooseTokens(std::string_view line) {
  std::string text(line);
  for (char& c : text) {
    if (c == ',') c = ' ';
  }
  std::vector<std::string> tokens = Tokens(text);
  std::erase(tokens, "and");
  return tokens;
}

// The last run of characters that an expression may have, from the last line that has one.
std::string LastExpression(std::string_view text) {
  const std::string plain = PlainOperators(text);
  std::string_view rest = plain;
  while (!rest.empty()) {
    const std::size_t end = rest.find_last_of("0123456789)");
    if (end == std::string_view::npos) break;
    std::size_t begin = end + 1;
    while (begin > 0 && std::string_view("0123456789+-*/()=. ").find(rest[begin - 1]) !=
                            std::string_view::npos) {
      --begin;
    }
    const std::string_view run = Trim(rest.substr(begin, end + 1 - begin));
    if (run.find_first_of("+-*/") != std::string_view::npos) return std::string(run);
    rest = rest.substr(0, begin);
  }
  return "";
}

// The last text that `value` can read (not -1) among the windows of a few words that end a reply.
template <typename Value>
std::string LastReadable(std::string_view text, std::size_t widest, const Value& value) {
  const std::vector<std::string> tokens = LooseTokens(LastLine(text));
  for (std::size_t end = tokens.size(); end > 0; --end) {
    for (std::size_t width = std::min(widest, end); width > 0; --width) {
      const std::string window =
          JoinWith({tokens.begin() + static_cast<std::ptrdiff_t>(end - width),
                    tokens.begin() + static_cast<std::ptrdiff_t>(end)},
                   " ");
      if (value(window) >= 0) return window;
    }
  }
  return "";
}

}  // namespace

std::optional<std::string> MarkedAnswer(std::string_view reply) {
  constexpr std::string_view kBoxed = "\\boxed{";
  std::vector<std::string> guesses;
  std::optional<std::string> answer;
  for (std::size_t at = 0; (at = reply.find(kBoxed, at)) != std::string_view::npos;) {
    const std::size_t open = at + kBoxed.size() - 1, close = CloseOf(reply, open);
    at = open;
    if (close == std::string_view::npos) continue;
    answer = reply.substr(open + 1, close - open - 1);
    if (!Remember(guesses, *answer)) return std::nullopt;
  }
  if (answer) return WithoutLatex(*answer);
  for (std::size_t at = 0; (at = reply.find("**", at)) != std::string_view::npos;) {
    const std::size_t close = reply.find("**", at + 2);
    if (close == std::string_view::npos) break;
    const std::string_view text = reply.substr(at + 2, close - at - 2);
    if (Trim(text).empty() || text.size() > kMaxAnswer ||
        text.find('\n') != std::string_view::npos) {
      at = close;  // these stars may open another one
      continue;
    }
    answer = text;
    if (!Remember(guesses, *answer)) return std::nullopt;
    at = close + 2;
  }
  if (answer) return WithoutLatex(*answer);
  return std::nullopt;
}

std::string LastAnswer(const Problem& problem, std::string_view reply) {
  std::string text(reply);
  for (std::size_t at = 0;
       !problem.question.empty() && (at = text.find(problem.question, at)) != std::string::npos;) {
    text.erase(at, problem.question.size());
  }
  std::vector<std::string> tokens = LooseTokens(LastLine(text));
  switch (problem.kind) {
    case AnswerKind::kNumber: {
      const std::vector<std::string> all = Tokens(text);
      const auto last = std::find_if(all.rbegin(), all.rend(), HasDigit);
      return last == all.rend() ? "" : *last;
    }
    case AnswerKind::kQuotient: {
      const std::size_t wanted = problem.answer.ends_with("remainder 0") ? 1 : 2;
      std::erase_if(tokens, [](const std::string& token) { return !HasDigit(token); });
      return JoinWith(
          LastOf(tokens, std::max<std::size_t>(wanted, std::min<std::size_t>(tokens.size(), 2))),
          " remainder ");
    }
    case AnswerKind::kWord:
      return tokens.empty() ? "" : tokens.back();
    case AnswerKind::kYesNo: {
      std::vector<std::string> said;
      for (const std::string& token : Tokens(text)) {
        if (token == "yes" || token == "no" || token == "unknown") said.push_back(token);
      }
      return JoinWith(said, " ");  // yes and no is neither
    }
    case AnswerKind::kList:
    case AnswerKind::kSet:
      return JoinWith(LastOf(tokens, LooseTokens(problem.answer).size()), ", ");
    case AnswerKind::kDate:
      return LastReadable(text, 4,
                          [](const std::string& window) { return DateKey(Tokens(window)); });
    case AnswerKind::kTime:
      return LastReadable(text, 2, [](const std::string& window) { return TimeMinutes(window); });
    case AnswerKind::kDuration:
      return LastReadable(text, 4,
                          [](const std::string& window) { return DurationMinutes(window); });
    case AnswerKind::kExpression:
      return LastExpression(text);
    case AnswerKind::kPath: {
      const auto is_path = [](const std::string& token) {
        return token.find_first_not_of("udlr") == std::string::npos;
      };
      const auto last = std::find_if(tokens.rbegin(), tokens.rend(), is_path);
      return last == tokens.rend() ? "" : *last;
    }
    case AnswerKind::kFree:
      return text;
  }
  return "";
}

}  // namespace fathom
