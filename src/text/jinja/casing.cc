#include "text/jinja/casing.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
#include <span>
#include <vector>

#include "text/jinja/case_tables.h"
#include "text/unicode.h"

namespace fathom::jinja {
namespace {

constexpr char32_t kCapitalSigma = 0x3A3, kSigma = 0x3C3, kFinalSigma = 0x3C2;

bool Contains(const unicode::CodePoints& run, char32_t code) {
  return code >= run.first && code <= run.last && (code - run.first) % run.stride == 0;
}

bool InRanges(char32_t code, const unicode::CodePoints* ranges, int count) {
  const auto* end = ranges + count;
  const auto* after = std::upper_bound(
      ranges, end, code,
      [](char32_t c, const unicode::CodePoints& range) { return c < range.first; });
  return after != ranges && Contains(*std::prev(after), code);
}

bool IsCased(char32_t code) { return InRanges(code, unicode::kCased, unicode::kCasedCount); }
bool IsCaseIgnorable(char32_t code) {
  return InRanges(code, unicode::kCaseIgnorable, unicode::kCaseIgnorableCount);
}

// What a character becomes, up to three; 0 for none.
using Mapped = std::array<uint32_t, 3>;

struct CaseTable {
  std::span<const unicode::CaseRun> runs;
  std::span<const unicode::CaseMapping> mappings;

  std::optional<Mapped> Find(char32_t code) const {
    const auto after = std::upper_bound(
        runs.begin(), runs.end(), code,
        [](char32_t c, const unicode::CaseRun& run) { return c < run.codes.first; });
    if (after != runs.begin() && Contains(std::prev(after)->codes, code)) {
      return Mapped{code + static_cast<uint32_t>(std::prev(after)->distance)};
    }
    const auto found =
        std::lower_bound(mappings.begin(), mappings.end(), code,
                         [](const unicode::CaseMapping& row, char32_t c) { return row.code < c; });
    if (found == mappings.end() || found->code != code) return std::nullopt;
    return Mapped{found->to[0], found->to[1], found->to[2]};
  }
};

template <class Row>
std::span<const Row> Table(const Row* rows, int count) {
  return {rows, static_cast<std::size_t>(count)};
}

// Nothing: the character stays as it is.
std::optional<Mapped> MappingOf(char32_t code, CaseChange change) {
  using namespace unicode;
  if (change == CaseChange::kLower) {
    return CaseTable{Table(kLowerRuns, kLowerRunsCount), Table(kLower, kLowerCount)}.Find(code);
  }
  if (change == CaseChange::kTitle) {
    const CaseTable title{Table(kTitleRuns, kTitleRunsCount), Table(kTitle, kTitleCount)};
    if (const auto mapped = title.Find(code)) return mapped;
  }
  return CaseTable{Table(kUpperRuns, kUpperRunsCount), Table(kUpper, kUpperCount)}.Find(code);
}

// Whether the capital sigma at `at` ends a word: a letter before it and none after.
bool EndsWord(const std::vector<char32_t>& codes, std::size_t at) {
  std::size_t before = at;
  while (before > 0 && IsCaseIgnorable(codes[before - 1])) --before;
  if (before == 0 || !IsCased(codes[before - 1])) return false;
  std::size_t after = at + 1;
  while (after < codes.size() && IsCaseIgnorable(codes[after])) ++after;
  return after == codes.size() || !IsCased(codes[after]);
}

}  // namespace

Text ChangeCase(Budget& budget, const Text& text, CaseChange change) {
  const std::string& bytes = text.bytes();
  std::vector<char32_t> codes;
  const Charge charge(&budget, 4 * bytes.size());
  budget.WorkOnCharacters(bytes.size());
  codes.reserve(bytes.size());
  for (std::size_t at = 0; at < bytes.size();) {
    const Utf8Char next = DecodeUtf8(bytes.data(), at);
    codes.push_back(next.code);
    at += next.size;
  }
  TextBuilder out(budget);
  OriginReader origins(text);
  std::string piece;  // changed text of one origin
  Origin piece_origin = Origin::kData;
  constexpr std::size_t kPiece = 4096;
  std::size_t at = 0;
  bool after_cased = false;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const Origin origin = origins.At(at);
    if (origin != piece_origin || piece.size() >= kPiece) {
      out.Append(piece, piece_origin);
      piece.clear();
      piece_origin = origin;
    }
    CaseChange way = change;
    if (change == CaseChange::kTitle && after_cased) way = CaseChange::kLower;
    if (change == CaseChange::kCapitalize) way = i == 0 ? CaseChange::kTitle : CaseChange::kLower;
    if (change == CaseChange::kTitle) after_cased = IsCased(codes[i]);
    const std::optional<Mapped> mapping = MappingOf(codes[i], way);
    if (!mapping) {
      AppendCodePoint(codes[i], piece);
    } else if (way == CaseChange::kLower && codes[i] == kCapitalSigma) {
      AppendCodePoint(EndsWord(codes, i) ? kFinalSigma : kSigma, piece);
    } else {
      for (const uint32_t code : *mapping) {
        if (code != 0) AppendCodePoint(code, piece);
      }
    }
    at += DecodeUtf8(bytes.data(), at).size;
  }
  out.Append(piece, piece_origin);
  return out.Finish();
}

