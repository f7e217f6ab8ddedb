// Worlds of three or four steps.
#include "grade/families/story.h"

namespace fathom {
namespace {

constexpr const char* kChangeTrain[] = {
    ("A sandwich costs ${p} and a juice costs ${q}. {n} buys {x} sandwiches and {y} juices and "
     "pays with ${r}. How much change does {n} get?"),
    ("{n} buys {x} sandwiches at ${p} and {y} juices at ${q} and hands over ${r}. What is the "
     "change in dollars?"),
    ("How much change do you get from ${r} if you buy {x} sandwiches for ${p} apiece and {y} "
     "juices for ${q} apiece?"),
    ("I pay with a ${r} note. A sandwich is ${p}, a juice is ${q}, and I take {x} sandwiches and "
     "{y} juices. How many dollars do I get back?"),
    "Sandwich ${p}, juice ${q}. {x} sandwiches, {y} juices, paid with ${r}: how much change?",
    ("At the kiosk {m} asks ${p} for a sandwich and ${q} for a juice. {n} wants {x} sandwiches and "
     "{y} juices and puts ${r} on the counter. How many dollars must {m} return?"),
    ("A family orders {y} juices and {x} sandwiches. Each juice is ${q}, each sandwich ${p}. What "
     "change do they receive from ${r}?"),
    ("{n} pays with ${r} in a cafe. On the table are {x} sandwiches, which cost ${p} each, and {y} "
     "juices, which cost ${q} each. How much change is due?"),
    ("How much of ${r} does {n} get back after buying {x} sandwiches (${p} each) and {y} juices "
     "(${q} each)?"),
    ("Each sandwich costs ${p}. {n} takes {x}. Each juice costs ${q}. {n} takes {y}. How many "
     "dollars of change are there from ${r}?"),
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
    ("How many marbles do {n}, {m} and {k} have in all if {n} has {a}, {m} has {f} times as many "
     "as {n}, and {k} has {b} fewer than {m}?"),
    ("{k} has {b} marbles fewer than {m}, {m} has {f} times as many as {n}, and {n} has {a}. How "
     "many marbles is that altogether?"),
    ("{n} owns {a} marbles. {m} owns {f} times as many. If {k} owns {b} fewer than {m}, how many "
     "marbles do they own together?"),
    "Marbles: {n} {a}, {m} {f} times as many as {n}, {k} {b} fewer than {m}. How many in all?",
    ("In a game {n} wins {a} marbles and {m} wins {f} times as many as {n}. {k} wins {b} marbles "
     "fewer than {m}. How many marbles do the three win?"),
    ("I count the marbles of my friends. {n} has {a}. For each marble of {n}, {m} has {f}. {k} has "
     "{b} fewer than {m}. How many marbles do I count?"),
    ("{a} marbles are in {n}'s bag, and {f} times as many are in {m}'s bag. {k}'s bag contains {b} "
     "fewer than {m}'s bag. How many marbles are in all three bags?"),
    ("You pour the marbles of {n}, {m} and {k} into an empty jar. {n} brings {a}, {m} brings {f} "
     "times as many as {n}, and {k} brings {b} fewer than {m}. How many marbles are in the jar?"),
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
    ("How old will {n}'s mother be in {b} years if {n} is {a} now and the mother is {f} times as "
     "old?"),
    "I am {a}. My mother is {f} times as old as I am. How old will she be {b} years from now?",
    ("Today {n} turns {a}, and {n}'s mother is exactly {f} times as old today. What will her age "
     "be in {b} years?"),
    "Child {a} years, mother {f} times as old, {b} years pass: how old is the mother then?",
    ("What age will the mother of {n} reach {b} years from now? {n} is {a} years old today, and "
     "the mother is {f} times as old as {n}."),
    ("You are {a} years old, and your mother's age is {f} times your age. In {b} years, how old "
     "will your mother be?"),
    ("Multiply {n}'s age by {f} and you get the age of {n}'s mother. {n} is {a}. How old is the "
     "mother going to be in {b} years?"),
    ("{n} has lived for {a} years, the mother of {n} {f} times as long. How many years old will "
     "the mother be when {b} more years have passed?"),
    ("In a family, the daughter is {a} and the mother is {f} times as old as the daughter. Now {b} "
     "years pass. How old is the mother then?"),
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
    ("How many groups of {d} can be formed from {a} classes of {b} pupils when {c} pupils in all "
     "are missing?"),
    "{a} classes, {b} pupils in each, {c} pupils missing in all, groups of {d}: how many groups?",
    ("On sports day {a} classes should come, and each class has {b} pupils. {c} pupils stay in "
     "bed. Those who come are split into groups of {d}. How many groups are formed?"),
    ("Each of {a} classes has {b} pupils on its list. Today {c} of all these pupils are not at "
     "school. The teachers put {d} of the present pupils into each group. How many groups do they "
     "get?"),
    ("I teach {a} classes with {b} pupils each. Today {c} of my pupils are away, and I divide the "
     "rest into groups of {d}. How many groups do I have?"),
    ("With {c} pupils at home, a school divides the others into groups of {d}. It has {a} classes, "
     "and every class has {b} pupils. How many groups does it make?"),
    ("You want groups of {d} pupils for a play. There are {a} classes and {b} pupils in every "
     "class, but {c} pupils cannot come. How many groups will you have?"),
    ("{b} pupils belong to each of the {a} classes of a school. All pupils except {c} are present "
     "and work in groups of {d}. What is the number of groups?"),
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
    ("How much does the fuel for {d} km cost if a van burns {l} litres per 100 km and a litre is "
     "${p}?"),
    ("My car uses {l} litres on 100 km, and I pay ${p} for each litre. How many dollars do I spend "
     "on fuel for {d} km?"),
    "{d} km, {l} litres per 100 km, ${p} per litre: what is the price of the fuel?",
    ("Fuel is ${p} a litre. {n} travels {d} km by motorbike, and 100 km need {l} litres. How much "
     "money does {n} spend on fuel?"),
    ("A taxi burns {l} litres of fuel on every 100 km. How many dollars must {m} pay for the fuel "
     "of a ride of {d} km when one litre is ${p}?"),
    ("The way to the sea is {d} km long. For each 100 km, {n}'s bus needs {l} litres, and each "
     "litre costs ${p}. How many dollars does the fuel for the way there cost?"),
    ("You plan a tour of {d} km. Your car swallows {l} litres for each 100 km. Fuel costs ${p} per "
     "litre. How much will you pay for it?"),
    ("If one litre is ${p} and a truck burns {l} litres on each 100 km, what is the cost of the "
     "fuel for a journey of {d} km?"),
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
    ("How much do {x} adults and {y} children pay for a show if an adult pays ${p}, a child pays "
     "${q}, and the whole group saves ${r} with a coupon?"),
    ("Adults ${p} each, children ${q} each. {x} adults, {y} children, ${r} discount in all: how "
     "much do they pay?"),
    ("We are {x} adults and {y} children. The circus charges ${p} per adult and ${q} per child, "
     "and we have one voucher worth ${r}. How many dollars do we pay?"),
    ("A boat ride costs each adult ${p} and each child ${q}. {x} adults and {y} children ride "
     "together and get a single discount of ${r}. What do they pay altogether?"),
    ("{n} orders concert tickets for a group: {x} for adults at ${p} each and {y} for children at "
     "${q} each. The cashier lowers the total by ${r}. How many dollars does the group pay?"),
    ("A coupon makes the whole visit to the pool ${r} cheaper. Without it, each adult pays ${p} "
     "and each child ${q}. What do {x} adults and {y} children pay together with one coupon?"),
    ("You visit a castle in a group of {x} adults and {y} children. Tickets are ${p} per adult and "
     "${q} per child, but the group pays ${r} less in all. How much does the group pay?"),
    ("{y} children and {x} adults go to the theatre. A child's seat is ${q}, an adult's seat ${p}. "
     "Because it is {n}'s birthday, they pay ${r} less altogether. How many dollars do they pay?"),
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
    ("How many good toys do {n} and {m} make in {t} hours if {n} makes {a} an hour, {m} makes {b} "
     "an hour, and {c} toys in all are faulty?"),
    ("{n}: {a} toys an hour. {m}: {b} toys an hour. After {t} hours of work by both, {c} of all "
     "the toys are bad. How many good ones are there?"),
    ("{a} toys an hour from {n}, {b} toys an hour from {m}, {t} hours, {c} toys spoilt in all: how "
     "many good toys?"),
    ("I build {a} toys per hour, and my friend {m} builds {b} per hour. We both work {t} hours, "
     "but {c} of our toys are useless. How many good toys do we have?"),
    ("Two machines run for {t} hours. One turns out {a} toys per hour, the other {b} toys per "
     "hour. {c} toys from both machines together have to be thrown away. How many good toys are "
     "there?"),
    ("For {t} hours {n} and {m} carve toys. {n} finishes {a} per hour, and {m} finishes {b} per "
     "hour. {c} of all these toys are cracked and the others are good. How many are good?"),
    ("Of all the toys that {n} and {m} paint in {t} hours, {c} are spoilt. {n} paints {a} toys an "
     "hour, {m} paints {b} toys an hour. How many toys are good?"),
    ("You make {a} toys in an hour. Your sister makes {b} toys in an hour. Both of you work {t} "
     "hours. Then you find {c} broken toys among them. How many toys are not broken?"),
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
