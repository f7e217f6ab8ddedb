// The generated data behind casing.h: how Python's str changes case, and what it calls a number.
// Made by tools/goldens/templates_case.py. Nothing else reads these tables.
#pragma once

#include <cstdint>

namespace fathom::jinja::unicode {

// Sorted by code; up to three characters, 0 for none.
struct CaseMapping {
  uint32_t code;
  uint32_t to[3];
};
extern const CaseMapping kUpper[], kLower[];
extern const CaseMapping kTitle[];  // only where it differs from kUpper
extern const int kUpperCount, kLowerCount, kTitleCount;

// Ranges, sorted.
struct CodePoints {
  uint32_t first, last;
};
extern const CodePoints kCased[], kCaseIgnorable[], kUppercase[], kLowercase[];
extern const CodePoints kDecimal[], kDigit[], kNumeric[];
extern const int kCasedCount, kCaseIgnorableCount, kUppercaseCount, kLowercaseCount;
extern const int kDecimalCount, kDigitCount, kNumericCount;

}  // namespace fathom::jinja::unicode
