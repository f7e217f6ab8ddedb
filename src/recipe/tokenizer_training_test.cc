#include "recipe/tokenizer_training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <memory>

#include "base/error.h"
#include "text/chat_template.h"

namespace fathom {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

TokenizerSpec Trained(int64_t vocabulary = 600, uint64_t seed = 1) {
  return TrainTokenizer(TaskMixture(AllTasks(), Split::kTrain, seed),
                        {.vocabulary = vocabulary, .problems = 500});
}

class TokenizerTrainingTest : public ::testing::Test {
 protected:
  ~TokenizerTrainingTest() override { fs::remove_all(folder_); }
  const fs::path folder_ =
      fs::temp_directory_path() / ("fathom_tokenizer_training_" + std::to_string(getpid()));
};

std::string Joined(const std::vector<TextSpan>& spans) {
  std::string text;
  for (const TextSpan& span : spans) text += span.text;
  return text;
}

TEST_F(TokenizerTrainingTest, IsAFunctionOfItsProblems) {
  EXPECT_EQ(TokenizerFiles(Trained()), TokenizerFiles(Trained()));
  EXPECT_NE(TokenizerFiles(Trained()), TokenizerFiles(Trained(600, 2)));
}

TEST_F(TokenizerTrainingTest, WhatIsWrittenIsReadAgainWithItsRolesAndTemplate) {
  const TokenizerSpec spec = Trained();
  EXPECT_EQ(spec.tokens.size(), 600U);
  EXPECT_FALSE(HasTokenizer(spec, folder_));
  WriteTokenizer(spec, folder_);
  EXPECT_TRUE(HasTokenizer(spec, folder_));
  EXPECT_FALSE(HasTokenizer(Trained(601), folder_));
  EXPECT_THROW(WriteTokenizer(spec, folder_), Error);

  const Tokenizer written(ReadTokenizer(folder_)), made(spec);
  EXPECT_EQ(written.spec().tokens, made.spec().tokens);
  EXPECT_EQ(written.spec().kinds, made.spec().kinds);
  EXPECT_EQ(written.spec().bos, 0);
  EXPECT_EQ(written.spec().eos, 1);
  EXPECT_EQ(written.spec().pad, 2);
  EXPECT_TRUE(written.spec().add_bos);
  EXPECT_EQ(written.spec().stops, std::vector<TokenId>{1});
  EXPECT_EQ(written.spec().chat_template, ReasonerChatTemplate());
  EXPECT_EQ(written.KindOf(written.FindAdded("<think>")), TokenKind::kUserDefined);
  EXPECT_EQ(written.KindOf(written.FindAdded("<｜Assistant｜>")), TokenKind::kControl);

  const TaskMixture test(AllTasks(), Split::kTest, 4);
  for (int64_t i = 0; i < 300; ++i) {
    const Problem problem = test.At(i);
    for (const std::string& text : {problem.question, problem.thinking, problem.reply}) {
      const std::vector<TokenId> ids = written.Encode(text);
      EXPECT_EQ(written.Decode(ids), text);
      EXPECT_EQ(made.Encode(text), ids);
      EXPECT_LT(ids.size(), text.size());
    }
  }
  // Whatever else is written.
  for (const char* text : {"Grüße, 日本語 \xF0\x9F\x98\x80!", "\t\r\n  x", "</think>", ""}) {
    EXPECT_EQ(written.Decode(written.Encode(text)), text);
  }
}

TEST_F(TokenizerTrainingTest, EveryDigitIsAToken) {
  const Tokenizer tokenizer(Trained());
  for (const std::string text : {"4729", "007", "9.11", "12:30", "x15"}) {
    const std::vector<TokenId> ids = tokenizer.Encode(text);
    EXPECT_EQ(ids.size(), text.size()) << text;
  }
}

TEST_F(TokenizerTrainingTest, TheTemplateIsThatOfR1) {
  const Tokenizer tokenizer(Trained());
  const std::unique_ptr<ChatTemplate> chat = MakeChatTemplate(tokenizer);
  const std::string begin = "<｜begin▁of▁sentence｜>";
  EXPECT_EQ(Joined(chat->Render({{.role = Role::kUser, .content = "Hi"}})),
            begin + "<｜User｜>Hi<｜Assistant｜><think>\n");
  const std::vector<ChatMessage> talk = {
      {.role = Role::kSystem, .content = "Be kind."},
      {.role = Role::kUser, .content = "1 + 1?"},
      {.role = Role::kAssistant, .content = "<think>\nEasy.\n</think>\n\nIt is **2**."},
      {.role = Role::kUser, .content = "2 + 2?"}};
  EXPECT_EQ(Joined(chat->Render(talk)),
            begin +
                "Be kind.<｜User｜>1 + 1?<｜Assistant｜>\n\nIt is **2**."
                "<｜end▁of▁sentence｜><｜User｜>2 + 2?<｜Assistant｜><think>\n");
  EXPECT_EQ(Joined(chat->Render(talk, {.add_generation_prompt = false})),
            begin +
                "Be kind.<｜User｜>1 + 1?<｜Assistant｜>\n\nIt is **2**."
                "<｜end▁of▁sentence｜><｜User｜>2 + 2?");
  try {
    chat->Render({{.role = Role::kTool, .content = "x"}});
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), HasSubstr("the roles are system, user and assistant, not tool"));
  }
}

TEST_F(TokenizerTrainingTest, AVocabularyThatIsNotFilledIsRefused) {
  try {
    Trained(200000);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), HasSubstr("problems give a vocabulary of "));
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  }
  EXPECT_THROW(Trained(100), Error);
}

TEST_F(TokenizerTrainingTest, WithoutATokenizerThereIsNothingToRead) {
  try {
    ReadTokenizer(folder_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_THAT(error.message(), HasSubstr("there is no tokenizer.json in"));
  }
}

}  // namespace
}  // namespace fathom
