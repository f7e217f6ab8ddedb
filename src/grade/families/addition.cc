// Addition and subtraction. Levels 1 to 3 are about longer numbers; level 4 has three numbers to
// add, or a result below zero.
#include <algorithm>
#include <vector>

#include "grade/families.h"
#include "grade/families/columns.h"

namespace fathom {
namespace {

constexpr const char* kAddTrain[] = {
    "What is {sum}?",
    "{sum} = ?",
    "{sum}",
    "Calculate {sum}.",
    "Please add {list}.",
    "How much is {sum}?",
    "Add {list}.",
    "Find the sum of {list}.",
    "What do you get if you add {list}?",
    "Work out {sum} for me.",
    "Can you compute {sum}?",
    "I need the total of {list}.",
    "What's the sum of {list}?",
    "Hi, what does {sum} make?",
    "Do this addition: {sum}",
    "Tell me {sum}, please.",
    "Sum up {list}.",
    "{sum} makes what?",
    "I want to know what {sum} comes to.",
    "We have to add {list}. How much is that?",
    "{list}: what is their sum?",
    "When {list} are added, which number comes out?",
    "sum of {list}",
    "Would you please solve {sum}?",
    "How large is the sum of the numbers {list}?",
};
constexpr const char* kAddTest[] = {
    "Give me the result of {sum}.",
    "If I add up {list}, what is the total?",
    "Could you add {list} together?",
    "A quick sum: {sum}",
};
constexpr const char* kSubtractTrain[] = {
    "What is {a} - {b}?",
    "{a} - {b} = ?",
    "{a} - {b}",
    "Calculate {a} - {b}.",
    "Subtract {b} from {a}.",
    "How much is {a} minus {b}?",
    "Take {b} away from {a}.",
    "What do you get if you subtract {b} from {a}?",
    "Work out {a} - {b} for me.",
    "Can you compute {a} - {b}?",
    "What's {a} minus {b}?",
    "Hi, what does {a} - {b} make?",
    "Do this subtraction: {a} - {b}",
    "Tell me {a} minus {b}, please.",
    "What remains of {a} if I take away {b}?",
    "{b} subtracted from {a} is what?",
    "Which number is {b} less than {a}?",
    "Start with {a}, then take off {b}. Where do you end up?",
    "I want to know what {a} minus {b} comes to.",
    "{a} minus {b}",
    "Reduce {a} by {b}.",
    "We have to subtract {b} from {a}. How much is that?",
    "Would you please solve {a} - {b}?",
    "When {a} is lowered by {b}, which number comes out?",
};
constexpr const char* kSubtractTest[] = {
    "Give me the result of {a} - {b}.",
    "If I take {b} from {a}, what do I get?",
    "Could you subtract {b} from {a}?",
    "A quick one: {a} minus {b}",
};

// A number of `digits` digits, the first not zero.
int64_t NumberOf(Random& random, int digits) {
  return random.Between(PowerOfTen(digits - 1), PowerOfTen(digits) - 1);
}

std::string ContentOf(std::vector<int64_t> numbers) {
  std::sort(numbers.begin(), numbers.end());
  return Join(numbers, " ");
}

}  // namespace

bool DrawAddition(Draft& draft) {
  Random& random = draft.random;
  std::vector<int64_t> numbers;
  if (draft.level == 1) {
    numbers = {NumberOf(random, 2), NumberOf(random, random.OneIn(4) ? 1 : 2)};
  } else if (draft.level == 2) {
    numbers = {NumberOf(random, 3), NumberOf(random, random.OneIn(3) ? 2 : 3)};
  } else if (draft.level == 3) {
    const int digits = static_cast<int>(random.Between(4, 6));
    numbers = {NumberOf(random, digits),
               NumberOf(random, digits - static_cast<int>(random.Between(0, 2)))};
  } else {
    for (int i = 0; i < 3; ++i) {
      numbers.push_back(NumberOf(random, static_cast<int>(random.Between(2, 3))));
    }
  }
  if (!draft.Claim(ContentOf(numbers))) return false;
  random.Shuffle(numbers);
  std::vector<std::string> texts;
  for (const int64_t number : numbers) texts.push_back(Text(number));
  const std::string sum = Join(texts, " + ");
  draft.Ask({kAddTrain, kAddTest}, {{"sum", sum}, {"list", JoinAnd(texts)}});
  draft.Think("Let me add the digits from the right and write down what I have so far.");
  int64_t total = numbers[0];
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    if (i > 1) draft.Think("Now add " + texts[i] + " to " + Text(total) + ".");
    total = AddColumns(draft, total, numbers[i]);
  }
  draft.Answer(AnswerKind::kNumber, Text(total), "The sum is {answer}.");
  return true;
}

bool DrawSubtraction(Draft& draft) {
  Random& random = draft.random;
  const int digits = draft.level == 1   ? 2
                     : draft.level == 2 ? 3
                     : draft.level == 3 ? static_cast<int>(random.Between(4, 6))
                                        : static_cast<int>(random.Between(2, 3));
  int64_t a = NumberOf(random, digits);
  int64_t b = NumberOf(random, random.OneIn(3) ? digits - 1 : digits);
  if (a == b) return false;
  if ((a < b) != (draft.level == 4)) std::swap(a, b);
  if (!draft.Claim(ContentOf({a, b}))) return false;
  draft.Ask({kSubtractTrain, kSubtractTest}, {{"a", Text(a)}, {"b", Text(b)}});
  if (a < b) {
    draft.Think(Text(a) + " is less than " + Text(b) +
                ", so the result is negative. I subtract the other way round.");
    SubtractColumns(draft, b, a);
    draft.Think("With the minus sign: " + Text(a - b) + ".");
  } else {
    draft.Think("Let me subtract the digits from the right and write down what I have so far.");
    SubtractColumns(draft, a, b);
  }
  draft.Answer(AnswerKind::kNumber, Text(a - b), "The difference is {answer}.");
  return true;
}

}  // namespace fathom
