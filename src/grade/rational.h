// Exact numbers for comparing answers. Every operation says when it does not fit into 64 bits;
// texts are outside input and may be anything.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace fathom {

struct Rational {
  int64_t top = 0, bottom = 1;  // lowest terms, bottom > 0
  bool operator==(const Rational&) const = default;
};

// std::nullopt: bottom is 0, or the number does not fit.
std::optional<Rational> MakeRational(int64_t top, int64_t bottom);

// operation is one of + - * /
std::optional<Rational> Combine(const Rational& a, char operation, const Rational& b);

// The whole text as a number: "1204", "1,204", "+1204.0", "-3/4". std::nullopt: it is none, or has
// more than 15 digits.
std::optional<Rational> ParseRational(std::string_view text);

// The value of an expression of + - * / and brackets over whole numbers, which are put into `used`
// in the order of the text; at most 16, and 200 bytes of text.
struct ExpressionValue {
  Rational value;
  int64_t used[16];
  int count;
};
std::optional<ExpressionValue> EvaluateExpression(std::string_view text);

}  // namespace fathom
