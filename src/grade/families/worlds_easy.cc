// Worlds of one or two steps.
#include "grade/families/story.h"

namespace fathom {
namespace {

constexpr const char* kCountedThings[] = {
    "apple|apples",     "marble|marbles", "sticker|stickers", "book|books",   "coin|coins",
    "pencil|pencils",   "shell|shells",   "card|cards",       "stamp|stamps", "button|buttons",
    "balloon|balloons", "nut|nuts",       "sweet|sweets",     "egg|eggs",     "flower|flowers"};

constexpr const char* kGiftTrain[] = {
    ("{n} has {a} {things}. {m} gives {n} {b} more, and {n} loses {c}. How many {things} does {n} "
     "have now?"),
    "{n} had {a} {things}, got {b} from {m} and gave {c} to {k}. How many {things} are left?",
};
constexpr const char* kGiftTest[] = {
    "First {n} has {a} {things}, then gets {b} more and gives away {c}. How many is that?",
};
void Gift(Story& story) {
  story.Word("things", Many(story.random.Pick(kCountedThings)));
  const int64_t a = story.Number("a", 3, 60), b = story.Number("b", 2, 40);
  const int64_t c = story.Number("c", 2, a);
  const int64_t more = story.Plus("With the new ones", a, b);
  story.answer = story.Minus("Without the others", more, c);
  story.reply = "{n} has {answer} {things}.";
}

constexpr const char* kBoxesTrain[] = {
    "There are {a} boxes with {b} {things} each. {c} {things} are taken out. How many are left?",
    ("{n} fills {a} bags with {b} {things} each, then uses up {c} {things}. How many are there "
     "still?"),
};
constexpr const char* kBoxesTest[] = {
    "In each of {a} boxes there are {b} {things}. After {c} are gone, how many {things} are there?",
};
void Boxes(Story& story) {
  story.Word("things", Many(story.random.Pick(kCountedThings)));
  const int64_t a = story.Number("a", 2, 9), b = story.Number("b", 4, 20);
  const int64_t c = story.Number("c", 2, a * b / 2);
  const int64_t all = story.Times("All together", a, b);
  story.answer = story.Minus("Without the missing ones", all, c);
  story.reply = "There are {answer} {things} left.";
}

constexpr const char* kBusTrain[] = {
    ("A bus has {a} people on it. At a stop {b} get off and {c} get on. How many people are on the "
     "bus now?"),
    "{a} people sit in a train. {b} leave it and {c} come in. How many sit there then?",
    ("At the stop, {b} of {a} passengers leave the tram and {c} new ones enter. How many are in "
     "the tram?"),
};
constexpr const char* kBusTest[] = {
    ("A ferry carries {a} people. In the harbour {b} leave and {c} board. How many does it carry "
     "now?"),
};
void Bus(Story& story) {
  const int64_t a = story.Number("a", 10, 80), b = story.Number("b", 2, a - 1);
  const int64_t c = story.Number("c", 2, 30);
  const int64_t left = story.Minus("After they leave", a, b);
  story.answer = story.Plus("After the others come", left, c);
  story.reply = "There are {answer} people.";
}

constexpr const char* kSharingTrain[] = {
    ("{a} {things} are shared equally among {b} children. Each child then loses {c}. How many "
     "{things} does each child have?"),
    ("{b} friends share {a} {things} fairly, and each gives {c} away. How many {things} has each "
     "one left?"),
};
constexpr const char* kSharingTest[] = {
    "{n} deals {a} {things} evenly to {b} people. Each of them drops {c}. How many has each then?",
};
void Share(Story& story) {
  story.Word("things", Many(story.random.Pick(kCountedThings)));
  const int64_t b = story.random.Between(2, 9), each = story.random.Between(4, 15);
  const int64_t a = story.Named("a", b * each);
  story.Named("b", b);
  const int64_t c = story.Number("c", 2, each - 1);
  const int64_t share = story.Over("Each gets", a, b);
  story.answer = story.Minus("Each keeps", share, c);
  story.reply = "Each one has {answer}.";
}

constexpr const char* kAgesTrain[] = {
    "{n} is {a} years old. {m} is {b} years older. How old are they together?",
    "{n} is {a}, and {m} is {b} years older than {n}. What is the sum of their ages?",
};
constexpr const char* kAgesTest[] = {
    "{m} was born {b} years before {n}, who is {a} now. What do their ages add up to?",
};
void Ages(Story& story) {
  const int64_t a = story.Number("a", 3, 40), b = story.Number("b", 2, 30);
  const int64_t m = story.Plus("The older one", a, b);
  story.answer = story.Plus("Together", a, m);
  story.reply = "Together they are {answer} years old.";
}

constexpr const char* kPagesTrain[] = {
    "A book has {a} pages. {n} reads {b} pages a day for {c} days. How many pages are left?",
    "{n} reads {b} pages every day. After {c} days, how many of {a} pages are still to be read?",
};
constexpr const char* kPagesTest[] = {
    "Of a book with {a} pages, {n} reads {b} a day. How many remain after {c} days?",
};
void Pages(Story& story) {
  const int64_t b = story.random.Between(4, 30), c = story.random.Between(2, 9);
  const int64_t a = story.Named("a", b * c + story.random.Between(5, 200));
  story.Named("b", b);
  story.Named("c", c);
  const int64_t read = story.Times("Pages read", c, b);
  story.answer = story.Minus("Pages left", a, read);
  story.reply = "There are {answer} pages left.";
}

constexpr const char* kMoneyTrain[] = {
    ("{n} has ${a} and buys a {thing} for ${b}. Then {m} gives {n} ${c}. How much money does {n} "
     "have now?"),
    "{n} pays ${b} for a {thing} out of ${a} and earns ${c} later. How many dollars has {n} then?",
};
constexpr const char* kMoneyTest[] = {
    "With ${a}, {n} pays ${b} for a {thing} and then finds ${c}. How much has {n} in the end?",
};
void Money(Story& story) {
  static constexpr const char* kGoods[] = {"ball", "book", "cap", "game",
                                           "mug",  "pen",  "toy", "cake"};
  story.Word("thing", story.random.Pick(kGoods));
  const int64_t a = story.Number("a", 20, 99), b = story.Number("b", 3, a - 2);
  const int64_t c = story.Number("c", 2, 50);
  const int64_t left = story.Minus("After paying", a, b);
  story.answer = story.Plus("In the end", left, c);
  story.reply = "{n} has ${answer}.";
}

constexpr World kEasyWorlds[] = {
    {"gift", 1, {kGiftTrain, kGiftTest}, Gift},
    {"boxes", 1, {kBoxesTrain, kBoxesTest}, Boxes},
    {"bus", 1, {kBusTrain, kBusTest}, Bus},
    {"share", 1, {kSharingTrain, kSharingTest}, Share},
    {"ages", 1, {kAgesTrain, kAgesTest}, Ages},
    {"pages", 1, {kPagesTrain, kPagesTest}, Pages},
    {"money", 1, {kMoneyTrain, kMoneyTest}, Money},
};

}  // namespace

std::span<const World> EasyWorlds() { return kEasyWorlds; }

}  // namespace fathom
