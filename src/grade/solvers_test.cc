// The answers once more, by other means: brute force, and the C++ library's calendar. What a
// question says is read from its text.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "grade/grade.h"
#include "grade/task.h"
#include "grade/test_text.h"

namespace fathom {
namespace {

// Problems of all levels and both splits.
std::vector<Problem> Some(std::string_view name, int count) {
  const Family& family = FindFamily(name);
  std::vector<Problem> problems;
  for (const Split split : {Split::kTrain, Split::kTest}) {
    Random random(21);
    for (int i = 0; i < count; ++i) {
      problems.push_back(family.Generate(1 + i % family.levels, split, random));
    }
  }
  return problems;
}

std::string Show(const Problem& problem) {
  return problem.question + "\n" + problem.thinking + "\n" + problem.reply;
}

// Whether some expression over all the numbers gives the target.
bool CanMake(std::vector<double> numbers, double target) {
  if (numbers.size() == 1) return std::abs(numbers[0] - target) < 1e-9;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    for (std::size_t j = 0; j < numbers.size(); ++j) {
      if (i == j) continue;
      const double a = numbers[i], b = numbers[j];
      std::vector<double> rest;
      for (std::size_t k = 0; k < numbers.size(); ++k) {
        if (k != i && k != j) rest.push_back(numbers[k]);
      }
      for (const double value : {a + b, a - b, a * b, b == 0 ? NAN : a / b}) {
        rest.push_back(value);
        if (CanMake(rest, target)) return true;
        rest.pop_back();
      }
    }
  }
  return false;
}

TEST(SolversTest, Countdown) {
  for (const Problem& problem : Some("countdown", 120)) {
    // The target is the first or the last number of the question.
    std::vector<int64_t> numbers = IntegersIn(problem.check);
    const auto target = static_cast<double>(numbers.front());
    std::vector<int64_t> asked = IntegersIn(problem.question), given = numbers;
    std::sort(asked.begin(), asked.end());
    std::sort(given.begin(), given.end());
    EXPECT_EQ(asked, given) << Show(problem);
    double value = 0;
    EXPECT_TRUE(Evaluate(problem.answer, value)) << Show(problem);
    EXPECT_NEAR(value, target, 1e-9) << Show(problem);
    std::vector<int64_t> used = IntegersIn(problem.answer);
    std::sort(used.begin(), used.end());
    numbers.erase(numbers.begin());
    EXPECT_EQ(used, numbers) << Show(problem);
    EXPECT_TRUE(CanMake({numbers.begin(), numbers.end()}, target)) << Show(problem);
    EXPECT_FALSE(Grade(problem, "**" + problem.answer + " + 0**").correct);
  }
}

// All shortest ways from S to E, by trying every way of each length.
void Walk(const std::vector<std::string>& grid, int row, int column, std::size_t length,
          const std::string& path, std::set<std::string>& found) {
  if (row < 0 || column < 0 || row >= static_cast<int>(grid.size()) ||
      column >= static_cast<int>(grid[0].size())) {
    return;
  }
  const char cell = grid[static_cast<std::size_t>(row)][static_cast<std::size_t>(column)];
  if (cell == '#') return;
  if (path.size() == length) {
    if (cell == 'E') found.insert(path);
    return;
  }
  if (cell == 'E') return;
  Walk(grid, row - 1, column, length, path + "U", found);
  Walk(grid, row + 1, column, length, path + "D", found);
  Walk(grid, row, column - 1, length, path + "L", found);
  Walk(grid, row, column + 1, length, path + "R", found);
}

TEST(SolversTest, Mazes) {
  for (const Problem& problem : Some("maze", 60)) {
    // The lines of the question that are nothing but cells.
    std::vector<std::string> grid;
    std::string line;
    for (const char c : problem.question + "\n") {
      if (c != '\n') {
        line += c;
        continue;
      }
      std::string cells;
      for (const char cell : line) {
        if (cell != ' ') cells += cell;
      }
      if (!cells.empty() && cells.find_first_not_of("SE#.") == std::string::npos)
        grid.push_back(cells);
      line.clear();
    }
    ASSERT_GE(grid.size(), 3u) << Show(problem);
    int row = 0, column = 0;
    for (std::size_t i = 0; i < grid.size(); ++i) {
      if (grid[i].find('S') == std::string::npos) continue;
      row = static_cast<int>(i);
      column = static_cast<int>(grid[i].find('S'));
    }
    std::set<std::string> found;
    std::size_t length = 0;
    while (found.empty() && length < 10) Walk(grid, row, column, ++length, "", found);
    if (found.empty()) {  // longer ways take too long this way
      EXPECT_GE(problem.answer.size(), 10u) << Show(problem);
      continue;
    }
    EXPECT_TRUE(found.contains(problem.answer)) << Show(problem);
    for (const std::string& path : found) {
      EXPECT_TRUE(Grade(problem, "**" + path + "**").correct) << path << "\n" << Show(problem);
    }
  }
}

// Sentences of letters only: "All wugs are daxes" and so on.
std::vector<std::vector<std::string>> Sentences(const std::string& text) {
  std::vector<std::vector<std::string>> sentences;
  std::string sentence;
  for (const char c : text + ".") {
    if (c == '.' || c == '?' || c == ':' || c == ',' || c == '!') {
      sentences.push_back(WordsIn(sentence));
      sentence.clear();
    } else {
      sentence += c;
    }
  }
  return sentences;
}

// "wug" for "wugs" and "daxes".
std::string Singular(const std::string& noun) {
  const std::string stem = noun.substr(0, noun.size() - 1);
  return stem.ends_with("xe") ? stem.substr(0, stem.size() - 1) : stem;
}

TEST(SolversTest, Syllogisms) {
  for (const Problem& problem : Some("syllogism", 300)) {
    std::map<std::string, std::size_t> nouns;
    const auto index = [&](const std::string& noun) {
      return nouns.try_emplace(noun, nouns.size()).first->second;
    };
    struct Rule {
      std::size_t from, to;
      bool is;
    };
    std::vector<Rule> rules;
    std::vector<std::pair<std::size_t, bool>> known;
    for (const std::vector<std::string>& words : Sentences(problem.question)) {
      const std::size_t n = words.size();
      if (n == 4 && words[2] == "are") {
        rules.push_back({index(Singular(words[1])), index(Singular(words[3])), words[0] == "All"});
      } else if (n == 4 && words[1] == "is" && words[2] == "a" && words[0] != "Is") {
        known.emplace_back(index(words[3]), true);
      } else if (n == 5 && words[1] == "is" && words[2] == "not") {
        known.emplace_back(index(words[4]), false);
      }
    }
    ASSERT_EQ(known.size(), 1u) << Show(problem);
    const std::size_t asked = index(Singular(WordsIn(problem.content).back()));
    bool can = false, cannot = false;
    for (std::size_t bits = 0; bits < std::size_t{1} << nouns.size(); ++bits) {
      const auto is = [&](std::size_t noun) { return (bits >> noun & 1) != 0; };
      const bool fits = is(known[0].first) == known[0].second &&
                        std::all_of(rules.begin(), rules.end(), [&](const Rule& rule) {
                          return !is(rule.from) || is(rule.to) == rule.is;
                        });
      if (fits) (is(asked) ? can : cannot) = true;
    }
    EXPECT_EQ(problem.answer, can && cannot ? "unknown" : can ? "yes" : "no") << Show(problem);
    // It is asked for that noun.
    const std::vector<std::string> all = WordsIn(problem.question);
    EXPECT_NE(std::find(all.begin(), all.end(), Singular(WordsIn(problem.content).back())),
              all.end());
  }
}

TEST(SolversTest, TruthTellers) {
  for (const Problem& problem : Some("truth_tellers", 150)) {
    struct Claim {
      std::string speaker, about;
      bool lies;
    };
    std::vector<Claim> claims;
    std::set<std::string> names;
    for (const std::vector<std::string>& words : Sentences(problem.question)) {
      const auto says = std::find(words.begin(), words.end(), "says");
      if (says == words.end()) continue;
      claims.push_back({*(says - 1), *(says + 2), *(says + 3) == "lies"});
      names.insert(*(says - 1));
      names.insert(*(says + 2));
    }
    const std::size_t at = problem.question.find("Exactly ");
    const int wanted = problem.question[at + 8] - '0';
    const std::vector<std::string> people(names.begin(), names.end());
    std::vector<std::set<std::string>> solutions;
    for (std::size_t bits = 0; bits < std::size_t{1} << people.size(); ++bits) {
      std::set<std::string> liars;
      for (std::size_t i = 0; i < people.size(); ++i) {
        if (bits >> i & 1) liars.insert(people[i]);
      }
      const bool fits = static_cast<int>(liars.size()) == wanted &&
                        std::all_of(claims.begin(), claims.end(), [&](const Claim& claim) {
                          const bool says_so = liars.contains(claim.about) == claim.lies;
                          return says_so != liars.contains(claim.speaker);
                        });
      if (fits) solutions.push_back(liars);
    }
    ASSERT_EQ(solutions.size(), 1u) << Show(problem);
    std::vector<std::string> words = WordsIn(problem.answer);
    std::erase(words, "and");
    EXPECT_EQ(std::set<std::string>(words.begin(), words.end()), solutions[0]) << Show(problem);
  }
}

// The dates of a text, as "5 March 2025" or "March 5, 2025".
std::vector<std::chrono::sys_days> DatesIn(const std::string& text) {
  static const std::vector<std::string> kMonths = {"January",   "February", "March",    "April",
                                                   "May",       "June",     "July",     "August",
                                                   "September", "October",  "November", "December"};
  std::vector<std::string> tokens;
  for (const char c : text + " ") {
    const bool part = std::isalnum(static_cast<unsigned char>(c)) != 0;
    if (part && !tokens.empty()) {
      tokens.back() += c;
    } else if (part) {
      tokens.emplace_back(1, c);
    } else if (tokens.empty() || !tokens.back().empty()) {
      tokens.emplace_back();
    }
  }
  std::vector<std::chrono::sys_days> dates;
  for (std::size_t i = 0; i + 2 < tokens.size(); ++i) {
    for (const std::size_t at : {i, i + 1}) {
      const auto month = std::find(kMonths.begin(), kMonths.end(), tokens[at]);
      const std::string& day = tokens[at == i ? i + 1 : i];
      const std::string& year = tokens[i + 2];
      if (month == kMonths.end() || day.empty() || day.size() > 2 || year.size() != 4 ||
          !std::isdigit(static_cast<unsigned char>(day[0]))) {
        continue;
      }
      dates.emplace_back(std::chrono::year(std::stoi(year)) /
                         static_cast<int>(month - kMonths.begin() + 1) / std::stoi(day));
    }
  }
  return dates;
}

TEST(SolversTest, Dates) {
  for (const Problem& problem : Some("days_between", 300)) {
    const auto dates = DatesIn(problem.question);
    ASSERT_EQ(dates.size(), 2u) << Show(problem);
    EXPECT_EQ((dates[1] - dates[0]).count(), IntegersIn(problem.answer)[0]) << Show(problem);
  }
  for (const Problem& problem : Some("date_after", 300)) {
    const auto dates = DatesIn(problem.question);
    const std::string plus = problem.content.substr(problem.content.find('+'));
    ASSERT_EQ(dates.size(), 1u) << Show(problem);
    EXPECT_EQ(DatesIn(problem.answer)[0], dates[0] + std::chrono::days(IntegersIn(plus)[0]))
        << Show(problem);
  }
}

TEST(SolversTest, Weekdays) {
  static const std::vector<std::string> kNames = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                  "Thursday", "Friday", "Saturday"};
  for (const Problem& problem : Some("weekday", 300)) {
    const auto answer = std::find(kNames.begin(), kNames.end(), problem.answer) - kNames.begin();
    const std::vector<std::string> words = WordsIn(problem.question);
    const auto named = std::find_first_of(words.begin(), words.end(), kNames.begin(), kNames.end());
    ASSERT_NE(named, words.end()) << Show(problem);
    const auto start = std::find(kNames.begin(), kNames.end(), *named) - kNames.begin();
    if (problem.level == 3) {
      const auto dates = DatesIn(problem.question);
      ASSERT_EQ(dates.size(), 2u) << Show(problem);
      EXPECT_EQ(std::chrono::weekday(dates[0]).c_encoding(), static_cast<unsigned>(start));
      EXPECT_EQ(std::chrono::weekday(dates[1]).c_encoding(), static_cast<unsigned>(answer));
      continue;
    }
    const int64_t days = IntegersIn(problem.question)[0];
    const bool back = problem.question.find(" ago") != std::string::npos ||
                      problem.question.find("before") != std::string::npos ||
                      problem.question.find("back") != std::string::npos ||
                      problem.question.find("earlier") != std::string::npos;
    EXPECT_EQ(answer, ((start + (back ? -days : days)) % 7 + 7) % 7) << Show(problem);
  }
}

