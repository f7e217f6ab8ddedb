// Short pieces merge in an array on the stack, long ones through a heap of candidate merges; see
// bpe.h. Both take the merge of the lowest rank, leftmost first, until none is left.
#include "text/bpe.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>

#include "base/check.h"

namespace fathom {
namespace {

// The longest piece merged in an array: 64 bytes cost at most 64 scans of 64 ranks.
constexpr std::size_t kShortPiece = 64;
constexpr uint64_t kEmptyPair = ~uint64_t{0};
constexpr uint64_t kOdd = 0x9E3779B97F4A7C15u;  // 2^64 / golden ratio: spreads keys over high bits

uint64_t HashBytes(std::string_view bytes) {
  uint64_t hash = bytes.size() * kOdd;
  const char* p = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, p += 8) {
    uint64_t word;
    std::memcpy(&word, p, 8);
    hash = (hash ^ word) * kOdd;
    hash ^= hash >> 32;
  }
  uint64_t word = 0;
  std::memcpy(&word, p, left);
  hash = (hash ^ word) * kOdd;
  hash ^= hash >> 32;
  return hash * kOdd;
}

uint64_t PairKey(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

// The shift that maps a 64-bit hash to a table of at least 1.5 times `count` slots.
int ShiftFor(std::size_t count) {
  return 64 - std::bit_width(std::bit_ceil(count + count / 2 + 2) - 1);
}

}  // namespace

BpeModel::BpeModel(const std::vector<std::string>& bytes, const std::vector<uint8_t>& reachable,
                   const std::vector<BpeMerge>& merges, bool ignore_merges)
    : ignore_merges_(ignore_merges), direct_(new std::atomic<uint8_t>[bytes.size()]()) {
  CHECK(bytes.size() == reachable.size());
  byte_ids_.fill(-1);
  offsets_.reserve(bytes.size() + 1);
  offsets_.push_back(0);
  table_shift_ = ShiftFor(bytes.size());
  table_.assign(std::size_t{1} << (64 - table_shift_), -1);
  for (std::size_t id = 0; id < bytes.size(); ++id) {
    if (reachable[id] != 0) {
      const std::string& token = bytes[id];
      blob_ += token;
      longest_ = std::max(longest_, token.size());
      if (token.size() == 1) {
        byte_ids_[static_cast<unsigned char>(token[0])] = static_cast<int32_t>(id);
      }
      std::size_t at = HashBytes(token) >> table_shift_;
      while (table_[at] >= 0) at = (at + 1) & (table_.size() - 1);
      table_[at] = static_cast<int32_t>(id);
    }
    offsets_.push_back(static_cast<uint32_t>(blob_.size()));
  }

  slot_shift_ = ShiftFor(merges.size());
  slots_.assign(std::size_t{1} << (64 - slot_shift_), Slot{kEmptyPair, kNoRank});
  whole_.reserve(merges.size());
  for (std::size_t rank = 0; rank < merges.size(); ++rank) {
    const BpeMerge& merge = merges[rank];
    whole_.push_back(merge.whole);
    const uint64_t pair = PairKey(merge.left, merge.right);
    std::size_t at = pair * kOdd >> slot_shift_;
    while (slots_[at].pair != kEmptyPair && slots_[at].pair != pair) {
      at = (at + 1) & (slots_.size() - 1);
    }
    slots_[at] = {pair, static_cast<uint32_t>(rank)};
  }
}

uint32_t BpeModel::RankOf(int32_t left, int32_t right) const {
  const uint64_t pair = PairKey(left, right);
  std::size_t at = pair * kOdd >> slot_shift_;
  while (true) {
    const Slot& slot = slots_[at];
    if (slot.pair == pair) return slot.rank;
    if (slot.pair == kEmptyPair) return kNoRank;
    at = (at + 1) & (slots_.size() - 1);
  }
}

int32_t BpeModel::FindToken(std::string_view bytes) const {
  if (bytes.size() > longest_) return -1;
  std::size_t at = HashBytes(bytes) >> table_shift_;
  while (table_[at] >= 0) {
    const auto id = static_cast<std::size_t>(table_[at]);
    const std::size_t size = offsets_[id + 1] - offsets_[id];
    if (size == bytes.size() && std::memcmp(blob_.data() + offsets_[id], bytes.data(), size) == 0) {
      return table_[at];
    }
    at = (at + 1) & (table_.size() - 1);
  }
  return -1;
}

void BpeModel::EncodeShort(std::string_view piece, std::vector<int32_t>& ids) const {
  int32_t symbols[kShortPiece];
  uint32_t ranks[kShortPiece];  // ranks[i]: of the merge of symbols i and i + 1
  std::size_t count = 0;
  for (const char c : piece) {
    const int32_t id = byte_ids_[static_cast<unsigned char>(c)];
    if (id >= 0) symbols[count++] = id;
  }
  for (std::size_t i = 0; i + 1 < count; ++i) ranks[i] = RankOf(symbols[i], symbols[i + 1]);
  while (count > 1) {
    const std::size_t best =
        static_cast<std::size_t>(std::min_element(ranks, ranks + (count - 1)) - ranks);
    if (ranks[best] == kNoRank) break;
    symbols[best] = whole_[ranks[best]];
    std::copy(symbols + best + 2, symbols + count, symbols + best + 1);
    std::copy(ranks + best + 1, ranks + (count - 1), ranks + best);
    --count;
    if (best + 1 < count) ranks[best] = RankOf(symbols[best], symbols[best + 1]);
    if (best > 0) ranks[best - 1] = RankOf(symbols[best - 1], symbols[best]);
  }
  ids.insert(ids.end(), symbols, symbols + count);
}

void BpeModel::EncodeLong(std::string_view piece, BpeScratch& scratch,
                          std::vector<int32_t>& ids) const {
  constexpr uint32_t kNone = 0xFFFFFFFF;
  constexpr std::size_t kMergesBetweenLooks = 4096;  // less than a millisecond
  std::vector<BpeScratch::Symbol>& symbols = scratch.symbols;
  std::vector<uint64_t>& heap = scratch.heap;
  symbols.clear();
  heap.clear();
  for (const char c : piece) {
    const int32_t id = byte_ids_[static_cast<unsigned char>(c)];
    const auto at = static_cast<uint32_t>(symbols.size());
    if (id >= 0) symbols.push_back({id, kNoRank, at == 0 ? kNone : at - 1, at + 1});
  }
  if (symbols.empty()) return;
  symbols.back().next = kNone;

  // Sets the rank of the merge of `at` with what follows it; true when there is such a merge.
  const auto rank_pair = [&](uint32_t at) {
    BpeScratch::Symbol& symbol = symbols[at];
    symbol.rank = symbol.next == kNone ? kNoRank : RankOf(symbol.id, symbols[symbol.next].id);
    return symbol.rank != kNoRank;
  };
  const auto entry = [&](uint32_t at) { return uint64_t{symbols[at].rank} << 32 | at; };
  for (uint32_t at = 0; at < symbols.size(); ++at) {
    if (rank_pair(at)) heap.push_back(entry(at));
  }
  std::make_heap(heap.begin(), heap.end(), std::greater<>());
  for (std::size_t merges = 0; !heap.empty(); ++merges) {
    if (merges % kMergesBetweenLooks == 0) CheckCancelled(scratch.cancelled);
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    const auto at = static_cast<uint32_t>(heap.back());
    const auto rank = static_cast<uint32_t>(heap.back() >> 32);
    heap.pop_back();
    BpeScratch::Symbol& symbol = symbols[at];
    if (symbol.id < 0 || symbol.rank != rank) continue;  // the pair is gone since
    BpeScratch::Symbol& right = symbols[symbol.next];
    symbol.id = whole_[rank];
    symbol.next = right.next;
    right.id = -1;
    if (symbol.next != kNone) symbols[symbol.next].previous = at;
    for (const uint32_t changed : {symbol.previous, at}) {
      if (changed != kNone && rank_pair(changed)) {
        heap.push_back(entry(changed));
        std::push_heap(heap.begin(), heap.end(), std::greater<>());
      }
    }
  }
  for (uint32_t at = 0; at != kNone; at = symbols[at].next) ids.push_back(symbols[at].id);
}

void BpeModel::Encode(std::string_view piece, BpeScratch& scratch,
                      std::vector<int32_t>& ids) const {
  const int32_t whole = FindToken(piece);
  const auto known = static_cast<std::size_t>(whole);
  uint8_t direct = kNo;
  if (whole >= 0) {
    direct = ignore_merges_ ? uint8_t{kYes} : direct_[known].load(std::memory_order_relaxed);
    if (direct == kYes) {
      ids.push_back(whole);
      return;
    }
  }
  const std::size_t before = ids.size();
  if (piece.size() <= kShortPiece) {
    EncodeShort(piece, ids);
  } else {
    EncodeLong(piece, scratch, ids);
  }
  if (direct == kUnknown) {
    const bool same = ids.size() == before + 1 && ids[before] == whole;
    direct_[known].store(same ? kYes : kNo, std::memory_order_relaxed);
  }
}

}  // namespace fathom
