// The counting and the merging behind bpe_trainer.h. Of the pairs with the highest count, the one
// of the lowest ids (left, then right) is merged, as in the reference. A token comes from one pair
// only: between its two ends, which no other token crosses, every occurrence has gone through the
// same merges. So a pair is new once, when the later of its two tokens is; it is queued then, with
// all words that hold it, and its count only falls from there on. The queue is corrected when a
// pair's turn comes. The reference keeps counts in 32 bits, where they wrap; here they do not.
#include "text/bpe_trainer.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/error.h"
#include "text/byte_alphabet.h"
#include "text/nfc.h"
#include "text/text_scanner.h"

namespace fathom {
namespace {

// The ids of a Tokenizer (its limit of 2^22 tokens).
constexpr std::size_t kMaxVocabulary = std::size_t{1} << 22;

[[noreturn]] void Refuse(const std::string& message, const std::string& hint = {}) {
  throw Error(ErrorCode::kInvalidArgument, "tokenizer training: " + message, hint);
}

// Left id in the high half, so that keys are ordered as pairs are.
uint64_t PackPair(TokenId left, TokenId right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}
TokenId LeftOf(uint64_t pair) { return static_cast<TokenId>(pair >> 32); }
TokenId RightOf(uint64_t pair) { return static_cast<TokenId>(pair & 0xFFFFFFFF); }

// The words that a pair is new in, ascending.
using Places = std::vector<uint32_t>;

struct Candidate {
  int64_t count;
  uint64_t pair;
  Places words;
};

// For a heap with the best on top.
bool IsWorse(const Candidate& a, const Candidate& b) {
  return a.count != b.count ? a.count < b.count : a.pair > b.pair;
}

class Trainer {
 public:
  Trainer(const PreTokenCounts& corpus, const BpeTrainerOptions& options) : options_(options) {
    spec_.pre_tokenizer = corpus.pre_tokenizer().name;
    spec_.nfc = corpus.pre_tokenizer().nfc;
    AddSpecialTokens();
    AddBytes();
    AddWords(corpus);
  }

  TokenizerSpec Run() {
    while (spec_.tokens.size() < options_.vocab_size && !heap_.empty()) {
      std::pop_heap(heap_.begin(), heap_.end(), IsWorse);
      Candidate best = std::move(heap_.back());
      heap_.pop_back();
      const int64_t count = pair_counts_.at(best.pair);
      if (best.count != count) {
        best.count = count;
        Push(std::move(best));
        continue;
      }
      if (count < 1 || count < options_.min_frequency) break;
      Merge(best);
    }
    return std::move(spec_);
  }

 private:
  // A pre-token: symbols_[begin], ... of which merging leaves ever fewer.
  struct Word {
    std::size_t begin, size;
    int64_t count;
  };

  // The id of a token, new if it is not there yet.
  TokenId Place(std::string text, TokenKind kind) {
    const auto [found, fresh] = ids_.emplace(text, static_cast<TokenId>(spec_.tokens.size()));
    if (fresh) {
      spec_.tokens.push_back(std::move(text));
      spec_.kinds.push_back(kind);
    }
    return found->second;
  }

  void AddSpecialTokens() {
    for (const BpeTrainerOptions::Special& special : options_.special_tokens) {
      const std::string& text = special.text;
      const std::string place = std::to_string(spec_.tokens.size());
      if (text.empty()) Refuse("the special token " + place + " is empty");
      if (WellFormedPrefix(text) != text.size()) {
        Refuse("the special token " + place + " is not valid UTF-8");
      }
      if (special.kind != TokenKind::kControl && special.kind != TokenKind::kUserDefined) {
        Refuse("the special token '" + text + "' is neither control nor user-defined");
      }
      const std::size_t before = spec_.tokens.size();
      Place(text, special.kind);
      if (spec_.tokens.size() == before) {
        Refuse("the special token '" + text + "' is listed twice");
      }
    }
  }

  void AddBytes() {
    std::vector<std::pair<char32_t, unsigned char>> alphabet;
    for (int byte = 0; byte < 256; ++byte) {
      const std::string text = AlphabetFromBytes(std::string(1, static_cast<char>(byte)));
      alphabet.emplace_back(DecodeUtf8(text.data(), 0).code, static_cast<unsigned char>(byte));
    }
    std::sort(alphabet.begin(), alphabet.end());
    for (const auto& [code, byte] : alphabet) {
      std::string text;
      AppendCodePoint(code, text);
      byte_ids_[byte] = Place(std::move(text), TokenKind::kNormal);
    }
    const std::size_t needed = spec_.tokens.size();
    if (options_.vocab_size < needed || options_.vocab_size > kMaxVocabulary) {
      Refuse("the vocabulary size is " + std::to_string(options_.vocab_size) + "; expected from " +
             std::to_string(needed) + " (" + std::to_string(options_.special_tokens.size()) +
             " special tokens and the bytes) to " + std::to_string(kMaxVocabulary));
    }
  }

