#include "engine/page_cache.h"

#include <algorithm>

#include "base/check.h"

namespace fathom {

PageCache::PageCache(int32_t pages) : entries_(static_cast<std::size_t>(pages)), free_(pages) {
  free_pages_.reserve(static_cast<std::size_t>(pages));
  for (Page page = pages - 1; page >= 0; --page) free_pages_.push_back(page);
}

PageCache::Node PageCache::FirstChild(Node node) const {
  return IsRoot(node) ? RootOf(node).first_child : At(node).first_child;
}

void PageCache::SetFirstChild(Node node, Node child) {
  (IsRoot(node) ? RootOf(node).first_child : At(node).first_child) = child;
}

PageCache::Node PageCache::OpenRoot(const std::string& key) {
  auto found = root_by_key_.find(key);
  if (found == root_by_key_.end()) {
    if (unused_root_ == kNone) {
      roots_.emplace_back();
      unused_root_ = static_cast<int32_t>(roots_.size()) - 1;
    }
    const int32_t index = unused_root_;
    found = root_by_key_.emplace(key, index).first;
    Root& root = roots_[static_cast<std::size_t>(index)];
    unused_root_ = root.next_unused;
    root.place = found;
  }
  const Node node = -2 - found->second;
  Pin(node);
  return node;
}

void PageCache::Pin(Node node) {
  // A pinned child counts as one pin of its parent, so the walk stops at the first pinned node.
  while (true) {
    if (IsRoot(node)) {
      ++RootOf(node).pins;
      return;
    }
    Entry& entry = At(node);
    if (entry.pins++ > 0) return;
    --unpinned_shared_;
    UpdateEvictable(node, true);
    node = entry.parent;
  }
}

void PageCache::Unpin(Node node) {
  while (true) {
    if (IsRoot(node)) {
      Root& root = RootOf(node);
      CHECK(root.pins > 0);
      --root.pins;
      ForgetRootIfEmpty(node);
      return;
    }
    Entry& entry = At(node);
    CHECK(entry.pins > 0);
    if (--entry.pins > 0) return;
    ++unpinned_shared_;
    UpdateEvictable(node, true);
    node = entry.parent;
  }
}

void PageCache::ForgetRootIfEmpty(Node node) {
  Root& root = RootOf(node);
  if (root.pins > 0 || root.first_child != kNone) return;
  root_by_key_.erase(root.place);
  root.next_unused = unused_root_;
  unused_root_ = -2 - node;
}

PageCache::Node PageCache::MatchFullPages(Node root, std::span<const int32_t> tokens,
                                          std::vector<Page>& pages) {
  Node node = root;
  while (tokens.size() >= kPageTokens) {
    Node child = FirstChild(node);
    while (child != kNone &&
           !(At(child).tokens_held == kPageTokens &&
             std::equal(At(child).tokens.begin(), At(child).tokens.end(), tokens.begin()))) {
      child = At(child).next_sibling;
    }
    if (child == kNone) break;
    pages.push_back(child);
    node = child;
    tokens = tokens.subspan(kPageTokens);
  }
  Pin(node);
  return node;
}

PageCache::Page PageCache::MatchPartialPage(Node node, std::span<const int32_t> tokens,
                                            int64_t& shared) const {
  Page best = kNone;
  shared = 0;
  for (Node child = FirstChild(node); child != kNone; child = At(child).next_sibling) {
    const Entry& entry = At(child);
    const auto limit =
        std::min<std::size_t>(tokens.size(), static_cast<std::size_t>(entry.tokens_held));
    int64_t equal = 0;
    while (static_cast<std::size_t>(equal) < limit &&
           entry.tokens[static_cast<std::size_t>(equal)] ==
               tokens[static_cast<std::size_t>(equal)]) {
      ++equal;
    }
    if (equal > shared) {
      shared = equal;
      best = child;
    }
  }
  return best;
}

PageCache::Page PageCache::Allocate() {
  if (free_pages_.empty()) {
    if (oldest_ == kNone) return kNone;
    const Page victim = oldest_;
    Detach(victim);
    Release(victim);
  }
  const Page page = free_pages_.back();
  free_pages_.pop_back();
  --free_;
  return page;
}

void PageCache::FreePrivate(Page page) { Release(page); }

void PageCache::Release(Page page) {
  DCHECK(At(page).tokens_held == 0);
  free_pages_.push_back(page);
  ++free_;
}

PageCache::Page PageCache::Share(Node& node, Page page, std::span<const int32_t> tokens) {
  CHECK(tokens.size() == kPageTokens);
  Page result = kNone;
  for (Node child = FirstChild(node); child != kNone;) {
    const Node next = At(child).next_sibling;
    const Entry& entry = At(child);
    const bool prefix =
        std::equal(entry.tokens.begin(), entry.tokens.begin() + entry.tokens_held, tokens.begin());
    if (prefix && entry.tokens_held == kPageTokens) {
      result = child;
    } else if (prefix && entry.pins == 0) {  // a shorter page that this one makes useless
      Detach(child);
      Release(child);
    }
    child = next;
  }
  if (result == kNone) {
    Attach(node, page, tokens);
    result = page;
  } else {
    Release(page);
  }
  Pin(result);
  Unpin(node);
  node = result;
  return result;
}

void PageCache::SharePartial(Node node, Page page, std::span<const int32_t> tokens) {
  int64_t shared = 0;
  MatchPartialPage(node, tokens, shared);
  if (tokens.empty() || shared == static_cast<int64_t>(tokens.size())) {
    Release(page);
  } else {
    Attach(node, page, tokens);
    UpdateEvictable(page, true);
  }
}

void PageCache::Attach(Node parent, Page page, std::span<const int32_t> tokens) {
  Entry& entry = At(page);
  CHECK(entry.tokens_held == 0 && tokens.size() <= kPageTokens);
  std::copy(tokens.begin(), tokens.end(), entry.tokens.begin());
  entry.tokens_held = static_cast<int32_t>(tokens.size());
  entry.parent = parent;
  entry.first_child = kNone;
  entry.previous_sibling = kNone;
  entry.next_sibling = FirstChild(parent);
  if (entry.next_sibling != kNone) At(entry.next_sibling).previous_sibling = page;
  SetFirstChild(parent, page);
  if (!IsRoot(parent) && At(parent).evictable) Unlist(parent);
  ++shared_;
  ++unpinned_shared_;
}

void PageCache::Detach(Page page) {
  Entry& entry = At(page);
  CHECK(entry.pins == 0 && entry.first_child == kNone);
  if (entry.evictable) Unlist(page);
  if (entry.previous_sibling != kNone) {
    At(entry.previous_sibling).next_sibling = entry.next_sibling;
  } else {
    SetFirstChild(entry.parent, entry.next_sibling);
  }
  if (entry.next_sibling != kNone) At(entry.next_sibling).previous_sibling = entry.previous_sibling;
  const Node parent = entry.parent;
  entry.parent = kNone;
  entry.tokens_held = 0;
  --shared_;
  --unpinned_shared_;
  if (IsRoot(parent)) {
    ForgetRootIfEmpty(parent);
  } else {
    UpdateEvictable(parent, false);  // the rest of an old conversation goes next
  }
}

void PageCache::UpdateEvictable(Page page, bool newest) {
  const Entry& entry = At(page);
  const bool evictable = entry.pins == 0 && entry.first_child == kNone && entry.tokens_held > 0;
  if (evictable == entry.evictable) return;
  if (!evictable) {
    Unlist(page);
  } else if (newest) {
    ListAsNewest(page);
  } else {
    ListAsOldest(page);
  }
}

void PageCache::ListAsNewest(Page page) {
  Entry& entry = At(page);
  entry.evictable = true;
  entry.newer = kNone;
  entry.older = newest_;
  (newest_ == kNone ? oldest_ : At(newest_).newer) = page;
  newest_ = page;
}

void PageCache::ListAsOldest(Page page) {
  Entry& entry = At(page);
  entry.evictable = true;
  entry.older = kNone;
  entry.newer = oldest_;
  (oldest_ == kNone ? newest_ : At(oldest_).older) = page;
  oldest_ = page;
}

void PageCache::Unlist(Page page) {
  Entry& entry = At(page);
  entry.evictable = false;
  (entry.older == kNone ? oldest_ : At(entry.older).newer) = entry.newer;
  (entry.newer == kNone ? newest_ : At(entry.newer).older) = entry.older;
  entry.older = entry.newer = kNone;
}

}  // namespace fathom
