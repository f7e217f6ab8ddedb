// Sorting numbers by taking the smallest (or largest) again and again, and words by as many of
// their first letters as it takes to tell them apart.
#include <algorithm>
#include <functional>
#include <set>
#include <vector>

#include "grade/families.h"
#include "grade/words.h"

namespace fathom {
namespace {

constexpr const char* kNumbersTrain[] = {
    "Sort {list} {up}.",
    "Put the numbers {list} in a row {up}.",
    "Order these numbers {up}: {list}",
    "Arrange {list} {up}.",
    "Please sort these numbers {up}: {list}",
    "Can you sort {list} {up}?",
    "{list} - sort them {up}.",
    "Write {list} {up}.",
    "I have the numbers {list}. Order them {up}.",
    "List the numbers {list} {up}.",
    "What are {list} {up}?",
    "Hi, could you sort {list} {up}?",
    "sort {up}: {list}",
    "Here are some numbers: {list}. Put them {up}.",
    "I would like {list} {up}, please.",
    "We need these values {up}: {list}",
    "Suppose {list} are written {up}. What does the row look like?",
    "{up}, please: {list}",
    "My numbers are {list}, but I want them {up}.",
    "Help me put {list} {up}.",
    "How do {list} read when they go {up}?",
};
constexpr const char* kNumbersTest[] = {
    "Line up the numbers {list} {up}.",
    "How do you sort {list} {up}?",
    "Rank {list} {up}.",
};
constexpr const char* kWordsTrain[] = {
    "Sort these words alphabetically: {list}",
    "Put {list} in alphabetical order.",
    "Order the words {list} from A to Z.",
    "Arrange {list} alphabetically.",
    "Please sort {list} by the alphabet.",
    "Can you put these words in alphabetical order: {list}",
    "{list} - alphabetical order, please.",
    "What is the alphabetical order of {list}?",
    "I need {list} in alphabetical order.",
    "Alphabetize {list}.",
    "sort alphabetically: {list}",
    "In a dictionary, in which order are {list}?",
    "List {list} from A to Z.",
    "I have the words {list}. Please alphabetize them.",
    "Here are some words: {list}. Sort them from A to Z.",
    "If we file {list} by the alphabet, what does the list look like?",
    "A to Z: {list}",
    "Could you sort the words {list} for me, A first and Z last?",
    "Write down {list} as they would come in an index.",
    "My list is {list}. Make it alphabetical.",
    "Starting from A, how should {list} be listed?",
};
constexpr const char* kWordsTest[] = {
    "How would a dictionary order {list}?",
    "Bring these words into alphabetical order: {list}",
    "Which order do {list} have in the alphabet?",
};

}  // namespace

bool DrawSortNumbers(Draft& draft) {
  Random& random = draft.random;
  const int64_t count = draft.level == 1   ? random.Between(3, 4)
                        : draft.level == 2 ? random.Between(5, 6)
                                           : random.Between(7, 8);
  const int64_t low = draft.level == 3 && random.OneIn(3) ? -50 : 1;
  const int64_t high = draft.level == 2 && random.OneIn(2) ? 999 : 99;
  std::vector<int64_t> numbers;
  while (static_cast<int64_t>(numbers.size()) < count) {
    const int64_t number = random.Between(low, high);
    if (std::find(numbers.begin(), numbers.end(), number) == numbers.end()) {
      numbers.push_back(number);
    }
  }
  std::vector<int64_t> sorted = numbers;
  std::sort(sorted.begin(), sorted.end());
  if (!draft.Claim(Join(sorted)) || numbers == sorted) return false;
  const bool up = !random.OneIn(3);
  if (!up) std::reverse(sorted.begin(), sorted.end());
  static constexpr const char* kUp[] = {"from smallest to largest", "in ascending order",
                                        "from low to high"};
  static constexpr const char* kDown[] = {"from largest to smallest", "in descending order",
                                          "from high to low"};
  draft.Ask({kNumbersTrain, kNumbersTest},
            {{"list", Join(numbers)}, {"up", up ? random.Pick(kUp) : random.Pick(kDown)}});
  draft.Think("Let me take the " + std::string(up ? "smallest" : "largest") + " each time.");
  std::vector<int64_t> left = numbers;
  for (const int64_t number : sorted) {
    left.erase(std::find(left.begin(), left.end(), number));
    draft.Think(left.empty() ? Text(number) + " is last." : Text(number) + ", left " + Join(left));
  }
  draft.Answer(AnswerKind::kList, Join(sorted), "Sorted: {answer}.");
  return true;
}

bool DrawSortWords(Draft& draft) {
  Random& random = draft.random;
  const int64_t count =
      draft.level == 1 ? random.Between(3, 4) : random.Between(4, draft.level + 3);
  std::vector<std::string> words;
  while (static_cast<int64_t>(words.size()) < count) {
    std::string word = random.Pick(Words());
    // From level 2 on, words that begin alike are wanted.
    if (draft.level > 1 && !words.empty() && random.OneIn(2)) {
      for (int i = 0; i < 200 && word[0] != words[0][0]; ++i) word = random.Pick(Words());
    }
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
  }
  std::vector<std::string> sorted = words;
  std::sort(sorted.begin(), sorted.end());
  // As many letters as it takes for all to differ; a whole word stands for itself.
  std::size_t letters = 1;
  const auto differ = [&] {
    std::set<std::string> starts;
    for (const std::string& word : words) starts.insert(word.substr(0, letters));
    return starts.size() == words.size();
  };
  while (!differ()) ++letters;
  if (letters > (draft.level == 1 ? 1u : 3u) || words == sorted || !draft.Claim(Join(sorted))) {
    return false;
  }
  draft.Ask({kWordsTrain, kWordsTest}, {{"list", Join(words)}});
  // "d: drill, r: ring, a: apricot": each word behind as many of its letters.
  const auto behind_starts = [&](const std::vector<std::string>& list) {
    std::vector<std::string> some;
    for (const std::string& word : list) {
      some.push_back(Spell(word.substr(0, letters)) + ": " + word);
    }
    return Join(some);
  };
  draft.Think((letters == 1 ? "The first letters: "
                            : "The first " + Text(static_cast<int64_t>(letters)) +
                                  " letters tell them apart: ") +
              behind_starts(words) + ".");
  draft.Think("In order: " + behind_starts(sorted) + ".");
  draft.Answer(AnswerKind::kList, Join(sorted), "Sorted: {answer}.");
  return true;
}

}  // namespace fathom
