// Countdown: a target from three or four numbers, each used once. The thinking works backwards: it
// leaves one number for the end, sees what the others would have to make, and goes back when they
// cannot. With three numbers this finds every solution but those that end in a division, or in a
// number divided by the rest. Problems whose search would be long are not drawn.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "grade/families.h"

namespace fathom {
namespace {

constexpr const char* kCountdownTrain[] = {
    "Use {list} to make {t}. Use each number exactly once.",
    "Make {t} from the numbers {list}, each used once.",
    "How can you get {t} with {list}? Every number must be used exactly once.",
    "Countdown: numbers {list}, target {t}. Use each number once.",
    "Using {list} once each and + - * /, reach {t}.",
    "Combine {list} with +, -, *, / to get {t}. Each number once.",
    "Write an expression that equals {t} with the numbers {list}, each used exactly once.",
    "numbers {list}, target {t}, use all once",
    "Can you make {t} out of {list}? Use each number exactly one time.",
    "Target {t}. Numbers {list}. Use each of them once.",
    "Find a way to make {t} using each of {list} once.",
    "Please build {t} from {list}; each number has to be used once.",
    "With +, -, * and /, turn {list} into {t}. Use each number once.",
    "{list} -> {t}, each number once",
    "I want to get to {t} with the numbers {list}, and each must be used exactly once. How?",
    "How would you calculate {t} out of the numbers {list}? None may be left out or used twice.",
    "We are playing Countdown. The target is {t} and our numbers are {list}. Use every one once.",
    "What expression over {list} has the value {t}? It contains each number once and only once.",
    "Could you put + - * / and brackets between {list}, in any order, to make {t}? Use each once.",
    "Take each of the numbers {list} one time and calculate so that {t} comes out.",
    "If you may use + - * / and each of {list} only once but all of them, how do you make {t}?",
    "The result should be {t}. You have {list}, and all of them must be used one time each.",
    "Help me hit {t}: my numbers are {list}, each to be used once.",
};
constexpr const char* kCountdownTest[] = {
    "Which calculation with {list} gives {t}? Each number is used exactly once.",
    "Reach the target {t} by using the numbers {list} once each.",
    "I have {list}. How do I get {t} if I use each number once?",
};

using Numbers = std::vector<int64_t>;

struct Value {
  int64_t value;
  std::string written;
};

std::string Operation(int64_t a, char operation, int64_t b) {
  return Text(a) + " " + operation + " " + Text(b);
}

// What two numbers make, larger first.
std::vector<Value> PairValues(int64_t a, int64_t b) {
  if (a < b) std::swap(a, b);
  std::vector<Value> values = {{a + b, Operation(a, '+', b)}};
  if (a > b) values.push_back({a - b, Operation(a, '-', b)});
  values.push_back({a * b, Operation(a, '*', b)});
  if (b > 1 && a % b == 0) values.push_back({a / b, Operation(a, '/', b)});
  return values;
}

// What the rest must make so that one operation with `last` gives the target.
struct Need {
  int64_t value;
  std::string written;        // "34 - 8"
  std::string before, after;  // around the rest: "" and " + 8", or "8 - " and ""
};
std::vector<Need> NeedsOf(int64_t target, int64_t last) {
  std::vector<Need> needs;
  const std::string text = Text(last);
  if (target % last == 0 && last > 1) {
    needs.push_back({target / last, Operation(target, '/', last), "", " * " + text});
  }
  if (target > last) {
    needs.push_back({target - last, Operation(target, '-', last), "", " + " + text});
  }
  needs.push_back({target + last, Operation(target, '+', last), "", " - " + text});
  if (last > target) {
    needs.push_back({last - target, Operation(last, '-', target), text + " - ", ""});
  }
  return needs;
}

std::string Close(const Need& need, const std::string& rest) {
  return need.before + "(" + rest + ")" + need.after;
}

Numbers Without(Numbers numbers, std::size_t at) {
  numbers.erase(numbers.begin() + static_cast<std::ptrdiff_t>(at));
  return numbers;
}

// The search over three numbers. Writes its lines; the expression, or nothing.
std::optional<std::string> ThinkThree(Draft& draft, const Numbers& numbers, int64_t target) {
  for (std::size_t i = 0; i < 3; ++i) {
    const Numbers rest = Without(numbers, i);
    const std::vector<Value> values = PairValues(rest[0], rest[1]);
    std::vector<std::string> made;
    for (const Value& value : values) made.push_back(value.written + " = " + Text(value.value));
    draft.Think("Keep " + Text(numbers[i]) + ". " + Join(made) + ".");
    std::string line = "Need";
    for (const Need& need : NeedsOf(target, numbers[i])) {
      line += " " + need.written + " = " + Text(need.value);
      const auto hit = std::find_if(values.begin(), values.end(),
                                    [&](const Value& value) { return value.value == need.value; });
      if (hit != values.end()) {
        draft.Think(line + ": yes, " + hit->written + ".");
        return Close(need, hit->written);
      }
      line += " no,";
    }
    line.back() = '.';
    draft.Think(line);
  }
  return std::nullopt;
}

std::optional<std::string> ThinkFour(Draft& draft, const Numbers& numbers, int64_t target) {
  for (std::size_t i = 0; i < 4; ++i) {
    const Numbers rest = Without(numbers, i);
    for (const Need& need : NeedsOf(target, numbers[i])) {
      draft.Think("Last " + Text(numbers[i]) + ": then " + Join(rest) + " must make " +
                  need.written + " = " + Text(need.value) + ".");
      const std::optional<std::string> inner = ThinkThree(draft, rest, need.value);
      if (inner) return Close(need, *inner);
      draft.Think("No way to " + Text(need.value) + ", go back.");
      if (EstimatedTokens(draft.problem.thinking) > kMaxThinkingTokens) return std::nullopt;
    }
  }
  return std::nullopt;
}

// A target that the numbers reach by random operations, one after the other; 0 where they do not.
int64_t DrawTarget(Random& random, Numbers numbers) {
  random.Shuffle(numbers);
  int64_t value = numbers[0];
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    const int64_t operation = random.Between(1, 7), next = numbers[i];
    if (operation <= 2) {
      value += next;
    } else if (operation <= 4) {
      value = value > next ? value - next : next - value;
    } else if (operation <= 6) {
      value *= next;
    } else if (value % next == 0) {
      value /= next;
    } else {
      return 0;
    }
  }
  return value;
}

}  // namespace

