// Stop strings and incremental decoding, cut everywhere.
#include "text/stream_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "text/test_vocabulary.h"
#include "text/unicode.h"

namespace fathom {
namespace {

using std::string_literals::operator""s;

TEST(StreamDecoder, HoldsBackUnfinishedCharactersOnly) {
  const Tokenizer tokenizer{ByteSpec()};
  StreamDecoder decoder(tokenizer);
  EXPECT_EQ(decoder.Push('a'), "a");
  EXPECT_EQ(decoder.Push(0xF0), "");
  EXPECT_EQ(decoder.Push(0x9F), "");
  EXPECT_EQ(decoder.Push(256), "");  // a control token shows nothing and breaks nothing
  EXPECT_EQ(decoder.Push(0x98), "");
  EXPECT_EQ(decoder.Push(0x80), "😀");
  EXPECT_EQ(decoder.Push(0xE4), "");
  EXPECT_EQ(decoder.Push('b'),
            "\uFFFD"
            "b");
  EXPECT_EQ(decoder.Push(0x80), "\uFFFD");
  EXPECT_EQ(decoder.Push(0xED), "");
  EXPECT_EQ(decoder.Push(0xA0), "\uFFFD\uFFFD");
  EXPECT_EQ(decoder.Push(258), "<think>");
  EXPECT_EQ(decoder.Push(0), "\0"s);
  EXPECT_EQ(decoder.Push(12345), "");
  EXPECT_EQ(decoder.Push(0xE4), "");
  EXPECT_EQ(decoder.Push(0xB8), "");
  EXPECT_EQ(decoder.Finish(), "\uFFFD");
  EXPECT_EQ(decoder.Finish(), "");
}

TEST(StreamDecoder, PiecesAreWellFormedAndAddUpToTheWhole) {
  const Tokenizer tokenizer{ByteSpec()};
  std::mt19937 random(3);
  // Bytes that begin, continue and break sequences.
  const TokenId some[] = {'a',  0x80, 0x9F, 0xA0, 0xBF, 0xC0, 0xC3,
                          0xE0, 0xE4, 0xED, 0xF0, 0xF4, 0xFF, 256};
  for (int round = 0; round < 5000; ++round) {
    std::vector<TokenId> ids(random() % 12);
    for (TokenId& id : ids) id = some[random() % std::size(some)];
    StreamDecoder decoder(tokenizer);
    std::string text;
    for (const TokenId id : ids) {
      const std::string piece = decoder.Push(id);
      ASSERT_EQ(WellFormedPrefix(piece), piece.size());
      text += piece;
    }
    text += decoder.Finish();
    ASSERT_EQ(text, tokenizer.Decode(ids));
  }
}

struct Outcome {
  std::string text;
  std::optional<std::string> stop;
  bool operator==(const Outcome&) const = default;
};

void PrintTo(const Outcome& outcome, std::ostream* out) {
  *out << '"' << outcome.text << "\" stop: " << outcome.stop.value_or("none");
}

// The definition, on the whole text: the stop string that ends first, the longest of those.
Outcome Plainly(const std::vector<std::string>& stops, const std::string& text) {
  for (std::size_t end = 1; end <= text.size(); ++end) {
    std::optional<std::string> best;
    for (const std::string& stop : stops) {
      if (!stop.empty() && text.substr(0, end).ends_with(stop) &&
          (!best || stop.size() > best->size())) {
        best = stop;
      }
    }
    if (best) return {text.substr(0, end - best->size()), best};
  }
  return {text, std::nullopt};
}

Outcome InPieces(const std::vector<std::string>& stops, const std::vector<std::string>& pieces) {
  StopMatcher matcher(stops);
  Outcome outcome;
  for (const std::string& piece : pieces) {
    const StopMatcher::Result result = matcher.Push(piece);
    outcome.text += result.text;
    if (result.stopped) {
      outcome.stop = result.stop;
      EXPECT_EQ(matcher.Finish(), "");
      EXPECT_EQ(matcher.Push("more").text, "");
      EXPECT_TRUE(matcher.Push("more").stopped);
      return outcome;
    }
  }
  outcome.text += matcher.Finish();
  return outcome;
}

TEST(StopMatcher, FindsStopsHoweverTheTextIsCut) {
  const std::vector<std::vector<std::string>> stop_sets = {
      {},
      {""},
      {"stop"},
      {"aab"},
      {"abab", "bab", "b"},
      {"\n\n", "\nUser:"},
      {"abcd", "bc"},
      {"abcd", "cde", "d"},
      {"世界"},
      {"\xF0\x9F\x98\x80"},
      {"aaaa", ""},
      {"a\0b"s},
  };
  const std::string texts[] = {
      "",        "stop",          "no st op, but stop!", "aaabx",      "xaababab", "abcx",
      "zabcdef", "Hi\n\nUser: x", "Hi\nUser: x",         "世 世界 界", "😀😁",       "aaaaa",
      "a\0b"s,   "ststostop"};
  for (const auto& stops : stop_sets) {
    for (const std::string& text : texts) {
      const Outcome expected = Plainly(stops, text);
      EXPECT_EQ(InPieces(stops, {text}), expected);
      for (std::size_t a = 0; a <= text.size(); ++a) {
        for (std::size_t b = a; b <= text.size(); ++b) {
          EXPECT_EQ(InPieces(stops, {text.substr(0, a), text.substr(a, b - a), text.substr(b)}),
                    expected);
        }
      }
      std::vector<std::string> bytes;
      for (const char c : text) bytes.emplace_back(1, c);
      EXPECT_EQ(InPieces(stops, bytes), expected);
    }
  }
}

TEST(StopMatcher, EqualsTheDefinitionOnRandomTexts) {
  std::mt19937 random(11);
  const auto word = [&](std::size_t size) {
    std::string text;
    while (text.size() < size) text.push_back("ab"[random() % 2]);
    return text;
  };
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::string> stops(1 + random() % 3);
    for (std::string& stop : stops) stop = word(1 + random() % 6);
    std::vector<std::string> pieces(random() % 6);
    std::string text;
    for (std::string& piece : pieces) text += piece = word(random() % 5);
    ASSERT_EQ(InPieces(stops, pieces), Plainly(stops, text)) << text;
  }
}

TEST(StopMatcher, PassesTextOnAsSoonAsItIsSafe) {
  StopMatcher matcher({"END", "\n\n"});
  EXPECT_EQ(matcher.Push("Hello").text, "Hello");
  EXPECT_EQ(matcher.Push(" wEN").text, " w");
  EXPECT_EQ(matcher.Push("X").text, "ENX");
  EXPECT_EQ(matcher.Push("\n").text, "");
  EXPECT_EQ(matcher.Push("E").text, "\n");
  const StopMatcher::Result result = matcher.Push("ND of it");
  EXPECT_TRUE(result.stopped);
  EXPECT_EQ(result.text, "");
  EXPECT_EQ(result.stop, "END");
}

TEST(StopMatcher, ManyNearMissesTakeBoundedTime) {
  StopMatcher matcher({std::string(1000, 'a') + "b"});
  std::size_t shown = 0;
  for (int i = 0; i < 100000; ++i) shown += matcher.Push("aaaaaaaaaa").text.size();
  EXPECT_EQ(shown, 1000000u - 1000u);
  EXPECT_EQ(matcher.Finish().size(), 1000u);
}

}  // namespace
}  // namespace fathom
