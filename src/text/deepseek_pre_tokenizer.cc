// The scanners behind deepseek_pre_tokenizer.h. In the files each is a Sequence of isolating
// splits. A cut that one step makes stays, so a piece of the result ends where any step cuts; the
// scanners decide that from the few characters around a place, and from whether a run of white
// space reaches the end of what the steps before it left. Linear in the text.
#include "text/deepseek_pre_tokenizer.h"

#include <algorithm>
#include <iterator>

#include "text/text_scanner.h"

namespace fathom {
namespace {

struct Range {
  char32_t first, last;
};

// ---- V3 ----------------------------------------------------------------------------------------

// The first two steps, \p{N}{1,3} and [\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+, cut text into
// stretches of one of these; the third is applied within each.
enum class Stretch { kNumber, kIdeographs, kRest };

Stretch StretchOf(char32_t code) {
  if ((code >= 0x4E00 && code <= 0x9FA5) || (code >= 0x3040 && code <= 0x30FF)) {
    return Stretch::kIdeographs;
  }
  return IsNumber(ClassOf(code)) ? Stretch::kNumber : Stretch::kRest;
}

bool IsWordPart(CharClass c) { return c == CharClass::kLetter || c == CharClass::kMark; }
bool IsSign(CharClass c) { return c == CharClass::kPunctuation || c == CharClass::kSymbol; }
bool IsAsciiLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsAsciiSign(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') ||
         (c >= '{' && c <= '~');
}

// A cursor that takes the end of a stretch for the end of the text.
struct StretchScanner {
  TextScanner in;
  Stretch stretch;

