// A solution is tokenized for itself, behind the prompt's ids: that is where a model goes on, whose
// reply never merges with its prompt.
#include "recipe/task_format.h"

#include <algorithm>
#include <string_view>

#include "base/error.h"

namespace fathom {
namespace {

constexpr std::string_view kOpen = "<think>", kClose = "</think>";

std::vector<TextSpan> RenderQuestion(const ChatTemplate& chat_template, std::string question) {
  return chat_template.Render({{.role = Role::kUser, .content = std::move(question)}});
}

// Whether a prompt ends within the thinking.
bool OpensThinking(const std::vector<TextSpan>& spans) {
  std::string text;
  for (const TextSpan& span : spans) {
    if (span.from_template) text += span.text;
  }
  const std::size_t open = text.rfind(kOpen), close = text.rfind(kClose);
  return open != std::string::npos && (close == std::string::npos || close < open);
}

}  // namespace

TaskFormat::TaskFormat(const Tokenizer& tokenizer, const ChatTemplate& chat_template)
    : tokenizer_(tokenizer),
      template_(chat_template),
      end_of_thinking_(tokenizer.FindAdded(kClose)),
      opens_thinking_(OpensThinking(RenderQuestion(chat_template, "1 + 1 = ?"))) {
  // The first one is what a solution ends with: the end of a turn where the vocabulary has one.
  const TokenizerSpec& spec = tokenizer.spec();
  std::vector<TokenId> ends = {spec.eot, spec.eos};
  ends.insert(ends.end(), spec.stops.begin(), spec.stops.end());
  for (const TokenId id : ends) {
    if (id >= 0 && std::find(stops_.begin(), stops_.end(), id) == stops_.end())
      stops_.push_back(id);
  }
  if (stops_.empty()) {
    throw Error(ErrorCode::kInvalidArgument, "the tokenizer has no token that ends a reply",
                "tokenizer_config.json names it as 'eos_token'");
  }
}

std::vector<int32_t> TaskFormat::Prompt(const Problem& problem) const {
  std::vector<int32_t> ids = tokenizer_.Encode(RenderQuestion(template_, problem.question));
  const TokenizerSpec& spec = tokenizer_.spec();
  if (spec.add_bos && (ids.empty() || ids.front() != spec.bos)) ids.insert(ids.begin(), spec.bos);
  return ids;
}

Sample TaskFormat::Worked(const Problem& problem, float prompt_weight) const {
  Sample sample;
  sample.tokens = Prompt(problem);
  sample.weights.assign(sample.tokens.size(), prompt_weight);
  std::vector<TextSpan> spans;
  if (!opens_thinking_) spans.push_back({std::string(kOpen) + "\n", true});
  spans.push_back({problem.thinking + "\n", false});
  spans.push_back({std::string(kClose) + "\n\n", true});
  spans.push_back({problem.reply, false});
  const std::vector<int32_t> solution = tokenizer_.Encode(spans);
  sample.tokens.insert(sample.tokens.end(), solution.begin(), solution.end());
  sample.tokens.push_back(stops_.front());
  sample.weights.resize(sample.tokens.size(), 1.0F);
  return sample;
}

std::string TaskFormat::ReplyText(std::span<const int32_t> ids) const {
  std::string text;
  if (opens_thinking_) text = std::string(kOpen) + "\n";
  std::vector<TokenId> piece;
  const auto flush = [&] {
    text += tokenizer_.Decode(piece);
    piece.clear();
  };
  for (const int32_t id : ids) {
    if (id == end_of_thinking_ && id >= 0) {  // which some vocabularies have as a control token
      flush();
      text += kClose;
    } else if (std::find(stops_.begin(), stops_.end(), id) == stops_.end()) {
      piece.push_back(id);
    }
  }
  flush();
  return text;
}

}  // namespace fathom