bool IsSpace(char32_t code) {
  // Python adds the four information separators to White_Space.
  return (code >= 0x1C && code <= 0x1F) || ClassOf(code) == CharClass::kSpace;
}

bool IsLineBreak(char32_t code) {
  return (code >= '\n' && code <= '\r') || (code >= 0x1C && code <= 0x1E) || code == 0x85 ||
         code == 0x2028 || code == 0x2029;
}

namespace {

bool Passes(char32_t code, CharTest test) {
  switch (test) {
    case CharTest::kAlpha:
      return ClassOf(code) == CharClass::kLetter;
    case CharTest::kDecimal:
      return InRanges(code, unicode::kDecimal, unicode::kDecimalCount);
    case CharTest::kDigit:
      return InRanges(code, unicode::kDigit, unicode::kDigitCount);
    case CharTest::kNumeric:
      return InRanges(code, unicode::kNumeric, unicode::kNumericCount);
    case CharTest::kAlnum:
      return Passes(code, CharTest::kAlpha) || Passes(code, CharTest::kNumeric) ||
             Passes(code, CharTest::kDigit);
    case CharTest::kSpace:
      return IsSpace(code);
    case CharTest::kAscii:
      return code < 0x80;
    case CharTest::kPrintable:
      return code == ' ' ||
             (ClassOf(code) != CharClass::kOther && ClassOf(code) != CharClass::kSpace);
  }
  return false;
}

// Whether there is a character of the wanted case and none of the others.
bool IsOfCase(Budget& budget, std::string_view text, bool upper) {
  budget.WorkOnCharacters(text.size());
  bool found = false;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char next = DecodeUtf8(text.data(), at);
    const bool is_upper = InRanges(next.code, unicode::kUppercase, unicode::kUppercaseCount);
    const bool is_lower = InRanges(next.code, unicode::kLowercase, unicode::kLowercaseCount);
    // Titlecase digraphs have case, but are neither.
    const bool is_title = !is_upper && !is_lower && IsCased(next.code);
    if ((upper ? is_lower : is_upper) || is_title) return false;
    found |= upper ? is_upper : is_lower;
    at += next.size;
  }
  return found;
}

}  // namespace

bool AllAre(Budget& budget, std::string_view text, CharTest test) {
  budget.WorkOnCharacters(text.size());
  if (text.empty()) return test == CharTest::kAscii || test == CharTest::kPrintable;
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char next = DecodeUtf8(text.data(), at);
    if (!Passes(next.code, test)) return false;
    at += next.size;
  }
  return true;
}

bool IsUpperText(Budget& budget, std::string_view text) { return IsOfCase(budget, text, true); }
bool IsLowerText(Budget& budget, std::string_view text) { return IsOfCase(budget, text, false); }
bool IsAlnum(char32_t code) { return Passes(code, CharTest::kAlnum); }

}  // namespace fathom::jinja
