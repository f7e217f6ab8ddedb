// The parts of the command line that need no model: conversations, ids, texts for people.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "base/error.h"
#include "cli/conversation.h"
#include "cli/flags.h"
#include "cli/terminal.h"

namespace fathom::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(TokenIdsTest, ParseAndPrint) {
  EXPECT_THAT(ParseTokenIds("1,2,3"), ElementsAre(1, 2, 3));
  for (const char* good : {" [1, 2 ,\n3] ", "1 , 2,\t3\r\n", "[ 1,2,3 ]"}) {
    EXPECT_THAT(ParseTokenIds(good), ElementsAre(1, 2, 3)) << good;
  }
  EXPECT_THAT(ParseTokenIds("0"), ElementsAre(0));
  EXPECT_EQ(TokenIdsText({1, 2, 3}), "1,2,3");
  for (const char* bad :
       {"",    " , ",   "1,x",    "1,-2",  "99999999999", "1.5", "1,,2", ",1", "1,",
        "1 2", "1\n2",  "]1[",    "[1,[2", "[1",          "1]",  "[",    "]",  "[]",
        "[ ]", "[[1]]", "[1][2]", "1,[2]", "+1",          "1;2", "0x1"}) {
    EXPECT_THROW(ParseTokenIds(bad), Error) << bad;
  }
}

TEST(TerminalTest, NothingSteersTheTerminal) {
  EXPECT_EQ(Harmless("a\n\tb"), "a\n\tb");
  EXPECT_EQ(Harmless("\x1b[31m"), "\xef\xbf\xbd[31m");
  EXPECT_EQ(Harmless("\xc2\x9b"
                     "2J"),
            "\xef\xbf\xbd"
            "2J");  // the C1 form of ESC [
  EXPECT_EQ(Harmless("caf\xc3\xa9 \xe2\x82\xac"), "caf\xc3\xa9 \xe2\x82\xac");
  EXPECT_EQ(Quoted("a\n\"b\"\x1b\\"), "\"a\\n\\\"b\\\"\\x1b\\\\\"");
}

TEST(TerminalTest, NumbersForPeople) {
  EXPECT_EQ(DurationText(5.4), "5s");
  EXPECT_EQ(DurationText(65), "1m 05s");
  EXPECT_EQ(DurationText(7260), "2h 01m");
  EXPECT_EQ(Significant(123.4), "123");
  EXPECT_EQ(Significant(12.34), "12.3");
  EXPECT_EQ(Significant(0), "0");
}

TEST(TerminalTest, UsageNamesTheThinking) {
  Usage usage;
  usage.prompt_tokens = 3;
  usage.completion_tokens = 9;
  EXPECT_EQ(UsageText(usage), "prompt 3 tokens, reply 9 tokens");
  EXPECT_EQ(UsageText(usage, 5), "prompt 3 tokens, reply 9 tokens (5 thinking)");
  EXPECT_EQ(UsageJson(usage, 5)["reasoning_tokens"], 5);
}

TEST(ThinkingTest, CommandsAndFlags) {
  Conversation conversation{GenerationOptions{}};
  EXPECT_EQ(conversation.Execute("/think").text, "Thinking as the model has it.");
  EXPECT_EQ(conversation.Execute("/think off").text, "Thinking is off.");
  EXPECT_EQ(conversation.options().thinking, false);
  EXPECT_EQ(conversation.Execute("/think on").text, "Thinking is on.");
  EXPECT_EQ(conversation.options().thinking, true);
  EXPECT_THROW(conversation.Execute("/think hard"), Error);
  EXPECT_EQ(conversation.options().thinking, true);
  conversation.Execute("/think auto");
  EXPECT_FALSE(conversation.options().thinking.has_value());
  EXPECT_EQ(conversation.Execute("/set think_budget 100").text, "think-budget 100");
  EXPECT_EQ(conversation.options().thinking_budget, 100);
  EXPECT_EQ(conversation.Execute("/set think-budget none").text, "think-budget none");
  conversation.model_thinks = false;
  EXPECT_THROW(conversation.Execute("/think on"), Error);
  EXPECT_FALSE(conversation.options().thinking.has_value());
  EXPECT_EQ(conversation.Execute("/think off").text, "This model does not think.");

  SamplingFlags flags;
  EXPECT_FALSE(ToGenerationOptions(flags, {}).thinking.has_value());
  EXPECT_EQ(ToGenerationOptions(flags, {}).thinking_budget, -1);
  flags.think = "off";
  flags.thinking_budget = 7;
  EXPECT_EQ(ToGenerationOptions(flags, {}).thinking, false);
  EXPECT_EQ(ToGenerationOptions(flags, {}).thinking_budget, 7);
}

