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
    "How many dollars do {x} and {y} cost if a {one} is ${p} and a {two} is ${q}?",
    ("{n} needs {x} and {y}. The price of a {one} is ${p}, that of a {two} is ${q}. What does {n} "
     "have to pay?"),
    "Prices: {one} ${p}, {two} ${q}. What is the total for {x} and {y}?",
    "I bought {x} for ${p} each, and then I bought {y} for ${q} each. How much money did I spend?",
    ("At the market you pay ${p} for a {one} and ${q} for a {two}. How much do you pay for {x} and "
     "{y}?"),
    "{x}, ${p} each; {y}, ${q} each: how many dollars in total?",
    ("{m} sells {x} at ${p} apiece. {m} also sells {y} at ${q} apiece. How much money does {m} "
     "take in?"),
    ("Each {two} costs ${q}, and each {one} costs ${p}. Someone orders {y} and {x}. What does the "
     "whole order cost?"),
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
    "How many km does a truck go if it drives {t} hours at {v} km an hour and {d} km after that?",
    ("A car is driven for {t} hours at a speed of {v} km an hour. Then it goes the last {d} km to "
     "the coast. How many km does it go altogether?"),
    "{v} km an hour for {t} hours, plus {d} km: how far does the train go?",
    ("My motorbike does {v} km in an hour. I ride it for {t} hours and then for another {d} km. "
     "How many km does it go?"),
    ("After {t} hours at {v} km an hour, a coach still has {d} km to go. How long is its whole way "
     "in km?"),
    ("{n}'s van covers {v} km each hour. It is on the road for {t} hours before lunch and covers "
     "{d} km after lunch. How many km does it cover in all?"),
    ("A lorry first goes {d} km through a city. Then it goes {t} hours on the motorway at {v} km "
     "an hour. How many km is that in total?"),
    ("You are on a train that does {v} km per hour. It runs {t} hours, stops for a while and runs "
     "{d} km more. How many km does it run?"),
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
    ("How many fruits grow in a field of {a} rows with {b} plants each if {c} plants in all have "
     "dried up and bear nothing, while each healthy one bears {d} fruits?"),
    ("I planted {a} rows and put {b} plants in every row. A storm broke {c} of the plants. From "
     "each plant still standing I pick {d} fruits. How many fruits do I pick?"),
    ("{a} rows, {b} plants a row, {c} plants dead in all, {d} fruits on each living plant: how "
     "many fruits?"),
    ("Every row of {n}'s greenhouse has {b} plants, and there are {a} rows. Snails eat {c} plants. "
     "If each plant that survives bears {d} fruits, how many fruits are there?"),
    ("Each healthy plant bears {d} fruits, each sick one none. There are {a} rows of {b} plants, "
     "and {c} plants are sick. How many fruits are there in all?"),
    ("A farmer sets {b} plants in each of {a} rows. {c} of all these plants freeze. The farmer "
     "harvests {d} fruits from each plant that is left. How many fruits are harvested?"),
    ("You see a field with {a} rows. In each row are {b} plants. Goats eat {c} plants in all, and "
     "the others bear {d} fruits each. How many fruits do you count?"),
    ("{d} fruits hang on each plant in {m}'s field, except on {c} plants that have none. The field "
     "has {a} rows of {b} plants. How many fruits hang there?"),
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
    ("How many litres are in a tank after {t} minutes if it starts with {a} litres, gets {b} "
     "litres a minute and loses {c} litres a minute?"),
    ("A pump puts {b} litres of water into a tank every minute, while a tap takes out {c} litres "
     "every minute. At first there are {a} litres in it. How many litres are in it after {t} "
     "minutes?"),
    ("{a} litres at the start, {b} litres in and {c} litres out per minute, {t} minutes: how many "
     "litres are in the tank?"),
    ("I fill {b} litres into a water tank each minute, and through a hole {c} litres drip out each "
     "minute. {a} litres were there before. How many litres are in it when {t} minutes are over?"),
    ("During each of {t} minutes, {b} litres run into a tank and {c} litres run out of it. Before "
     "that, there were {a} litres in it. How many litres are in the tank at the end?"),
    ("{n} has a rain tank with {a} litres in it. Every minute {b} litres of rain come in, and {n} "
     "uses {c} litres for the flowers. How many litres will be in the tank in {t} minutes?"),
    ("You open both taps of a tank with {a} litres of oil. One lets in {b} litres a minute, the "
     "other lets out {c} litres a minute. You close both after {t} minutes. How many litres of oil "
     "are in the tank?"),
    ("Water tank: {a} litres now, every minute plus {b} litres and minus {c} litres. How many "
     "litres after {t} minutes?"),
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
    ("{n} starts with ${a} and puts aside ${b} each week. A tent costs ${p}. How many dollars does "
     "{n} still need for it after {t} weeks?"),
    ("I want a guitar for ${p}. I have ${a} already, and I save ${b} each week. How many dollars "
     "do I still need when {t} weeks have passed?"),
    "A phone for ${p}, ${a} in hand, ${b} saved a week, {t} weeks: how many dollars are missing?",
    ("How many dollars short is {n} when {t} weeks are over? {n} needs ${p} for a drum, owns ${a} "
     "now and saves ${b} weekly."),
    ("For {t} weeks {n} has put ${b} a week into a box that held ${a} before. The skates that {n} "
     "wants cost ${p}. How much money is still missing?"),
    ("You have ${a} in your piggy bank. Each week you put in ${b} and spend nothing. A camera "
     "costs ${p}. How many dollars will you lack for it after {t} weeks?"),
    ("A class needs ${p} for a party. There is ${a} in the class box, and every week ${b} comes "
     "in. How much is missing after {t} weeks?"),
    ("{m} sells a kayak for ${p}. {n}, who has ${a} now, earns ${b} per week and keeps all of it. "
     "After {t} weeks, how many dollars does {n} lack for the kayak?"),
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
    ("{c} cookies go into a bag. {n} has {a} trays with {b} cookies on each. How many bags can be "
     "filled?"),
    ("From the oven come {a} trays, each with {b} cookies. A bag takes {c} cookies. How many bags "
     "can {n} fill?"),
    "{a} trays, {b} cookies on each, {c} cookies per bag: how many bags?",
    ("How many bags are needed if a bakery packs {c} cookies into each bag and has {a} plates with "
     "{b} cookies each?"),
    ("I bake {a} times, {b} cookies each time. Then I put all of them into bags, {c} to a bag. How "
     "many bags do I fill?"),
    ("You take {b} cookies out of each of {a} tins and fill bags with {c} cookies each. How many "
     "bags do you fill?"),
    ("Each bag is to hold {c} cookies. On the table are {a} plates with {b} cookies on every "
     "plate. How many bags will there be when all cookies are packed?"),
    ("{n} and {m} bake for a fair. They fill {a} trays, every tray gives {b} cookies, and they "
     "sell the cookies in bags of {c}. How many bags can they sell?"),
    ("In a bakery, {a} baskets of {b} cookies are waiting. {m} sorts all the cookies into bags "
     "with {c} in each. What is the number of bags?"),
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
    "How many legs are there in a stable with {a} goats and {b} geese?",
    "{a} cats, {b} canaries: how many legs in all?",
    "I see {a} sheep and {b} swans in a meadow. How many legs do all of them have?",
    "A zoo keeps {a} lions and {b} ostriches. What is the number of their legs altogether?",
    "{n} has {a} rabbits, and {m} has {b} owls. How many legs do the rabbits and the owls have?",
    ("There are {b} chickens and {a} pigs in a yard. Each pig has four legs, each chicken two. How "
     "many legs do they have in all?"),
    "Count the legs of {a} donkeys and {b} turkeys. How many are there?",
    "You feed {b} pigeons and {a} squirrels in the park. How many legs do all these animals have?",
    "If {a} wolves and {b} eagles live in a forest, how many legs does that make?",
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
