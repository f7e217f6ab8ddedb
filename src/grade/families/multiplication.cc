// Multiplication and division. Multiplication: two digits by one, three by one, two by two, three
// by two. Division: without remainder, with one, longer numbers, divisors of two digits.
#include <algorithm>

#include "grade/families.h"
#include "grade/families/columns.h"

namespace fathom {
namespace {

constexpr const char* kMultiplyTrain[] = {
    "What is {a} * {b}?",
    "{a} x {b} = ?",
    "{a} * {b}",
    "Calculate {a} × {b}.",
    "Multiply {a} by {b}.",
    "How much is {a} times {b}?",
    "Find the product of {a} and {b}.",
    "What do you get if you multiply {a} by {b}?",
    "Work out {a} x {b} for me.",
    "Can you compute {a} * {b}?",
    "What's {a} times {b}?",
    "Hi, what does {a} × {b} make?",
    "Do this multiplication: {a} * {b}",
    "Please multiply {a} and {b}.",
    "I need {a} times {b}.",
    "{a} times {b}",
    "product of {a} and {b}",
    "{a} multiplied by {b} is what?",
    "A hall has {a} rows of {b} seats. How many seats are there?",
    "When {a} is multiplied by {b}, which number comes out?",
    "I want to know what {a} times {b} comes to.",
    "We have to multiply {a} by {b}. How much is that?",
    "Would you please solve {a} x {b}?",
    "There are {a} boxes with {b} pens in each. How many pens is that in all?",
};
constexpr const char* kMultiplyTest[] = {
    "Give me the result of {a} * {b}.",
    "If I multiply {a} and {b}, what do I get?",
    "Could you work out {a} times {b}?",
    "A quick product: {a} x {b}",
};
constexpr const char* kExactTrain[] = {
    "What is {a} / {b}?",
    "{a} / {b} = ?",
    "{a} : {b}",
    "Calculate {a} ÷ {b}.",
    "Divide {a} by {b}.",
    "How much is {a} divided by {b}?",
    "How many times does {b} go into {a}?",
    "What do you get if you divide {a} by {b}?",
    "Work out {a} / {b} for me.",
    "Can you compute {a} ÷ {b}?",
    "What's {a} divided by {b}?",
    "Hi, what does {a} / {b} make?",
    "Please divide {a} by {b}.",
    "Do this division: {a} / {b}",
    "{a} divided by {b}",
    "Split {a} into {b} equal parts. How large is each part?",
    "We share {a} nuts equally among {b} children. How many does each child get?",
    "When {a} is divided by {b}, which number comes out?",
    "I want to know what {a} ÷ {b} comes to.",
};
constexpr const char* kExactTest[] = {
    "Give me the result of {a} / {b}.",
    "If I divide {a} by {b}, what do I get?",
    "Could you work out {a} divided by {b}?",
};
constexpr const char* kRemainderTrain[] = {
    "What is {a} / {b} with remainder?",
    "{a} / {b} = ? remainder ?",
    "{a} / {b} with remainder",
    "Calculate {a} ÷ {b} and give the remainder.",
    "Divide {a} by {b} with remainder.",
    "How much is {a} divided by {b}, and what is left over?",
    "How many times does {b} go into {a}, and what remains?",
    "What do you get if you divide {a} by {b} with remainder?",
    "Work out {a} / {b} with remainder for me.",
    "Can you compute {a} ÷ {b} with remainder?",
    "Find the quotient and the remainder of {a} / {b}.",
    "Hi, what are quotient and remainder of {a} by {b}?",
    "Please divide {a} by {b} and tell me the remainder too.",
    "Do this division with remainder: {a} / {b}",
    "{a} divided by {b}, quotient and remainder",
    "We pack {a} eggs into boxes of {b}. How many boxes are full, and how many eggs are left over?",
    "When {a} is divided by {b}, which quotient comes out and which remainder?",
    "I want to know what {a} / {b} is, as a whole number with its remainder.",
    "{b} into {a}: how often does it fit, and how much is left?",
};
constexpr const char* kRemainderTest[] = {
    "Give me quotient and remainder of {a} / {b}.",
    "If I divide {a} by {b}, what do I get, and what is the remainder?",
    "Could you divide {a} by {b}, remainder included?",
};

}  // namespace

bool DrawMultiplication(Draft& draft) {
  Random& random = draft.random;
  int64_t a = 0, b = 0;
  if (draft.level == 1) {
    a = random.Between(2, 99);
    b = random.Between(2, 9);
  } else if (draft.level == 2) {
    a = random.Between(100, 999);
    b = random.Between(2, 9);
  } else if (draft.level == 3) {
    a = random.Between(11, 99);
    b = random.Between(11, 99);
  } else {
    a = random.Between(101, 999);
    b = random.Between(11, 99);
  }
  if (b > 9 && b % 10 == 0) return false;
  if (!draft.Claim(Text(std::min(a, b)) + " " + Text(std::max(a, b)))) return false;
  const bool swapped = random.OneIn(4);  // asked the other way round
  draft.Ask({kMultiplyTrain, kMultiplyTest},
            {{"a", Text(swapped ? b : a)}, {"b", Text(swapped ? a : b)}});
  if (b < 10) {
    draft.Think("Let me multiply " + Text(a) + " by " + Text(b) + ".");
    MultiplyByDigit(draft, a, b);
  } else {
    const int64_t ones = b % 10, tens = b / 10;
    draft.Think("Let me split " + Text(b) + " into " + Text(tens * 10) + " and " + Text(ones) +
                ".");
    draft.Think("First " + Text(a) + " * " + Text(ones) + ".");
    const int64_t first = MultiplyByDigit(draft, a, ones);
    draft.Think("Next " + Text(a) + " * " + Text(tens) + ".");
    const int64_t second = MultiplyByDigit(draft, a, tens, true) * 10;
    draft.Think("With a zero: " + Text(a) + " * " + Text(tens * 10) + " = " + Text(second) + ".");
    draft.Think("Now add " + Text(second) + " and " + Text(first) + ".");
    AddColumns(draft, second, first);
    if (EstimatedTokens(draft.problem.thinking) > kMaxThinkingTokens) return false;
  }
  draft.Answer(AnswerKind::kNumber, Text(a * b), "The product is {answer}.");
  return true;
}

bool DrawDivision(Draft& draft) {
  Random& random = draft.random;
  int64_t divisor = random.Between(2, 9), a = 0;
  if (draft.level == 1) {
    a = divisor * random.Between(11, 99);
  } else if (draft.level == 2) {
    a = random.Between(20, 999);
  } else if (draft.level == 3) {
    a = random.Between(1000, 99999);
  } else {
    divisor = random.Between(11, 30);
    a = random.Between(100, 9999);
  }
  if (a < divisor || !draft.Claim(Text(a) + " / " + Text(divisor))) return false;
  const Values values = {{"a", Text(a)}, {"b", Text(divisor)}};
  draft.Think("Let me divide " + Text(a) + " by " + Text(divisor) + " from the left.");
  const int64_t quotient = DivideColumns(draft, a, divisor);
  if (draft.level == 1) {
    draft.Ask({kExactTrain, kExactTest}, values);
    draft.Answer(AnswerKind::kNumber, Text(quotient), "The quotient is {answer}.");
  } else {
    draft.Ask({kRemainderTrain, kRemainderTest}, values);
    draft.Answer(AnswerKind::kQuotient, Text(quotient) + " remainder " + Text(a % divisor),
                 "The result is {answer}.");
  }
  return true;
}

}  // namespace fathom