TEST(TerminalTest, ExitCodes) {
  EXPECT_EQ(ExitCodeOf(Error(ErrorCode::kInvalidFile, "x")), 2);
  EXPECT_EQ(ExitCodeOf(Error(ErrorCode::kNotFound, "x")), 2);
  EXPECT_EQ(ExitCodeOf(Error(ErrorCode::kContextOverflow, "x")), 2);
  EXPECT_EQ(ExitCodeOf(Error(ErrorCode::kNetwork, "x")), 1);
  EXPECT_EQ(ExitCodeOf(Error(ErrorCode::kNoSpace, "x")), 1);
  EXPECT_EQ(ExitCodeOf(Error(ErrorCode::kCancelled, "x")), 130);
}

TEST(ContextTest, DataFolder) {
  Context context;
  EXPECT_THROW(context.DataFolder(), Error);
  context.home = "/users/ada";
  EXPECT_EQ(context.DataFolder(), "/users/ada/.local/share/fathom");
  context.xdg_data_home = "relative";
  EXPECT_EQ(context.DataFolder(), "/users/ada/.local/share/fathom");
  context.xdg_data_home = "/data";
  EXPECT_EQ(context.DataFolder(), "/data/fathom");
  context.data_flag = "here";
  EXPECT_EQ(context.DataFolder(), "here");
}

TEST(ContextTest, APathNeedsNoDataFolder) {
  const Context context;
  EXPECT_TRUE(context.FindDataFolder().empty());
  const std::string model =
      (fs::path(FATHOM_SOURCE_DIR) / "tests/goldens/model/llama_gqa.gguf").string();
  EXPECT_EQ(context.Resolve(model).path, model);
  EXPECT_THROW(context.Resolve("name"), Error);
}

class ConversationTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "fathom-chat-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string Say(const std::string& line) { return conversation_.Execute(line).text; }

  fs::path folder_;
  Conversation conversation_{GenerationOptions{}};
};

TEST_F(ConversationTest, CommandsAndMessages) {
  EXPECT_TRUE(Conversation::IsCommand("/help"));
  EXPECT_FALSE(Conversation::IsCommand("//etc is a folder"));
  EXPECT_FALSE(Conversation::IsCommand("1/2"));
  for (const char* name : {"/system", "/set", "/save", "/load", "/clear", "/stats", "/quit"}) {
    EXPECT_THAT(Say("/help"), HasSubstr(name));
  }
  EXPECT_TRUE(conversation_.Execute("/quit").quit);
  EXPECT_TRUE(conversation_.Execute("/stats").show_stats);
  EXPECT_THROW(conversation_.Execute("/nonsense"), Error);
}

TEST_F(ConversationTest, SystemPromptComesFirst) {
  conversation_.AddUser("Hi");
  EXPECT_EQ(conversation_.messages().size(), 1u);
  Say("/system  Be brief. ");
  EXPECT_EQ(conversation_.messages().front().role, Role::kSystem);
  EXPECT_EQ(conversation_.messages().front().content, "Be brief.");
  EXPECT_THAT(Say("/system"), HasSubstr("Be brief."));
  Say("/clear");
  EXPECT_EQ(conversation_.messages().size(), 1u);
  Say("/system -");
  EXPECT_TRUE(conversation_.messages().empty());
}

