// A small world in which a word problem happens, and the steps of its solution while they are
// worked out. word_problems.cc draws from the tables of the worlds' files.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "grade/draft.h"

namespace fathom {

// What a world fills in: the values of its patterns, and one line for each step.
class Story {
 public:
  explicit Story(Random& draws) : random(draws) {}

  // Draws a number and names its place in the patterns.
  int64_t Number(std::string_view place, int64_t low, int64_t high) {
    return Named(place, random.Between(low, high));
  }
  int64_t Named(std::string_view place, int64_t value) {
    values.emplace_back(place, Text(value));
    content += " " + Text(value);
    return value;
  }
  // A word that the split does not depend on, like a name.
  void Word(std::string_view place, std::string word) {
    values.emplace_back(place, std::move(word));
  }
  // "3 pens", "1 pen" of a number that is named already.
  void Counted(std::string_view place, int64_t count, std::string_view noun) {
    values.emplace_back(place, Count(count, noun));
  }

  // Each writes "What: a + b = c" and returns c. For Over, a is a multiple of b.
  int64_t Plus(std::string_view what, int64_t a, int64_t b) { return Step(what, a, '+', b, a + b); }
  int64_t Minus(std::string_view what, int64_t a, int64_t b) {
    return Step(what, a, '-', b, a - b);
  }
  int64_t Times(std::string_view what, int64_t a, int64_t b) {
    return Step(what, a, '*', b, a * b);
  }
  int64_t Over(std::string_view what, int64_t a, int64_t b) { return Step(what, a, '/', b, a / b); }

  Random& random;
  Values values;
  std::string content, thinking;
  int64_t answer = 0;
  std::string reply;  // with {answer}
  bool suits = true;  // false: draw again

 private:
  int64_t Step(std::string_view what, int64_t a, char operation, int64_t b, int64_t result) {
    if (!thinking.empty()) thinking += '\n';
    thinking +=
        std::string(what) + ": " + Text(a) + " " + operation + " " + Text(b) + " = " + Text(result);
    return result;
  }
};

struct World {
  std::string_view name;
  int level;
  Phrasings phrasings;
  void (*tell)(Story& story);
};

std::span<const World> EasyWorlds();    // level 1
std::span<const World> MiddleWorlds();  // level 2
std::span<const World> HardWorlds();    // level 3

}  // namespace fathom
