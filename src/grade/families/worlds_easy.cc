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
    "How many {things} does {n} own after starting with {a}, winning {b} and losing {c}?",
    ("{n} owns {a} {things}. On Monday {n} buys {b} more. On Tuesday {n} sells {c}. How many "
     "{things} does {n} own on Wednesday?"),
    ("I gave {b} {things} to {n}, who already had {a}. Later {n} handed {c} {things} to {m}. How "
     "many {things} did {n} keep?"),
    ("There were {a} {things} in {n}'s drawer. {n} put in {b} more and took out {c}. How many "
     "{things} does {n} have in the drawer now?"),
    "{a} {things} at the start, {b} more from {m}, {c} lost: how many {things} does {n} have?",
    ("Yesterday {n} collected {a} {things}, and today another {b}. If {c} of all these {things} "
     "get lost, how many of them does {n} still have?"),
    ("\"I had {a} {things},\" says {n}. \"My aunt brought me {b} more, and {m} borrowed {c} from "
     "me.\" How many {things} does {n} have at the moment?"),
    ("After {m} had sent {n} {b} {things} in a parcel, {n} used up {c} {things}. Before the parcel "
     "came, {n} had {a}. What number of {things} does {n} have now?"),
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
    ("{n} has {a} bags, each with {b} {things} in it, and gives {c} {things} to {m}. How many "
     "{things} does {n} keep?"),
    "How many {things} are left if {c} in all are removed from {a} baskets that held {b} each?",
    "{a} jars, {b} {things} in every jar, {c} {things} sold in all: how many are left?",
    ("I packed {a} crates and put {b} {things} into every crate. Then I sold {c} {things}. How "
     "many {things} do I still have?"),
    ("You own {a} chests with {things}, {b} per chest. {m} borrows {c} {things} from you. How many "
     "{things} do you still have?"),
    ("A shelf has {a} rows with {b} {things} per row. {n} takes {c} {things} away. How many "
     "{things} stay on the shelf?"),
    ("{c} {things} got lost on the way. At the start there were {a} parcels of {b} {things}. How "
     "many {things} arrived?"),
    ("Every one of {n}'s {a} tins contained {b} {things}, but {c} {things} were stolen altogether. "
     "What number of {things} is left?"),
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
    ("How many people are in a hall if {a} were there, {b} of them went home and {c} others "
     "arrived?"),
    ("{a} guests are at a party. {b} go home early, and {c} more guests arrive late. How many "
     "guests are there then?"),
    ("I counted {a} visitors in the museum. Then {b} walked out and {c} walked in. How many "
     "visitors were inside after that?"),
    "Plane with {a} passengers, {b} get out, {c} get in: how many people are on it?",
    ("The cinema had {a} people in it. When {b} had left, {c} others came. How many people did it "
     "have then?"),
    ("A queue is {a} people long. {b} of them give up and walk away, and {c} join at the back. How "
     "many people are waiting now?"),
    ("You drive a coach with {a} passengers. {b} of them get out in the city, where {c} new "
     "passengers get in. How many passengers do you have now?"),
    ("In a library, {a} people are reading. {b} of them stop and go, but {c} new readers sit down. "
     "What is the number of readers now?"),
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
    ("How many {things} does each of {b} children keep if they divide {a} {things} equally and "
     "each one loses {c}?"),
    ("{n} splits {a} {things} into equal parts for {b} friends. Later every friend loses {c} "
     "{things}. How many does each friend still have?"),
    ("There are {a} {things} for {b} girls, the same number for each. Every girl gives {c} to her "
     "brother. How many {things} does each girl keep?"),
    ("{a} {things}, {b} players, equal shares, {c} lost by each: how many does each player have "
     "left?"),
    ("We are {b} cousins and share {a} {things} equally. Each of us sells {c}. How many {things} "
     "are left for each of us?"),
    ("A teacher hands out {a} {things} to {b} pupils so that all get the same number. Then each "
     "pupil returns {c}. How many {things} does each pupil keep?"),
    ("You and your friends are {b} people in all. You share {a} {things} fairly, and each of you "
     "then gives {c} to a neighbour. How many {things} does each of you have left?"),
    ("After {b} boys have divided {a} {things} equally, each boy uses up {c}. What number of "
     "{things} does each boy have then?"),
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
    "What is the sum of {n}'s and {m}'s ages if {n} is {a} and {m} is {b} years older?",
    "{n} is {b} years younger than {m}, and {n} has just turned {a}. How old are the two together?",
    "Two sisters: one is {a}, the other is {b} years older. How old are they together?",
    ("I have two cousins. One is {a} years old, and the other is {b} years older. What is the sum "
     "of their ages?"),
    ("Add the ages of {n} and {m}: {n} is {a} years old, {m} is {b} years older than {n}. What do "
     "you get?"),
    ("One tree is {a} years old, and another tree is {b} years older. How old are both trees "
     "together?"),
    "{m} is older than {n} by {b} years. If {n} is {a}, how old are the two of them together?",
    "{n}, aged {a}, has a cousin who is {b} years older. How old are {n} and the cousin together?",
    "Ages: {n} {a}, {m} {b} years older than {n}. Sum of both ages?",
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
    "{a} pages, {b} a day, {c} days: how many are left?",
    ("How many pages are left in a novel of {a} pages if {n} has read {b} pages on each of {c} "
     "days?"),
    ("I read {b} pages each evening, and my novel has {a} pages. How many pages are still unread "
     "after {c} evenings?"),
    ("A teacher has {a} pages of homework to read and gets through {b} of them a day. How many "
     "pages are left when {c} days are over?"),
    ("For {c} days {n} has read {b} pages daily. The story is {a} pages long. How many pages are "
     "still to come?"),
    ("You have borrowed a book of {a} pages. Every night you read {b} pages. After {c} nights, how "
     "many pages have you not read yet?"),
    ("A report is {a} pages long, and {n} manages to read {b} pages per day. What number of pages "
     "has {n} not read when {c} days have passed?"),
    ("{c} days of reading, {b} pages on every day, {a} pages in the whole diary: how many pages "
     "are left to read?"),
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
    ("How many dollars does {n} have after starting with ${a}, buying a {thing} for ${b} and "
     "getting ${c} from {m}?"),
    ("{n} owned ${a}. A {thing} cost {n} ${b}, and a day later {m} paid {n} ${c} for some work. "
     "How much money does {n} own now?"),
    "${a} in the purse, ${b} spent on a {thing}, ${c} earned: how many dollars has {n} now?",
    ("Before shopping {n} had ${a}. The {thing} in the basket cost ${b}. At home an aunt gave {n} "
     "${c}. How many dollars did {n} have then?"),
    ("My friend {n} had ${a} and spent ${b} on a {thing}. Then I gave {n} ${c}. How much money did "
     "{n} have after that?"),
    ("{n} buys a {thing} for ${b} and is paid ${c} for washing a car. Before all that, {n} had "
     "${a}. How many dollars does {n} have now?"),
    ("There was ${a} in {n}'s piggy bank. {n} took out ${b} for a {thing} and put in ${c} at the "
     "weekend. How much money does {n} have in it now?"),
    ("\"I will take the {thing} for ${b},\" says {n}, who has ${a} on the way into the shop. On "
     "the way home {m} hands {n} ${c}. What amount does {n} have now?"),
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