  void AddWords(const PreTokenCounts& corpus) {
    if (corpus.counts().empty()) Refuse("the corpus is empty", "give it text to learn from");
    // In an order of their own, so that nothing hangs on the map's.
    std::vector<std::pair<std::string_view, int64_t>> sorted(corpus.counts().begin(),
                                                             corpus.counts().end());
    std::sort(sorted.begin(), sorted.end());
    if (sorted.size() > std::numeric_limits<uint32_t>::max()) {
      Refuse(std::to_string(sorted.size()) + " different pre-tokens are too many");
    }
    words_.reserve(sorted.size());
    for (const auto& [text, count] : sorted) {
      const auto word = static_cast<uint32_t>(words_.size());
      words_.push_back({symbols_.size(), text.size(), count});
      for (const char c : text) symbols_.push_back(byte_ids_[static_cast<unsigned char>(c)]);
      const std::size_t begin = words_.back().begin;
      for (std::size_t i = begin; i + 1 < symbols_.size(); ++i) {
        Gain(symbols_[i], symbols_[i + 1], word);
      }
    }
    QueueFresh();
  }

  void Gain(TokenId left, TokenId right, uint32_t word) {
    const uint64_t pair = PackPair(left, right);
    pair_counts_[pair] += words_[word].count;
    Places& words = fresh_[pair];
    if (words.empty() || words.back() != word) words.push_back(word);
  }
  void Lose(TokenId left, TokenId right, uint32_t word) {
    pair_counts_[PackPair(left, right)] -= words_[word].count;
  }

  void Push(Candidate candidate) {
    heap_.push_back(std::move(candidate));
    std::push_heap(heap_.begin(), heap_.end(), IsWorse);
  }

  void QueueFresh() {
    for (auto& [pair, words] : fresh_) {
      const int64_t count = pair_counts_.at(pair);
      if (count > 0) Push({count, pair, std::move(words)});
    }
    fresh_.clear();
  }

  void Merge(const Candidate& best) {
    const TokenId left = LeftOf(best.pair), right = RightOf(best.pair);
    const std::string& first = spec_.tokens[static_cast<std::size_t>(left)];
    const std::string& second = spec_.tokens[static_cast<std::size_t>(right)];
    spec_.merges.push_back(first + ' ' + second);
    // What is merged may be a special token already.
    const TokenId whole = Place(first + second, TokenKind::kNormal);
    for (const uint32_t word : best.words) MergeWord(word, left, right, whole);
    QueueFresh();
  }

  // Leftmost first, each merge seen by the next.
  void MergeWord(uint32_t at, TokenId left, TokenId right, TokenId whole) {
    Word& word = words_[at];
    TokenId* symbols = symbols_.data() + word.begin;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < word.size;) {
      if (i + 1 == word.size || symbols[i] != left || symbols[i + 1] != right) {
        symbols[kept++] = symbols[i++];
        continue;
      }
      if (kept > 0) {
        Lose(symbols[kept - 1], left, at);
        Gain(symbols[kept - 1], whole, at);
      }
      i += 2;
      if (i < word.size) {
        Lose(right, symbols[i], at);
        Gain(whole, symbols[i], at);
      }
      symbols[kept++] = whole;
    }
    word.size = kept;
  }

  const BpeTrainerOptions& options_;
  TokenizerSpec spec_;
  std::unordered_map<std::string, TokenId> ids_;  // of spec_.tokens
  TokenId byte_ids_[256] = {};
  std::vector<TokenId> symbols_;  // of all words, one after the other
  std::vector<Word> words_;
  std::unordered_map<uint64_t, int64_t> pair_counts_;
  std::unordered_map<uint64_t, Places> fresh_;  // pairs gained since the heap was last filled
  std::vector<Candidate> heap_;
  std::vector<uint64_t>
      merges_;  // pairs as merged; one that is there twice counts where it is last
};

}  // namespace

PreTokenCounts::PreTokenCounts(std::string_view pre_tokenizer, bool single_digits)
    : row_(NeedPreTokenizer(pre_tokenizer)), single_digits_(single_digits) {}

void PreTokenCounts::Add(std::string_view text) {
  clean_.clear();
  AppendUtf8(text, clean_);
  if (row_.nfc) {
    form_.clear();
    AppendNfc(clean_, form_);
    clean_.swap(form_);
  }
  for (std::size_t at = 0; at < clean_.size();) {
    const std::size_t end = row_.next(clean_.data(), clean_.size(), at);
    if (single_digits_) {
      const TextScanner piece{clean_.data(), end};
      while (at < end) {
        const Utf8Char first = piece.CharAt(at);
        const auto is_word = [](CharClass c) { return !IsLaterNumber(c); };
        const std::size_t cut =
            IsLaterNumber(ClassOf(first.code)) ? at + first.size : piece.RunEnd(at, is_word);
        Count(std::string_view(clean_).substr(at, cut - at));
        at = cut;
      }
    } else {
      Count(std::string_view(clean_).substr(at, end - at));
    }
    at = end;
  }
}

void PreTokenCounts::Count(std::string_view piece) {
  const auto found = counts_.find(piece);
  if (found != counts_.end()) {
    ++found->second;
  } else {
    counts_.emplace(piece, 1);
  }
}

TokenizerSpec TrainBpe(const PreTokenCounts& corpus, const BpeTrainerOptions& options) {
  return Trainer(corpus, options).Run();
}

}  // namespace fathom
