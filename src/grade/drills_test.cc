// Drills: every line is true, and none answers a problem of the test split.
#include "grade/drills.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string>
#include <vector>

#include "grade/draft.h"
#include "grade/task.h"
#include "grade/test_text.h"

namespace fathom {
namespace {

std::vector<std::string> Lines(uint64_t seed, int pages) {
  Random random(seed);
  std::vector<std::string> lines;
  for (int i = 0; i < pages; ++i) {
    const std::vector<Drill> page = DrillPage(random);
    EXPECT_GE(page.size(), 3u);
    EXPECT_LE(page.size(), 16u);
    int64_t tokens = 0;
    for (const Drill& drill : page) {
      EXPECT_FALSE(drill.answer.empty());
      EXPECT_EQ(drill.given.back(), ' ');
      lines.push_back(drill.given + drill.answer);
      tokens += EstimatedTokens(lines.back());
    }
    EXPECT_LE(tokens, 300);
  }
  return lines;
}

// "c a t" as "cat".
std::string WithoutBlanks(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  return text;
}

TEST(DrillsTest, EquationsAreTrue) {
  int equations = 0, below_zero = 0;
  for (const std::string& line : Lines(1, 2000)) {
    std::string wrong;
    equations += CheckEquations(line, wrong);
    if (line.find("= -") != std::string::npos) ++below_zero;
    EXPECT_EQ(wrong, "") << line;
  }
  EXPECT_GT(equations, 8000);
  EXPECT_GT(below_zero, 100);
}

TEST(DrillsTest, EveryOtherLineIsTrue) {
  int spelled = 0, least = 0, lists = 0, sets = 0;
  for (const std::string& line : Lines(2, 2000)) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos || line.find(" = ") != std::string::npos) continue;
    const std::string left = line.substr(0, colon), right = line.substr(colon + 2);
    if (left.starts_with("smallest of ") || left.starts_with("largest of ")) {
      const std::vector<int64_t> numbers = IntegersIn(left), found = IntegersIn(right);
      const auto [low, high] = std::minmax_element(numbers.begin(), numbers.end());
      ASSERT_EQ(found.size(), 1u);
      EXPECT_EQ(found[0], left[0] == 's' ? *low : *high) << line;
      ++least;
    } else if (left.ends_with(" backwards")) {
      std::vector<std::string> words = WordsIn(left), backwards = WordsIn(right);
      words.pop_back();
      std::reverse(words.begin(), words.end());
      EXPECT_EQ(words, backwards) << line;
      ++lists;
    } else if (left.starts_with('{')) {
      const std::size_t end = left.find('}');
      const std::vector<std::string> items = WordsIn(left.substr(0, end));
      std::vector<std::string> asked = WordsIn(left.substr(end));
      asked.erase(asked.begin());  // "with"
      const std::vector<std::string> answers = WordsIn(right);
      ASSERT_EQ(answers.size(), 2 * asked.size());
      for (std::size_t i = 0; i < answers.size(); i += 2) {
        const bool there = std::count(items.begin(), items.end(), answers[i]) > 0;
        EXPECT_EQ(answers[i], asked[i / 2]) << line;
        EXPECT_EQ(answers[i + 1], there ? "yes" : "no") << line;
      }
      ++sets;
    } else if (!right.ends_with('.')) {  // "Otter: animal." is right if the word lists are
      std::string a = WithoutBlanks(left), b = WithoutBlanks(right);
      a.erase(std::remove(a.begin(), a.end(), '"'), a.end());
      if (a != b) std::reverse(b.begin(), b.end());
      EXPECT_EQ(a, b) << line;
      ++spelled;
    }
  }
  EXPECT_GT(spelled, 1000);
  EXPECT_GT(least, 300);
  EXPECT_GT(lists, 300);
  EXPECT_GT(sets, 300);
}

TEST(DrillsTest, NoneAnswersATestProblem) {
  // What the test problems of these families are about, by a large draw of them.
  std::set<std::string> contents;
  for (const std::string_view name :
       {"addition", "subtraction", "multiplication", "division", "reverse", "set_members"}) {
    const Family& family = FindFamily(name);
    Random random(3);
    for (int level = 1; level <= 3; ++level) {
      for (int i = 0; i < 1500; ++i) {
        contents.insert(std::string(name) + " " +
                        family.Generate(level, Split::kTest, random).content);
      }
    }
  }
  const auto ascending = [](int64_t a, int64_t b) {
    return std::to_string(std::min(a, b)) + " " + std::to_string(std::max(a, b));
  };
  int pairs = 0;
  for (const std::string& line : Lines(4, 4000)) {
    for (const std::string_view operation : {" + ", " - ", " * ", " / "}) {
      for (std::size_t at = line.find(operation); at != std::string::npos;
           at = line.find(operation, at + 1)) {
        std::size_t begin = at;
        while (begin > 0 && std::isdigit(static_cast<unsigned char>(line[begin - 1]))) --begin;
        const int64_t a = std::stoll(line.substr(begin, at - begin));
        const int64_t b = std::stoll(line.substr(at + 3));
        const std::string content =
            operation == " + "   ? "addition " + ascending(a, b)
            : operation == " - " ? "subtraction " + ascending(a, b)
            : operation == " * " ? "multiplication " + ascending(a, b)
                                 : "division " + std::to_string(a) + " / " + std::to_string(b);
        EXPECT_EQ(contents.count(content), 0u) << line;
        ++pairs;
      }
    }
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    const std::string left = line.substr(0, colon), right = line.substr(colon + 2);
    if (line.ends_with('.')) {
      std::string word = left;
      word[0] = static_cast<char>(std::tolower(word[0]));
      EXPECT_EQ(contents.count("set_members is " + word), 0u) << line;
    }
    if (left.ends_with(" backwards")) {
      EXPECT_EQ(contents.count("reverse " + left.substr(0, left.rfind(' '))), 0u) << line;
    }
    // Letters on the left: a test word must not come out backwards.
    std::string word = WithoutBlanks(left);
    if (left.size() == 2 * word.size() - 1 && word != WithoutBlanks(right)) {
      EXPECT_EQ(contents.count("reverse " + word), 0u) << line;
    }
    std::string backwards = WithoutBlanks(right);
    std::reverse(backwards.begin(), backwards.end());
    EXPECT_EQ(contents.count("reverse " + backwards), 0u) << line;
  }
  EXPECT_GT(pairs, 15000);
}

TEST(DrillsTest, SameSeedSamePages) {
  EXPECT_EQ(Lines(5, 50), Lines(5, 50));
  EXPECT_NE(Lines(5, 50), Lines(6, 50));
}

}  // namespace
}  // namespace fathom
