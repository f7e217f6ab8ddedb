// Units: from large to small, from small to large with decimals, and sums of mixed amounts.
#include <string>

#include "grade/families.h"

namespace fathom {
namespace {

struct Unit {
  const char* large;
  const char* small;
  const char* large_short;  // "" where people write it out
  const char* small_short;
  int factor;
};

constexpr Unit kUnits[] = {
    {"kilometre|kilometres", "metre|metres", "km", "m", 1000},
    {"metre|metres", "centimetre|centimetres", "m", "cm", 100},
    {"centimetre|centimetres", "millimetre|millimetres", "cm", "mm", 10},
    {"metre|metres", "millimetre|millimetres", "m", "mm", 1000},
    {"kilogram|kilograms", "gram|grams", "kg", "g", 1000},
    {"tonne|tonnes", "kilogram|kilograms", "t", "kg", 1000},
    {"litre|litres", "millilitre|millilitres", "l", "ml", 1000},
    {"litre|litres", "centilitre|centilitres", "l", "cl", 100},
    {"hour|hours", "minute|minutes", "", "", 60},
    {"minute|minutes", "second|seconds", "", "", 60},
    {"day|days", "hour|hours", "", "", 24},
    {"week|weeks", "day|days", "", "", 7},
    {"year|years", "month|months", "", "", 12},
    {"dollar|dollars", "cent|cents", "", "", 100},
    {"euro|euros", "cent|cents", "", "", 100},
};

constexpr const char* kConvertTrain[] = {
    "How many {to} are {x}?",
    "Convert {x} to {to}.",
    "What is {x} in {to}?",
    "{x} = ? {to}",
    "How many {to} do {x} make?",
    "Express {x} in {to}.",
    "Write {x} in {to}.",
    "Please turn {x} into {to}.",
    "Can you convert {x} into {to}?",
    "Take {x}. How many {to} is that?",
    "{x} in {to}?",
    "Hi, how much is {x} in {to}?",
    "Change {x} into {to}.",
    "I have {x}, but I need {to}. How many is that?",
    "In {to}, what is {x}?",
    "{x} to {to}, please",
    "Rewrite {x} using {to}.",
    "If we change {x} to {to}, what do we get?",
    "Do you know how many {to} make up {x}?",
    "Someone tells you {x}. Say it in {to}.",
    "convert to {to}: {x}",
    "Which number of {to} equals {x}?",
};
constexpr const char* kConvertTest[] = {
    "Give {x} in {to}.",
    "If something comes to {x}, how much is that in {to}?",
    "{x}: how many {to}?",
};
constexpr const char* kAddLengthTrain[] = {
    "How many {to} are {x} and {y} together?",
    "Add {x} and {y}. Give the result in {to}.",
    "What is {x} plus {y} in {to}?",
    "{x} + {y} = ? {to}",
    "One part is {x} and the other {y}. How many {to} is that in all?",
    "First {x}, then {y}. How many {to} altogether?",
    "We start with {x} and add {y}. How many {to} is that?",
    "Work out the total in {to}: {x} and {y}.",
    "Please sum up {x} and {y} and give me {to}.",
    "If we add {y} to {x}, how many {to} are there?",
    "Can you tell me in {to} how much {x} and {y} make?",
    "In {to}, how much is {x} and another {y}?",
    "add in {to}: {x}, {y}",
};
constexpr const char* kAddLengthTest[] = {
    "Put {x} and {y} together: how many {to} do you get?",
    "The sum of {x} and {y}, in {to}?",
};

// Short names of measures are written "3 kg", long ones by their number.
struct UnitNames {
  std::string Amount(const std::string& number, bool large) const {
    const std::string& abbreviation = large ? large_short : small_short;
    if (!abbreviation.empty()) return number + " " + abbreviation;
    const std::string_view noun = large ? unit->large : unit->small;
    return number + " " + (number == "1" ? One(noun) : Many(noun));
  }
  std::string Plural(bool large) const {
    const std::string& abbreviation = large ? large_short : small_short;
    return abbreviation.empty() ? Many(large ? unit->large : unit->small) : abbreviation;
  }
  const Unit* unit;
  std::string large_short, small_short;
};

// a * factor, in steps that fit a line each.
int64_t ThinkProduct(Draft& draft, int64_t a, int64_t factor) {
  if (factor == 24 || (factor == 12 && a > 9)) {
    const int64_t tens = factor / 10 * 10, ones = factor % 10;
    draft.Think(Text(a) + " * " + Text(tens) + " = " + Text(a * tens) + ", " + Text(a) + " * " +
                Text(ones) + " = " + Text(a * ones));
    draft.Think(Text(a * tens) + " + " + Text(a * ones) + " = " + Text(a * factor));
  } else if (factor == 60) {
    draft.Think(Text(a) + " * 6 = " + Text(a * 6) + ", " + Text(a) + " * 60 = " + Text(a * 60));
  } else {
    draft.Think(Text(a) + " * " + Text(factor) + " = " + Text(a * factor));
  }
  return a * factor;
}

}  // namespace

bool DrawUnits(Draft& draft) {
  Random& random = draft.random;
  const Unit& unit = random.Pick(kUnits);
  const bool brief = unit.large_short[0] != '\0' && random.OneIn(2);
  const UnitNames names{&unit, brief ? unit.large_short : "", brief ? unit.small_short : ""};
  const bool metric = unit.factor % 10 == 0 && unit.factor != 60;
  const std::string pair = std::string(unit.large) + " " + unit.small + " ";
  const auto fact = [&] {
    draft.Think(names.Amount("1", true) + (brief ? " is " : " has ") +
                names.Amount(Text(unit.factor), false) + ".");
  };
  if (draft.level == 1) {
    const int64_t a = random.Between(2, unit.factor == 60 || unit.factor == 24 ? 40 : 99);
    if (!draft.Claim(pair + Text(a))) return false;
    draft.Ask({kConvertTrain, kConvertTest},
              {{"x", names.Amount(Text(a), true)}, {"to", names.Plural(false)}});
    fact();
    const std::string small = names.Amount(Text(ThinkProduct(draft, a, unit.factor)), false);
    draft.Answer(AnswerKind::kNumber, small, "That is {answer}.");
    return true;
  }
  if (draft.level == 2) {
    // The other way: with decimals where the factor is a power of ten, in whole numbers elsewhere.
    const int places = unit.factor == 1000 ? 3 : unit.factor == 100 ? 2 : 1;
    int64_t small = 0;
    if (metric) {
      small = random.Between(1, 9999);
      if (unit.factor == 1000 && random.OneIn(2)) small = random.Between(1, 99) * 100;
      if (small % unit.factor == 0) return false;
    } else {
      small = unit.factor * random.Between(2, 40);
    }
    if (!draft.Claim(pair + Text(small) + " back")) return false;
    draft.Ask({kConvertTrain, kConvertTest},
              {{"x", names.Amount(Text(small), false)}, {"to", names.Plural(true)}});
    fact();
    const std::string large = metric ? Decimal(small, places) : Text(small / unit.factor);
    if (!metric) {
      draft.Think("How often does " + Text(unit.factor) + " go into " + Text(small) + "? " + large +
                  " * " + Text(unit.factor) + " = " + Text(small));
    } else {
      draft.Think("Move the point by " + Count(places, "place|places") + ": " + Text(small) +
                  " / " + Text(unit.factor) + " = " + large);
    }
    draft.Answer(AnswerKind::kNumber, names.Amount(large, true), "That is {answer}.");
    return true;
  }
  const int64_t a = random.Between(1, 20), b = random.Between(1, unit.factor - 1);
  const int64_t c = random.Between(0, 9), d = random.Between(1, unit.factor * (c == 0 ? 3 : 1) - 1);
  const auto mixed = [&](int64_t large, int64_t small) {
    const std::string rest = names.Amount(Text(small), false);
    return large == 0 ? rest : names.Amount(Text(large), true) + " " + rest;
  };
  if (!draft.Claim(pair + Text(a) + " " + Text(b) + " " + Text(c) + " " + Text(d))) return false;
  draft.Ask({kAddLengthTrain, kAddLengthTest},
            {{"x", mixed(a, b)}, {"y", mixed(c, d)}, {"to", names.Plural(false)}});
  fact();
  const int64_t larges = a + c, smalls = b + d;
  if (c > 0) {
    draft.Think(Text(a) + " + " + Text(c) + " = " + names.Amount(Text(larges), true));
  }
  const int64_t product = ThinkProduct(draft, larges, unit.factor);
  draft.Think(Text(b) + " + " + Text(d) + " = " + Text(smalls) + ", " + Text(product) + " + " +
              Text(smalls) + " = " + Text(product + smalls));
  draft.Answer(AnswerKind::kNumber, names.Amount(Text(product + smalls), false),
               "Together that is {answer}.");
  return true;
}

}  // namespace fathom
