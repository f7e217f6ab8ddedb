// Any reply to a problem of any family: grading ends, and what it accepts it also accepts alone.
//
// The first four bytes choose the problem and how the answer is looked for; the rest is the reply.
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/check.h"
#include "grade/grade.h"
#include "grade/task.h"

namespace {

// Drawing takes longer than grading: each problem is drawn once.
const fathom::Problem& ProblemOf(uint8_t which, uint8_t level, uint8_t seed) {
  static std::map<std::array<int, 3>, fathom::Problem> problems;
  const auto families = fathom::Families();
  const fathom::Family& family = families[which % families.size()];
  const int wanted = 1 + level % family.levels;
  const std::array<int, 3> key = {static_cast<int>(which % families.size()), wanted, seed};
  const auto found = problems.find(key);
  if (found != problems.end()) return found->second;
  fathom::Random random(seed);
  return problems.emplace(key, family.Generate(wanted, fathom::Split::kTrain, random))
      .first->second;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  const fathom::Problem& problem = ProblemOf(data[0], data[1], data[2] % 8);
  const auto extraction =
      data[3] % 2 == 0 ? fathom::Extraction::kStrict : fathom::Extraction::kLenient;
  const std::string_view reply(reinterpret_cast<const char*>(data) + 4, size - 4);

  const fathom::GradedReply graded = fathom::Grade(problem, reply, extraction);
  CHECK(graded.answer.size() <= reply.size() + 64);
  // The same again, and nothing that strict grading accepts is refused by lenient grading.
  const fathom::GradedReply strict = fathom::Grade(problem, reply);
  if (strict.correct) {
    CHECK(fathom::Grade(problem, reply, fathom::Extraction::kLenient).correct);
    CHECK(strict.formatted);
    if (problem.kind != fathom::AnswerKind::kFree) {
      CHECK(fathom::Grade(problem, "\\boxed{" + problem.answer + "}").correct);
    }
  }
  // A right reply stays right after any thinking.
  std::string whole(reply.substr(0, 4096));
  if (whole.find("think>") == std::string::npos) {
    CHECK(fathom::Grade(problem, "<think>" + whole + "</think>" + problem.reply).correct);
  }
  return 0;
}
