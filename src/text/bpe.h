// Byte-pair encoding of one piece of text: a vocabulary of byte strings and merges by rank, equal
// to the BPE model of Hugging Face `tokenizers`. Knows nothing of special tokens, Unicode or files.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/cancel.h"

namespace fathom {

// Two merged tokens and what they become; the rank is the position in the list, lower goes first.
struct BpeMerge {
  int32_t left, right, whole;
};

// Room for encoding, kept between pieces so that they allocate nothing.
struct BpeScratch {
  struct Symbol {
    int32_t id;     // -1: merged into the one before
    uint32_t rank;  // of the merge with the next one; kNoRank when there is none
    uint32_t previous, next;
  };
  std::vector<Symbol> symbols;
  std::vector<uint64_t> heap;  // rank << 32 | position, lowest first
  // Ends the encoding of a piece that takes long, with Error(kCancelled); may be null.
  const CancelFlag* cancelled = nullptr;
};

class BpeModel {
 public:
  // `bytes[id]` is what a token stands for; ids whose `reachable` is 0 are never produced. Of two
  // equal merges the later counts, as in the reference.
  BpeModel(const std::vector<std::string>& bytes, const std::vector<uint8_t>& reachable,
           const std::vector<BpeMerge>& merges, bool ignore_merges);

  // Appends the ids of a piece. A byte that is no token is left out, as in the reference. Time
  // grows as n log n with the piece.
  void Encode(std::string_view piece, BpeScratch& scratch, std::vector<int32_t>& ids) const;

 private:
  static constexpr uint32_t kNoRank = 0xFFFFFFFF;
  struct Slot {
    uint64_t pair;
    uint32_t rank;
  };

  uint32_t RankOf(int32_t left, int32_t right) const;
  int32_t FindToken(std::string_view bytes) const;
  void EncodeShort(std::string_view piece, std::vector<int32_t>& ids) const;
  void EncodeLong(std::string_view piece, BpeScratch& scratch, std::vector<int32_t>& ids) const;

  std::array<int32_t, 256> byte_ids_;
  std::vector<Slot> slots_;  // open addressing; a power of two
  int slot_shift_ = 0;
  std::vector<int32_t> whole_;     // by rank
  std::string blob_;               // bytes of all tokens, one after the other
  std::vector<uint32_t> offsets_;  // of token i in blob_; one more than tokens
  std::vector<int32_t> table_;     // ids by hash of their bytes, -1: free; a power of two
  int table_shift_ = 0;
  std::size_t longest_ = 0;
  bool ignore_merges_;

  // Whether the merges make a token's own bytes into just that token. Learned when first asked;
  // every thread learns the same.
  enum Direct : uint8_t { kUnknown, kYes, kNo };
  std::unique_ptr<std::atomic<uint8_t>[]> direct_;
};

}  // namespace fathom
