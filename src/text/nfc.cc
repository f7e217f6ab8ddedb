// Canonical decomposition, ordering and composition (Unicode Standard, section 3.11), run only over
// the stretches that need it; see nfc.h.
#include "text/nfc.h"

#include <algorithm>
#include <vector>

#include "text/unicode.h"
#include "text/unicode_tables.h"

namespace fathom {
namespace {

using unicode::CodeRange;
using unicode::CombiningClass;
using unicode::Decomposition;

// Hangul syllables are arithmetic (section 3.12).
constexpr char32_t kSyllableBase = 0xAC00, kLeadBase = 0x1100, kVowelBase = 0x1161;
constexpr char32_t kTrailBase = 0x11A7;
constexpr char32_t kLeadCount = 19, kVowelCount = 21, kTrailCount = 28;
constexpr char32_t kSyllableCount = kLeadCount * kVowelCount * kTrailCount;

constexpr char32_t kFirstUnsafe =
    0x300;  // below it NFC changes nothing and nothing joins backwards

template <class Range>
const Range* FindRange(const Range* ranges, int count, char32_t code) {
  const Range* end = ranges + count;
  const Range* found =
      std::partition_point(ranges, end, [code](const Range& range) { return range.last < code; });
  return found != end && found->first <= code ? found : nullptr;
}

bool IsUnsafe(char32_t code) {
  return code >= kFirstUnsafe &&
         FindRange(unicode::kNfcUnsafe, unicode::kNfcUnsafeCount, code) != nullptr;
}

struct Item {
  char32_t code;
  uint8_t combining_class;
};

void Decompose(char32_t code, std::vector<Item>& out) {
  if (code - kSyllableBase < kSyllableCount) {
    const char32_t index = code - kSyllableBase;
    out.push_back({kLeadBase + index / (kVowelCount * kTrailCount), 0});
    out.push_back({kVowelBase + index % (kVowelCount * kTrailCount) / kTrailCount, 0});
    if (index % kTrailCount != 0) out.push_back({kTrailBase + index % kTrailCount, 0});
    return;
  }
  const Decomposition* end = unicode::kDecompositions + unicode::kDecompositionsCount;
  const Decomposition* row = std::partition_point(
      unicode::kDecompositions, end, [code](const Decomposition& d) { return d.code < code; });
  if (row != end && row->code == code) {
    Decompose(row->first, out);  // at most four deep: the data has no longer chain
    if (row->second != 0) Decompose(row->second, out);
    return;
  }
  const CombiningClass* range =
      FindRange(unicode::kCombiningClasses, unicode::kCombiningClassesCount, code);
  out.push_back({code, range != nullptr ? range->combining_class : uint8_t{0}});
}

// The character the two compose to, or 0.
char32_t Compose(char32_t first, char32_t second) {
  if (first - kLeadBase < kLeadCount && second - kVowelBase < kVowelCount) {
    return kSyllableBase +
           ((first - kLeadBase) * kVowelCount + (second - kVowelBase)) * kTrailCount;
  }
  if (first - kSyllableBase < kSyllableCount && (first - kSyllableBase) % kTrailCount == 0 &&
      second > kTrailBase && second < kTrailBase + kTrailCount) {
    return first + (second - kTrailBase);
  }
  const uint16_t* end = unicode::kCompositions + unicode::kCompositionsCount;
  const uint16_t* found =
      std::partition_point(unicode::kCompositions, end, [first, second](uint16_t index) {
        const Decomposition& d = unicode::kDecompositions[index];
        return d.first < first || (d.first == first && d.second < second);
      });
  if (found == end) return 0;
  const Decomposition& d = unicode::kDecompositions[*found];
  return d.first == first && d.second == second ? d.code : 0;
}

void NormalizeStretch(std::string_view text, std::vector<Item>& items, std::string& out) {
  items.clear();
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = DecodeUtf8(text.data(), at);
    Decompose(c.code, items);
    at += c.size;
  }
  for (auto run = items.begin(); run != items.end();) {
    if (run->combining_class == 0) {
      ++run;
      continue;
    }
    const auto end =
        std::find_if(run, items.end(), [](const Item& item) { return item.combining_class == 0; });
    std::stable_sort(run, end, [](const Item& a, const Item& b) {
      return a.combining_class < b.combining_class;
    });
    run = end;
  }
  constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  std::size_t starter = kNone, kept = 0;
  int last_class = -1;  // of what is kept since the starter; -1: nothing
  for (const Item item : items) {
    // A character is blocked from its starter by one of the same class, or by another starter.
    if (starter != kNone && last_class < static_cast<int>(item.combining_class)) {
      if (const char32_t whole = Compose(items[starter].code, item.code); whole != 0) {
        items[starter].code = whole;
        continue;
      }
    }
    if (item.combining_class == 0) {
      starter = kept;
      last_class = -1;
    } else {
      last_class = item.combining_class;
    }
    items[kept++] = item;
  }
  for (std::size_t i = 0; i < kept; ++i) AppendCodePoint(items[i].code, out);
}

}  // namespace

void AppendNfc(std::string_view text, std::string& out) {
  std::vector<Item> items;
  std::size_t copied = 0;   // text before it is in `out`
  std::size_t starter = 0;  // the last safe character seen: what follows may join to it
  for (std::size_t at = 0; at < text.size();) {
    const Utf8Char c = DecodeUtf8(text.data(), at);
    if (!IsUnsafe(c.code)) {
      starter = at;
      at += c.size;
      continue;
    }
    out.append(text.substr(copied, starter - copied));
    std::size_t end = at + c.size;
    while (end < text.size()) {
      const Utf8Char next = DecodeUtf8(text.data(), end);
      if (!IsUnsafe(next.code)) break;
      end += next.size;
    }
    NormalizeStretch(text.substr(starter, end - starter), items, out);
    copied = starter = at = end;
  }
  out.append(text.substr(copied));
}

}  // namespace fathom