  bool AtEnd(std::size_t at) const {
    return in.AtEnd(at) || StretchOf(in.CharAt(at).code) != stretch;
  }
  template <class In>
  bool Is(std::size_t at, In accepts) const {
    return !AtEnd(at) && accepts(ClassOf(in.CharAt(at).code));
  }
  template <class In>
  std::size_t RunEnd(std::size_t at, In accepts) const {
    while (Is(at, accepts)) at += in.CharAt(at).size;
    return at;
  }
};

// ---- LLM and Coder -----------------------------------------------------------------------------

// What the steps of these two ask about a character. \s? before a run takes in one space that
// stands directly before it.
struct Mark {
  uint32_t size = 0;  // bytes; 0: the end of the text
  bool newline = false, space = false;
  bool letter = false;       // in the class of step 2, \s?[...]+
  bool punctuation = false;  // in the class of step 3, \s?[...]+
  bool ideograph = false;    // [\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+
  bool digit = false;        // the Digits pre-tokenizer, one by one
};

// The class of step 2 in DeepSeek LLM's file.
constexpr Range kLlmLetters[] = {
    {0x41, 0x5A},       {0x61, 0x7A},       {0xB5, 0xB5},       {0xC0, 0xD6},
    {0xD8, 0xF6},       {0xF8, 0x1BA},      {0x1BC, 0x1BF},     {0x1C4, 0x293},
    {0x295, 0x2AF},     {0x370, 0x373},     {0x376, 0x377},     {0x37B, 0x37D},
    {0x37F, 0x37F},     {0x386, 0x386},     {0x388, 0x38A},     {0x38C, 0x38C},
    {0x38E, 0x3A1},     {0x3A3, 0x3F5},     {0x3F7, 0x481},     {0x48A, 0x52F},
    {0x531, 0x556},     {0x10A0, 0x10C5},   {0x13A0, 0x13F5},   {0x13F8, 0x13FD},
    {0x1C90, 0x1CBA},   {0x1CBD, 0x1CBF},   {0x1D00, 0x1D2B},   {0x1D6B, 0x1D77},
    {0x1D79, 0x1D9A},   {0x1E00, 0x1F15},   {0x1F18, 0x1F1D},   {0x1F20, 0x1F45},
    {0x1F48, 0x1F4D},   {0x1F50, 0x1F57},   {0x1F59, 0x1F59},   {0x1F5B, 0x1F5B},
    {0x1F5D, 0x1F5D},   {0x1F5F, 0x1F7D},   {0x1F80, 0x1FB4},   {0x1FB6, 0x1FBC},
    {0x1FBE, 0x1FBE},   {0x1FC2, 0x1FC4},   {0x1FC6, 0x1FCC},   {0x1FD0, 0x1FD3},
    {0x1FD6, 0x1FDB},   {0x1FE0, 0x1FEC},   {0x1FF2, 0x1FF4},   {0x1FF6, 0x1FFC},
    {0x2102, 0x2102},   {0x2107, 0x2107},   {0x210A, 0x2113},   {0x2115, 0x2115},
    {0x2119, 0x211D},   {0x2124, 0x2124},   {0x2126, 0x2126},   {0x2128, 0x2128},
    {0x212A, 0x212D},   {0x212F, 0x2134},   {0x2139, 0x2139},   {0x213C, 0x213F},
    {0x2145, 0x2149},   {0x214E, 0x214E},   {0x2183, 0x2184},   {0x2C00, 0x2C7B},
    {0x2C7E, 0x2CE4},   {0x2CEB, 0x2CEE},   {0x2CF2, 0x2CF3},   {0xA640, 0xA66D},
    {0xA680, 0xA69B},   {0xA722, 0xA76F},   {0xA771, 0xA787},   {0xA78B, 0xA78E},
    {0xAB70, 0xABBF},   {0xFB00, 0xFB06},   {0xFB13, 0xFB17},   {0xFF21, 0xFF3A},
    {0xFF41, 0xFF5A},   {0x10400, 0x1044F}, {0x104B0, 0x104D3}, {0x104D8, 0x104FB},
    {0x10C80, 0x10CB2}, {0x10CC0, 0x10CF2}, {0x118A0, 0x118DF}, {0x1E900, 0x1E943},
};
// The class of step 3, [!-/:-~\uFF01-\uFF0F\uFF1A-\uFF5E\u2018-\u201F\u3000-\u3002]. It holds the
// Latin letters, too.
constexpr Range kLlmPunctuation[] = {{'!', '/'},       {':', '~'},       {0x2018, 0x201F},
                                     {0x3000, 0x3002}, {0xFF01, 0xFF0F}, {0xFF1A, 0xFF5E}};

template <std::size_t kSize>
bool Contains(const Range (&ranges)[kSize], char32_t code) {
  const Range* above =
      std::upper_bound(std::begin(ranges), std::end(ranges), code,
                       [](char32_t value, const Range& range) { return value < range.first; });
  return above != std::begin(ranges) && code <= (above - 1)->last;
}

struct LlmRules {
  static bool Letter(char32_t code, CharClass) { return Contains(kLlmLetters, code); }
  static bool Punctuation(char32_t code, CharClass) { return Contains(kLlmPunctuation, code); }
  static constexpr bool kCutsTrailingSpace = true;  // the step \s+$
};

struct CoderRules {
  static bool Letter(char32_t, CharClass c) { return IsLetter(c); }
  static bool Punctuation(char32_t, CharClass c) { return c == CharClass::kPunctuation; }
  static constexpr bool kCutsTrailingSpace = false;
};

template <class Rules>
Mark MarkAt(const TextScanner& in, std::size_t at) {
  if (in.AtEnd(at)) return {};
  const Utf8Char c = in.CharAt(at);
  const CharClass kind = ClassOf(c.code);
  return {
      .size = c.size,
      .newline = c.code == '\n' || c.code == '\r',
      .space = IsSpace(kind),
      .letter = Rules::Letter(c.code, kind),
      .punctuation = Rules::Punctuation(c.code, kind),
      .ideograph = (c.code >= 0x800 && c.code <= 0x9FA5) || (c.code >= 0xAC00 && c.code <= 0xD7FF),
      .digit = IsLaterNumber(kind)};
}

// Four characters in a row; the place in question is between the first two.
struct Window {
  Mark before, after, second, third;
};

// Whether [\r\n] or \s?[letters]+ cuts between two characters that `next` follows.
bool CutsAtLetters(const Mark& before, const Mark& after, const Mark& next) {
  if (before.newline || after.newline) return true;
  if (before.letter != after.letter && !(after.letter && before.space)) return true;
  return after.space && next.letter;
}

// Whether one of these or \s?[punctuation]+ does.
bool CutsAtRuns(const Window& w) {
  if (CutsAtLetters(w.before, w.after, w.second)) return true;
  if (w.before.punctuation != w.after.punctuation && !(w.after.punctuation && w.before.space)) {
    return true;
  }
  return w.after.space && !w.after.punctuation && w.second.punctuation &&
         !CutsAtLetters(w.after, w.second, w.third);
}

// \s+$: whether the white space that starts after `w.before` reaches the end of what the steps
// before have left. `at` is where `w.third` ends.
template <class Rules>
bool SpaceReachesEnd(const TextScanner& in, Window w, std::size_t at) {
  while (w.after.space) {
    w = {w.after, w.second, w.third, MarkAt<Rules>(in, at)};
    at += w.third.size;
    if (w.after.size == 0 || CutsAtRuns(w)) return true;
  }
  return false;
}

template <class Rules>
std::size_t NextBySteps(const char* text, std::size_t size, std::size_t position) {
  const TextScanner in{text, size};
  Window w;
  std::size_t ahead = position;  // where w.third ends
  for (Mark* mark : {&w.before, &w.after, &w.second, &w.third}) {
    *mark = MarkAt<Rules>(in, ahead);
    ahead += mark->size;
  }
  for (std::size_t end = position;;) {
    end += w.before.size;
    if (w.after.size == 0 || w.before.digit || w.after.digit ||
        w.before.ideograph != w.after.ideograph || CutsAtRuns(w)) {
      return end;
    }
    if (Rules::kCutsTrailingSpace && w.after.space && !w.before.space &&
        SpaceReachesEnd<Rules>(in, w, ahead)) {
      return end;
    }
    w = {w.after, w.second, w.third, MarkAt<Rules>(in, ahead)};
    ahead += w.third.size;
  }
}

}  // namespace

// Within a stretch:
// [!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+
// | ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
// and what matches none of it stays together.
std::size_t NextDeepSeekV3(const char* text, std::size_t size, std::size_t position) {
  const TextScanner in{text, size};
  const Utf8Char first = in.CharAt(position);
  const CharClass kind = ClassOf(first.code);
  const StretchScanner part{in, StretchOf(first.code)};
  if (part.stretch == Stretch::kNumber) return in.RunEnd(position, IsNumber, 3);

  const std::size_t after = position + first.size;
  if (IsAsciiSign(in.Byte(position)) && IsAsciiLetter(in.Byte(after))) {
    std::size_t end = after;
    while (IsAsciiLetter(in.Byte(end))) ++end;
    return end;
  }
  if (IsWordPart(kind)) return part.RunEnd(position, IsWordPart);
  if (!in.NewlineAt(position) && !IsSign(kind) && part.Is(after, IsWordPart)) {
    return part.RunEnd(after, IsWordPart);
  }
  if (IsSign(kind) || (first.code == ' ' && part.Is(after, IsSign))) {
    std::size_t end = part.RunEnd(after, IsSign);
    while (part.stretch == Stretch::kRest && in.NewlineAt(end)) ++end;
    return end;
  }

  std::size_t end = position, last = position, after_newline = position;
  if (IsSpace(kind)) {
    while (part.Is(end, IsSpace)) {
      last = end;
      end += in.CharAt(end).size;
      if (in.NewlineAt(last)) after_newline = end;
    }
    return after_newline > position ? after_newline
                                    : SpacesEnd(position, end, last, part.AtEnd(end));
  }
  // Characters of no class: the last of them joins a word that follows.
  const auto classless = [](CharClass c) {
    return c == CharClass::kOther || c == CharClass::kNumberLater;
  };
  while (part.Is(end, classless)) {
    last = end;
    end += in.CharAt(end).size;
  }
  return part.Is(end, IsWordPart) ? last : end;
}

std::size_t NextDeepSeekLlm(const char* text, std::size_t size, std::size_t position) {
  return NextBySteps<LlmRules>(text, size, position);
}

std::size_t NextDeepSeekCoder(const char* text, std::size_t size, std::size_t position) {
  return NextBySteps<CoderRules>(text, size, position);
}

}  // namespace fathom
