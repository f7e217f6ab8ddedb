// Worlds of two or three steps.
#include "grade/families/story.h"

namespace fathom {
namespace {

struct Goods {
  const char* first;
  const char* second;
};
constexpr Goods kGoods[] = {{"pen|pens", "notebook|notebooks"}, {"cup|cups", "plate|plates"},
                            {"roll|rolls", "cake|cakes"},       {"ball|balls", "cap|caps"},
                            {"tulip|tulips", "rose|roses"},     {"lemon|lemons", "melon|melons"}};

constexpr const char* kShopTrain[] = {
    "A {one} costs ${p} and a {two} costs ${q}. {n} buys {x} and {y}. How much does {n} pay?",
    "{n} buys {x} at ${p} each and {y} at ${q} each. What is the total in dollars?",
    "One {one} is ${p}, one {two} is ${q}. What do {x} and {y} cost together?",
};
constexpr const char* kShopTest[] = {
    "In a shop, {n} takes {x} for ${p} each and {y} for ${q} each. How much is the bill?",
};
void Shop(Story& story) {
  const Goods& goods = story.random.Pick(kGoods);
  story.Word("one", One(goods.first));
  story.Word("two", One(goods.second));
  const int64_t p = story.Number("p", 2, 9), q = story.Number("q", 3, 15);
  const int64_t x = story.Number("a", 2, 9), y = story.Number("b", 2, 9);
  story.Counted("x", x, goods.first);
  story.Counted("y", y, goods.second);
  const int64_t first = story.Times(Capital(Many(goods.first)), x, p);
  const int64_t second = story.Times(Capital(Many(goods.second)), y, q);
  story.answer = story.Plus("Together", first, second);
  story.reply = "The total is ${answer}.";
}

constexpr const char* kTrainTrain[] = {
    ("A train goes {v} km every hour for {t} hours, and then {d} km more. How many km is that in "
     "all?"),
    "A bus drives {t} hours at {v} km an hour and then another {d} km. How far does it go?",
};
constexpr const char* kTrainTest[] = {
    ("A ship sails at {v} km an hour for {t} hours, then {d} km further. What distance in km is "
     "that?"),
};
void Trip(Story& story) {
  const int64_t v = story.Named("v", 5 * story.random.Between(4, 24));
  const int64_t t = story.Number("t", 2, 9), d = story.Number("d", 5, 150);
  const int64_t first = story.Times("In the hours", t, v);
  story.answer = story.Plus("In all", first, d);
  story.reply = "It goes {answer} km.";
}

constexpr const char* kGardenTrain[] = {
    ("A garden has {a} rows of {b} plants. {c} plants die. Each of the others bears {d} fruits. "
     "How many fruits are there?"),
    ("{n} plants {a} rows of {b} plants each; {c} of them do not grow. How many fruits are there "
     "if each other plant bears {d}?"),
};
constexpr const char* kGardenTest[] = {
    ("From {a} rows with {b} plants each, {c} plants are lost, and each of the rest gives {d} "
     "fruits. How many fruits is that?"),
};
void Garden(Story& story) {
  const int64_t a = story.Number("a", 2, 9), b = story.Number("b", 3, 9);
  const int64_t c = story.Number("c", 2, a * b - 2), d = story.Number("d", 2, 6);
  const int64_t plants = story.Times("Plants", a, b);
  const int64_t alive = story.Minus("Alive", plants, c);
  story.answer = story.Times("Fruits", alive, d);
  story.reply = "There are {answer} fruits.";
}

constexpr const char* kTankTrain[] = {
    ("A tank holds {a} litres. Every minute {b} litres flow in and {c} litres flow out. How many "
     "litres are in it after {t} minutes?"),
    ("There are {a} litres in a tank. Each minute it gains {b} litres and loses {c}. How many "
     "litres are there after {t} minutes?"),
};
constexpr const char* kTankTest[] = {
    ("Water flows into a pool of {a} litres at {b} litres a minute and leaks out at {c} litres a "
     "minute. How many litres does it hold {t} minutes later?"),
};
void Tank(Story& story) {
  const int64_t a = story.Number("a", 10, 200), b = story.Number("b", 5, 20);
  const int64_t c = story.Number("c", 2, b - 2), t = story.Number("t", 3, 12);
  const int64_t gain = story.Minus("Gain in a minute", b, c);
  const int64_t all = story.Times("Gain in all", gain, t);
  story.answer = story.Plus("In the tank", a, all);
  story.reply = "There are {answer} litres in it.";
}

constexpr const char* kSavingTrain[] = {
    ("{n} has ${a} and saves ${b} a week. How many dollars are missing after {t} weeks to buy a "
     "bike for ${p}?"),
    ("A bike costs ${p}. {n} has ${a} and saves ${b} every week for {t} weeks. How much is still "
     "missing?"),
};
constexpr const char* kSavingTest[] = {
    "To buy a bike for ${p}, {n} adds ${b} a week to ${a}. How much is missing after {t} weeks?",
};
void Saving(Story& story) {
  const int64_t a = story.Number("a", 5, 90), b = story.Number("b", 3, 15),
                t = story.Number("t", 3, 9);
  const int64_t p = story.Named("p", a + b * t + story.random.Between(5, 99));
  const int64_t saved = story.Times("Saved", t, b);
  const int64_t has = story.Plus("Money", a, saved);
  story.answer = story.Minus("Missing", p, has);
  story.reply = "${answer} is missing.";
}

constexpr const char* kCookiesTrain[] = {
    "{n} bakes {a} trays of {b} cookies and puts them into bags of {c}. How many bags are filled?",
    "{a} trays with {b} cookies each are packed into bags of {c} cookies. How many bags is that?",
};
constexpr const char* kCookiesTest[] = {
    "How many bags of {c} cookies does {n} get from {a} trays with {b} cookies each?",
};
void Cookies(Story& story) {
  const int64_t a = story.Number("a", 2, 9), b = story.Number("b", 4, 20),
                c = story.Number("c", 3, 10);
  if (a * b % c != 0) {
    story.suits = false;
    return;
  }
  const int64_t all = story.Times("Cookies", a, b);
  story.answer = story.Over("Bags", all, c);
  story.reply = "That fills {answer} bags.";
  if (story.answer == 1) story.suits = false;
}

constexpr const char* kLegsTrain[] = {
    "On a farm there are {a} cows and {b} hens. How many legs do the animals have?",
    "{n} has {a} dogs and {b} parrots. How many legs do these animals have together?",
};
constexpr const char* kLegsTest[] = {
    "How many legs do {a} horses and {b} ducks have together?",
};
void Legs(Story& story) {
  const int64_t a = story.Number("a", 2, 20), b = story.Number("b", 2, 30);
  const int64_t fours = story.Times("On four legs", a, 4);
  const int64_t twos = story.Times("On two legs", b, 2);
  story.answer = story.Plus("Together", fours, twos);
  story.reply = "They have {answer} legs.";
}

constexpr World kMiddleWorlds[] = {
    {"shop", 2, {kShopTrain, kShopTest}, Shop},
    {"trip", 2, {kTrainTrain, kTrainTest}, Trip},
    {"garden", 2, {kGardenTrain, kGardenTest}, Garden},
    {"tank", 2, {kTankTrain, kTankTest}, Tank},
    {"saving", 2, {kSavingTrain, kSavingTest}, Saving},
    {"cookies", 2, {kCookiesTrain, kCookiesTest}, Cookies},
    {"legs", 2, {kLegsTrain, kLegsTest}, Legs},
};

}  // namespace

std::span<const World> MiddleWorlds() { return kMiddleWorlds; }

}  // namespace fathom
