// The trie search of added_tokens.h.
#include "text/added_tokens.h"

#include <algorithm>

#include "base/check.h"
#include "text/unicode.h"

namespace fathom {
namespace {

bool IsSpaceAt(std::string_view text, std::size_t at) {
  return ClassOf(DecodeUtf8(text.data(), at).code) == CharClass::kSpace;
}

std::size_t SpacesAfter(std::string_view text, std::size_t at) {
  while (at < text.size() && IsSpaceAt(text, at)) at += DecodeUtf8(text.data(), at).size;
  return at;
}

std::size_t SpacesBefore(std::string_view text, std::size_t at, std::size_t low) {
  while (at > low) {
    std::size_t previous = at - 1;
    while ((text[previous] & 0xC0) == 0x80) --previous;
    if (!IsSpaceAt(text, previous)) break;
    at = previous;
  }
  return std::max(at, low);
}

}  // namespace

void AddedTokens::Add(std::string_view text, int32_t id, bool strip_left, bool strip_right) {
  CHECK(!text.empty() && text.size() <= kMaxBytes);
  uint64_t node = 0;
  for (const char c : text) {
    const uint64_t key = node << 8 | static_cast<unsigned char>(c);
    const auto [edge, fresh] = edges_.try_emplace(key, static_cast<uint32_t>(entry_at_.size()));
    if (fresh) entry_at_.push_back(-1);
    node = edge->second;
  }
  starts_[static_cast<unsigned char>(text[0])] = true;
  entry_at_[node] = static_cast<int32_t>(entries_.size());
  entries_.push_back({id, strip_left, strip_right});
}

std::vector<AddedTokens::Match> AddedTokens::Find(std::string_view text) const {
  std::vector<Match> matches;
  std::size_t free_from = 0;  // the end of the last match with the white space it took in
  for (std::size_t at = 0; at < text.size();) {
    if (!starts_[static_cast<unsigned char>(text[at])]) {
      ++at;
      continue;
    }
    int32_t best = -1;
    std::size_t best_end = at;
    uint64_t node = 0;
    for (std::size_t i = at; i < text.size(); ++i) {
      const auto edge = edges_.find(node << 8 | static_cast<unsigned char>(text[i]));
      if (edge == edges_.end()) break;
      node = edge->second;
      if (entry_at_[node] >= 0) {
        best = entry_at_[node];
        best_end = i + 1;
      }
    }
    if (best < 0) {
      ++at;
      continue;
    }
    const Entry& entry = entries_[static_cast<std::size_t>(best)];
    std::size_t begin = at, end = best_end;
    if (entry.strip_left) begin = SpacesBefore(text, at, free_from);
    if (entry.strip_right) end = SpacesAfter(text, best_end);
    matches.push_back({begin, end, entry.id});
    free_from = end;
    at = best_end;
  }
  return matches;
}

}  // namespace fathom