TEST(SolversTest, Sorting) {
  for (const Problem& problem : Some("sort_numbers", 200)) {
    std::vector<int64_t> asked = IntegersIn(problem.question), answer = IntegersIn(problem.answer);
    const bool down = problem.question.find("descending") != std::string::npos ||
                      problem.question.find("from largest") != std::string::npos ||
                      problem.question.find("from high") != std::string::npos;
    std::sort(asked.begin(), asked.end());
    if (down) std::reverse(asked.begin(), asked.end());
    EXPECT_EQ(asked, answer) << Show(problem);
  }
  for (const Problem& problem : Some("sort_words", 200)) {
    const std::vector<std::string> asked = WordsIn(problem.question),
                                   answer = WordsIn(problem.answer);
    EXPECT_TRUE(std::is_sorted(answer.begin(), answer.end())) << Show(problem);
    EXPECT_GE(answer.size(), 3u);
    for (const std::string& word : answer) {
      EXPECT_NE(std::find(asked.begin(), asked.end(), word), asked.end()) << Show(problem);
    }
  }
}

TEST(SolversTest, LettersAndReversal) {
  for (const Problem& problem : Some("count_letters", 300)) {
    const std::string& text = problem.content;
    EXPECT_NE(problem.question.find(text), std::string::npos) << Show(problem);
    const std::size_t at = problem.reply.find("letter ") + 7;
    EXPECT_EQ(std::count(text.begin(), text.end(), problem.reply[at]), std::stoi(problem.answer))
        << Show(problem);
  }
  for (const Problem& problem : Some("reverse", 200)) {
    if (problem.level > 1) {
      EXPECT_EQ(std::string(problem.content.rbegin(), problem.content.rend()), problem.answer);
      continue;
    }
    std::vector<std::string> items = WordsIn(problem.answer);
    if (items.empty()) {
      for (const int64_t number : IntegersIn(problem.answer))
        items.push_back(std::to_string(number));
    }
    std::string list;
    for (auto item = items.rbegin(); item != items.rend(); ++item) {
      list += (list.empty() ? "" : ", ") + *item;
    }
    EXPECT_NE(problem.question.find(list), std::string::npos) << Show(problem);
  }
}

