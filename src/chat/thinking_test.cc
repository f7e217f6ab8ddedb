#include "chat/thinking.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace fathom
