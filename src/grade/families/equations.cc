// Linear equations with whole solutions: one step, two steps, solutions below zero and brackets,
// the unknown on both sides. Each ends with a check.
#include <string>

#include "grade/families.h"

namespace fathom {
namespace {

constexpr const char* kEquationTrain[] = {
    "Solve {e}.",
    "Solve {e} for {x}.",
    "What is {x} if {e}?",
    "Find {x}: {e}",
    "{e}, what is {x}?",
    "{e}",
    "If {e}, then what is {x}?",
    "Which number {x} makes {e} true?",
    "Please solve the equation {e}.",
    "Can you find {x} in {e}?",
    "Determine {x}, given {e}.",
    "I need the solution of {e}.",
    "Hi, what does {x} have to be so that {e}?",
    "Work out {x} from {e}.",
    "We know that {e}. What does {x} equal?",
    "For which {x} is it true that {e}?",
    "Could you tell me {x} when {e}?",
    "{e}. {x} = ?",
    "Suppose that {e}. Calculate {x}.",
    "I am stuck on {e}. What number is {x}?",
    "Here is an equation: {e}. Tell me its solution.",
    "Isolate {x} in {e}.",
};
constexpr const char* kEquationTest[] = {
    "What value of {x} solves {e}?",
    "Given {e}, find {x}.",
    "The equation {e} holds. What is {x}?",
};

// "(-5)" inside of a term, "5" as it is.
std::string Inner(int64_t value) { return value < 0 ? "(" + Text(value) + ")" : Text(value); }

// " + 5" or " - 5"
std::string Signed(int64_t value) { return value < 0 ? " - " + Text(-value) : " + " + Text(value); }

struct Equation {
  std::string x;  // the name of the unknown

  // "3x", "x", "-x"
  std::string Term(int64_t a) const { return (a == 1 ? "" : a == -1 ? "-" : Text(a)) + x; }
  std::string Side(int64_t a, int64_t b) const { return Term(a) + (b == 0 ? "" : Signed(b)); }

  // Lines from a x + b = c to the solution, which they return.
  int64_t Solve(Draft& draft, int64_t a, int64_t b, int64_t c) const {
    if (b != 0) {
      draft.Think((b > 0 ? "Subtract " + Text(b) + " from" : "Add " + Text(-b) + " to") +
                  " both sides: " + Term(a) + " = " + Text(c) + Signed(-b) + " = " + Text(c - b));
    }
    if (a != 1) {
      draft.Think("Divide both sides by " + Text(a) + ": " + x + " = " + Text(c - b) + " / " +
                  Inner(a) + " = " + Text((c - b) / a));
    }
    return (c - b) / a;
  }
};

}  // namespace

bool DrawEquation(Draft& draft) {
  Random& random = draft.random;
  static constexpr const char* kUnknowns[] = {"x", "x", "x", "y", "n", "z", "a", "t"};
  const Equation equation{random.Pick(kUnknowns)};
  const int64_t limit = draft.level >= 3 ? 20 : draft.level == 2 ? 20 : 50;
  const int64_t x = draft.level >= 3 ? random.Between(-limit, limit) : random.Between(1, limit);
  int64_t a = random.Between(2, 12), b = random.Between(1, 40);
  if (random.OneIn(2)) b = -b;
  if (draft.level == 1) {
    if (random.OneIn(3)) {
      b = 0;
    } else {
      a = 1;
    }
  }
  if (draft.level == 3 && random.OneIn(2)) a = -a;
  const int64_t c = a * x + b;
  if (draft.level == 1 && c < 0) return false;
  std::string text;
  std::string check;
  if (draft.level == 3 && random.OneIn(2)) {
    // a (x + b) = c, with b small
    const int64_t inner = b % 10;
    if (inner == 0 || a < 0) return false;
    const int64_t right = a * (x + inner);
    text = Text(a) + "(" + equation.Side(1, inner) + ") = " + Text(right);
    if (!draft.Claim(Text(a) + " ( " + Text(inner) + " ) " + Text(right))) return false;
    draft.Think(text);
    draft.Think("Divide both sides by " + Text(a) + ": " + equation.Side(1, inner) + " = " +
                Text(right) + " / " + Text(a) + " = " + Text(right / a));
    equation.Solve(draft, 1, inner, right / a);
    check = Text(a) + " * (" + Text(x) + Signed(inner) + ") = " + Text(right);
  } else if (draft.level == 4) {
    // a x + b = d x + e
    const int64_t d = random.Between(1, 9), left = a > d ? a : d, right = a > d ? d : a;
    const int64_t e = (left - right) * x + b;
    if (left == right || e == 0) return false;
    if (!draft.Claim(Text(left) + " " + Text(b) + " " + Text(right) + " " + Text(e))) return false;
    text = equation.Side(left, b) + " = " + equation.Side(right, e);
    draft.Think(text);
    draft.Think("Subtract " + equation.Term(right) + " from both sides: " + Text(left) + " - " +
                Text(right) + " = " + Text(left - right) + ", so " +
                equation.Side(left - right, b) + " = " + Text(e));
    equation.Solve(draft, left - right, b, e);
    const std::string both = Text(left * x + b);
    check = Text(left) + " * " + Inner(x) + Signed(b) + " = " + both + " and " +
            (right == 1 ? Text(x) : Text(right) + " * " + Inner(x)) + Signed(e) + " = " + both;
  } else {
    if (!draft.Claim(Text(a) + " " + Text(b) + " " + Text(c))) return false;
    const bool turned = draft.level == 2 && b > 0 && random.OneIn(4);  // b + a x = c
    text = (turned ? Text(b) + " + " + equation.Term(a) : equation.Side(a, b)) + " = " + Text(c);
    draft.Think(text);
    equation.Solve(draft, a, b, c);
    check = (a == 1 ? Text(x) : Text(a) + " * " + Inner(x)) + (b == 0 ? "" : Signed(b)) + " = " +
            Text(c);
  }
  draft.Think("Check: " + check);
  draft.Ask({kEquationTrain, kEquationTest}, {{"e", text}, {"x", equation.x}});
  draft.Answer(AnswerKind::kNumber, Text(x), "The solution is {x} = {answer}.",
               {{"x", equation.x}});
  return true;
}

}  // namespace fathom