bool DrawCountdown(Draft& draft) {
  Random& random = draft.random;
  const int64_t largest = draft.level == 1 ? 10 : 25;
  Numbers numbers;
  for (int i = 0; i < (draft.level == 3 ? 4 : 3); ++i)
    numbers.push_back(random.Between(1, largest));
  const int64_t target = DrawTarget(random, numbers);
  if (target < 5 || target > (draft.level == 1 ? 100 : 250)) return false;
  Numbers sorted = numbers;
  std::sort(sorted.begin(), sorted.end());
  if (!draft.Claim(Join(sorted) + " to " + Text(target))) return false;
  draft.Think("Target " + Text(target) + " with " + Join(numbers) + ".");
  const std::optional<std::string> found =
      numbers.size() == 3 ? ThinkThree(draft, numbers, target) : ThinkFour(draft, numbers, target);
  if (!found) return false;
  draft.Think("So " + *found + " = " + Text(target) + ".");
  if (EstimatedTokens(draft.problem.thinking) > kMaxThinkingTokens) return false;
  const std::string list = random.OneIn(2) ? Join(numbers) : Join(numbers, " ");
  draft.Ask({kCountdownTrain, kCountdownTest}, {{"list", list}, {"t", Text(target)}});
  draft.problem.check = Text(target) + ": " + Join(sorted, " ");
  draft.Answer(AnswerKind::kExpression, *found, "{answer} makes {t}.", {{"t", Text(target)}});
  return true;
}

}  // namespace fathom
