// Finds added tokens (special and user-defined) in trusted text: leftmost, then longest, one after
// the other, as the reference does.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace fathom {

class AddedTokens {
 public:
  struct Match {
    std::size_t begin, end;
    int32_t id;
  };

  // `text` is at most kMaxBytes long and not empty. With strip_left (strip_right) a match takes in
  // the white space before (after) it.
  void Add(std::string_view text, int32_t id, bool strip_left, bool strip_right);

  // Matches in order; they do not overlap. `text` is well-formed UTF-8.
  std::vector<Match> Find(std::string_view text) const;

  bool empty() const { return entries_.empty(); }

  // Bounds the work per position of a search.
  static constexpr std::size_t kMaxBytes = 512;

 private:
  struct Entry {
    int32_t id;
    bool strip_left, strip_right;
  };
  // A trie: the key is node << 8 | byte, the value the next node; node 0 is the root.
  std::unordered_map<uint64_t, uint32_t> edges_;
  std::vector<int32_t> entry_at_{-1};  // by node: index into entries_, or -1
  std::vector<Entry> entries_;
  bool starts_[256] = {};
};

}  // namespace fathom
