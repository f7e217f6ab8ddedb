// What does not belong with the others, and what is in one, both or either of two sets.
#include <algorithm>
#include <string>
#include <vector>

#include "grade/families.h"
#include "grade/words.h"

namespace fathom {
namespace {

constexpr const char* kOddTrain[] = {
    "Which word does not belong: {list}?",
    "Find the odd one out: {list}",
    "Which one is different: {list}?",
    "{list}: which of these does not fit?",
    "What is the odd one out among {list}?",
    "One of these is not like the others: {list}. Which one?",
    "Name the word that does not fit: {list}",
    "Which of {list} does not belong to the group?",
    "odd one out? {list}",
    "Please pick the word that is out of place: {list}",
    "Can you find the one that does not belong in {list}?",
    "Look at {list}. Which does not go with the rest?",
    "All of these but one are of the same kind: {list}. What is the exception?",
    "{list}. One of them is from another group. Which?",
    "I see {list}. Which one should I take out so that the rest are alike?",
    "If we keep only things of one kind, which of {list} has to go?",
    "Spot the intruder: {list}",
    "Help me find the misfit among {list}.",
    "You read these words: {list}. Which is of another kind?",
    "exception in {list}?",
    "Most of {list} share a category. Tell me the word that falls outside it.",
};
constexpr const char* kOddTest[] = {
    "Which of these words is the stranger: {list}?",
    "Say which one does not match the rest: {list}",
    "In {list}, what does not belong?",
};
constexpr const char* kMultipleTrain[] = {
    "Which number is not a multiple of {k}: {list}?",
    "Which of {list} cannot be divided by {k}?",
    "All but one of {list} are multiples of {k}. Which one is not?",
    "Find the number that is not divisible by {k}: {list}",
    "If you divide each of {list} by {k}, which one leaves a remainder?",
    "{list}: which one is not in the {k} times table?",
    "Which of {list} does not come out whole when I divide by {k}?",
    "Into which of {list} does {k} not go evenly?",
    "You count in steps of {k} from zero. Which of {list} do you never reach?",
    "We want multiples of {k} only. Which number must go from {list}?",
    "Tell me which of {list} does not have {k} as a factor.",
    "Please look for the number with a remainder after dividing by {k}: {list}",
    "not a multiple of {k}? {list}",
};
constexpr const char* kMultipleTest[] = {
    "One of {list} is not divisible by {k}. Which?",
    "Pick what is no multiple of {k}: {list}",
};
constexpr const char* kMemberTrain[] = {
    "Is {x} in the set {a}?",
    "Does {x} belong to {a}?",
    "Is {x} an element of {a}?",
    "Is {x} one of {a}?",
    "Does the set {a} contain {x}?",
    "Can you find {x} in {a}?",
    "I am looking for {x}. Is it in {a}?",
    "{x} in {a}, yes or no?",
    "Look at {a}. Is {x} there?",
    "Given the set {a}, does {x} appear?",
    "Please check the set {a} for {x}. Is it there?",
    "If A = {a}, is {x} in A?",
    "Is {x} listed in {a}?",
    "Does {a} include {x}?",
};
constexpr const char* kMemberTest[] = {
    "Tell me whether {a} has {x} in it.",
    "Is {x} a member of {a}?",
};
constexpr const char* kGroupTrain[] = {
    "Is {x} {group}?",
    "Does {x} belong to the {groups}?",
    "Would you call {x} {group}?",
    "Is {x} one of the {groups}?",
    "Yes or no: is {x} {group}?",
    "Can we say that {x} is {group}?",
    "Does {x} qualify as {group}?",
    "I think {x} is {group}. Am I right?",
    "Tell me if {x} is {group}.",
    "Should {x} be listed under {groups}?",
    "{x}: {group} or not?",
    "If someone says that {x} is {group}, are they right?",
    "We are collecting {groups}. Does {x} fit in?",
    "Could you tell me, please: does {x} go with the {groups}?",
};
constexpr const char* kGroupTest[] = {
    "Do we count {x} among the {groups}?",
    "Is it true that {x} is {group}?",
};
constexpr const char* kBothTrain[] = {
    "Which elements are in both {a} and {b}?",
    "Find the intersection of {a} and {b}.",
    "What do {a} and {b} have in common?",
    "A = {a}, B = {b}. What is in A and also in B?",
    "Which of {a} are also in {b}?",
    "List the common elements of {a} and {b}.",
    "Which items appear in each of {a} and {b}?",
    "Look at {a} and {b}. What turns up in both?",
    "If X = {a} and Y = {b}, what is the intersection of X and Y?",
    "Please give the overlap of {a} and {b}.",
    "I have {a} and you have {b}. What do we both have?",
    "{a} and {b}: common elements?",
    "Keep from {a} only what {b} has too.",
};
constexpr const char* kBothTest[] = {
    "What do the sets {a} and {b} share?",
    "Name everything that is in {a} as well as in {b}.",
};
constexpr const char* kMinusTrain[] = {
    "Which elements of {a} are not in {b}?",
    "A = {a}, B = {b}. What is in A but not in B?",
    "Take away from {a} what is in {b}. What is left?",
    "What is in {a} and missing in {b}?",
    "Find the difference of the sets {a} and {b}.",
    "If X = {a} and Y = {b}, which elements of X are missing from Y?",
    "{a} without {b}: the difference?",
    "I have {a}. You have {b}. What do I have but not you?",
    "Please go through {a} and list whatever is not in {b}.",
    "Look at {a}. Which of these are missing when you look at {b}?",
    "Keep only those elements of {a} that {b} does not include.",
    "Set difference: {a} minus {b}",
    "When we compare {a} with {b}, which are in the first set but not the second?",
};
constexpr const char* kMinusTest[] = {
    "Remove from {a} all that is in {b}. What remains?",
    "Name what {a} has and {b} does not.",
};
constexpr const char* kUnionTrain[] = {
    "What is the union of {a} and {b}?",
    "Which elements are in {a} or in {b} or in both?",
    "A = {a}, B = {b}. What is in A or B?",
    "Put {a} and {b} together into one set.",
    "Join the sets {a} and {b}.",
    "If X = {a} and Y = {b}, what is the union of X and Y?",
    "Combine {a} and {b} into a single set.",
    "union: {a}, {b}",
    "I have {a} and you have {b}. What do we have in all, without repeats?",
    "Please unite {a} and {b}.",
    "Which elements do you get if you pool {a} and {b}?",
    "Take the elements of {a} and add those of {b} that are new.",
    "Which items occur in at least one of {a} and {b}?",
};
constexpr const char* kUnionTest[] = {
    "Name everything that is in {a} or {b}.",
    "Merge {a} with {b} and list each element once.",
};

// "a carrot", but "milk" where the word has no plural.
std::string Named(const WordGroup& group, const std::string& word) {
  static constexpr std::string_view kWithout[] = {"colour", "kind of weather", "drink", "metal",
                                                  "sport"};
  const bool without =
      std::find(std::begin(kWithout), std::end(kWithout), One(group.noun)) != std::end(kWithout);
  return without ? word : WithArticle(word);
}

// Two groups that have nothing in common.
std::pair<const WordGroup*, const WordGroup*> DrawGroups(Random& random) {
  while (true) {
    const WordGroup &first = random.Pick(WordGroups()), &second = random.Pick(WordGroups());
    if (&first != &second && !(first.animals && second.animals)) return {&first, &second};
  }
}

std::string SetOf(const std::vector<std::string>& items) { return "{" + Join(items) + "}"; }

bool Contains(const std::vector<std::string>& items, const std::string& item) {
  return std::find(items.begin(), items.end(), item) != items.end();
}

// Numbers or words, all different.
std::vector<std::string> DrawItems(Random& random, std::size_t count) {
  const WordGroup& group = random.Pick(WordGroups());
  if (random.OneIn(2) && group.words.size() >= count) {
    return random.Sample(Strings(group.words), count);
  }
  std::vector<std::string> items;
  while (items.size() < count) {
    const std::string item = Text(random.Between(1, 30));
    if (!Contains(items, item)) items.push_back(item);
  }
  return items;
}

std::string Sorted(std::vector<std::string> items) {
  std::sort(items.begin(), items.end());
  return Join(items);
}

bool DrawMultiple(Draft& draft) {
  Random& random = draft.random;
  const int64_t k = random.Between(3, 9), count = random.Between(4, 5);
  std::vector<int64_t> numbers;
  while (static_cast<int64_t>(numbers.size()) + 1 < count) {
    const int64_t number = k * random.Between(2, 12);
    if (std::find(numbers.begin(), numbers.end(), number) == numbers.end())
      numbers.push_back(number);
  }
  const int64_t odd = k * random.Between(2, 12) + random.Between(1, k - 1);
  numbers.push_back(odd);
  std::vector<int64_t> sorted = numbers;
  std::sort(sorted.begin(), sorted.end());
  if (!draft.Claim(Text(k) + ": " + Join(sorted))) return false;
  random.Shuffle(numbers);
  draft.Ask({kMultipleTrain, kMultipleTest}, {{"k", Text(k)}, {"list", Join(numbers)}});
  draft.Think("Divide each by " + Text(k) + ".");
  for (const int64_t number : numbers) {
    draft.Think(Text(number) + " / " + Text(k) + " = " + Text(number / k) +
                (number % k == 0 ? "" : " remainder " + Text(number % k)));
    if (number == odd) break;
  }
  draft.Answer(AnswerKind::kNumber, Text(odd), "The odd one out is {answer}.");
  return true;
}

bool DrawMember(Draft& draft) {
  Random& random = draft.random;
  std::vector<std::string> items =
      DrawItems(random, static_cast<std::size_t>(random.Between(4, 7)));
  const std::string asked = items.back();
  const bool there = random.OneIn(2);
  items.pop_back();
  if (!draft.Claim(asked + " in " + Sorted(items))) return false;
  if (there) items[static_cast<std::size_t>(random.Between(0, 2))] = asked;
  random.Shuffle(items);
  draft.Ask({kMemberTrain, kMemberTest}, {{"x", asked}, {"a", SetOf(items)}});
  draft.Think("Go through the set.");
  std::vector<std::string> steps;
  for (const std::string& item : items) {
    steps.push_back(item + (item == asked ? " yes" : " no"));
    if (item == asked) break;
  }
  draft.Think(Join(steps));
  draft.Answer(AnswerKind::kYesNo, there ? "yes" : "no",
               there ? "{answer}, {x} is in the set." : "{answer}, {x} is not in the set.",
               {{"x", asked}});
  return true;
}

bool DrawGroup(Draft& draft) {
  Random& random = draft.random;
  const auto [group, other] = DrawGroups(random);
  const std::string word = random.Pick(group->words);
  if (!draft.Claim("is " + word)) return false;
  const bool yes = random.OneIn(2);
  const std::string_view asked = yes ? group->noun : other->noun;
  const std::string named = Named(*group, word);
  draft.Ask({kGroupTrain, kGroupTest},
            {{"x", named}, {"group", WithArticle(One(asked))}, {"groups", Many(asked)}});
  draft.Think(Capital(named) + " is " + WithArticle(One(group->noun)) + ".");
  draft.Answer(AnswerKind::kYesNo, yes ? "yes" : "no",
               yes ? "{answer}, {x} is {group}." : "{answer}, {x} is not {group}.",
               {{"x", named}, {"group", WithArticle(One(asked))}});
  return true;
}

}  // namespace

bool DrawOddOneOut(Draft& draft) {
  if (draft.level == 3) return DrawMultiple(draft);
  Random& random = draft.random;
  const auto [group, other] = DrawGroups(random);
  const auto count = static_cast<std::size_t>(draft.level == 1 ? 3 : random.Between(4, 5));
  std::vector<std::string> words = random.Sample(Strings(group->words), count);
  const std::string odd = random.Pick(other->words);
  words.push_back(odd);
  if (!draft.Claim(Sorted(words))) return false;
  random.Shuffle(words);
  draft.Ask({kOddTrain, kOddTest}, {{"list", Join(words)}});
  std::vector<std::string> steps;
  for (const std::string& word : words) {
    steps.push_back(Capital(word) + ": " + One(word == odd ? other->noun : group->noun) + ".");
  }
  draft.Think(Join(steps, "\n"));
  draft.Think("Only " + odd + " is not " + WithArticle(One(group->noun)) + ".");
  draft.Answer(AnswerKind::kWord, odd, "The odd one out is {answer}.");
  return true;
}

bool DrawSetMembers(Draft& draft) {
  Random& random = draft.random;
  if (draft.level == 1) return random.OneIn(2) ? DrawMember(draft) : DrawGroup(draft);
  std::vector<std::string> a, b;
  for (const std::string& item :
       DrawItems(random, static_cast<std::size_t>(random.Between(6, 9)))) {
    const int64_t where = random.Between(1, 3);
    if (where != 1) a.push_back(item);
    if (where != 2) b.push_back(item);
  }
  if (a.size() < 3 || b.size() < 3 || !draft.Claim(Sorted(a) + " / " + Sorted(b))) return false;
  random.Shuffle(a);
  random.Shuffle(b);
  const Values values = {{"a", SetOf(a)}, {"b", SetOf(b)}};
  std::vector<std::string> result, steps;
  if (draft.level == 3 && random.OneIn(2)) {
    draft.Ask({kUnionTrain, kUnionTest}, values);
    draft.Think("Start with " + Join(a) + ".");
    result = a;
    for (const std::string& item : b) {
      steps.push_back(item + (Contains(a, item) ? " there" : " new"));
      if (!Contains(a, item)) result.push_back(item);
    }
    draft.Think("The others: " + Join(steps) + ".");
  } else {
    const bool both = draft.level == 2 && random.OneIn(2);
    if (both) {
      draft.Ask({kBothTrain, kBothTest}, values);
    } else {
      draft.Ask({kMinusTrain, kMinusTest}, values);
    }
    for (const std::string& item : a) {
      steps.push_back(item + (Contains(b, item) ? " yes" : " no"));
      if (Contains(b, item) == both) result.push_back(item);
    }
    draft.Think("Is each one also in " + SetOf(b) + "?");
    draft.Think(Join(steps) + ".");
  }
  if (result.empty()) return false;
  draft.Answer(AnswerKind::kSet, Join(result),
               result.size() == 1 ? "It is {answer}." : "They are {answer}.");
  return true;
}

}  // namespace fathom