// "{a, b}" of a question.
std::vector<std::set<std::string>> SetsIn(const std::string& text) {
  std::vector<std::set<std::string>> sets;
  for (std::size_t at = 0; (at = text.find('{', at)) != std::string::npos; ++at) {
    const std::string inner = text.substr(at + 1, text.find('}', at) - at - 1);
    sets.emplace_back();
    std::string item;
    for (const char c : inner + ",") {
      if (c == ',') {
        sets.back().insert(item);
        item.clear();
      } else if (c != ' ') {
        item += c;
      }
    }
  }
  return sets;
}

TEST(SolversTest, Sets) {
  for (const Problem& problem : Some("set_members", 300)) {
    const auto sets = SetsIn(problem.question);
    if (sets.size() == 1) {
      const std::string asked = problem.content.substr(0, problem.content.find(' '));
      EXPECT_EQ(problem.answer, sets[0].contains(asked) ? "yes" : "no") << Show(problem);
    }
    if (sets.size() != 2) continue;
    std::set<std::string> both, minus, either = sets[0];
    for (const std::string& item : sets[0]) (sets[1].contains(item) ? both : minus).insert(item);
    either.insert(sets[1].begin(), sets[1].end());
    const auto answer = SetsIn("{" + problem.answer + "}")[0];
    const bool is_union = problem.thinking.starts_with("Start");
    const bool has = [&] {
      for (const char* text :
           {"not in", "but not", "Take away", "missing", "difference", "Remove", "does not"}) {
        if (problem.question.find(text) != std::string::npos) return true;
      }
      return false;
    }();
    EXPECT_EQ(answer, is_union ? either : has ? minus : both) << Show(problem);
  }
}

}  // namespace
}  // namespace fathom
