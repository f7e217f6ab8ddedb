#include "grade/grade.h"

#include <optional>

#include "base/text.h"
#include "grade/answers.h"
#include "grade/extract.h"
#include "grade/free_reply.h"

namespace fathom {
namespace {

// What comes after the thinking.
std::string_view AfterThinking(std::string_view reply) {
  constexpr std::string_view kOpen = "<think>", kClose = "</think>";
  const std::size_t close = reply.rfind(kClose);
  if (close != std::string_view::npos) reply.remove_prefix(close + kClose.size());
  if (reply.find(kOpen) != std::string_view::npos) return {};
  return Trim(reply);
}

}  // namespace

GradedReply Grade(const Problem& problem, std::string_view reply, Extraction extraction) {
  GradedReply graded;
  if (reply.size() > kMaxReplyBytes) return graded;
  const std::string_view text = AfterThinking(reply);
  if (text.empty()) return graded;
  if (problem.kind == AnswerKind::kFree) {
    graded.answer = text;
    graded.correct = KeepsRule(problem.check, text) && Lower(text) != Lower(problem.question);
    graded.formatted = graded.correct;
    return graded;
  }
  const bool marks =
      text.find("**") != std::string_view::npos || text.find("\\boxed") != std::string_view::npos;
  const std::optional<std::string> marked = MarkedAnswer(text);
  graded.formatted = marked.has_value();
  if (marked) {
    graded.answer = *marked;
  } else if (extraction == Extraction::kLenient && !marks) {
    graded.answer = LastAnswer(problem, text);
  } else {
    return graded;
  }
  graded.correct = IsRight(problem, graded.answer);
  return graded;
}

}  // namespace fathom
