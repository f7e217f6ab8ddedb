// For reading what the generators write: problems of a family as JSON lines, or their lengths.
//
//   grade_tool FAMILY LEVEL SPLIT COUNT [SEED]     FAMILY may be "all", LEVEL 0 (all), SPLIT train
//   or test
//   grade_tool lengths [COUNT]                     a line for each family and level
//   grade_tool drills [COUNT]                      pages of drills
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "grade/draft.h"
#include "grade/drills.h"
#include "grade/task.h"

namespace {

using fathom::Family;
using fathom::Problem;
using fathom::Split;

void Print(const Family& family, int level, Split split, int count, uint64_t seed) {
  fathom::Random random(seed);
  for (int i = 0; i < count; ++i) {
    const Problem problem = family.Generate(level, split, random);
    const fathom::OrderedJson line = {{"family", problem.family},
                                      {"level", problem.level},
                                      {"question", problem.question},
                                      {"thinking", problem.thinking},
                                      {"reply", problem.reply},
                                      {"answer", problem.answer},
                                      {"kind", fathom::AnswerKindName(problem.kind)},
                                      {"check", problem.check},
                                      {"content", problem.content}};
    std::cout << line.dump() << '\n';
  }
}

void PrintLengths(int count) {
  for (const Family& family : fathom::Families()) {
    for (int level = 1; level <= family.levels; ++level) {
      fathom::Random random(1);
      std::vector<int64_t> lengths;
      for (int i = 0; i < count; ++i) {
        lengths.push_back(
            fathom::EstimatedTokens(family.Generate(level, Split::kTrain, random).thinking));
      }
      std::sort(lengths.begin(), lengths.end());
      std::cout << family.name << ' ' << level << ": median " << lengths[lengths.size() / 2]
                << ", 90 % " << lengths[lengths.size() * 9 / 10] << ", longest " << lengths.back()
                << '\n';
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    if (!arguments.empty() && arguments[0] == "lengths") {
      PrintLengths(arguments.size() > 1 ? std::atoi(arguments[1].c_str()) : 300);
      return 0;
    }
    if (!arguments.empty() && arguments[0] == "drills") {
      fathom::Random random(1);
      for (int i = arguments.size() > 1 ? std::atoi(arguments[1].c_str()) : 10; i > 0; --i) {
        for (const fathom::Drill& drill : fathom::DrillPage(random)) {
          std::cout << drill.given << drill.answer << '\n';
        }
        std::cout << '\n';
      }
      return 0;
    }
    if (arguments.size() < 4) {
      std::cerr << "usage: grade_tool FAMILY|all LEVEL|0 train|test COUNT [SEED]\n"
                   "       grade_tool lengths [COUNT]\n       grade_tool drills [COUNT]\n";
      return 2;
    }
    const int wanted = std::atoi(arguments[1].c_str());
    const Split split = arguments[2] == "test" ? Split::kTest : Split::kTrain;
    const int count = std::atoi(arguments[3].c_str());
    const uint64_t seed =
        arguments.size() > 4 ? std::strtoull(arguments[4].c_str(), nullptr, 10) : 1;
    if (arguments[0] != "all") fathom::FindFamily(arguments[0]);
    for (const Family& family : fathom::Families()) {
      if (arguments[0] != "all" && arguments[0] != family.name) continue;
      for (int level = 1; level <= family.levels; ++level) {
        if (wanted == 0 || wanted == level) Print(family, level, split, count, seed);
      }
    }
  } catch (const fathom::Error& error) {
    std::cerr << error.message() << "; " << error.hint() << '\n';
    return 1;
  }
  return 0;
}
