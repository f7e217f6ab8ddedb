// Counting letters, and words and lists backwards. A word is of one split within a family; in the
// other families it may be of the other, so that every word is spelled out somewhere in training.
#include <algorithm>
#include <string_view>
#include <vector>

#include "grade/families.h"
#include "grade/words.h"

namespace fathom {
namespace {

constexpr const char* kCountTrain[] = {
    "How many {l}'s are in {word}?",
    "How many times does the letter {l} occur in {word}?",
    "Count the letter {l} in {word}.",
    "How often is there {al} in {word}?",
    "How many {l} are there in {word}?",
    "Count the {l}'s in {word}.",
    "In {word}, how many {l}'s do you see?",
    "Please count how often {l} appears in {word}.",
    "What is the number of {l}'s in {word}?",
    "Hey, how many {l}'s does {word} have?",
    "Tell me how many times {l} is in {word}.",
    "{word}: how many {l}'s?",
    "Find the number of times {l} occurs in {word}.",
    "I want to know how many {l}'s there are in {word}.",
    "Look at {word}. How often does {l} come up?",
    "Number of {l}'s in {word}?",
    "If I search {word} for the letter {l}, how many hits do I get?",
    "Could you check how many times {word} has the letter {l}?",
    "Go through {word} letter by letter. How many of them are {l}?",
    "We are looking for {al} in {word}. How many can we find?",
    "Letter: {l}. Text: {word}. How many times?",
};
constexpr const char* kCountTest[] = {
    "How many letters {l} does {word} contain?",
    "If you spell {word}, how many times do you write {l}?",
    "Can you count every {l} in {word}?",
};
constexpr const char* kWordTrain[] = {
    "Spell {word} backwards.",
    "Reverse the word {word}.",
    "What is {word} backwards?",
    "Write {word} from back to front.",
    "{word} spelled backwards?",
    "Turn the word {word} around.",
    "Can you reverse {word}?",
    "How do you write {word} backwards?",
    "I need {word} backwards, please.",
    "If {word} is written in reverse, what does it look like?",
    "Please flip the order of the letters in {word}.",
    "backwards: {word}",
    "Say {word} from its last letter to its first.",
    "Could you type {word} in reverse for me?",
};
constexpr const char* kWordTest[] = {
    "What do you get when you reverse the letters of {word}?",
    "Read {word} from right to left.",
};
constexpr const char* kListTrain[] = {
    "Reverse this list: {list}",
    "Write {list} in reverse order.",
    "What is the list {list} backwards?",
    "Turn around the order of {list}.",
    "Give {list} from last to first.",
    "{list} - backwards, please.",
    "Can you reverse the order of {list}?",
    "List these from back to front: {list}",
    "I want {list} in the opposite order.",
    "Here is a list: {list}. Write it the other way round.",
    "Please say {list} again, but backwards.",
    "reversed, please: {list}",
    "If you go through {list} from the last item to the first, what do you get?",
    "Flip the list {list}.",
};
constexpr const char* kListTest[] = {
    "Start at the end and list these: {list}",
    "What is the reverse of {list}?",
};

std::string Quoted(const std::string& text) { return "\"" + text + "\""; }

std::string DrawWord(Random& random, std::size_t least, std::size_t most) {
  while (true) {
    const std::string word = random.Pick(Words());
    if (word.size() >= least && word.size() <= most) return word;
  }
}

bool ReverseList(Draft& draft) {
  Random& random = draft.random;
  const auto count = static_cast<std::size_t>(random.Between(3, 6));
  std::vector<std::string> items;
  const bool numbers = random.OneIn(3);
  while (items.size() < count) {
    const std::string item = numbers ? Text(random.Between(1, 99)) : DrawWord(random, 3, 7);
    if (std::find(items.begin(), items.end(), item) == items.end()) items.push_back(item);
  }
  if (!draft.Claim(Join(items))) return false;
  draft.Ask({kListTrain, kListTest}, {{"list", Join(items)}});
  std::vector<std::string> numbered, backwards(items.rbegin(), items.rend());
  for (std::size_t i = 0; i < count; ++i) {
    numbered.push_back(Text(static_cast<int64_t>(i + 1)) + ". " + items[i]);
  }
  draft.Think("In order: " + Join(numbered) + ".");
  std::reverse(numbered.begin(), numbered.end());
  draft.Think("From the back: " + Join(numbered) + ".");
  draft.Answer(AnswerKind::kList, Join(backwards), "Reversed: {answer}.");
  return true;
}

}  // namespace

bool DrawCountLetters(Draft& draft) {
  Random& random = draft.random;
  std::string text = draft.level == 1 ? DrawWord(random, 3, 5) : DrawWord(random, 6, 12);
  if (draft.level == 3) {
    text = DrawWord(random, 3, 8);
    const std::string second = DrawWord(random, 3, 8);
    if (text == second || SplitOf(draft.problem.family, text) != draft.split) return false;
    if (!draft.Claim(second)) return false;
    text += " " + second;
    draft.problem.content = text;
  } else if (!draft.Claim(text)) {
    return false;
  }
  char letter = random.Pick(text);
  if (letter == ' ') return false;
  // Mostly one that is there more than once, if any is; now and then one that is not there.
  if (std::count(text.begin(), text.end(), letter) == 1 && !random.OneIn(3)) return false;
  if (random.OneIn(8)) letter = static_cast<char>(random.Between('a', 'z'));
  const bool an = std::string_view("aefhilmnorsx").find(letter) != std::string_view::npos;
  const std::string l(1, letter);
  draft.Ask({kCountTrain, kCountTest},
            {{"l", l},
             {"al", (an ? "an " : "a ") + l},
             {"word", draft.level == 3 || random.OneIn(2) ? Quoted(text) : text}});
  draft.Think("Let me spell it and count each " + l + ".");
  int64_t count = 0;
  std::vector<std::string> steps;
  for (const char c : text) {
    if (c == ' ') {
      draft.Think(Join(steps));
      steps.clear();
      continue;
    }
    if (c == letter) ++count;
    steps.push_back(std::string(1, c) + " " + Text(count));
  }
  draft.Think(Join(steps));
  draft.Answer(AnswerKind::kNumber, Text(count), "The letter {l} occurs {answer} {times}.",
               {{"l", l}, {"times", count == 1 ? "time" : "times"}});
  return true;
}

bool DrawReverse(Draft& draft) {
  if (draft.level == 1) return ReverseList(draft);
  const std::string word =
      draft.level == 2 ? DrawWord(draft.random, 3, 5) : DrawWord(draft.random, 6, 12);
  if (!draft.Claim(word)) return false;
  draft.Ask({kWordTrain, kWordTest}, {{"word", draft.random.OneIn(2) ? Quoted(word) : word}});
  const std::string backwards(word.rbegin(), word.rend());
  draft.Think("The letters of " + word + ": " + Spell(word));
  draft.Think("From the back: " + Spell(backwards));
  draft.Answer(AnswerKind::kWord, backwards, "Backwards it is {answer}.");
  return true;
}

}  // namespace fathom
