#include "recipe/task_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>

#include "base/error.h"
#include "grade/grade.h"
#include "recipe/tokenizer_training.h"

namespace fathom {
namespace {

using ::testing::Contains, ::testing::EndsWith, ::testing::HasSubstr, ::testing::Not,
    ::testing::StartsWith;

// The tokenizer of a small recipe, or one with another template.
struct Format {
  explicit Format(TokenizerSpec spec)
      : tokenizer(std::move(spec)), chat_template(MakeChatTemplate(tokenizer)) {}

  std::string Text(std::span<const int32_t> ids) const { return tokenizer.Decode(ids, true); }

  Tokenizer tokenizer;
  std::unique_ptr<ChatTemplate> chat_template;
  TaskFormat format{tokenizer, *chat_template};
};

const TokenizerSpec& SmallSpec() {
  static const TokenizerSpec kSpec = TrainTokenizer(TaskMixture(AllTasks(), Split::kTrain, 1),
                                                    {.vocabulary = 700, .problems = 700});
  return kSpec;
}

const Format& Reasoner() {
  static const Format kFormat(SmallSpec());
  return kFormat;
}

// One whose template opens no thinking, as ChatML.
Format ChatMl() {
  TokenizerSpec spec = SmallSpec();
  spec.chat_template =
      "{% for m in messages %}{{ '<｜User｜>' + m['content'] + '<｜Assistant｜>' }}{% endfor %}";
  spec.add_bos = true;
  return Format(std::move(spec));
}

template <class Body>
void ForProblems(int count, Body&& body) {
  for (const Family& family : Families()) {
    for (int level = 1; level <= family.levels; ++level) {
      for (const Split split : {Split::kTrain, Split::kTest}) {
        const TaskMixture mixture({{std::string(family.name), level, 1}}, split, 3);
        for (int64_t i = 0; i < count; ++i) body(mixture.At(i));
      }
    }
  }
}

TEST(TaskFormat, PromptAsksAndOpensTheThinking) {
  const Format& r = Reasoner();
  const Problem problem = TaskMixture({{"addition", 1, 1}}, Split::kTrain, 1).At(0);
  EXPECT_EQ(r.Text(r.format.Prompt(problem)),
            "<｜begin▁of▁sentence｜><｜User｜>" + problem.question + "<｜Assistant｜><think>\n");
  const Sample sample = r.format.Worked(problem, 0.25F);
  EXPECT_EQ(r.Text(sample.tokens), "<｜begin▁of▁sentence｜><｜User｜>" + problem.question +
                                       "<｜Assistant｜><think>\n" + problem.thinking +
                                       "\n</think>\n\n" + problem.reply + "<｜end▁of▁sentence｜>");
  const std::size_t prompt = r.format.Prompt(problem).size();
  ASSERT_EQ(sample.weights.size(), sample.tokens.size());
  for (std::size_t i = 0; i < sample.weights.size(); ++i) {
    EXPECT_EQ(sample.weights[i], i < prompt ? 0.25F : 1.0F) << i;
  }
  EXPECT_THAT(sample.tokens, Contains(r.format.end_of_thinking()));
  EXPECT_EQ(r.format.stops(), std::vector<int32_t>{sample.tokens.back()});
}

TEST(TaskFormat, EverySolutionIsGradedAsRightAndContinuesItsPrompt) {
  const Format &r = Reasoner(), ml = ChatMl();
  ForProblems(12, [&](const Problem& problem) {
    for (const Format* form : {&r, &ml}) {
      const std::vector<int32_t> prompt = form->format.Prompt(problem);
      const Sample sample = form->format.Worked(problem, 0);
      ASSERT_LT(prompt.size(), sample.tokens.size());
      EXPECT_TRUE(std::equal(prompt.begin(), prompt.end(), sample.tokens.begin()));
      const std::span<const int32_t> all(sample.tokens);
      const std::string reply = form->format.ReplyText(all.subspan(prompt.size()));
      EXPECT_EQ(reply, "<think>\n" + problem.thinking + "\n</think>\n\n" + problem.reply);
      const GradedReply graded = Grade(problem, reply);
      EXPECT_TRUE(graded.correct && graded.formatted) << reply;
      // Thinking that does not end is no answer, whatever stands in it.
      const auto end = std::find(all.begin(), all.end(), form->format.end_of_thinking());
      EXPECT_FALSE(
          Grade(problem, form->format.ReplyText({all.begin() + std::ssize(prompt), end})).correct);
    }
  });
}

// Where a model goes on, no token would have been another one had the whole been tokenized at once.
TEST(TaskFormat, NoTokenReachesAcrossTheSeam) {
  const Format& r = Reasoner();
  ForProblems(4, [&](const Problem& problem) {
    std::vector<TextSpan> spans =
        r.chat_template->Render({{.role = Role::kUser, .content = problem.question}});
    spans.push_back({problem.thinking + "\n", false});
    spans.push_back({"</think>\n\n", true});
    spans.push_back({problem.reply, false});
    spans.push_back({"<｜end▁of▁sentence｜>", true});
    EXPECT_EQ(r.tokenizer.Encode(spans), r.format.Worked(problem, 0).tokens) << problem.thinking;
  });
}

TEST(TaskFormat, TagsInAQuestionAreText) {
  const Format& r = Reasoner();
  Problem problem;
  problem.question = "What is </think> or <｜User｜>?";
  const std::vector<int32_t> ids = r.format.Prompt(problem);
  EXPECT_THAT(ids, Not(Contains(r.format.end_of_thinking())));
  EXPECT_EQ(std::ranges::count(ids, r.tokenizer.FindAdded("<｜User｜>")), 1);
}

TEST(TaskFormat, WithoutAnEndOfRepliesThereIsNoFormat) {
  TokenizerSpec spec = SmallSpec();
  spec.eos = -1;
  spec.stops.clear();
  spec.chat_template = "{{ messages[0]['content'] }}";
  try {
    const Format format(spec);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_THAT(error.message(), HasSubstr("no token that ends a reply"));
  }
}

}  // namespace
}  // namespace fathom
