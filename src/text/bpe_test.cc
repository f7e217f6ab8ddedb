// Byte-pair encoding against the definition written down plainly, in both of its ways of working.
#include "text/bpe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "text/byte_alphabet.h"

namespace fathom {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Vocabulary {
  std::vector<std::string> bytes;
  std::vector<uint8_t> reachable;
  std::vector<BpeMerge> merges;

  int32_t Add(const std::string& token, bool is_reachable = true) {
    bytes.push_back(token);
    reachable.push_back(is_reachable);
    return static_cast<int32_t>(bytes.size() - 1);
  }
  int32_t Merge(int32_t left, int32_t right) {
    const std::string joined =
        bytes[static_cast<std::size_t>(left)] + bytes[static_cast<std::size_t>(right)];
    const auto found = std::find(bytes.begin(), bytes.end(), joined);
    const int32_t whole =
        found == bytes.end() ? Add(joined) : static_cast<int32_t>(found - bytes.begin());
    merges.push_back({left, right, whole});
    return whole;
  }
  BpeModel Model(bool ignore_merges = false) const {
    return BpeModel(bytes, reachable, merges, ignore_merges);
  }
};

std::vector<int32_t> Encode(const BpeModel& model, std::string_view piece) {
  BpeScratch scratch;
  std::vector<int32_t> ids;
  model.Encode(piece, scratch, ids);
  return ids;
}

// The definition: as long as any merge applies, do the one of the lowest rank, leftmost first.
std::vector<int32_t> Plainly(const Vocabulary& vocabulary, std::string_view piece) {
  std::vector<int32_t> ids;
  for (const char c : piece) {
    for (std::size_t id = 0; id < vocabulary.bytes.size(); ++id) {
      if (vocabulary.bytes[id] == std::string(1, c)) ids.push_back(static_cast<int32_t>(id));
    }
  }
  while (true) {
    std::size_t best = ids.size(), best_rank = vocabulary.merges.size();
    for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
      for (std::size_t rank = 0; rank < best_rank; ++rank) {
        const BpeMerge& merge = vocabulary.merges[rank];
        if (merge.left == ids[i] && merge.right == ids[i + 1]) {
          best = i;
          best_rank = rank;
        }
      }
    }
    if (best == ids.size()) return ids;
    ids[best] = vocabulary.merges[best_rank].whole;
    ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
}

TEST(Bpe, EqualsTheDefinitionOnRandomVocabulariesShortAndLong) {
  std::mt19937 random(7);
  for (int round = 0; round < 40; ++round) {
    Vocabulary vocabulary;
    for (const char c : {'a', 'b', 'c'}) vocabulary.Add(std::string(1, c));
    // Merges in any order, also ones that use tokens made by later merges.
    for (int i = 0; i < 12; ++i) {
      const auto any = [&] { return static_cast<int32_t>(random() % vocabulary.bytes.size()); };
      const int32_t left = any(), right = any();
      const auto same = [&](const BpeMerge& m) { return m.left == left && m.right == right; };
      if (std::none_of(vocabulary.merges.begin(), vocabulary.merges.end(), same)) {
        vocabulary.Merge(left, right);
      }
    }
    std::shuffle(vocabulary.merges.begin(), vocabulary.merges.end(), random);
    const BpeModel model = vocabulary.Model();
    for (const std::size_t size : {1, 2, 3, 9, 63, 64, 65, 66, 200}) {
      std::string piece;
      while (piece.size() < size) piece.push_back("abcx"[random() % (round % 3 == 0 ? 4 : 3)]);
      const std::vector<int32_t> expected = Plainly(vocabulary, piece);
      ASSERT_EQ(Encode(model, piece), expected) << piece;
      ASSERT_EQ(Encode(model, piece), expected) << "the second time: " << piece;
    }
  }
}

TEST(Bpe, LeavesOutBytesThatAreNoTokens) {
  Vocabulary vocabulary;
  const int32_t a = vocabulary.Add("a"), b = vocabulary.Add("b");
  const int32_t ab = vocabulary.Merge(a, b);
  EXPECT_THAT(Encode(vocabulary.Model(), "a?b"), ElementsAre(ab));
  EXPECT_THAT(Encode(vocabulary.Model(), "??"), IsEmpty());
  EXPECT_THAT(Encode(vocabulary.Model(), std::string(100, '?')), IsEmpty());
  EXPECT_THAT(Encode(vocabulary.Model(), ""), IsEmpty());
}

TEST(Bpe, TakesWholeTokensAsTheyAreOnlyWhenToldTo) {
  Vocabulary vocabulary;
  const int32_t a = vocabulary.Add("a"), b = vocabulary.Add("b");
  const int32_t aba = vocabulary.Add("aba");
  const int32_t ab = vocabulary.Merge(a, b);
  EXPECT_THAT(Encode(vocabulary.Model(false), "aba"), ElementsAre(ab, a));
  EXPECT_THAT(Encode(vocabulary.Model(true), "aba"), ElementsAre(aba));
  EXPECT_THAT(Encode(vocabulary.Model(true), "abab"), ElementsAre(ab, ab));
}

TEST(Bpe, OfTwoEqualMergesTheLaterCounts) {
  Vocabulary vocabulary;
  const int32_t a = vocabulary.Add("a"), b = vocabulary.Add("b"), c = vocabulary.Add("c");
  vocabulary.Merge(a, b);
  const int32_t bc = vocabulary.Merge(b, c);
  vocabulary.Merge(a, b);
  EXPECT_THAT(Encode(vocabulary.Model(), "abc"), ElementsAre(a, bc));
}

TEST(Bpe, NeverProducesUnreachableTokens) {
  Vocabulary vocabulary;
  const int32_t a = vocabulary.Add("a");
  vocabulary.Add("aa", false);
  vocabulary.Add("x", false);
  EXPECT_THAT(Encode(vocabulary.Model(true), "aa"), ElementsAre(a, a));
  EXPECT_THAT(Encode(vocabulary.Model(true), "x"), IsEmpty());
}

TEST(ByteAlphabet, SpellsEveryByteOnce) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  EXPECT_EQ(BytesFromAlphabet(AlphabetFromBytes(all)), all);
  EXPECT_EQ(AlphabetFromBytes(" \n\xAD!\xFF"), "\u0120\u010A\u0143!\u00FF");
  EXPECT_EQ(BytesFromAlphabet("a b"), std::nullopt);
  EXPECT_EQ(BytesFromAlphabet("\u0144"), std::nullopt);
  EXPECT_EQ(BytesFromAlphabet("\xC4"), std::nullopt);
  EXPECT_EQ(BytesFromAlphabet("\u00AD"), std::nullopt);
}

}  // namespace
}  // namespace fathom
