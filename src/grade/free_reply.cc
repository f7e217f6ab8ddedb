#include "grade/free_reply.h"

#include <algorithm>
#include <string>
#include <vector>

#include "grade/answers.h"

namespace fathom {
namespace {

constexpr std::size_t kMaxBytes = 600;

// Words of which at least `least` must be said.
struct Group {
  int least;
  std::vector<std::string_view> words;
};

struct Rule {
  std::string_view name;
  std::vector<Group> groups;
};

const std::vector<Rule>& Rules() {
  static const std::vector<std::string_view> kTiny = {"tiny", "small", "little"};
  static const std::vector<std::string_view> kNot = {
      "cannot", "can't", "not able", "unable", "not one of my", "do not know", "don't know"};
  static const std::vector<std::string_view> kTasks = {
      "arithmetic", "sum",      "decimal",  "percent", "unit", "date", "time",      "letter",
      "sort",       "equation", "sequence", "logic",   "set",  "maze", "countdown", "puzzle"};
  static const std::vector<Rule> kRules = {
      {"greeting", {{1, {"hello", "hi ", "hi!", "good", "welcome"}}, {1, {"nano"}}}},
      {"thanks", {{1, {"welcome", "glad", "pleasure"}}}},
      {"farewell", {{1, {"bye", "see you", "farewell", "good night"}}}},
      {"identity", {{1, {"i am nano", "i'm nano", "my name is nano"}}, {1, kTiny}}},
      {"ability", {{1, {"nano", "i can"}}, {4, kTasks}}},
      {"other",
       {{1, {"no, i am not", "no, i'm not", "i am not", "i'm not"}},
        {1, {"i am nano", "i'm nano"}},
        {1, kTiny}}},
      {"outside", {{1, kNot}, {1, {"nano"}}, {1, kTiny}, {1, kTasks}}},
  };
  return kRules;
}

}  // namespace

bool KeepsRule(std::string_view name, std::string_view reply) {
  if (reply.size() > kMaxBytes) return false;
  // Nothing here has an answer to mark.
  if (reply.find("**") != std::string_view::npos ||
      reply.find("\\boxed") != std::string_view::npos) {
    return false;
  }
  const auto rule = std::find_if(Rules().begin(), Rules().end(),
                                 [&](const Rule& known) { return known.name == name; });
  if (rule == Rules().end()) return false;
  const std::string text = Lower(reply);
  // More than three sentences is more than was asked for.
  if (std::count_if(text.begin(), text.end(),
                    [](char c) { return c == '.' || c == '!' || c == '?'; }) > 3) {
    return false;
  }
  return std::all_of(rule->groups.begin(), rule->groups.end(), [&](const Group& group) {
    return std::count_if(group.words.begin(), group.words.end(), [&](std::string_view word) {
             return text.find(word) != std::string::npos;
           }) >= group.least;
  });
}

}  // namespace fathom
