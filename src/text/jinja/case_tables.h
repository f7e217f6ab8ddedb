// The generated data behind casing.h: how Python's str changes case, and what it calls a number.
// Made by tools/goldens/templates_case.py. Nothing else reads these tables.
#pragma once

#include <cstdint>

namespace fathom::jinja::unicode {

// Every `stride`th code from `first` to `last`. The runs of a table are sorted, and none begins
// before the one in front of it ends.
struct CodePoints {
  uint32_t first, last, stride;
};

// Codes that become another one, always as far away.
struct CaseRun {
  CodePoints codes;
  int32_t distance;
};
// A code that becomes up to three characters, 0 for none. Sorted by code; in no run.
struct CaseMapping {
  uint32_t code;
  uint32_t to[3];
};
extern const CaseRun kUpperRuns[], kLowerRuns[];
extern const CaseRun kTitleRuns[];  // only where it differs from kUpper
extern const CaseMapping kUpper[], kLower[], kTitle[];
extern const int kUpperRunsCount, kLowerRunsCount, kTitleRunsCount;
extern const int kUpperCount, kLowerCount, kTitleCount;

extern const CodePoints kCased[], kCaseIgnorable[], kUppercase[], kLowercase[];
extern const CodePoints kDecimal[], kDigit[], kNumeric[];
extern const int kCasedCount, kCaseIgnorableCount, kUppercaseCount, kLowercaseCount;
extern const int kDecimalCount, kDigitCount, kNumericCount;

}  // namespace fathom::jinja::unicode
