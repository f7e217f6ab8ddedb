// The scanners behind pre_tokenizer.h. Each follows its regular expression alternative by
// alternative; the expression stands above it. \s, \p{L} and \p{N} are CharClass values. Those of
// the DeepSeek models are in deepseek_pre_tokenizer.cc.
#include "text/pre_tokenizer.h"

#include <string>

#include "base/error.h"
#include "text/deepseek_pre_tokenizer.h"
#include "text/text_scanner.h"

namespace fathom {
namespace {

constexpr std::string_view kLongS = "\xC5\xBF";  // U+017F, which case folding takes for an s

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
// With kSingleDigits, every numeric character (in the sense of the Digits pre-tokenizer) is cut out
// first, and the expression sees only what lies between two of them.
template <bool kSingleDigits>
std::size_t NextGpt2(const char* text, std::size_t size, std::size_t position) {
  const TextScanner in{text, size};
  const Utf8Char first = in.CharAt(position);
  CharClass kind = ClassOf(first.code);
  if (kSingleDigits && IsLaterNumber(kind)) return position + first.size;
  if (first.code == '\'') {
    const char a = in.Byte(position + 1), b = in.Byte(position + 2);
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return position + 2;
    if (((a == 'r' || a == 'v') && b == 'e') || (a == 'l' && b == 'l')) return position + 3;
  }
  std::size_t run = position;
  if (first.code == ' ' && !in.AtEnd(position + 1)) {
    const CharClass next = ClassOf(in.CharAt(position + 1).code);
    const bool cut = kSingleDigits && IsLaterNumber(next);
    if (!IsSpace(next) && !cut) {
      kind = next;
      ++run;
    }
  }
  if (IsLetter(kind)) return in.RunEnd(run, IsLetter);
  if (IsNumber(kind)) return in.RunEnd(run, IsNumber);
  if (!IsSpace(kind)) return in.RunEnd(run, kSingleDigits ? IsOtherNotNumeric : IsOther);

  std::size_t end = position, last = position;
  bool at_end = true;
  while (!in.AtEnd(end)) {
    const Utf8Char c = in.CharAt(end);
    const CharClass next = ClassOf(c.code);
    if (!IsSpace(next)) {
      at_end = kSingleDigits && IsLaterNumber(next);
      break;
    }
    last = end;
    end += c.size;
  }
  return SpacesEnd(position, end, last, at_end);
}

// The end of (?i:'s|'t|'re|'ve|'m|'ll|'d) at an apostrophe, or `position` where it does not match.
std::size_t ContractionEnd(const TextScanner& in, std::size_t position) {
  const auto lower = [&](std::size_t at) {
    const char c = in.Byte(at);
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  const char a = lower(position + 1), b = lower(position + 2);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return position + 2;
  if (((a == 'r' || a == 'v') && b == 'e') || (a == 'l' && b == 'l')) return position + 3;
  if (a == kLongS[0] && b == kLongS[1]) return position + 3;
  return position;
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,kDigits}
// | ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
template <std::size_t kDigits>
std::size_t NextLlama(const char* text, std::size_t size, std::size_t position) {
  const TextScanner in{text, size};
  const Utf8Char first = in.CharAt(position);
  const CharClass kind = ClassOf(first.code);
  if (IsLetter(kind)) return in.RunEnd(position, IsLetter);
  if (IsNumber(kind)) return in.RunEnd(position, IsNumber, kDigits);
  if (first.code == '\'') {
    if (const std::size_t end = ContractionEnd(in, position); end > position) return end;
  }
  const std::size_t after = position + first.size;
  if (!in.NewlineAt(position) && !in.AtEnd(after)) {
    const CharClass next = ClassOf(in.CharAt(after).code);
    if (IsLetter(next)) return in.RunEnd(after, IsLetter);
    if (IsOther(kind) || (first.code == ' ' && IsOther(next))) {
      std::size_t end = in.RunEnd(after, IsOther);
      while (in.NewlineAt(end)) ++end;
      return end;
    }
  } else if (IsOther(kind)) {
    return after;
  }

  std::size_t end = position, last = position, after_newline = position;
  while (!in.AtEnd(end)) {
    const Utf8Char c = in.CharAt(end);
    if (!IsSpace(ClassOf(c.code))) break;
    last = end;
    end += c.size;
    if (c.code == '\n' || c.code == '\r') after_newline = end;
  }
  if (after_newline > position) return after_newline;
  return SpacesEnd(position, end, last, in.AtEnd(end));
}

constexpr std::string_view kGpt2Steps =
    R"json([{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}])json";
constexpr std::string_view kSmolLmSteps =
    R"json([{"type":"Digits","individual_digits":true},)json"
    R"json({"type":"ByteLevel","add_prefix_space":false,"use_regex":true}])json";
constexpr std::string_view kLlamaSteps =
    R"json([{"type":"Split","behavior":"Isolated","invert":false,"pattern":{"Regex":)json"
    R"json("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3})json"
    R"json(| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},)json"
    R"json({"type":"ByteLevel","add_prefix_space":false,"use_regex":false}])json";
constexpr std::string_view kQwenSteps =
    R"json([{"type":"Split","behavior":"Isolated","invert":false,"pattern":{"Regex":)json"
    R"json("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N})json"
    R"json(| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}},)json"
    R"json({"type":"ByteLevel","add_prefix_space":false,"use_regex":false}])json";

constexpr PreTokenizer kRows[] = {
    {.name = "gpt2", .steps = kGpt2Steps, .nfc = false, .next = NextGpt2<false>},
    {.name = "smollm", .steps = kSmolLmSteps, .nfc = false, .next = NextGpt2<true>},
    {.name = "llama-bpe", .steps = kLlamaSteps, .nfc = false, .next = NextLlama<3>},
    {.name = "qwen2", .steps = kQwenSteps, .nfc = true, .next = NextLlama<1>},
    {.name = "deepseek-v3", .steps = kDeepSeekV3Steps, .nfc = false, .next = NextDeepSeekV3},
    {.name = "deepseek-llm", .steps = kDeepSeekLlmSteps, .nfc = false, .next = NextDeepSeekLlm},
    {.name = "deepseek-coder",
     .steps = kDeepSeekCoderSteps,
     .nfc = false,
     .next = NextDeepSeekCoder},
};

}  // namespace

std::span<const PreTokenizer> PreTokenizers() { return kRows; }

const PreTokenizer* FindPreTokenizer(std::string_view name) {
  for (const PreTokenizer& row : kRows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

const PreTokenizer& NeedPreTokenizer(std::string_view name) {
  if (const PreTokenizer* row = FindPreTokenizer(name)) return *row;
  std::string known;
  for (const PreTokenizer& row : kRows) {
    known += known.empty() ? "" : ", ";
    known += row.name;
  }
  throw Error(ErrorCode::kUnsupported, "tokenizer: pre-tokenizer '" + std::string(name) +
                                           "' is not implemented; known are " + known);
}

}  // namespace fathom
