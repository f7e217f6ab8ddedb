// Learns a byte-level BPE vocabulary from text. It gives the tokens and merges, in order and with
// ties, that Hugging Face `tokenizers` gives for models.BPE and a BpeTrainer whose initial alphabet
// is that of ByteLevel. Not for running what was learned: that is tokenizer.h.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "text/pre_tokenizer.h"
#include "text/tokenizer.h"

namespace fathom {

// How often each pre-token occurs in a corpus: all that training needs of it. Memory grows with the
// number of different pre-tokens.
class PreTokenCounts {
 public:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  using Map = std::unordered_map<std::string, int64_t, Hash, std::equal_to<>>;

  // `pre_tokenizer` names a row of pre_tokenizer.h; Error(kUnsupported) for an unknown one. With
  // `single_digits` its pieces are cut further, each numeric character apart, as a step
  // Digits(individual_digits=True) before ByteLevel would. No merge then has an ASCII digit in it,
  // so each of those is a token of its own also where only the pre-tokenizer itself runs: the
  // written file keeps that alone. Other numeric characters are several bytes; of a run of them
  // that the pre-tokenizer leaves together, bytes may merge across characters if letters taught so.
  explicit PreTokenCounts(std::string_view pre_tokenizer, bool single_digits = false);

  // Counts one text of the corpus; no pre-token reaches from one text into the next. Invalid UTF-8
  // is read as Tokenizer reads it; text is normalized where the pre-tokenizer's row says so. What
  // looks like an added token is ordinary text here, as in the reference.
  void Add(std::string_view text);

  const PreTokenizer& pre_tokenizer() const { return row_; }
  const Map& counts() const { return counts_; }

 private:
  void Count(std::string_view piece);

  const PreTokenizer& row_;
  bool single_digits_;
  Map counts_;
  std::string clean_, form_;  // the text as it is counted; kept to allocate nothing
};

struct BpeTrainerOptions {
  // Of all tokens: special ones, the 256 bytes and merged ones. The result has fewer when the
  // corpus has no more pairs to merge.
  std::size_t vocab_size = 0;

  // Pairs that occur less often are not merged.
  int64_t min_frequency = 0;

  // Take the first ids, in this order, as in the reference. User-defined ones are `special: false`
  // in the written file; learning does not tell the two apart.
  struct Special {
    std::string text;
    TokenKind kind = TokenKind::kControl;
  };
  std::vector<Special> special_tokens;
};

// The result names the pre-tokenizer, the tokens (special ones, the bytes in the order of their
// characters in the byte alphabet, then as merged) and the merges; it sets no bos or other role.
// Throws Error(kInvalidArgument) for an empty corpus, a vocabulary that the special tokens and
// bytes do not fit in or that is larger than a Tokenizer takes, and special tokens that are empty,
// ill formed, listed twice or neither control nor user-defined. For the same input always the same.
TokenizerSpec TrainBpe(const PreTokenCounts& corpus, const BpeTrainerOptions& options);

}  // namespace fathom
