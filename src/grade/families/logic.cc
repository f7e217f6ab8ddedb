// Syllogisms over a chain of nouns, and people who always lie or never do.
#include <algorithm>
#include <string>
#include <vector>

#include "grade/families.h"
#include "grade/words.h"

namespace fathom {
namespace {

constexpr const char* kSyllogismTrain[] = {
    "{facts} Is {name} {q}? Answer yes, no or unknown.",
    "{facts} Does it follow that {name} is {q}? Say yes, no or unknown.",
    "Suppose this is true: {facts} Is {name} {q}, yes, no or unknown?",
    "{facts} Yes, no or unknown: is {name} {q}?",
    "Given: {facts} Question: is {name} {q}? (yes, no, unknown)",
    "{facts} What do we know: is {name} {q}? Yes, no or unknown?",
    "Here are some facts. {facts} Is {name} {q}? Reply with yes, no or unknown.",
    "{facts} So is {name} {q}, or not, or is it unknown?",
    "Think about this: {facts} Is {name} {q}? If it cannot be known, say unknown.",
    "Please decide if {name} is {q} (yes, no or unknown). {facts}",
    "{facts} Can you tell whether {name} is {q}? Yes, no or unknown.",
    "I was told: {facts} Is {name} {q}? Yes, no or unknown.",
    "Is {name} {q}? Use only what is said here. {facts} Answer with yes, no or unknown.",
    "{facts} Someone says that {name} is {q}. Is that right: yes, no or unknown?",
    "Could you work out whether {name} is {q}? {facts} Yes, no or unknown, please.",
    "{facts} I think that {name} is {q}. Am I right? Yes, no or unknown.",
    "{name}: {q} or not? {facts} Tell me yes, no or unknown.",
    "You are told the following. {facts} Would you say that {name} is {q}, yes, no or unknown?",
    "{facts} Judge the claim that {name} is {q}: yes, no or unknown?",
    "My question is whether {name} is {q}. {facts} Let me know: yes, no or unknown.",
    "Imagine a place where this holds. {facts} There, is {name} {q}? Yes, no or unknown.",
};
constexpr const char* kSyllogismTest[] = {
    "If these facts hold, is {name} {q}? {facts} Choose yes, no or unknown.",
    "{facts} Must {name} be {q}? If yes, say yes; if {name} cannot be, say no; else say unknown.",
    "Read this: {facts} Then is {name} {q}: yes, no or unknown?",
};
constexpr const char* kLiarsTrain[] = {
    "{names} each always lie or always tell the truth. {facts} {count} Who lies?",
    ("There are {n} people, {names}. Each of them always lies or always tells the truth. {facts} "
     "{count} Who lies?"),
    "Who is lying? {facts} {count} Everybody here either always lies or never does.",
    "{names}: some always lie, the others always tell the truth. {facts} {count} Find the liars.",
    "Every one of {names} is a liar or honest. {facts} {count} Name who lies.",
    "{facts} {count} Each person always lies or always tells the truth. Who lies?",
    "Liars always lie and honest people never do. {facts} {count} Who is a liar?",
    "On an island everyone always lies or always tells the truth. {facts} {count} Who lies?",
    "{facts} If each of them is either honest or a liar, and this is known: {count} Who lies?",
    "Please find out who lies. {facts} {count} Each one always lies or never lies.",
    "A riddle: {facts} {count} Each of {names} always lies or always tells the truth. Who lies?",
    "Can you tell who lies? {names} are each a liar or honest. {facts} {count}",
    ("Of {names}, each always lies or always tells the truth. {count} They talk: {facts} So "
     "who lies?"),
    "We met {names}. Each is a liar or truthful, all the time. {facts} {count} Who is lying?",
    "Work out who the liars are. {names} are each always truthful or always lying. {facts} {count}",
    ("You meet {names}. Some never say a true word, the others never lie. {facts} {count} "
     "Whom can you not trust?"),
    ("Please list the liars. {facts} {count} A liar never tells the truth here, and everybody "
     "else always does."),
    "If liars only say false things and all others only true things, who lies? {facts} {count}",
    ("Could you solve this for us? {facts} {count} Everyone tells the truth every time or "
     "lies every time. Who is lying?"),
    ("Who lies, and who is honest? Each of {names} always does one of the two. {facts} "
     "{count} Give only the liars."),
    "{n} people, always honest or always lying: {names}. {facts} {count} Liars?",
};
constexpr const char* kLiarsTest[] = {
    "{names} are honest people or liars. {facts} {count} Which of them lie?",
    "{facts} {count} Nobody here sometimes lies: it is always or never. Who does lie?",
    ("Help me find who does not tell the truth. {facts} {count} Each person always lies or never "
     "does."),
};

// A claim about the chain: "All X are Y", or "No X are Y" for the last one.
std::string All(std::string_view x, std::string_view y) {
  return "All " + Many(x) + " are " + Many(y);
}
std::string No(std::string_view x, std::string_view y) {
  return "No " + Many(x) + " are " + Many(y);
}

enum class Shape { kForward, kExcluded, kConverse, kContrapositive, kInverse, kOutsider };

struct Chain {
  std::vector<std::string> nouns;  // each is contained in the next
  std::string outside;             // no member of the last is one; empty: not stated
  std::string name;

