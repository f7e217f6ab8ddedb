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
  GradedReply verdict;
  if (reply.size() > kMaxReplyBytes) return verdict;
  const std::string_view text = AfterThinking(reply);
  if (text.empty()) return verdict;
  if (problem.kind == AnswerKind::kFree) {
    verdict.answer = text;
    verdict.correct = KeepsRule(problem.check, text) && Lower(text) != Lower(problem.question);
    verdict.formatted = verdict.correct;
    return verdict;
  }
  const bool marks =
      text.find("**") != std::string_view::npos || text.find("\\boxed") != std::string_view::npos;
  const std::optional<std::string> marked = MarkedAnswer(text);
  verdict.formatted = marked.has_value();
  if (marked) {
    verdict.answer = *marked;
  } else if (extraction == Extraction::kLenient && !marks) {
    verdict.answer = LastAnswer(problem, text);
  } else {
    return verdict;
  }
  verdict.correct = IsRight(problem, verdict.answer);
  return verdict;
}

}  // namespace fathom
