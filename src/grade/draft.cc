#include "grade/draft.h"

#include <algorithm>

#include "base/check.h"

namespace fathom {

std::string Fill(std::string_view pattern, const Values& values) {
  std::string text;
  while (true) {
    const std::size_t open = pattern.find('{');
    text += pattern.substr(0, open);
    if (open == std::string_view::npos) return text;
    const std::size_t close = pattern.find('}', open);
    CHECK(close != std::string_view::npos);
    const std::string_view name = pattern.substr(open + 1, close - open - 1);
    const auto value = std::find_if(values.begin(), values.end(),
                                    [&](const auto& entry) { return entry.first == name; });
    CHECK(value != values.end());
    text += value->second;
    pattern.remove_prefix(close + 1);
  }
}

bool Draft::Claim(std::string content) {
  problem.content = std::move(content);
  return SplitOf(problem.family, problem.content) == split;
}

void Draft::Ask(const Phrasings& phrasings, const Values& values) {
  const auto& list = split == Split::kTrain ? phrasings.train : phrasings.test;
  problem.phrasing = random.Pick(list);
  problem.question = Fill(problem.phrasing, values);
  // People leave the mark away, but not in "2 + 3 = ?".
  std::string& question = problem.question;
  if (question.ends_with('?') && question[question.size() - 2] != ' ' && random.OneIn(8)) {
    question.pop_back();
  }
}

void Draft::Answer(AnswerKind kind, std::string answer, std::string_view pattern, Values values) {
  // "**Yes**, ..." where it begins the sentence, if it is a word of ours.
  const bool first = kind == AnswerKind::kYesNo && pattern.starts_with("{answer}");
  values.emplace_back("answer", "**" + (first ? Capital(answer) : answer) + "**");
  problem.kind = kind;
  problem.reply = Fill(pattern, values);
  problem.answer = std::move(answer);
}

void Draft::Think(std::string_view line) {
  if (!problem.thinking.empty()) problem.thinking += '\n';
  problem.thinking += line;
}

std::string Join(const std::vector<std::string>& items, std::string_view between) {
  std::string text;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += between;
    text += items[i];
  }
  return text;
}

std::string Join(const std::vector<int64_t>& items, std::string_view between) {
  std::vector<std::string> texts;
  for (const int64_t item : items) texts.push_back(Text(item));
  return Join(texts, between);
}

std::string JoinAnd(const std::vector<std::string>& items, std::string_view last) {
  std::string text;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) text += i + 1 == items.size() ? last : std::string_view(", ");
    text += items[i];
  }
  return text;
}

std::string One(std::string_view noun) { return std::string(noun.substr(0, noun.find('|'))); }

std::string Many(std::string_view noun) {
  const std::size_t bar = noun.find('|');
  return std::string(bar == std::string_view::npos ? noun : noun.substr(bar + 1));
}

std::string Count(int64_t count, std::string_view noun) {
  return Text(count) + " " + (count == 1 ? One(noun) : Many(noun));
}

std::string WithArticle(std::string_view noun) {
  const bool vowel = std::string_view("aeiou").find(noun.front()) != std::string_view::npos;
  return (vowel ? "an " : "a ") + std::string(noun);
}

std::string Capital(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') {
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  }
  return text;
}

std::string Spell(std::string_view word) {
  std::string text;
  for (const char letter : word) {
    if (!text.empty()) text += ' ';
    text += letter;
  }
  return text;
}

int64_t PowerOfTen(int exponent) {
  int64_t power = 1;
  for (int i = 0; i < exponent; ++i) power *= 10;
  return power;
}

std::string Fixed(int64_t value, int places) {
  const int64_t unit = PowerOfTen(places), size = value < 0 ? -value : value;
  std::string text = (value < 0 ? "-" : "") + Text(size / unit);
  if (places == 0) return text;
  std::string rest = Text(size % unit);
  return text + "." + std::string(static_cast<std::size_t>(places) - rest.size(), '0') + rest;
}

std::string Decimal(int64_t value, int places) {
  while (places > 0 && value % 10 == 0) {
    value /= 10;
    --places;
  }
  return Fixed(value, places);
}

int64_t EstimatedTokens(std::string_view text) {
  constexpr int64_t kLetters = 6;  // of a word in one token
  int64_t tokens = 0, letters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter) {
      if (letters++ % kLetters == 0) ++tokens;
      continue;
    }
    letters = 0;
    const bool digit_next = i + 1 < text.size() && text[i + 1] >= '0' && text[i + 1] <= '9';
    if (c != ' ' || digit_next) ++tokens;
  }
  return tokens;
}

}  // namespace fathom
