#include "recipe/task_samples.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "base/error.h"
#include "recipe/tokenizer_training.h"

namespace fathom {
namespace {

class TaskSamplesTest : public testing::Test {
 protected:
  TaskSamples Samples(const SampleForms& forms, uint64_t seed = 5, int64_t longest = 1024) const {
    return TaskSamples(mixture_, format_, tokenizer_, forms, 0.25, longest, seed);
  }

  std::string Text(const Sample& sample) const { return tokenizer_.Decode(sample.tokens, true); }

  // "worked", "text", "answers" or "drills", by what is in the sample.
  std::string FormOf(const Sample& sample, int64_t index) const {
    const std::string text = Text(sample);
    if (text.find("</think>") != std::string::npos) return "worked";
    const Problem problem = mixture_.At(index);
    if (text.find(problem.thinking) != std::string::npos) return "text";
    return text.find(problem.question) != std::string::npos ? "answers" : "drills";
  }

  TaskMixture mixture_{AllTasks(), Split::kTrain, 3};
  Tokenizer tokenizer_{TrainTokenizer(mixture_, {.vocabulary = 600, .problems = 500})};
  std::unique_ptr<ChatTemplate> template_ = MakeChatTemplate(tokenizer_);
  TaskFormat format_{tokenizer_, *template_};
};

TEST_F(TaskSamplesTest, FormsComeAsOftenAsTheirShares) {
  const TaskSamples samples = Samples({.worked = 4, .text = 2, .answers = 1, .drills = 3});
  std::map<std::string, int> count;
  for (int64_t i = 0; i < 1000; ++i) ++count[FormOf(samples.At(i), i)];
  EXPECT_NEAR(count["worked"], 400, 60);
  EXPECT_NEAR(count["text"], 200, 60);
  EXPECT_NEAR(count["answers"], 100, 60);
  EXPECT_NEAR(count["drills"], 300, 60);
}

TEST_F(TaskSamplesTest, DrillsAreFunctionsOfNumberAndSeed) {
  const TaskSamples samples = Samples({.worked = 0, .drills = 1});
  EXPECT_EQ(samples.At(7).tokens, Samples({.worked = 0, .drills = 1}).At(7).tokens);
  EXPECT_NE(samples.At(7).tokens, samples.At(8).tokens);
  EXPECT_NE(samples.At(7).tokens, Samples({.worked = 0, .drills = 1}, 6).At(7).tokens);
  int equations = 0;
  for (int64_t i = 0; i < 100; ++i) {
    const Sample sample = samples.At(i);
    EXPECT_EQ(sample.tokens.back(), format_.stops().front());
    if (Text(sample).find(" = ") != std::string::npos) ++equations;
  }
  EXPECT_GT(equations, 30);
}

TEST_F(TaskSamplesTest, QuestionsWeighAsTheRecipeSays) {
  const Sample sample = Samples({}).At(0);
  EXPECT_EQ(sample.weights.front(), 0.25F);
  EXPECT_EQ(sample.weights.back(), 1.0F);
}

// Text of the tokens that weigh 1.
TEST_F(TaskSamplesTest, WhatFollowsFromWhatIsGivenWeighsOne) {
  const auto learned = [&](const Sample& sample) {
    Sample some;
    for (std::size_t i = 0; i + 1 < sample.tokens.size(); ++i) {
      EXPECT_TRUE(sample.weights[i] == 1.0F || sample.weights[i] == 0.25F);
      if (sample.weights[i] == 1.0F) some.tokens.push_back(sample.tokens[i]);
    }
    return Text(some);
  };
  for (int64_t i = 0; i < 50; ++i) {
    const Problem problem = mixture_.At(i);
    const std::string text = learned(Samples({.worked = 0, .text = 1}).At(i));
    EXPECT_EQ(text, problem.thinking + "\n" + problem.reply);
    const std::string lines = learned(Samples({.worked = 0, .drills = 1}).At(i));
    EXPECT_EQ(lines.find("smallest"), std::string::npos) << lines;
    EXPECT_EQ(lines.find(" = \n"), std::string::npos) << lines;
  }
}

TEST_F(TaskSamplesTest, WhatIsLongerThanTheContextIsNamed) {
  const auto message = [&](const SampleForms& forms) {
    try {
      Samples(forms, 5, 8).At(3);
    } catch (const Error& error) {
      return error.message();
    }
    return std::string();
  };
  EXPECT_NE(message({}).find("problem 3 of the family '"), std::string::npos);
  EXPECT_NE(message({.worked = 0, .drills = 1}).find("drill 3 has "), std::string::npos);
}

TEST_F(TaskSamplesTest, SharesThatAreNoneAreRefused) {
  EXPECT_THROW(Samples({.worked = 0}), Error);
  EXPECT_THROW(Samples({.worked = 1, .drills = -1}), Error);
}

}  // namespace
}  // namespace fathom
