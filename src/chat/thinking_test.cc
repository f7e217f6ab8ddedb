#include "chat/thinking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace fathom {
namespace {

constexpr char kR1Source[] = "{{'<｜Assistant｜><think>\\n'}}";
constexpr char kV31Source[] =
    "{{'<｜Assistant｜>'}}{%if thinking%}{{'<think>'}}{%else%}{{'</think>'}}";

std::vector<TextSpan> Prompt(const std::string& user, const std::string& tail) {
  return {{"<｜User｜>", true}, {user, false}, {tail.substr(0, 3), true}, {tail.substr(3), true}};
}

std::string TextOf(const std::vector<TextSpan>& prompt) {
  std::string text;
  for (const TextSpan& span : prompt) text += span.text;
  return text;
}

struct Case {
  const char* name;
  const char* source;
  std::string tail;  // as rendered
  bool in_reasoning;
  std::string on, off;  // the tail when thinking is switched
};

TEST(Thinking, PromptsAreReadAndSwitched) {
  const Case cases[] = {
      {"R1", kR1Source, "AA:<think>\n", true, "AA:<think>\n", "AA:<think>\n\n</think>\n\n"},
      {"V3.1 not thinking", kV31Source, "AA:</think>", false, "AA:<think>", "AA:</think>"},
      {"V3.1 thinking", kV31Source, "AA:<think>", true, "AA:<think>", "AA:<think></think>"},
      {"an empty pair", kR1Source, "AA:<think>\n\n</think>\n\n", false, "AA:<think>\n",
       "AA:<think>\n\n</think>\n\n"},
      {"no tag", "", "AA:\n", false, "AA:\n<think>\n", "AA:\n"},
      {"a tag further up", kR1Source, "<think> is how to think. AA:", false,
       "<think> is how to think. AA:<think>\n", "<think> is how to think. AA:"},
  };
  for (const Case& c : cases) {
    const std::vector<TextSpan> prompt = Prompt("hi", c.tail);
    EXPECT_EQ(EndOf(prompt, c.source).in_reasoning, c.in_reasoning) << c.name;
    std::vector<TextSpan> on = prompt, off = prompt;
    SetThinking(true, c.source, on);
    SetThinking(false, c.source, off);
    EXPECT_EQ(TextOf(on), "<｜User｜>hi" + c.on) << c.name;
    EXPECT_TRUE(EndOf(on, c.source).in_reasoning) << c.name;
    EXPECT_TRUE(on.back().from_template);
    EXPECT_EQ(TextOf(off), "<｜User｜>hi" + c.off) << c.name;
    EXPECT_FALSE(EndOf(off, c.source).in_reasoning) << c.name;
  }
}

TEST(Thinking, OnlyTheTemplateOpensIt) {
  const std::vector<TextSpan> prompt = {{"user:", true}, {"<think>\n", false}};
  EXPECT_FALSE(EndOf(prompt, kR1Source).in_reasoning);
  EXPECT_FALSE(EndOf({}, kR1Source).in_reasoning);
  std::vector<TextSpan> on = prompt;
  SetThinking(true, kR1Source, on);
  EXPECT_EQ(TextOf(on), "user:<think>\n<think>\n");
}

TEST(Thinking, ClosesInTheStyleOfTheTemplate) {
  EXPECT_EQ(EndOf(Prompt("", "AA:<think>\n"), "").closing, "\n</think>\n\n");
  EXPECT_EQ(EndOf(Prompt("", "AA:<think>"), "").closing, "</think>");
  EXPECT_EQ(EndOf(Prompt("", "AA:"), kR1Source).closing, "\n</think>\n\n");
  EXPECT_EQ(EndOf(Prompt("", "AA:"), kV31Source).closing, "</think>");
}

// ---- Templates that leave out <think> ----------------------------------------------------------

const std::filesystem::path kTemplates =
    std::filesystem::path(FATHOM_SOURCE_DIR) / "tests" / "goldens" / "templates";

std::string Source(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string TurnOf(const std::string& source) {
  const ChatTemplate chat(source, {{"bos_token", "<s>"}, {"eos_token", "</s>"}}, LocalTime);
  return TurnThatThinks(chat);
}

// What the first uploads of R1 and its distills had: the same without <think> at the end.
std::string FirstUpload(const char* name) {
  std::string source = Source(kTemplates / name);
  constexpr std::string_view kOpen = "<think>\\n";
  const std::size_t at = source.rfind(kOpen);
  EXPECT_NE(at, std::string::npos);
  return source.erase(at, kOpen.size());
}

TEST(Thinking, NoTemplateThatSaysWhatItWantsIsChanged) {
  int templates = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kTemplates)) {
    if (entry.path().extension() != ".jinja") continue;
    ++templates;
    EXPECT_EQ(TurnOf(Source(entry.path())), "") << entry.path().filename();
  }
  EXPECT_GE(templates, 20);
}

TEST(Thinking, TheFirstUploadsOfR1ThinkAllTheSame) {
  const std::string llama = FirstUpload("deepseek-ai-DeepSeek-R1-Distill-Llama-8B.jinja");
  EXPECT_EQ(TurnOf(llama), "<｜Assistant｜>");
  EXPECT_EQ(TurnOf(FirstUpload("deepseek-ai-DeepSeek-R1-Distill-Qwen-32B.jinja")), "");  // a switch
  // Neither the first upload nor V3's way of keeping everything.
  std::string keeps = llama;
  for (std::size_t at = 0; (at = keeps.find("'</think>'", at)) != std::string::npos;) {
    keeps.replace(at, 10, "'</other>'");
  }
  EXPECT_EQ(TurnOf(keeps), "");

  const ChatTemplate chat(llama, {{"bos_token", "<s>"}}, LocalTime);
  std::vector<TextSpan> prompt = chat.Render({{Role::kUser, "hi"}});
  ASSERT_TRUE(EndsWithTurn(prompt, "<｜Assistant｜>"));
  SetThinking(true, llama, prompt);
  EXPECT_EQ(TextOf(prompt), "<s><｜User｜>hi<｜Assistant｜><think>\n");
  EXPECT_TRUE(EndOf(prompt, llama).in_reasoning);
  EXPECT_FALSE(EndsWithTurn({{"<｜Assistant｜>", false}}, "<｜Assistant｜>"));
}

}  // namespace
}  // namespace fathom
