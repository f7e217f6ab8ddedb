// Replies with their parts, cut at every byte and fed as tokens: the parts are always the same.
#include "text/reply_parser.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "text/test_vocabulary.h"

namespace fathom {
namespace {

using Parts = std::vector<ReplyPart>;

ReplyPart R(std::string text) {
  return {.channel = ReplyChannel::kReasoning, .text = std::move(text)};
}
ReplyPart A(std::string text) { return {.text = std::move(text)}; }
ReplyPart Broken(std::string text) { return {.text = std::move(text), .broken_call = true}; }
ReplyPart C(std::string name, std::string arguments) {
  return {.kind = ReplyPart::Kind::kToolCall,
          .call = {.name = std::move(name), .arguments = std::move(arguments)}};
}

std::string Show(const Parts& parts) {
  std::string text;
  for (const ReplyPart& part : parts) {
    if (part.kind == ReplyPart::Kind::kToolCall) {
      text += "[call " + part.call.name + " " + part.call.arguments + "]";
    } else {
      text += part.broken_call                           ? "[broken "
              : part.channel == ReplyChannel::kReasoning ? "[think "
                                                         : "[answer ";
      text += part.text + "]";
    }
  }
  return text;
}

// Pieces that belong together, in one.
Parts Joined(const Parts& parts) {
  Parts joined;
  for (const ReplyPart& part : parts) {
    const bool text = part.kind == ReplyPart::Kind::kText && !part.broken_call;
    if (text && !joined.empty() && joined.back().kind == ReplyPart::Kind::kText &&
        !joined.back().broken_call && joined.back().channel == part.channel) {
      joined.back().text += part.text;
    } else {
      joined.push_back(part);
    }
  }
  return joined;
}

enum Start { kOutside, kInside };  // whether the prompt ends in an open <think>
enum Tools { kNoTools, kTools };

struct Case {
  const char* name;
  Start start;
  Tools tools;
  std::string reply;
  Parts parts;
  // With the tags as tokens, where that is not the same.
  std::optional<Parts> as_tokens = std::nullopt;
};

const Case kThinking[] = {
    {"Nothing", kOutside, kNoTools, "", {}},
    {"OnlyAnAnswer", kOutside, kNoTools, "Hello.", {A("Hello.")}},
    {"AnswerKeepsItsSpace", kOutside, kNoTools, " \n Hello. \n", {A(" \n Hello. \n")}},
    {"OnlySpace", kOutside, kNoTools, " \n ", {A(" \n ")}},
    {"ThinkFirst", kOutside, kNoTools, "<think>hm</think>42", {R("hm"), A("42")}},
    {"SpaceBeforeThink", kOutside, kNoTools, "\n <think>hm</think>42", {R("hm"), A("42")}},
    {"SpaceAroundTags", kOutside, kNoTools, "<think>\nhm\n</think>\n\n42\n", {R("hm"), A("42\n")}},
    {"SpaceWithin",
     kOutside,
     kNoTools,
     "<think> a \n\n b \n</think> c \n d ",
     {R("a \n\n b"), A("c \n d ")}},
    {"PromptOpens", kInside, kNoTools, "hm\n</think>\n\n42", {R("hm"), A("42")}},
    {"PromptOpensSpace", kInside, kNoTools, "\n\n hm</think>42", {R("hm"), A("42")}},
    {"PromptOpensAndReplyAgain", kInside, kNoTools, "<think>\nhm</think>42", {R("hm"), A("42")}},
    {"PromptOpensAndReplyAgainAfterSpace",
     kInside,
     kNoTools,
     "\n<think>\nhm</think>42",
     {R("hm"), A("42")}},
    {"NeverClosed", kInside, kNoTools, "hm and so on", {R("hm and so on")}},
    {"NeverClosedSpaceAtTheEnd", kInside, kNoTools, "hm \n", {R("hm \n")}},
    {"NeverClosedNothing", kInside, kNoTools, "\n", {}},
    {"OpenedNeverClosed", kOutside, kNoTools, "<think>hm", {R("hm")}},
    {"ClosedNoAnswer", kInside, kNoTools, "hm</think>\n", {R("hm")}},
    {"EmptyReasoning", kOutside, kNoTools, "<think>\n\n</think>\n\n42", {A("42")}},
    {"EmptyReasoningOfPrompt", kInside, kNoTools, "</think>42", {A("42")}},
    {"EmptyEverything", kOutside, kNoTools, "<think></think>", {}},
    {"StrayCloseFirst", kOutside, kNoTools, "</think>\n\n42", {A("42")}},
    {"StrayCloseAfterSpace", kOutside, kNoTools, " \n</think>42", {A("42")}},
    {"StrayCloseLater", kOutside, kNoTools, "42</think> more", {A("42</think> more")}},
    {"CloseTwice", kInside, kNoTools, "hm</think>\n</think>42", {R("hm"), A("42")}},
    {"CloseTwiceLater", kInside, kNoTools, "hm</think>4</think>2", {R("hm"), A("4</think>2")}},
    {"OpenInTheAnswer", kOutside, kNoTools, "Use <think> here", {A("Use <think> here")}},
    {"SecondReasoning",
     kOutside,
     kNoTools,
     "<think>a</think>b<think>c</think>d",
     {R("a"), A("b<think>c</think>d")}},
    {"SecondReasoningDirectly",
     kOutside,
     kNoTools,
     "<think>a</think><think>c</think>d",
     {R("a"), A("<think>c</think>d")}},
    {"OpenWithinReasoning", kInside, kNoTools, "a <think> b</think>c", {R("a <think> b"), A("c")}},
    {"OpenTwice", kOutside, kNoTools, "<think><think>a</think>b", {R("a"), A("b")}},
    {"QuotedInFence",
     kOutside,
     kNoTools,
     "See:\n```\n<think>x</think>\n```\n",
     {A("See:\n```\n<think>x</think>\n```\n")}},
    {"QuotedInline", kOutside, kNoTools, "Write `</think>` to end", {A("Write `</think>` to end")}},
    {"QuotedFirst", kOutside, kNoTools, "`<think>`", {A("`<think>`")}},
    {"QuotedAfterThinking",
     kInside,
     kNoTools,
     "hm</think>`<think>` and `</think>`",
     {R("hm"), A("`<think>` and `</think>`")}},
    {"ReasoningQuotesInline",
     kInside,
     kNoTools,
     "Use `</think>` then.\n</think>42",
     {R("Use `</think>` then."), A("42")},
     Parts{R("Use `"), A("` then.\n</think>42")}},
    {"ReasoningQuotesTwiceInALine",
     kInside,
     kNoTools,
     "`</think>` or ``</think>`</think>`` x</think>42",
     {R("`</think>` or ``</think>`</think>`` x"), A("42")},
     Parts{R("`"), A("` or ``</think>`</think>`` x</think>42")}},
    {"ReasoningQuotesInlineLast",
     kInside,
     kNoTools,
     "use `</think>`",
     {R("use `</think>`")},
     Parts{R("use `"), A("`")}},
    {"ReasoningQuotesInThreeBackticks",
     kInside,
     kNoTools,
     "```</think>``` ok</think>42",
     {R("```</think>``` ok"), A("42")},
     Parts{R("```"), A("``` ok</think>42")}},
    {"ReasoningQuotesInFence",
     kInside,
     kNoTools,
     "So:\n```\na </think> b\n```\nok</think>42",
     {R("So:\n```\na </think> b\n```\nok"), A("42")},
     Parts{R("So:\n```\na"), A("b\n```\nok</think>42")}},
    {"ReasoningQuotesAPairInFence",
     kInside,
     kNoTools,
     "So:\n~~~\n<think>\nx\n</think>\ny\n~~~\n</think>\n42",
     {R("So:\n~~~\n<think>\nx\n</think>\ny\n~~~"), A("42")},
     Parts{R("So:\n~~~\n<think>\nx"), A("y\n~~~\n</think>\n42")}},
    {"ReasoningQuotesAnOpenTagInFence",
     kInside,
     kNoTools,
     "```\n<think>\n```\n```\nx\n</think>\n42",
     {R("```\n<think>\n```\n```\nx"), A("42")}},
    {"ReasoningWithAnUnclosedFence",
     kInside,
     kNoTools,
     "So:\n```\ncode\n</think>\n42",
     {R("So:\n```\ncode"), A("42")}},
    {"ReasoningWithAFenceLineOnly",
     kInside,
     kNoTools,
     "So:\n```py </think>\n42",
     {R("So:\n```py"), A("42")}},
    {"ReasoningEndsAfterAFence",
     kInside,
     kNoTools,
     "```\nx\n```</think>42",
     {R("```\nx\n```"), A("42")}},
    {"ReasoningWithALoneBacktick", kInside, kNoTools, "a ` b</think>\n42", {R("a ` b"), A("42")}},
    {"ReasoningWithALoneBacktickToTheEnd",
     kInside,
     kNoTools,
     "a ` b</think>4</think>2",
     {R("a ` b"), A("4</think>2")}},
    {"BeginningOfATagOnly", kOutside, kNoTools, "<thin", {A("<thin")}},
    {"BeginningOfATagAtTheEnd", kInside, kNoTools, "a </thi", {R("a </thi")}},
    {"NearlyATag",
     kInside,
     kNoTools,
     "a < b </ think> </thinks></think>c",
     {R("a < b </ think> </thinks>"), A("c")}},
    {"TagAfterItsBeginning",
     kInside,
     kNoTools,
     "a<</think</think></think>b",
     {R("a<</think"), A("b")}},
    {"OtherTags",
     kOutside,
     kNoTools,
     "<b><thinking>x</thinking></b>",
     {A("<b><thinking>x</thinking></b>")}},
    {"UpperCase", kOutside, kNoTools, "<THINK>x</THINK>", {A("<THINK>x</THINK>")}},
    {"Unicode", kInside, kNoTools, "思考…😀</think>答え「é」", {R("思考…😀"), A("答え「é」")}},
    {"WideSpaceStays", kInside, kNoTools, "a\u3000</think>\u00A0b", {R("a\u3000"), A("\u00A0b")}},
    {"Nul",
     kInside,
     kNoTools,
     std::string("a\0b</think>\0c", 13),
     {R(std::string("a\0b", 3)), A(std::string("\0c", 2))}},
    {"ToolTagsAreTextWithoutTools",
     kOutside,
     kNoTools,
     "<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>",
     {A("<tool_call>{\"name\":\"f\",\"arguments\":{}}</tool_call>")}},
    {"DeepSeekTagsAreTextWithoutTools",
     kInside,
     kNoTools,
     "a</think><｜tool▁calls▁begin｜>",
     {R("a"), A("<｜tool▁calls▁begin｜>")}},
};

// V3 and R1: type, name and a block of JSON.
std::string V3(const std::string& name, const std::string& json) {
  return "<｜tool▁call▁begin｜>function<｜tool▁sep｜>" + name + "\n```json\n" + json +
         "\n```<｜tool▁call▁end｜>";
}
// V3.1: name and JSON.
std::string V31(const std::string& name, const std::string& json) {
  return "<｜tool▁call▁begin｜>" + name + "<｜tool▁sep｜>" + json + "<｜tool▁call▁end｜>";
}
std::string Calls(const std::string& calls) {
  return "<｜tool▁calls▁begin｜>" + calls + "<｜tool▁calls▁end｜>";
}
std::string Json1(const std::string& json) { return "<tool_call>\n" + json + "\n</tool_call>"; }

const Case kToolCalls[] = {
    {"V3",
     kOutside,
     kTools,
     Calls(V3("weather", "{\"city\": \"Ulm\"}")),
     {C("weather", "{\"city\": \"Ulm\"}")}},
    {"V3Two",
     kOutside,
     kTools,
     Calls(V3("f", "{}") + "\n" + V3("g", "{\"a\":[1,2]}")),
     {C("f", "{}"), C("g", "{\"a\":[1,2]}")}},
    {"V3TextBefore",
     kOutside,
     kTools,
     "Let me see." + Calls(V3("f", "{}")),
     {A("Let me see."), C("f", "{}")}},
    {"V3TextAfter", kOutside, kTools, Calls(V3("f", "{}")) + "\nDone.", {C("f", "{}"), A("Done.")}},
    {"V3NoCallsEnd", kOutside, kTools, "<｜tool▁calls▁begin｜>" + V3("f", "{}"), {C("f", "{}")}},
    {"V3NoCallsBegin", kOutside, kTools, V3("f", "{}"), {C("f", "{}")}},
    {"V31", kOutside, kTools, Calls(V31("f", "{\"x\": 1.50}")), {C("f", "{\"x\": 1.50}")}},
    {"V31Two",
     kOutside,
     kTools,
     Calls(V31("f", "{}") + V31("g", "{\"b\":null}")),
     {C("f", "{}"), C("g", "{\"b\":null}")}},
    {"V31NamedFunction",
     kOutside,
     kTools,
     Calls(V31("function", "{\"a\":\n1}")),
     {C("function", "{\"a\":\n1}")}},
    {"V31AfterThinking",
     kInside,
     kTools,
     "hm</think>" + Calls(V31("f", "{}")),
     {R("hm"), C("f", "{}")}},
    {"V31AnswerBetween",
     kInside,
     kTools,
     "hm</think>So:\n" + Calls(V31("f", "{}")),
     {R("hm"), A("So:\n"), C("f", "{}")}},
    {"V31TagInAString",
     kOutside,
     kTools,
     Calls(V31("f", "{\"a\":\"</think><think>\"}")),
     {C("f", "{\"a\":\"</think><think>\"}")}},
    {"TextBetweenCalls",
     kOutside,
     kTools,
     Calls(V31("f", "{}") + " and " + V31("g", "{}")),
     {C("f", "{}"), A("and "), C("g", "{}")}},
    {"BrokenJson",
     kOutside,
     kTools,
     Calls(V31("f", "{\"a\":")) + "x",
     {Broken(V31("f", "{\"a\":")), A("x")}},
    {"BrokenOneOfTwo",
     kOutside,
     kTools,
     Calls(V31("f", "{'a':1}") + V31("g", "{}")),
     {Broken(V31("f", "{'a':1}")), C("g", "{}")}},
    {"BrokenNoObject", kOutside, kTools, Calls(V31("f", "[1]")), {Broken(V31("f", "[1]"))}},
    {"BrokenNoSeparator",
     kOutside,
     kTools,
     "<｜tool▁call▁begin｜>f{}<｜tool▁call▁end｜>",
     {Broken("<｜tool▁call▁begin｜>f{}<｜tool▁call▁end｜>")}},
    {"BrokenNoName", kOutside, kTools, V31("", "{}"), {Broken(V31("", "{}"))}},
    {"BrokenV3Block", kOutside, kTools, Calls(V3("f", "{")), {Broken(V3("f", "{"))}},
    {"UnclosedCall",
     kOutside,
     kTools,
     "a<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a",
     {A("a"), Broken("<｜tool▁call▁begin｜>f<｜tool▁sep｜>{\"a")}},
    {"CallsEndClosesACall",
     kOutside,
     kTools,
     "<｜tool▁call▁begin｜>f<｜tool▁sep｜>{}<｜tool▁calls▁end｜>",
     {C("f", "{}")}},
    {"CallOpensInACall",
     kOutside,
     kTools,
     "<｜tool▁call▁begin｜>f" + V31("g", "{}"),
     {Broken("<｜tool▁call▁begin｜>f"), C("g", "{}")}},
    {"TwoSeparators",
     kOutside,
     kTools,
     V31("f", "{\"a\":\"<｜tool▁sep｜>\"}"),
     {C("f", "{\"a\":\"<｜tool▁sep｜>\"}")}},
    {"EmptyCalls", kOutside, kTools, Calls("") + "x", {A("x")}},
    {"CallInReasoning",
     kInside,
     kTools,
     "hm " + Calls(V31("f", "{}")),
     {R("hm " + Calls(V31("f", "{}")))},
     Parts{R("hm"), C("f", "{}")}},
    {"CallInInlineCode",
     kOutside,
     kTools,
     "`" + V31("f", "{}") + "`",
     {A("`" + V31("f", "{}") + "`")},
     Parts{A("`"), C("f", "{}"), A("`")}},
    {"CloseTagsWithoutACall",
     kOutside,
     kTools,
     "a<｜tool▁call▁end｜><｜tool▁sep｜></tool_call>",
     {A("a<｜tool▁call▁end｜><｜tool▁sep｜></tool_call>")}},

    {"Json",
     kOutside,
     kTools,
     Json1("{\"name\": \"f\", \"arguments\": {\"b\": 1, \"a\": 2.0}}"),
     {C("f", "{\"b\": 1, \"a\": 2.0}")}},
    {"JsonTwo",
     kOutside,
     kTools,
     Json1("{\"arguments\":{},\"name\":\"f\"}") + "\n" + Json1("{\"name\":\"g\",\"arguments\":{}}"),
     {C("f", "{}"), C("g", "{}")}},
    {"JsonAfterThinking",
     kInside,
     kTools,
     "hm\n</think>\n\n" + Json1("{\"name\":\"f\",\"arguments\":{}}"),
     {R("hm"), C("f", "{}")}},
    {"CodeOfTheReasoningEndsWithIt",
     kInside,
     kTools,
     "```\nx\n</think>" + Json1("{\"name\":\"f\",\"arguments\":{}}"),
     {R("```\nx"), C("f", "{}")}},
    {"JsonTextBefore",
     kOutside,
     kTools,
     "I look.\n" + Json1("{\"name\":\"f\",\"arguments\":{}}"),
     {A("I look.\n"), C("f", "{}")}},
    {"JsonArgumentsAsString",
     kOutside,
     kTools,
     Json1("{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}"),
     {C("f", "{\"a\":1}")}},
    {"JsonNested",
     kOutside,
     kTools,
     Json1("{\"x\":{\"arguments\":{\"no\":1}},\"name\":\"f\",\"arguments\":{\"a\":{\"b\":[{}]}}}"),
     {C("f", "{\"a\":{\"b\":[{}]}}")}},
    {"JsonTagInAString",
     kOutside,
     kTools,
     Json1("{\"name\":\"f\",\"arguments\":{\"a\":\"\\\"</tool_call><tool_call>\"}}"),
     {C("f", "{\"a\":\"\\\"</tool_call><tool_call>\"}")},
     Parts{Broken("<tool_call>\n{\"name\":\"f\",\"arguments\":{\"a\":\"\\\"</tool_call>"),
           Broken("<tool_call>\"}}\n</tool_call>")}},
    {"JsonBroken",
     kOutside,
     kTools,
     Json1("{\"name\":\"f\",") + "\nx",
     {Broken(Json1("{\"name\":\"f\",")), A("x")}},
    {"JsonNoName",
     kOutside,
     kTools,
     Json1("{\"arguments\":{}}"),
     {Broken(Json1("{\"arguments\":{}}"))}},
    {"JsonNoArguments",
     kOutside,
     kTools,
     Json1("{\"name\":\"f\"}"),
     {Broken(Json1("{\"name\":\"f\"}"))}},
    {"JsonUnclosed",
     kOutside,
     kTools,
     "<tool_call>{\"name\":\"f\"",
     {Broken("<tool_call>{\"name\":\"f\"")}},
    {"JsonOpensTwice",
     kOutside,
     kTools,
     "<tool_call>a" + Json1("{\"name\":\"f\",\"arguments\":{}}"),
     {Broken("<tool_call>a"), C("f", "{}")}},
    {"JsonInReasoning",
     kInside,
     kTools,
     "try <tool_call>{}</tool_call>",
     {R("try <tool_call>{}</tool_call>")}},
    {"JsonInFence",
     kOutside,
     kTools,
     "So:\n```xml\n<tool_call>{}</tool_call>\n```\n",
     {A("So:\n```xml\n<tool_call>{}</tool_call>\n```\n")}},
    {"JsonAfterFence",
     kOutside,
     kTools,
     "```\na\n```\n" + Json1("{\"name\":\"f\",\"arguments\":{}}"),
     {A("```\na\n```\n"), C("f", "{}")}},
    {"JsonInline", kOutside, kTools, "The `<tool_call>` tag", {A("The `<tool_call>` tag")}},
    {"JsonAfterInline",
     kOutside,
     kTools,
     "``a`b`` " + Json1("{\"name\":\"f\",\"arguments\":{}}"),
     {A("``a`b`` "), C("f", "{}")}},
    {"JsonAfterALoneBacktick",
     kOutside,
     kTools,
     "a ` b\n" + Json1("{\"name\":\"f\",\"arguments\":{}}"),
     {A("a ` b\n"), C("f", "{}")}},
    {"JsonInTildes",
     kOutside,
     kTools,
     "~~~~\n~~~\n<tool_call>\n~~~~ ",
     {A("~~~~\n~~~\n<tool_call>\n~~~~ ")}},
    {"JsonAfterFenceInOneLine",
     kOutside,
     kTools,
     "```a``` " + Json1("{\"name\":\"f\",\"arguments\":{}}"),
     {A("```a``` "), C("f", "{}")}},
};

class ReplyTable : public testing::TestWithParam<Case> {};

std::string NameOf(const testing::TestParamInfo<Case>& one) { return one.param.name; }
INSTANTIATE_TEST_SUITE_P(Thinking, ReplyTable, testing::ValuesIn(kThinking), NameOf);
INSTANTIATE_TEST_SUITE_P(Calls, ReplyTable, testing::ValuesIn(kToolCalls), NameOf);

ReplyParser::Options OptionsOf(const Case& c) {
  return {.in_reasoning = c.start == kInside, .tool_calls = c.tools == kTools};
}

TEST_P(ReplyTable, CutAtEveryByte) {
  const Case& c = GetParam();
  const std::string& reply = c.reply;
  for (std::size_t cut = 0; cut <= reply.size(); ++cut) {
    ReplyParser parser(OptionsOf(c));
    Parts parts;
    parser.Push(std::string_view(reply).substr(0, cut), parts);
    parser.Push(std::string_view(reply).substr(cut), parts);
    parser.Finish(parts);
    ASSERT_EQ(Show(Joined(parts)), Show(c.parts)) << "cut at " << cut;
  }
  for (std::size_t size = 1; size <= 4; ++size) {
    ReplyParser parser(OptionsOf(c));
    Parts parts;
    for (std::size_t at = 0; at < reply.size(); at += size) {
      Parts piece;
      parser.Push(std::string_view(reply).substr(at, size), piece);
      parts.insert(parts.end(), piece.begin(), piece.end());
    }
    parser.Finish(parts);
    ASSERT_EQ(Show(Joined(parts)), Show(c.parts)) << "pieces of " << size;
  }
}

TokenizerSpec SpecWithTags() {
  TokenizerSpec spec = ByteSpec({});
  for (std::size_t i = 0; i < kReplyTags; ++i) {
    spec.tokens.emplace_back(TextOf(static_cast<ReplyTag>(i)));
    // As files have it: some are special, most are not.
    spec.kinds.push_back(i % 4 == 1 ? TokenKind::kControl : TokenKind::kUserDefined);
  }
  return spec;
}

Parts Read(const Tokenizer& tokenizer, const Case& c, const std::vector<TokenId>& ids) {
  ReplyReader reader(tokenizer, c.start == kInside, c.tools == kTools);
  Parts parts;
  for (const TokenId id : ids) {
    const Parts some = reader.Push(id);
    parts.insert(parts.end(), some.begin(), some.end());
  }
  const Parts rest = reader.Finish();
  parts.insert(parts.end(), rest.begin(), rest.end());
  return Joined(parts);
}

TEST_P(ReplyTable, AsTokens) {
  const Case& c = GetParam();
  const Tokenizer bytes{ByteSpec({})};
  EXPECT_EQ(Show(Read(bytes, c, bytes.Encode(c.reply))), Show(c.parts)) << "without tags";

  const Tokenizer tags{SpecWithTags()};
  // Without tools the tags of tools are left to the decoder, which does not show special tokens.
  if (c.tools == kNoTools && c.reply.find("tool") != std::string::npos) return;
  EXPECT_EQ(Show(Read(tags, c, tags.EncodeTrusted(c.reply))), Show(c.as_tokens.value_or(c.parts)))
      << "with tags";
}

TEST(ReplyReader, SpelledTagsAreTextWhereTheVocabularyHasThem) {
  const Tokenizer tokenizer{SpecWithTags()};
  const Case c{"", kOutside, kTools, "<think>a</think>b<tool_call>c", {}};
  EXPECT_EQ(Show(Read(tokenizer, c, tokenizer.Encode(c.reply))),
            "[answer <think>a</think>b<tool_call>c]");
}

TEST(ReplyReader, ATagAfterPartOfACharacter) {
  const Tokenizer tokenizer{SpecWithTags()};
  const Case c{"", kInside, kNoTools, "", {}};
  EXPECT_EQ(Show(Read(tokenizer, c, {0xF0, 0x9F, tokenizer.FindAdded("</think>"), 'x'})),
            "[think \uFFFD][answer x]");
}

TEST(ReplyReader, SaysWhereItIs) {
  const Tokenizer tokenizer{SpecWithTags()};
  ReplyReader reader(tokenizer, false, false);
  EXPECT_FALSE(reader.in_reasoning());
  EXPECT_FALSE(reader.had_reasoning());
  reader.Push(tokenizer.FindAdded("<think>"));
  EXPECT_TRUE(reader.in_reasoning());
  reader.Push('a');
  reader.Push(tokenizer.FindAdded("</think>"));
  EXPECT_FALSE(reader.in_reasoning());
  EXPECT_TRUE(reader.had_reasoning());
}

TEST(ReplyParser, HoldsBackNoMoreThanIsInDoubt) {
  ReplyParser parser({.in_reasoning = true});
  Parts parts;
  const auto shown = [&](std::string_view text) {
    parts.clear();
    parser.Push(text, parts);
    return Show(parts);
  };
  EXPECT_EQ(shown("a "), "[think a]");
  EXPECT_EQ(shown("b</th"), "[think  b]");
  EXPECT_EQ(shown("at<"), "[think </that]");
  EXPECT_EQ(shown("/think>x<think"), "[answer x<think]");  // no tag can come any more
}

TEST(ReplyTables, AreLargeEnough) { EXPECT_GE(std::size(kThinking) + std::size(kToolCalls), 60u); }

}  // namespace
}  // namespace fathom
