// Arithmetic as it is written on paper, one short line of thinking for each digit. What a line
// needs stands in the line before it or in the digits at the top. Other families borrow these.
#pragma once

#include <cstdint>

#include "grade/draft.h"

namespace fathom {

// Each writes its lines and returns the result. a, b >= 0; for SubtractColumns a >= b.
int64_t AddColumns(Draft& draft, int64_t a, int64_t b);
int64_t SubtractColumns(Draft& draft, int64_t a, int64_t b);

// 0 <= digit <= 9. With `brief`, the digits of a stand above already, and no line sums up.
int64_t MultiplyByDigit(Draft& draft, int64_t a, int64_t digit, bool brief = false);

// Returns the quotient; the remainder is a % divisor. divisor > 0.
int64_t DivideColumns(Draft& draft, int64_t a, int64_t divisor);

}  // namespace fathom