TEST_F(ConversationTest, SettingsAreChecked) {
  EXPECT_EQ(Say("/set temp 0.25"), "temp 0.25");
  EXPECT_EQ(conversation_.options().sampling.temperature, 0.25f);
  EXPECT_EQ(Say("/set top_k 40"), "top-k 40");
  EXPECT_EQ(Say("/set seed 7"), "seed 7");
  EXPECT_TRUE(conversation_.options().has_seed);
  EXPECT_EQ(Say("/set seed random"), "seed random");
  EXPECT_FALSE(conversation_.options().has_seed);
  EXPECT_EQ(Say("/set max-tokens 5"), "max-tokens 5");
  EXPECT_THAT(Say("/set"), HasSubstr("temp 0.25"));
  EXPECT_EQ(Say("/set think-budget 0"), "think-budget 0");
  for (const char* bad : {"/set temp x", "/set temp -1", "/set top-p 2", "/set nothing 1",
                          "/set max-tokens -5", "/set max-tokens -1", "/set think-budget -3"}) {
    EXPECT_THROW(conversation_.Execute(bad), Error) << bad;
  }
  EXPECT_EQ(Say("/set max-tokens"), "max-tokens 5");
  EXPECT_EQ(Say("/set max-tokens none"), "max-tokens none");
  EXPECT_EQ(conversation_.options().sampling.temperature, 0.25f);
}

TEST_F(ConversationTest, SavesAndLoads) {
  Say("/system Be brief.");
  conversation_.AddUser("Grüße\n\"quoted\"");
  conversation_.AddAssistant("Hi");
  const std::string file = (folder_ / "c.json").string();
  EXPECT_THAT(Say("/save " + file), HasSubstr("Saved 2 messages"));
  Conversation other{GenerationOptions{}};
  other.Load(file);
  EXPECT_EQ(other.system(), "Be brief.");
  ASSERT_EQ(other.turns().size(), 2u);
  EXPECT_EQ(other.turns()[0].content, "Grüße\n\"quoted\"");
  EXPECT_EQ(other.turns()[1].role, Role::kAssistant);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
}

TEST_F(ConversationTest, SavesOverConversationsOnly) {
  conversation_.AddUser("Hi");
  const std::string file = (folder_ / "c.json").string();
  Say("/save " + file);
  conversation_.AddAssistant("Hello");
  EXPECT_THAT(Say("/save " + file), HasSubstr("Saved 2 messages"));
  const fs::path other = folder_ / "notes.txt";
  for (const char* text : {"my notes", "", "{}"}) {
    std::ofstream(other) << text;
    EXPECT_THROW(conversation_.Execute("/save " + other.string()), Error) << text;
    EXPECT_EQ(fs::file_size(other), std::string_view(text).size());
  }
  fs::create_symlink("nowhere", folder_ / "link");
  EXPECT_THROW(conversation_.Execute("/save " + (folder_ / "link").string()), Error);
}

TEST_F(ConversationTest, ATildeStandsForTheHomeFolder) {
  conversation_.AddUser("Hi");
  conversation_.home = folder_;
  EXPECT_THAT(Say("/save ~/c.json"), HasSubstr((folder_ / "c.json").string()));
  EXPECT_TRUE(fs::exists(folder_ / "c.json"));
  conversation_.Clear();
  EXPECT_THAT(Say("/load ~/c.json"), HasSubstr("Loaded 1 messages"));
}

TEST_F(ConversationTest, BrokenFilesChangeNothing) {
  conversation_.AddUser("Hi");
  const std::string file = (folder_ / "c.json").string();
  for (const char* text :
       {"", "[]", "{}", R"({"fathom_conversation": 2, "messages": []})",
        R"({"fathom_conversation": 1, "messages": {}})",
        R"({"fathom_conversation": 1, "messages": [{"role": "user"}]})",
        R"({"fathom_conversation": 1, "messages": [{"role": "king", "content": "x"}]})"}) {
    std::ofstream(file) << text;
    EXPECT_THROW(conversation_.Execute("/load " + file), Error) << text;
    EXPECT_EQ(conversation_.turns().size(), 1u);
  }
  EXPECT_THROW(conversation_.Execute("/load " + (folder_ / "missing").string()), Error);
  EXPECT_THROW(conversation_.Execute("/load"), Error);
  EXPECT_THROW(conversation_.Execute("/save " + (folder_ / "no" / "x").string()), Error);
}

}  // namespace
}  // namespace fathom::cli
