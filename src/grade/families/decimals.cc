// Comparing and ordering decimals. Both pad to the same number of decimals first: 9.9 is 9.90, and
// then it is seen to be larger than 9.11. Level 3 has numbers below zero, or four to order.
#include <algorithm>
#include <vector>

#include "grade/families.h"

namespace fathom {
namespace {

constexpr const char* kLargerTrain[] = {
    "Which is larger, {a} or {b}?",
    "Which number is bigger: {a} or {b}?",
    "What is larger, {a} or {b}?",
    "Which is greater, {a} or {b}?",
    "{a} or {b}, which is bigger?",
    "Compare {a} and {b}. Which is larger?",
    "Tell me the larger of {a} and {b}.",
    "Find the greater number: {a}, {b}",
    "Hey, is {a} or {b} the bigger number?",
    "I have {a} and {b}. Which one is greater?",
    "Name the bigger one of {a} and {b}.",
    "Which of the numbers {a} and {b} is larger?",
    "max of {a} and {b}?",
    "Please say which is higher, {a} or {b}.",
    "On a number line, which is further to the right: {a} or {b}?",
    "{a} vs {b}: the larger one?",
    "If you had to choose the bigger number, would you take {a} or {b}?",
    "Does {a} or {b} have the greater value?",
    "We have two numbers, {a} and {b}. What is the maximum?",
    "Can you tell me which of {a} and {b} is more?",
    "I am not sure what is bigger, {a} or {b}. Which is it?",
};
constexpr const char* kLargerTest[] = {
    "Between {a} and {b}, which is the larger number?",
    "Of {a} and {b}, which one is bigger?",
    "Pick the greater one: {a} or {b}",
};
constexpr const char* kSmallerTrain[] = {
    "Which is smaller, {a} or {b}?",
    "Which number is less: {a} or {b}?",
    "{a} or {b}, which is smaller?",
    "Compare {a} and {b}. Which is smaller?",
    "Tell me the smaller of {a} and {b}.",
    "min of {a} and {b}?",
    "Find the lesser of {a} and {b}.",
    "Which is lower, {a} or {b}?",
    "I have {a} and {b}. Which one is less?",
    "On a number line, which is further to the left: {a} or {b}?",
    "We have two numbers, {a} and {b}. What is the minimum?",
    "Please name the smaller number: {a}, {b}",
    "Does {a} or {b} have the lower value?",
};
constexpr const char* kSmallerTest[] = {
    "Between {a} and {b}, which is the smaller number?",
    "Pick the smaller one: {a} or {b}",
};
constexpr const char* kGreaterTrain[] = {
    "Is {a} greater than {b}?",
    "Is {a} larger than {b}?",
    "{a} > {b}?",
    "Is it true that {a} > {b}?",
    "Is {a} bigger than {b}?",
    "Would you say {a} is more than {b}?",
    "Does {a} exceed {b}?",
    "Is {a} more than {b}, yes or no?",
    "I think {a} is larger than {b}. Am I right?",
    "Is the number {a} higher than {b}?",
    "Yes or no: {a} > {b}",
    "Compare {a} with {b}. Is the first number greater?",
    "If I say that {a} is bigger than {b}, is that correct?",
    "{a} bigger than {b}?",
};
constexpr const char* kGreaterTest[] = {
    "Can you check whether {a} is greater than {b}?",
    "Can you say if {a} is above {b}?",
};
constexpr const char* kOrderTrain[] = {
    "Sort {list} {up}.",
    "Put the decimals {list} in a row {up}.",
    "Order these numbers {up}: {list}",
    "What is the order of {list} {up}?",
    "Arrange {list} {up}.",
    "Please sort the decimals {list} {up}.",
    "Can you arrange the decimals {list} {up}?",
    "{list}: sort them {up}.",
    "Write {list} {up}.",
    "I have the numbers {list}. Order them {up}.",
    "How would you sort {list} {up}?",
    "List {list} {up}.",
    "Hi, could you sort {list} {up}?",
    "Here are some decimals: {list}. Put them {up}.",
    "We need {list} {up}.",
    "I would like to see {list} {up}, please.",
    "{up}: {list}",
    "How do {list} read {up}?",
    "My numbers are {list}. Could you give them back {up}?",
    "If {list} are to go {up}, what does the row look like?",
    "Show me {list} {up}.",
};
constexpr const char* kOrderTest[] = {
    "Line up {list} {up}.",
    "What do I get if I sort {list} {up}?",
    "Rank the numbers {list} {up}.",
};

// A decimal: value / 10^places, written with exactly these places.
struct Number {
  int64_t value;
  int places;
  std::string Written() const { return Fixed(value, places); }
  int64_t At(int wanted) const { return value * PowerOfTen(wanted - places); }
};

Number DrawNumber(Random& random, int64_t whole, int most_places) {
  const int places = static_cast<int>(random.Between(1, most_places));
  int64_t rest = random.Between(1, PowerOfTen(places) - 1);
  if (rest % 10 == 0) ++rest;  // 9.50 would be written 9.5
  return {whole * PowerOfTen(places) + rest, places};
}

// Writes the lines that find the larger of two different decimals >= 0 with `places` places, which
// are called `a_name` and `b_name` in the end.
void ThinkLarger(Draft& draft, int64_t a, int64_t b, int places, const std::string& a_name,
                 const std::string& b_name) {
  const auto verdict = [&](int64_t x, int64_t y) {
    return Text(x) + (x > y ? " > " : " < ") + Text(y) + ", so " + (x > y ? a_name : b_name) +
           " is larger.";
  };
  const int64_t unit = PowerOfTen(places);
  std::string line = "Whole parts: " + Text(a / unit) + " and " + Text(b / unit) + ". ";
  if (a / unit != b / unit) {
    draft.Think(line + verdict(a / unit, b / unit));
    return;
  }
  draft.Think(line + "Equal.");
  draft.Think("With " + Count(places, "decimal|decimals") + " each: " + Fixed(a, places) + " and " +
              Fixed(b, places) + ".");
  for (int i = 1; i <= places; ++i) {
    const int64_t x = a / PowerOfTen(places - i) % 10, y = b / PowerOfTen(places - i) % 10;
    line = "Decimal " + Text(i) + ": " + Text(x) + " and " + Text(y) + ". ";
    if (x != y) {
      draft.Think(line + verdict(x, y));
      return;
    }
    draft.Think(line + "Equal.");
  }
}

}  // namespace

bool DrawCompareDecimals(Draft& draft) {
  Random& random = draft.random;
  const int64_t whole = random.Between(0, draft.level == 1 ? 20 : 99);
  const int64_t other = draft.level > 1 && random.OneIn(4) ? random.Between(0, 99) : whole;
  Number a = DrawNumber(random, whole, draft.level == 1 ? 2 : 3);
  Number b = DrawNumber(random, other, draft.level == 1 ? 2 : 3);
  const int places = std::max(a.places, b.places);
  if (a.At(places) == b.At(places)) return false;
  // The same place count is the easy case: seldom drawn.
  if (a.places == b.places && !random.OneIn(4)) return false;
  if (draft.level == 3) {
    a.value = -a.value;
    if (!random.OneIn(4)) b.value = -b.value;
  }
  const bool a_larger = a.At(places) > b.At(places);
  const std::string x = a.Written(), y = b.Written();
  if (!draft.Claim(a_larger ? x + " " + y : y + " " + x)) return false;
  const Values values = {{"a", x}, {"b", y}};
  draft.Think("Compare " + x + " and " + y + ".");
  const std::string &large = a_larger ? x : y, &small = a_larger ? y : x;
  if (a.value < 0 && b.value < 0) {
    draft.Think("Both are negative. First without the minus signs.");
    ThinkLarger(draft, -a.At(places), -b.At(places), places, x.substr(1), y.substr(1));
    draft.Think("With the minus signs it is the other way round: " + large + " is larger.");
  } else if (a.value < 0 || b.value < 0) {
    draft.Think(small + " is negative and " + large + " is not, so " + large + " is larger.");
  } else {
    ThinkLarger(draft, a.At(places), b.At(places), places, x, y);
  }
  const int64_t form = random.Between(1, 5);
  if (form == 1) {
    draft.Ask({kSmallerTrain, kSmallerTest}, values);
    draft.Think("The smaller one is " + small + ".");
    draft.Answer(AnswerKind::kNumber, small, "The smaller number is {answer}.");
  } else if (form == 2) {
    draft.Ask({kGreaterTrain, kGreaterTest}, values);
    draft.Answer(
        AnswerKind::kYesNo, a_larger ? "yes" : "no",
        a_larger ? "{answer}, {a} is greater than {b}." : "{answer}, {a} is less than {b}.",
        values);
  } else {
    draft.Ask({kLargerTrain, kLargerTest}, values);
    draft.Answer(AnswerKind::kNumber, large, "The larger number is {answer}.");
  }
  return true;
}

bool DrawOrderDecimals(Draft& draft) {
  Random& random = draft.random;
  const int64_t whole = random.Between(0, 50);
  std::vector<Number> numbers;
  for (int i = 0; i < (draft.level == 3 ? 4 : 3); ++i) {
    const int64_t near = draft.level > 1 && random.OneIn(4) ? whole + 1 : whole;
    numbers.push_back(DrawNumber(random, near, draft.level == 1 ? 2 : 3));
  }
  int places = 0;
  for (const Number& number : numbers) places = std::max(places, number.places);
  const bool up = !random.OneIn(3);
  std::vector<Number> sorted = numbers;
  std::sort(sorted.begin(), sorted.end(),
            [&](const Number& x, const Number& y) { return x.At(places) < y.At(places); });
  for (std::size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i - 1].At(places) == sorted[i].At(places)) return false;
  }
  std::vector<std::string> written, left, result;
  for (const Number& number : sorted) result.push_back(number.Written());
  if (!draft.Claim(Join(result))) return false;
  for (const Number& number : numbers) {
    written.push_back(number.Written());
    left.push_back(Fixed(number.At(places), places));
  }
  static constexpr const char* kUp[] = {"from smallest to largest", "in ascending order"};
  static constexpr const char* kDown[] = {"from largest to smallest", "in descending order"};
  draft.Ask({kOrderTrain, kOrderTest},
            {{"list", random.OneIn(2) ? JoinAnd(written) : Join(written)},
             {"up", up ? random.Pick(kUp) : random.Pick(kDown)}});
  if (!up) {
    std::reverse(sorted.begin(), sorted.end());
    std::reverse(result.begin(), result.end());
  }
  draft.Think("With " + Count(places, "decimal|decimals") + " each: " + Join(left) + ".");
  for (const Number& number : sorted) {
    const std::string padded = Fixed(number.At(places), places);
    left.erase(std::find(left.begin(), left.end(), padded));
    if (left.empty()) {
      draft.Think("Last: " + padded + ".");
    } else {
      draft.Think((up ? "Smallest: " : "Largest: ") + padded + ". Left: " + Join(left) + ".");
    }
  }
  draft.Answer(AnswerKind::kList, Join(result), "In order: {answer}.");
  return true;
}

}  // namespace fathom