  std::string Is(const std::string& noun) const { return name + " is " + WithArticle(One(noun)); }
  std::string IsNot(const std::string& noun) const {
    return name + " is not " + WithArticle(One(noun));
  }
  // Lines up the chain from its first noun.
  void ThinkUp(Draft& draft) const {
    for (std::size_t i = 1; i < nouns.size(); ++i) {
      draft.Think(All(nouns[i - 1], nouns[i]) + ", so " + Is(nouns[i]) + ".");
    }
  }
  // Lines down the chain from its last noun, which the person is not.
  void ThinkDown(Draft& draft) const {
    for (std::size_t i = nouns.size(); i-- > 1;) {
      draft.Think(All(nouns[i - 1], nouns[i]) + ", so " + IsNot(nouns[i - 1]) + ".");
    }
  }
};

// Writes the lines for the shape; returns the premise about the person, the noun asked for and the
// answer.
void Conclude(Draft& draft, const Chain& chain, Shape shape, std::string& premise,
              std::string& asked, std::string& answer) {
  const std::string &first = chain.nouns.front(), &last = chain.nouns.back();
  switch (shape) {
    case Shape::kForward:
      premise = chain.Is(first);
      draft.Think(premise + ".");
      chain.ThinkUp(draft);
      asked = last;
      answer = "yes";
      return;
    case Shape::kExcluded:
      premise = chain.Is(first);
      draft.Think(premise + ".");
      chain.ThinkUp(draft);
      draft.Think(No(last, chain.outside) + ", so " + chain.IsNot(chain.outside) + ".");
      asked = chain.outside;
      answer = "no";
      return;
    case Shape::kConverse:
      premise = chain.Is(last);
      draft.Think(premise + ".");
      draft.Think(All(chain.nouns[chain.nouns.size() - 2], last) +
                  ", but not the other way round.");
      draft.Think("So it is unknown.");
      asked = first;
      answer = "unknown";
      return;
    case Shape::kContrapositive:
      premise = chain.IsNot(last);
      draft.Think(premise + ".");
      chain.ThinkDown(draft);
      asked = first;
      answer = "no";
      return;
    case Shape::kInverse:
      premise = chain.IsNot(first);
      draft.Think(premise + ".");
      draft.Think(All(first, chain.nouns[1]) + ", but others can be " + Many(chain.nouns[1]) +
                  " too.");
      draft.Think("So it is unknown.");
      asked = last;
      answer = "unknown";
      return;
    case Shape::kOutsider:
      premise = chain.Is(chain.outside);
      draft.Think(premise + ".");
      draft.Think(No(last, chain.outside) + ", so " + chain.IsNot(last) + ".");
      chain.ThinkDown(draft);
      asked = first;
      answer = "no";
      return;
  }
}

}  // namespace

bool DrawSyllogism(Draft& draft) {
  Random& random = draft.random;
  const auto links = static_cast<std::size_t>(draft.level);
  Chain chain;
  chain.nouns = random.Sample(Strings(random.OneIn(2) ? People() : InventedNouns()), links + 3);
  const std::string spare = chain.nouns.back();
  chain.nouns.pop_back();
  const std::string outside = chain.nouns.back();
  chain.nouns.pop_back();
  chain.name = random.Pick(Names());
  const auto shape = static_cast<Shape>(random.Between(0, draft.level == 1 ? 3 : 5));
  if (shape == Shape::kExcluded || shape == Shape::kOutsider || random.OneIn(4)) {
    chain.outside = outside;
  }
  std::vector<std::string> facts;
  for (std::size_t i = 1; i < chain.nouns.size(); ++i) {
    facts.push_back(All(chain.nouns[i - 1], chain.nouns[i]) + ".");
  }
  if (!chain.outside.empty()) facts.push_back(No(chain.nouns.back(), chain.outside) + ".");
  // Something true that does not matter.
  if (draft.level == 3 && random.OneIn(2)) facts.push_back(All(chain.nouns[0], spare) + ".");
  std::string premise, asked, answer;
  Conclude(draft, chain, shape, premise, asked, answer);
  const std::string structure = Join(facts, " ") + " " + premise;
  if (!draft.Claim(structure + " " + asked)) return false;
  if (draft.level > 1) random.Shuffle(facts);
  if (random.OneIn(3)) {
    facts.insert(facts.begin(), premise + ".");
  } else {
    facts.push_back(premise + ".");
  }
  draft.Ask({kSyllogismTrain, kSyllogismTest},
            {{"facts", Join(facts, " ")}, {"name", chain.name}, {"q", WithArticle(One(asked))}});
  const std::string is = answer == "yes" ? chain.Is(asked) : chain.IsNot(asked);
  draft.Answer(AnswerKind::kYesNo, answer,
               answer == "unknown" ? "{answer}, the facts do not say it." : "{answer}, {is}.",
               {{"is", is}});
  return true;
}

bool DrawTruthTellers(Draft& draft) {
  Random& random = draft.random;
  const auto count = static_cast<std::size_t>(draft.level + 2);
  std::vector<std::string> names = random.Sample(Strings(Names()), count);
  std::vector<bool> lies;
  std::size_t liars = 0;
  for (std::size_t i = 0; i < count; ++i) {
    lies.push_back(random.OneIn(2));
    if (lies.back()) ++liars;
  }
  // Everyone the other way round fits what is said, too: the number of liars must tell.
  if (liars == 0 || liars == count || 2 * liars == count) return false;
  std::vector<std::string> facts, said;
  for (std::size_t i = 0; i + 1 < count; ++i) {
    said.push_back(lies[i] == lies[i + 1] ? names[i + 1] + " tells the truth"
                                          : names[i + 1] + " lies");
    facts.push_back(names[i] + " says that " + said.back() + ".");
  }
  const auto sentence = [](std::size_t n) {
    return "Exactly " + Text(static_cast<int64_t>(n)) + " of them " + (n == 1 ? "lies." : "lie.");
  };
  if (!draft.Claim(Join(facts, " ") + " " + Text(static_cast<int64_t>(liars)))) return false;
  if (draft.level == 3) random.Shuffle(facts);
  draft.Ask({kLiarsTrain, kLiarsTest}, {{"names", JoinAnd(names)},
                                        {"n", Text(static_cast<int64_t>(count))},
                                        {"facts", Join(facts, " ")},
                                        {"count", sentence(liars)}});
  // The first is taken to be honest; then the chain tells of each of the others.
  draft.Think("Suppose " + names[0] + " tells the truth.");
  std::vector<std::string> found, right;
  bool liar = false;
  for (std::size_t i = 0; i + 1 < count; ++i) {
    const bool next = liar != (lies[i] != lies[i + 1]);
    draft.Think(names[i] + (liar ? " lies" : " tells the truth") + " and says that " + said[i] +
                ", so " + names[i + 1] + (next ? " lies." : " tells the truth."));
    liar = next;
    if (liar) found.push_back(names[i + 1]);
  }
  for (std::size_t i = 0; i < count; ++i) {
    if (lies[i]) right.push_back(names[i]);
  }
  const std::string number = Text(static_cast<int64_t>(found.size()));
  draft.Think("Liars: " + (found.empty() ? "nobody" : Join(found)) + ". That is " + number +
              ", and it must be " + Text(static_cast<int64_t>(liars)) + ".");
  if (lies[0]) {
    draft.Think("So " + names[0] + " lies, and all are the other way round.");
    draft.Think("Liars: " + Join(right) + ".");
  } else {
    draft.Think("That fits.");
  }
  draft.Answer(AnswerKind::kSet, JoinAnd(right),
               right.size() == 1 ? "{answer} lies." : "{answer} lie.");
  return true;
}

}  // namespace fathom
