#include "grade/drills.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "grade/draft.h"
#include "grade/task.h"
#include "grade/words.h"

namespace fathom {
namespace {

constexpr int64_t kFullPage = 200;  // tokens, as estimated; one line more may go beyond it

// Draws a line, or none where it would answer a test problem.
using Exercise = std::optional<Drill> (*)(Random& random);

bool IsForTests(std::string_view family, std::string_view content) {
  return SplitOf(family, content) == Split::kTest;
}

std::string Term(int64_t a, std::string_view operation, int64_t b) {
  return Text(a) + " " + std::string(operation) + " " + Text(b) + " = ";
}

Drill Equation(int64_t a, std::string_view operation, int64_t b, int64_t result) {
  return {Term(a, operation, b), Text(result)};
}

// A number of up to `most` digits; short ones are as frequent as long ones.
int64_t DrawNumber(Random& random, int most) {
  const int64_t end = PowerOfTen(static_cast<int>(random.Between(1, most)));
  return random.Between(end == 10 ? 1 : end / 10, end - 1);
}

// As the families name the content of a pair of numbers.
std::string Pair(int64_t a, int64_t b) { return Text(std::min(a, b)) + " " + Text(std::max(a, b)); }

std::optional<Drill> Sum(Random& random) {
  const int64_t a = DrawNumber(random, 4), b = DrawNumber(random, 4);
  if (IsForTests("addition", Pair(a, b))) return std::nullopt;
  return Equation(a, "+", b, a + b);
}

std::optional<Drill> Difference(Random& random) {
  const int64_t b = DrawNumber(random, 4), rest = DrawNumber(random, 4), a = b + rest;
  if (IsForTests("subtraction", Pair(a, b))) return std::nullopt;
  // Below zero now and then.
  return random.OneIn(6) ? Equation(b, "-", a, -rest) : Equation(a, "-", b, rest);
}

std::optional<Drill> Product(Random& random) {
  const bool small = !random.OneIn(3);
  const int64_t a = small ? random.Between(2, 9) : random.Between(10, 25);
  const int64_t b = DrawNumber(random, small ? 3 : 2);
  if (IsForTests("multiplication", Pair(a, b))) return std::nullopt;
  return random.OneIn(2) ? Equation(a, "*", b, a * b) : Equation(b, "*", a, a * b);
}

std::optional<Drill> Quotient(Random& random) {
  const bool small = !random.OneIn(3);
  const int64_t divisor = small ? random.Between(2, 9) : random.Between(10, 25);
  const int64_t quotient = DrawNumber(random, small ? 3 : 2), a = divisor * quotient;
  if (IsForTests("division", Text(a) + " / " + Text(divisor))) return std::nullopt;
  return Equation(a, "/", divisor, quotient);
}

// The step of a long division: "53 by 7: 7 * 7 = 49, 53 - 49 = 4".
std::optional<Drill> Remainder(Random& random) {
  const int64_t divisor = random.OneIn(3) ? random.Between(11, 30) : random.Between(2, 9);
  const int64_t a = random.Between(divisor, 10 * divisor - 1), times = a / divisor;
  if (IsForTests("division", Text(a) + " / " + Text(divisor)) ||
      IsForTests("multiplication", Pair(times, divisor)) ||
      IsForTests("subtraction", Pair(a, times * divisor))) {
    return std::nullopt;
  }
  return Drill{Text(a) + " by " + Text(divisor) + ": ",
               Term(times, "*", divisor) + Text(times * divisor) + ", " +
                   Term(a, "-", times * divisor) + Text(a % divisor)};
}

std::string Quoted(const std::string& word) { return "\"" + word + "\""; }

std::string Backwards(const std::string& word) { return std::string(word.rbegin(), word.rend()); }

std::optional<Drill> Spelling(Random& random) {
  const std::string word = random.Pick(Words());
  return Drill{(random.OneIn(2) ? Quoted(word) : word) + ": ", Spell(word)};
}

// Letters that become a word, forwards, backwards, or without a meaning.
std::optional<Drill> Joining(Random& random) {
  std::string word = random.Pick(Words());
  if (random.OneIn(3)) {
    if (IsForTests("reverse", word)) return std::nullopt;
    word = Backwards(word);
  } else if (random.OneIn(2)) {
    word.resize(static_cast<std::size_t>(random.Between(2, 9)));
    for (char& letter : word) letter = static_cast<char>(random.Between('a', 'z'));
  }
  return Drill{Spell(word) + ": ", word};
}

std::optional<Drill> LettersBackwards(Random& random) {
  const std::string word = random.Pick(Words());
  if (IsForTests("reverse", word)) return std::nullopt;
  return Drill{Spell(word) + ": ", Spell(Backwards(word))};
}

std::optional<Drill> Kind(Random& random) {
  const WordGroup& group = random.Pick(WordGroups());
  const std::string word = random.Pick(group.words);
  if (IsForTests("set_members", "is " + word)) return std::nullopt;
  return Drill{Capital(word) + ": ", One(group.noun) + "."};
}

std::vector<int64_t> DrawNumbers(Random& random, std::size_t count) {
  const int64_t high = PowerOfTen(static_cast<int>(random.Between(2, 3))) - 1;
  std::vector<int64_t> numbers;
  while (numbers.size() < count) {
    const int64_t number = random.Between(random.OneIn(8) ? -50 : 1, high);
    if (std::find(numbers.begin(), numbers.end(), number) == numbers.end()) {
      numbers.push_back(number);
    }
  }
  return numbers;
}

std::optional<Drill> Least(Random& random) {
  const std::vector<int64_t> numbers =
      DrawNumbers(random, static_cast<std::size_t>(random.Between(2, 7)));
  const bool least = random.OneIn(2);
  return Drill{(least ? "smallest of " : "largest of ") + Join(numbers) + ": ",
               Text(least ? *std::min_element(numbers.begin(), numbers.end())
                          : *std::max_element(numbers.begin(), numbers.end()))};
}

std::vector<std::string> DrawWords(Random& random, std::size_t count) {
  std::vector<std::string> words;
  while (words.size() < count) {
    const std::string word = random.Pick(Words());
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
  }
  return words;
}

std::optional<Drill> ListBackwards(Random& random) {
  std::vector<std::string> words =
      DrawWords(random, static_cast<std::size_t>(random.Between(3, 6)));
  const std::string given = Join(words) + " backwards: ";
  if (IsForTests("reverse", Join(words))) return std::nullopt;
  std::reverse(words.begin(), words.end());
  return Drill{given, Join(words)};
}

bool InGroups(const std::string& word) {
  for (const WordGroup& group : WordGroups()) {
    if (std::find(group.words.begin(), group.words.end(), word) != group.words.end()) return true;
  }
  return false;
}

std::optional<Drill> Membership(Random& random) {
  std::vector<std::string> items =
      DrawWords(random, static_cast<std::size_t>(random.Between(4, 8)));
  if (InGroups(items[0])) return std::nullopt;  // sets that are asked for are of one group
  const std::vector<std::string> others(items.begin() + 3, items.end());
  items.resize(3);
  // Three of the asked are there and up to three are not.
  std::vector<std::string> asked = items;
  asked.insert(asked.end(), others.begin(),
               others.begin() + std::min<std::ptrdiff_t>(3, std::ssize(others)));
  random.Shuffle(asked);
  std::vector<std::string> steps;
  for (const std::string& word : asked) {
    const bool there = std::find(items.begin(), items.end(), word) != items.end();
    steps.push_back(word + (there ? " yes" : " no"));
  }
  return Drill{"{" + Join(items) + "} with " + Join(asked) + ": ", Join(steps)};
}

struct Sort {
  int weight;
  std::vector<Exercise> exercises;
};

const std::vector<Sort>& Sorts() {
  static const std::vector<Sort> sorts = {
      {3, {Sum}},        {3, {Difference}}, {4, {Product}},
      {2, {Quotient}},   {2, {Remainder}},  {2, {Sum, Difference, Product, Quotient}},
      {3, {Spelling}},   {2, {Joining}},    {1, {LettersBackwards}},
      {1, {Kind}},       {2, {Least}},      {1, {ListBackwards}},
      {1, {Membership}},
  };
  return sorts;
}

}  // namespace

std::vector<Drill> DrillPage(Random& random) {
  int64_t total = 0;
  for (const Sort& sort : Sorts()) total += sort.weight;
  int64_t place = random.Between(1, total);
  const Sort* chosen = nullptr;
  for (const Sort& sort : Sorts()) {
    if (chosen == nullptr && place <= sort.weight) chosen = &sort;
    place -= sort.weight;
  }
  const auto lines = static_cast<std::size_t>(random.Between(10, 16));
  std::vector<Drill> page;
  int64_t tokens = 0;
  while (page.size() < lines && tokens < kFullPage) {
    std::optional<Drill> drill = random.Pick(chosen->exercises)(random);
    if (!drill) continue;
    tokens += EstimatedTokens(drill->given + drill->answer);
    page.push_back(std::move(*drill));
  }
  return page;
}

}  // namespace fathom
