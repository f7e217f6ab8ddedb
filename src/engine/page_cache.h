// Which cache page holds what. Pages are numbers; their memory belongs to the engine.
//
// A page is free, private to a running sequence, or shared: filed in a prefix tree under the tokens
// it holds, where later requests find it. Shared pages that no running sequence needs are kept
// until their room is wanted and then go, least recently used first, leaves before parents. A tree
// per cache key keeps the prefixes of different owners apart.
//
// Only OpenRoot and growing the vector of MatchFullPages allocate; an OpenRoot that throws has
// changed nothing.
//
// Not thread-safe: the engine thread owns it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernels.h"

namespace fathom {

class PageCache {
 public:
  using Page = int32_t;
  static constexpr Page kNone = -1;

  // A place in a tree: the root of a cache key, or a full shared page. Whoever holds a Node pins it
  // and everything above it; nodes are counted (Pin, Unpin).
  using Node = int32_t;

  explicit PageCache(int32_t pages);

  // The root of a key's tree, pinned once for the caller.
  Node OpenRoot(const std::string& key);
  void Pin(Node node);
  void Unpin(Node node);

  // The longest chain of full pages below `root` that holds the start of `tokens`, appended to
  // `pages`. Returns the last node, pinned once for the caller (`root` itself when nothing
  // matches).
  Node MatchFullPages(Node root, std::span<const int32_t> tokens, std::vector<Page>& pages);

  // The child of `node` that shares the most leading tokens with `tokens`; `shared` says how many.
  // kNone when none does. The page is only good until the next call that changes the cache, unless
  // it is pinned.
  Page MatchPartialPage(Node node, std::span<const int32_t> tokens, int64_t& shared) const;

  // A page for private use, evicting a shared one if need be; kNone when every page is in use.
  Page Allocate();
  void FreePrivate(Page page);

  // Files a private page that holds exactly kPageTokens `tokens` below `node`. When the tree
  // already has such a page, `page` is freed and the old one is returned. The result becomes the
  // caller's node: its pin moves from `node` to the result.
  Page Share(Node& node, Page page, std::span<const int32_t> tokens);

  // Files a private page holding fewer tokens, for a sequence that ends; freed when nobody gains.
  void SharePartial(Node node, Page page, std::span<const int32_t> tokens);

  int32_t pages() const { return static_cast<int32_t>(entries_.size()); }
  int32_t available() const { return free_ + unpinned_shared_; }  // free now or by eviction
  int32_t shared() const { return shared_; }

 private:
  struct Entry {
    Node parent = kNone;
    Node first_child = kNone;
    Node next_sibling = kNone, previous_sibling = kNone;
    Node older = kNone, newer = kNone;  // in the list of evictable leaves
    int32_t pins = 0;                   // holders, plus children that are pinned
    int32_t tokens_held = 0;            // 0: not shared
    bool evictable = false;             // is in the list
    std::array<int32_t, kPageTokens> tokens;
  };
  using RootByKey = std::map<std::string, int32_t, std::less<>>;
  struct Root {
    RootByKey::iterator place = {};  // of a root in use
    Node first_child = kNone;
    int32_t pins = 0;
    int32_t next_unused = kNone;  // in the list of roots without a key
  };

  // Nodes below zero (from -2 on) are roots: root r is node -2 - r.
  static bool IsRoot(Node node) { return node <= -2; }
  Root& RootOf(Node node) { return roots_[static_cast<std::size_t>(-2 - node)]; }
  const Root& RootOf(Node node) const { return roots_[static_cast<std::size_t>(-2 - node)]; }
  Entry& At(Node node) { return entries_[static_cast<std::size_t>(node)]; }
  const Entry& At(Node node) const { return entries_[static_cast<std::size_t>(node)]; }
  Node FirstChild(Node node) const;
  void SetFirstChild(Node node, Node child);

  void Attach(Node parent, Page page, std::span<const int32_t> tokens);
  void Detach(Page page);  // from its parent and the list; the page becomes private
  void ListAsNewest(Page page);
  void ListAsOldest(Page page);
  void Unlist(Page page);
  void UpdateEvictable(Page page, bool newest);
  void Release(Page page);  // to the free list
  void ForgetRootIfEmpty(Node node);

  std::vector<Entry> entries_;  // one per page
  std::vector<Page> free_pages_;
  std::vector<Root> roots_;
  int32_t unused_root_ = kNone;  // the first of a list: giving a root back allocates nothing
  RootByKey root_by_key_;
  Node oldest_ = kNone, newest_ = kNone;
  int32_t free_ = 0;
  int32_t shared_ = 0;
  int32_t unpinned_shared_ = 0;
};

}  // namespace fathom
