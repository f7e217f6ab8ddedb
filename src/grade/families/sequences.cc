// The next number of a sequence. The thinking tries one rule after another, in the order that
// settles which rule is meant: equal steps, steps that grow evenly, steps by turns, a factor, sums
// of the two before. A sequence that an earlier rule would continue in another way is not drawn.
#include <string>
#include <vector>

#include "grade/families.h"

namespace fathom {
namespace {

constexpr const char* kSequenceTrain[] = {
    "What comes next: {list}, ...?",
    "What is the next number in {list}?",
    "Continue the sequence {list}.",
    "{list}, ?",
    "Find the next number: {list}, ...",
    "Which number follows {list}?",
    "The sequence {list} goes on. What is next?",
    "{list}: what is the next term?",
    "Complete the pattern: {list}, __",
    "Please tell me the next number of {list}.",
    "Can you continue {list}?",
    "Hey, what comes after {list}?",
    "How does {list} go on?",
    "I see {list}. Which number should I write next?",
    "{list}, and then?",
    "Look at {list}. What would you put at the end?",
    "Find the rule behind {list} and tell me the next number.",
    "One number is missing at the end: {list}, __. Which one?",
    "Could you work out the number after {list}?",
    "The first numbers are {list}. Work out the following one.",
    "We have {list} so far. What will the next number be?",
    "next after {list}?",
};
constexpr const char* kSequenceTest[] = {
    "Give the next term of the sequence {list}.",
    "If the pattern is {list}, which number comes next?",
    "Extend this by one number: {list}",
};

using Terms = std::vector<int64_t>;

Terms StepsOf(const Terms& terms) {
  Terms steps;
  for (std::size_t i = 1; i < terms.size(); ++i) steps.push_back(terms[i] - terms[i - 1]);
  return steps;
}

bool AllEqual(const Terms& terms) {
  for (const int64_t term : terms) {
    if (term != terms[0]) return false;
  }
  return true;
}

bool ByTurns(const Terms& steps) {
  for (std::size_t i = 2; i < steps.size(); ++i) {
    if (steps[i] != steps[i - 2]) return false;
  }
  return true;
}

bool HasFactor(const Terms& terms) {
  if (terms[0] == 0 || terms[1] % terms[0] != 0) return false;
  for (std::size_t i = 1; i < terms.size(); ++i) {
    if (terms[i] != terms[i - 1] * (terms[1] / terms[0])) return false;
  }
  return true;
}

// Lines that find the next term. False: no rule of these fits.
bool ThinkNext(Draft& draft, const Terms& terms, int64_t& next) {
  const Terms steps = StepsOf(terms), growth = StepsOf(steps);
  const int64_t last = terms.back();
  std::vector<std::string> differences;
  for (std::size_t i = 1; i < terms.size(); ++i) {
    differences.push_back(Text(terms[i]) + " - " + Text(terms[i - 1]) + " = " + Text(steps[i - 1]));
  }
  draft.Think(Join(differences));
  draft.Think("Steps: " + Join(steps) + ".");
  int64_t step = 0;
  if (AllEqual(steps)) {
    step = steps[0];
    draft.Think("Always the same.");
  } else if (AllEqual(growth)) {
    step = steps.back() + growth[0];
    draft.Think("They change by " + Text(growth[0]) + " each time: " + Text(steps.back()) +
                (growth[0] < 0 ? " - " + Text(-growth[0]) : " + " + Text(growth[0])) + " = " +
                Text(step));
  } else if (ByTurns(steps)) {
    step = steps[steps.size() - 2];
    draft.Think("They take turns, so the next step is " + Text(step) + ".");
  } else if (HasFactor(terms)) {
    const int64_t factor = terms[1] / terms[0];
    draft.Think("They are not regular. Is there a factor?");
    draft.Think(Text(terms[0]) + " * " + Text(factor) + " = " + Text(terms[1]) + ", " +
                Text(terms[1]) + " * " + Text(factor) + " = " + Text(terms[2]) + ", yes.");
    next = last * factor;
    draft.Think("Next: " + Text(last) + " * " + Text(factor) + " = " + Text(next));
    return true;
  } else {
    for (std::size_t i = 2; i < terms.size(); ++i) {
      if (terms[i] != terms[i - 1] + terms[i - 2]) return false;
    }
    const int64_t before = terms[terms.size() - 2];
    draft.Think("They are not regular, and there is no factor. Are they sums?");
    draft.Think(Text(terms[0]) + " + " + Text(terms[1]) + " = " + Text(terms[2]) + ", " +
                Text(terms[1]) + " + " + Text(terms[2]) + " = " + Text(terms[3]) + ", yes.");
    next = before + last;
    draft.Think("Next: " + Text(before) + " + " + Text(last) + " = " + Text(next));
    return true;
  }
  next = last + step;
  draft.Think("Next: " + Text(last) + (step < 0 ? " - " + Text(-step) : " + " + Text(step)) +
              " = " + Text(next));
  return true;
}

}  // namespace

bool DrawSequence(Draft& draft) {
  Random& random = draft.random;
  Terms terms;
  int64_t expected = 0;
  const auto extend = [&](std::size_t count, const auto& rule) {
    while (terms.size() < count) terms.push_back(rule());
    expected = rule();
  };
  const auto count = static_cast<std::size_t>(random.Between(4, 6));
  if (draft.level == 1) {
    terms = {random.Between(1, 50)};
    const int64_t step = random.Between(2, 15);
    extend(count, [&] { return terms.back() + step; });
  } else if (draft.level == 2) {
    if (random.OneIn(2)) {
      terms = {random.Between(20, 200)};
      const int64_t step = -random.Between(2, 25);
      extend(count, [&] { return terms.back() + step; });
    } else {
      terms = {random.Between(1, 12)};
      const int64_t factor = random.Between(2, 5);
      extend(factor > 3 ? 4 : 5, [&] { return terms.back() * factor; });
    }
  } else if (draft.level == 3) {
    if (random.OneIn(2)) {
      // Squares, and everything else whose steps grow evenly.
      int64_t step = random.Between(1, 9);
      const int64_t growth = random.Between(1, 6);
      terms = {random.Between(0, 20)};
      extend(5, [&] {
        const int64_t next = terms.back() + step;
        step += growth;
        return next;
      });
    } else {
      const int64_t up = random.Between(3, 20), other = random.Between(-12, 12);
      if (other == 0 || other == up) return false;
      terms = {random.Between(10, 60)};
      extend(6, [&] { return terms.back() + (terms.size() % 2 == 1 ? up : other); });
    }
  } else {
    if (random.OneIn(2)) {
      terms = {random.Between(1, 12), random.Between(1, 20)};
      extend(6, [&] { return terms.back() + terms[terms.size() - 2]; });
    } else {
      int64_t step = -random.Between(1, 20);
      const int64_t growth =
          random.Between(0, 1) == 0 ? -random.Between(1, 6) : random.Between(1, 9);
      terms = {random.Between(20, 150)};
      extend(5, [&] {
        const int64_t next = terms.back() + step;
        step += growth;
        return next;
      });
    }
  }
  if (!draft.Claim(Join(terms))) return false;
  int64_t next = 0;
  if (!ThinkNext(draft, terms, next) || next != expected) return false;
  draft.Ask({kSequenceTrain, kSequenceTest}, {{"list", Join(terms)}});
  draft.Answer(AnswerKind::kNumber, Text(next), "The next number is {answer}.");
  return true;
}

}  // namespace fathom
