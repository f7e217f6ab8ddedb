// Upper and lower case, and the questions Python's str answers about characters (isupper, isdigit,
// isspace, ...). Every character of a result has the origin of the one it was made from.
#pragma once

#include <string_view>

#include "text/jinja/text.h"

namespace fathom::jinja {

enum class CaseChange {
  kUpper,
  kLower,
  kTitle,       // str.title(): a capital after each character without case
  kCapitalize,  // the first character as in a title, the others in lower case
};
Text ChangeCase(Budget& budget, const Text& text, CaseChange change);

bool IsSpace(char32_t code);      // as str.isspace() and the \s of regular expressions
bool IsLineBreak(char32_t code);  // as str.splitlines()

bool IsAlnum(char32_t code);  // as str.isalnum()

enum class CharTest { kAlpha, kDecimal, kDigit, kNumeric, kAlnum, kSpace, kAscii, kPrintable };
// "".isalpha() and so on: whether the text is not empty and all of it passes (kAscii and kPrintable
// take the empty text, too).
bool AllAre(Budget& budget, std::string_view text, CharTest test);
bool IsUpperText(Budget& budget, std::string_view text);
bool IsLowerText(Budget& budget, std::string_view text);

}  // namespace fathom::jinja
