// Worlds of three or four steps.
#include "grade/families/story.h"

namespace fathom {
namespace {

constexpr const char* kChangeTrain[] = {
    ("A sandwich costs ${p} and a juice costs ${q}. {n} buys {x} sandwiches and {y} juices and "
     "pays with ${r}. How much change does {n} get?"),
    ("{n} buys {x} sandwiches at ${p} and {y} juices at ${q} and hands over ${r}. What is the "
     "change in dollars?"),
};
constexpr const char* kChangeTest[] = {
    ("For {x} sandwiches at ${p} each and {y} juices at ${q} each, {n} gives ${r}. How much comes "
     "back?"),
};
void Change(Story& story) {
  const int64_t p = story.Number("p", 3, 9), q = story.Number("q", 2, 6);
  const int64_t x = story.Number("x", 2, 6), y = story.Number("y", 2, 6);
  const int64_t price = p * x + q * y;
  const int64_t r = story.Named("r", price < 50 && story.random.OneIn(2) ? 50 : 100);
  if (price >= r) {
    story.suits = false;
    return;
  }
  const int64_t first = story.Times("Sandwiches", x, p);
  const int64_t second = story.Times("Juices", y, q);
  const int64_t total = story.Plus("To pay", first, second);
  story.answer = story.Minus("Change", r, total);
  story.reply = "The change is ${answer}.";
}

constexpr const char* kMarblesTrain[] = {
    ("{n} has {a} marbles. {m} has {f} times as many as {n}, and {k} has {b} fewer than {m}. How "
     "many marbles do the three have together?"),
    ("{m} has {f} times as many marbles as {n}, who has {a}. {k} has {b} fewer than {m}. How many "
     "do all three have?"),
};
constexpr const char* kMarblesTest[] = {
    ("Three children collect marbles: {n} has {a}, {m} has {f} times that number, and {k} has {b} "
     "fewer than {m}. What is the total?"),
};
void Marbles(Story& story) {
  const int64_t a = story.Number("a", 3, 30), f = story.Number("f", 2, 4);
  const int64_t b = story.Number("b", 2, a * f - 1);
  const std::string n = story.values[0].second, m = story.values[1].second,
                    k = story.values[2].second;
  const int64_t second = story.Times(m, f, a);
  const int64_t third = story.Minus(k, second, b);
  const int64_t two = story.Plus(n + " and " + m, a, second);
  story.answer = story.Plus("All three", two, third);
  story.reply = "Together they have {answer} marbles.";
}

constexpr const char* kFutureTrain[] = {
    ("{n} is {a} years old, and {n}'s mother is {f} times as old. How old will the mother be in "
     "{b} years?"),
    ("A mother is {f} times as old as her child {n}, who is {a}. What is the mother's age in {b} "
     "years?"),
};
constexpr const char* kFutureTest[] = {
    "{n}, who is {a}, has a mother {f} times that age. How old will the mother be in {b} years?",
};
void Future(Story& story) {
  const int64_t a = story.Number("a", 5, 15), f = story.Number("f", 3, 6);
  const int64_t b = story.Number("b", 2, 25);
  if (a * f < 20 || a * f > 55) {
    story.suits = false;
    return;
  }
  const int64_t now = story.Times("The mother now", f, a);
  story.answer = story.Plus("The mother then", now, b);
  story.reply = "The mother will be {answer} years old.";
}

constexpr const char* kClassesTrain[] = {
    ("A school has {a} classes of {b} pupils. {c} pupils are ill. The others form groups of {d}. "
     "How many groups are there?"),
    ("Of {a} classes with {b} pupils each, {c} pupils are absent. The rest are put into groups of "
     "{d}. How many groups is that?"),
};
constexpr const char* kClassesTest[] = {
    ("{a} classes of {b} pupils go on a trip without {c} who are ill. In groups of {d}, how many "
     "groups are there?"),
};
void Classes(Story& story) {
  const int64_t a = story.Number("a", 2, 6), b = story.Number("b", 15, 30);
  const int64_t c = story.Number("c", 2, 12), d = story.Number("d", 3, 9);
  if ((a * b - c) % d != 0) {
    story.suits = false;
    return;
  }
  const int64_t all = story.Times("Pupils", a, b);
  const int64_t there = story.Minus("Present", all, c);
  story.answer = story.Over("Groups", there, d);
  story.reply = "There are {answer} groups.";
}

constexpr const char* kFuelTrain[] = {
    ("A car needs {l} litres for 100 km. A litre costs ${p}. How many dollars does the fuel for "
     "{d} km cost?"),
    "With {l} litres for every 100 km and ${p} a litre, what does {n} pay for a drive of {d} km?",
};
constexpr const char* kFuelTest[] = {
    ("{n} drives {d} km. The car takes {l} litres for 100 km, at ${p} a litre. What does the fuel "
     "cost?"),
};
void Fuel(Story& story) {
  const int64_t l = story.Number("l", 4, 9), p = story.Number("p", 2, 5);
  const int64_t d = story.Named("d", 100 * story.random.Between(2, 12));
  const int64_t hundreds = story.Over("Hundreds of km", d, 100);
  const int64_t litres = story.Times("Litres", hundreds, l);
  story.answer = story.Times("Cost", litres, p);
  story.reply = "The fuel costs ${answer}.";
}

constexpr const char* kTicketsTrain[] = {
    ("A zoo ticket is ${p} for adults and ${q} for children. A group of {x} adults and {y} "
     "children gets ${r} off. How much does the group pay?"),
    ("{x} adults at ${p} each and {y} children at ${q} each visit a museum and get a discount of "
     "${r} in all. What do they pay?"),
};
constexpr const char* kTicketsTest[] = {
    ("Entry is ${p} for an adult and ${q} for a child. With ${r} taken off the sum, what do {x} "
     "adults and {y} children pay?"),
};
void Tickets(Story& story) {
  const int64_t q = story.Number("q", 3, 9), p = story.Number("p", q + 1, 20);
  const int64_t x = story.Number("x", 2, 6), y = story.Number("y", 2, 9),
                r = story.Number("r", 2, 12);
  const int64_t adults = story.Times("Adults", x, p);
  const int64_t children = story.Times("Children", y, q);
  const int64_t sum = story.Plus("Together", adults, children);
  story.answer = story.Minus("With the discount", sum, r);
  story.reply = "They pay ${answer}.";
}

constexpr const char* kWorkersTrain[] = {
    ("{n} makes {a} toys an hour and {m} makes {b}. They work {t} hours, and {c} toys are broken. "
     "How many good toys are there?"),
    ("In one hour {n} makes {a} toys and {m} makes {b} toys. After {t} hours {c} of all toys turn "
     "out bad. How many are good?"),
};
constexpr const char* kWorkersTest[] = {
    ("Together {n} (with {a} toys an hour) and {m} (with {b}) work for {t} hours. {c} toys break. "
     "How many are left?"),
};
void Workers(Story& story) {
  const int64_t a = story.Number("a", 3, 15), b = story.Number("b", 3, 15),
                t = story.Number("t", 2, 9);
  const int64_t c = story.Number("c", 2, 9);
  const int64_t hour = story.Plus("Toys in an hour", a, b);
  const int64_t all = story.Times("Toys in all", t, hour);
  story.answer = story.Minus("Good toys", all, c);
  story.reply = "There are {answer} good toys.";
}

constexpr World kHardWorlds[] = {
    {"change", 3, {kChangeTrain, kChangeTest}, Change},
    {"marbles", 3, {kMarblesTrain, kMarblesTest}, Marbles},
    {"future", 3, {kFutureTrain, kFutureTest}, Future},
    {"classes", 3, {kClassesTrain, kClassesTest}, Classes},
    {"fuel", 3, {kFuelTrain, kFuelTest}, Fuel},
    {"tickets", 3, {kTicketsTrain, kTicketsTest}, Tickets},
    {"workers", 3, {kWorkersTrain, kWorkersTest}, Workers},
};

}  // namespace

std::span<const World> HardWorlds() { return kHardWorlds; }

}  // namespace fathom
