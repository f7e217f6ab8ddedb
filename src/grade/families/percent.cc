// Percentages: easy parts of a number, any multiple of five, prices that fall and rise, and what
// percentage one number is of another. All results are whole numbers.
#include <numeric>

#include "grade/families.h"

namespace fathom {
namespace {

constexpr const char* kOfTrain[] = {
    "What is {p}% of {n}?",
    "{p}% of {n} = ?",
    "{p}% of {n}",
    "Calculate {p}% of {n}.",
    "How much is {p} percent of {n}?",
    "Find {p} percent of {n}.",
    "What's {p}% of {n}?",
    "Work out {p}% of {n}.",
    "Can you tell me {p} percent of {n}?",
    "I need {p}% of {n}.",
    "Please compute {p}% of {n}.",
    "Hi, how much would {p}% of {n} be?",
    "If I take {p}% of {n}, how much is that?",
    "{p} percent of {n}",
    "Out of {n} points I got {p} percent. How many points did I get?",
    "Of {n}, I want {p} percent. Which number is that?",
    "Do you know what {p}% of {n} makes?",
    "Take {n} and tell me {p}% of it.",
    "A school has {n} pupils, and {p}% of them walk there. How many pupils walk?",
    "If {n} is 100%, what is {p}%?",
    "We are looking for {p}% of {n}.",
    "Which number is {p} percent of {n}?",
};
constexpr const char* kOfTest[] = {
    "Give me {p}% of {n}.",
    "Say we have {n}. How much is {p}% of it?",
    "What would {p} percent of {n} be?",
};
constexpr const char* kDownTrain[] = {
    "A {thing} costs ${n}. It is reduced by {p}%. What is the new price?",
    "The price of a {thing} is ${n}, and there is a discount of {p}%. How much do I pay?",
    "A ${n} {thing} is {p}% off. What does it cost now?",
    "What is ${n} less {p}%?",
    "A shop takes {p}% off a {thing} that costs ${n}. Find the sale price.",
    "{p}% discount on ${n}: what remains to pay?",
    "Decrease ${n} by {p}%.",
    "${n} minus {p}% is how much?",
    "I have a coupon for {p}% off a {thing} that costs ${n}. What do I have to pay?",
    "Before the sale the {thing} was ${n}; now it is {p}% cheaper. What is the price?",
    "If you take {p}% off ${n}, what is left?",
    "price ${n}, discount {p}%, new price?",
    "Please tell me the price of a {thing} that was ${n} before it fell by {p}%.",
    "We get {p}% off our bill of ${n}. How much do we pay?",
};
constexpr const char* kDownTest[] = {
    "A {thing} at ${n} is on sale for {p}% less. What is its price now?",
    "How much is a ${n} {thing} after a {p}% discount?",
};
constexpr const char* kUpTrain[] = {
    "A {thing} costs ${n}. The price rises by {p}%. What is the new price?",
    "The price of a {thing} is ${n} and goes up by {p}%. How much is it then?",
    "What is ${n} plus {p}%?",
    "A ${n} {thing} becomes {p}% more expensive. What does it cost now?",
    "Add {p}% tax to ${n}. What is the total?",
    "Increase ${n} by {p}%.",
    "If you put {p}% on top of ${n}, how much is it?",
    "price ${n}, increase {p}%, new price?",
    "I paid ${n} for a {thing} and sell it for {p}% more. What do I ask for it?",
    "Last year the {thing} was ${n}; since then its price went up {p}%. What is the price today?",
    "Please raise ${n} by {p}% and tell me the new amount.",
    "Our bill is ${n}, and we add a tip of {p}%. How much do we pay in all?",
    "With {p}% added, what does ${n} become?",
    "A shop sells a {thing} for ${n} before tax. The tax is {p}%. What do I pay with tax?",
};
constexpr const char* kUpTest[] = {
    "A {thing} at ${n} gets {p}% dearer. What is its price now?",
    "How much is ${n} after a rise of {p}%?",
};
constexpr const char* kShareTrain[] = {
    "What percentage of {n} is {part}?",
    "{part} is what percent of {n}?",
    "How many percent of {n} is {part}?",
    "{part} out of {n}: what percentage is that?",
    "What percent of {n} does {part} make?",
    "Express {part} of {n} as a percentage.",
    "In a group of {n} people, {part} wear glasses. What percentage is that?",
    "A test has {n} points and Tom got {part}. What percentage did he get?",
    "{part} of {n} in percent?",
    "I have read {part} of the {n} pages of a book. What percent of the book is that?",
    "We sold {part} of our {n} tickets. How many percent did we sell?",
    "If {n} is the whole, what percentage is {part}?",
    "Please write {part}/{n} as a percentage.",
    "There are {n} marbles in a bag and {part} of them are red. What percentage is red?",
    "Tell me what percentage {part} is of {n}.",
};
constexpr const char* kShareTest[] = {
    "If {part} of {n} seats are taken, what percentage is taken?",
    "As a percentage, how much of {n} is {part}?",
};
constexpr const char* kThings[] = {"coat",  "lamp",   "chair", "bike",  "phone", "table",
                                   "clock", "jacket", "radio", "watch", "bag",   "tent"};

// The lines that find p% of n; p is a multiple of 5 and n of 20, or p is 25, 50 or 75 and n of 4.
int64_t ThinkPercent(Draft& draft, int64_t p, int64_t n) {
  const std::string whole = Text(n);
  if (p == 50 || p == 25 || p == 75) {
    const int64_t parts = p == 50 ? 2 : 4, part = n / parts;
    draft.Think(Text(p == 75 ? 25 : p) + "% is " + whole + " / " + Text(parts) + " = " +
                Text(part) + ".");
    if (p == 75) draft.Think("75% is 3 * " + Text(part) + " = " + Text(3 * part) + ".");
    return n * p / 100;
  }
  const int64_t tenth = n / 10, tens = p / 10;
  draft.Think("10% is " + whole + " / 10 = " + Text(tenth) + ".");
  if (tens > 1) {
    draft.Think(Text(tens * 10) + "% is " + Text(tens) + " * " + Text(tenth) + " = " +
                Text(tens * tenth) + ".");
  }
  if (p % 10 == 5) {
    draft.Think("5% is " + Text(tenth) + " / 2 = " + Text(tenth / 2) + ".");
    if (tens > 0) {
      draft.Think(Text(p) + "% is " + Text(tens * tenth) + " + " + Text(tenth / 2) + " = " +
                  Text(tens * tenth + tenth / 2) + ".");
    }
  }
  return n * p / 100;
}

bool DrawShare(Draft& draft) {
  Random& random = draft.random;
  static constexpr int kWholes[] = {10,  20,  25,  40,  50,  60,  80,  100,
                                    120, 150, 160, 200, 250, 300, 400, 500};
  const int64_t n = random.Pick(kWholes), part = random.Between(2, n - 1);
  if (part * 100 % n != 0) return false;
  if (!draft.Claim(Text(part) + " of " + Text(n))) return false;
  draft.Ask({kShareTrain, kShareTest}, {{"part", Text(part)}, {"n", Text(n)}});
  const int64_t divisor = std::gcd(part, n), top = part / divisor, bottom = n / divisor;
  draft.Think("The fraction is " + Text(part) + "/" + Text(n) + ".");
  if (divisor > 1) {
    draft.Think("Divide both by " + Text(divisor) + ": " + Text(top) + "/" + Text(bottom) + ".");
  }
  // Denominators here divide 100.
  draft.Think("100 / " + Text(bottom) + " = " + Text(100 / bottom) + ", and " + Text(top) + " * " +
              Text(100 / bottom) + " = " + Text(top * 100 / bottom) + ".");
  draft.Answer(AnswerKind::kNumber, Text(top * 100 / bottom) + "%", "That is {answer}.");
  return true;
}

}  // namespace

bool DrawPercent(Draft& draft) {
  if (draft.level == 4) return DrawShare(draft);
  Random& random = draft.random;
  static constexpr int kEasy[] = {10, 20, 25, 50, 30, 40};
  const int64_t p = draft.level == 1 ? random.Pick(kEasy) : 5 * random.Between(1, 19);
  const int64_t n = draft.level == 1 ? 20 * random.Between(1, 50) : 20 * random.Between(1, 100);
  if (!draft.Claim(Text(p) + "% of " + Text(n))) return false;
  const Values values = {{"p", Text(p)}, {"n", Text(n)}, {"thing", random.Pick(kThings)}};
  if (draft.level < 3) {
    draft.Ask({kOfTrain, kOfTest}, values);
    draft.Think("Let me find " + Text(p) + "% of " + Text(n) + ".");
    draft.Answer(AnswerKind::kNumber, Text(ThinkPercent(draft, p, n)), "{p}% of {n} is {answer}.",
                 values);
    return true;
  }
  const bool down = random.OneIn(2);
  if (down) {
    draft.Ask({kDownTrain, kDownTest}, values);
  } else {
    draft.Ask({kUpTrain, kUpTest}, values);
  }
  draft.Think("First " + Text(p) + "% of " + Text(n) + ".");
  const int64_t part = ThinkPercent(draft, p, n), price = down ? n - part : n + part;
  draft.Think("The price goes " + std::string(down ? "down" : "up") + ": " + Text(n) +
              (down ? " - " : " + ") + Text(part) + " = " + Text(price) + ".");
  draft.Answer(AnswerKind::kNumber, "$" + Text(price), "The result is {answer}.");
  return true;
}

}  // namespace fathom
