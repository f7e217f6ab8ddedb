#include "engine/page_cache.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <set>

namespace fathom {
namespace {

using Tokens = std::vector<int32_t>;

Tokens Range(int32_t first, int64_t count) {
  Tokens tokens(static_cast<std::size_t>(count));
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

// Files `tokens` under `key` as a finished sequence would and lets go of everything.
void FileSequence(PageCache& cache, const std::string& key, const Tokens& tokens) {
  PageCache::Node node = cache.OpenRoot(key);
  std::span<const int32_t> rest(tokens);
  for (; rest.size() >= kPageTokens; rest = rest.subspan(kPageTokens)) {
    cache.Share(node, cache.Allocate(), rest.first(kPageTokens));
  }
  if (!rest.empty()) cache.SharePartial(node, cache.Allocate(), rest);
  cache.Unpin(node);
}

// How many leading tokens a new sequence would find.
int64_t Find(PageCache& cache, const std::string& key, const Tokens& tokens) {
  const PageCache::Node root = cache.OpenRoot(key);
  std::vector<PageCache::Page> pages;
  const PageCache::Node node = cache.MatchFullPages(root, tokens, pages);
  const auto full = static_cast<int64_t>(pages.size()) * kPageTokens;
  int64_t shared = 0;
  cache.MatchPartialPage(node, std::span(tokens).subspan(static_cast<std::size_t>(full)), shared);
  cache.Unpin(node);
  cache.Unpin(root);
  return full + shared;
}

TEST(PageCache, FindsFullAndPartialPagesAndNothingElse) {
  PageCache cache(16);
  FileSequence(cache, "", Range(0, 80));  // two full pages and 16 tokens
  EXPECT_EQ(cache.shared(), 3);
  EXPECT_EQ(cache.available(), 16);
  EXPECT_EQ(Find(cache, "", Range(0, 200)), 80);
  EXPECT_EQ(Find(cache, "", Range(0, 70)), 70);
  EXPECT_EQ(Find(cache, "", Range(0, 31)), 31);
  EXPECT_EQ(Find(cache, "", Range(1, 80)), 0);
  Tokens other = Range(0, 80);
  other[40] = -1;
  EXPECT_EQ(Find(cache, "", other), 40);
}

TEST(PageCache, KeysAreApart) {
  PageCache cache(16);
  FileSequence(cache, "alice", Range(0, 64));
  EXPECT_EQ(Find(cache, "bob", Range(0, 64)), 0);
  EXPECT_EQ(Find(cache, "alice", Range(0, 64)), 64);
}

TEST(PageCache, ForgottenKeysMakeRoomForOthers) {
  PageCache cache(4);
  for (int round = 0; round < 3; ++round) {
    for (int key = 0; key < 8; ++key) {  // each takes the place of the one four before it
      FileSequence(cache, std::to_string(key), Range(key, 32));
      EXPECT_EQ(Find(cache, std::to_string(key), Range(key, 32)), 32);
      EXPECT_EQ(Find(cache, std::to_string(key), Range(key + 1, 32)), 0);
    }
    EXPECT_EQ(Find(cache, "0", Range(0, 32)), 0);
    EXPECT_EQ(Find(cache, "7", Range(7, 32)), 32);
  }
  EXPECT_EQ(cache.shared(), 4);
  EXPECT_EQ(cache.available(), 4);
}

TEST(PageCache, EqualPagesAreKeptOnce) {
  PageCache cache(16);
  FileSequence(cache, "", Range(0, 64));
  FileSequence(cache, "", Range(0, 64));
  EXPECT_EQ(cache.shared(), 2);
  FileSequence(cache, "", Range(0, 40));  // its 8 tokens are covered by the second page
  EXPECT_EQ(cache.shared(), 2);
}

TEST(PageCache, AFullPageReplacesItsShorterForm) {
  PageCache cache(16);
  FileSequence(cache, "", Range(0, 50));
  EXPECT_EQ(cache.shared(), 2);
  FileSequence(cache, "", Range(0, 64));
  EXPECT_EQ(cache.shared(), 2);
  EXPECT_EQ(Find(cache, "", Range(0, 64)), 64);
}

TEST(PageCache, EvictsTheLeastRecentlyUsedFromItsEnd) {
  PageCache cache(4);
  FileSequence(cache, "", Range(0, 64));
  FileSequence(cache, "", Range(1000, 64));
  EXPECT_EQ(cache.available(), 4);
  const PageCache::Page first = cache.Allocate();   // takes the old sequence's last page
  const PageCache::Page second = cache.Allocate();  // and then its first
  EXPECT_EQ(Find(cache, "", Range(0, 64)), 0);
  EXPECT_EQ(Find(cache, "", Range(1000, 64)), 64);
  EXPECT_NE(first, second);
  EXPECT_EQ(cache.available(), 2);
}

TEST(PageCache, FindingAPageKeepsItLonger) {
  PageCache cache(4);
  FileSequence(cache, "", Range(0, 64));
  FileSequence(cache, "", Range(1000, 64));
  Find(cache, "", Range(0, 64));
  cache.Allocate();
  cache.Allocate();
  EXPECT_EQ(Find(cache, "", Range(0, 64)), 64);
  EXPECT_EQ(Find(cache, "", Range(1000, 64)), 0);
}

TEST(PageCache, NeverEvictsWhatIsPinned) {
  PageCache cache(3);
  PageCache::Node node = cache.OpenRoot("");
  const Tokens tokens = Range(0, 96);
  for (int i = 0; i < 3; ++i) {
    cache.Share(node, cache.Allocate(),
                std::span(tokens).subspan(static_cast<std::size_t>(i) * 32, 32));
  }
  EXPECT_EQ(cache.available(), 0);
  EXPECT_EQ(cache.Allocate(), PageCache::kNone);
  cache.Unpin(node);
  EXPECT_EQ(cache.available(), 3);
  EXPECT_NE(cache.Allocate(), PageCache::kNone);
}

// A long random life: counts stay consistent and no page is ever held twice.
TEST(PageCache, RandomLife) {
  constexpr int32_t kPages = 24;
  PageCache cache(kPages);
  std::mt19937 random(7);
  struct Live {
    PageCache::Node node;
    std::vector<PageCache::Page> own;
    Tokens tokens;
    int64_t evaluated;
    int64_t shared_pages;
  };
  std::vector<Live> live;
  const auto end = [&](Live& s) {
    if (!s.own.empty()) {
      const auto held = static_cast<std::size_t>(s.shared_pages) * kPageTokens;
      cache.SharePartial(
          s.node, s.own[0],
          std::span(s.tokens).subspan(held, static_cast<std::size_t>(s.evaluated) - held));
    }
    cache.Unpin(s.node);
  };
  for (int step = 0; step < 20000; ++step) {
    if (live.size() < 4 && random() % 4 == 0) {
      Tokens tokens;
      // Few different prefixes, so that sequences meet in the tree.
      for (int i = 0; i < 160; ++i)
        tokens.push_back(static_cast<int32_t>(i % 40 == 0 ? random() % 2 : i));
      const PageCache::Node root = cache.OpenRoot(random() % 2 ? "a" : "b");
      std::vector<PageCache::Page> pages;
      const PageCache::Node node = cache.MatchFullPages(root, std::span(tokens).first(150), pages);
      cache.Unpin(root);
      const auto count = static_cast<int64_t>(pages.size());
      live.push_back({node, {}, tokens, count * kPageTokens, count});
    }
    if (live.empty()) continue;
    const std::size_t index = random() % live.size();
    Live& s = live[index];
    if (random() % 8 == 0 || s.evaluated + 16 > 160) {
      end(s);
      live.erase(live.begin() + static_cast<std::ptrdiff_t>(index));
    } else {
      if (s.own.empty()) {
        const PageCache::Page page = cache.Allocate();
        if (page == PageCache::kNone) continue;
        s.own.push_back(page);
      }
      s.evaluated += 16;
      if (s.evaluated % kPageTokens == 0) {
        const auto begin = static_cast<std::size_t>(s.shared_pages) * kPageTokens;
        cache.Share(s.node, s.own[0], std::span(s.tokens).subspan(begin, kPageTokens));
        s.own.clear();
        ++s.shared_pages;
      }
    }
    int32_t own = 0;
    std::set<PageCache::Page> distinct;
    for (const Live& other : live) {
      for (const PageCache::Page page : other.own) {
        ++own;
        distinct.insert(page);
      }
    }
    ASSERT_EQ(static_cast<int32_t>(distinct.size()), own);
    ASSERT_GE(cache.available(), 0);
    ASSERT_LE(cache.shared() + own, kPages);
  }
  for (Live& s : live) end(s);
  EXPECT_EQ(cache.available(), kPages);
  for (int i = 0; i < kPages; ++i) EXPECT_NE(cache.Allocate(), PageCache::kNone);
  EXPECT_EQ(cache.Allocate(), PageCache::kNone);
  EXPECT_EQ(cache.shared(), 0);
}

}  // namespace
}  // namespace fathom
