// Days between dates, dates some days later, and weekdays. Everything goes month by month; years
// are 2010 to 2040.
#include <string>
#include <vector>

#include "grade/families.h"
#include "grade/families/calendar.h"

namespace fathom {
namespace {

constexpr const char* kBetweenTrain[] = {
    "How many days are there from {a} to {b}?",
    "How many days is it from {a} to {b}?",
    "Count the days from {a} to {b}.",
    "How many days after {a} is {b}?",
    "What is the number of days from {a} to {b}?",
    "How many days lie between {a} and {b}? Count the last day, not the first.",
    "From {a} to {b}: how many days?",
    "It is {a}. How many days until {b}?",
    "Today is {a}. In how many days is {b}?",
    "How long is it from {a} to {b} in days?",
    "Please work out how many days pass from {a} to {b}.",
    "If today is {a}, how many days are left until {b}?",
    "A trip starts on {a} and I am back on {b}. How many days later is that?",
    "days between {a} and {b}, last day counted, first day not",
    "By how many days does {a} come before {b}?",
    "I sent a letter on {a}, and it arrived on {b}. How many days did it take?",
    "It is {a} now, and we leave on {b}. How many days do we still have?",
    "Tell me how many days later than {a} the date {b} is.",
    "If I begin counting the day after {a}, how many days is it up to and including {b}?",
    "Now we have {a}. My birthday is on {b}. In how many days is that?",
    "Could you count how many days it takes to get from {a} to {b}?",
    "{a} is how many days before {b}?",
};
constexpr const char* kBetweenTest[] = {
    "How many days do I have to wait from {a} until {b}?",
    "Days from {a} to {b}?",
    "Starting on {a}, after how many days is it {b}?",
};
constexpr const char* kAfterTrain[] = {
    "What date is {n} after {a}?",
    "Which date comes {n} after {a}?",
    "What is the date {n} after {a}?",
    "It is {a}. What date is it in {n}?",
    "Today is {a}. What will the date be in {n}?",
    "Add {n} to {a}.",
    "If today is {a}, which date is {n} later?",
    "A parcel was sent on {a} and arrives {n} later. On which date?",
    "Find the date that is {n} after {a}.",
    "{a} plus {n}: what date is that?",
    "Count {n} on from {a}. Which date is it?",
    "Please tell me the date {n} after {a}.",
    "A course begins on {a} and ends {n} later. When does it end?",
    "{a} + {n} = which date?",
    "Which date will my calendar show {n} after {a}?",
    "I borrowed a book on {a} and must return it {n} later. What date is that?",
    "{n} after {a}",
    "We meet again {n} after {a}. Which date should I write down?",
    "Move {n} forward from {a}. What is the date then?",
    "If a plant is bought on {a} and flowers {n} later, when does it flower?",
    "Can you work out which date is {n} later than {a}?",
    "My holiday is in {n}, and today is {a}. What is the date of my holiday?",
};
constexpr const char* kAfterTest[] = {
    "{n} from {a}, what is the date?",
    "Starting at {a}, which date do I reach after {n}?",
    "When is it {n} past {a}?",
};
constexpr const char* kLaterTrain[] = {
    "Today is {d}. What day of the week is it in {n} days?",
    "If today is {d}, which weekday is it in {n} days?",
    "It is {d}. What weekday comes {n} days later?",
    "What day of the week is {n} days after {d}?",
    "Which weekday is it {n} days after a {d}?",
    "{n} days from {d} is which day?",
    "Start on {d} and count {n} days on. Which weekday is it?",
    "{d} plus {n} days: which weekday?",
    "It was {d} when I left, and I come home {n} days later. On which weekday is that?",
    "We meet again in {n} days. If it is {d} now, on what weekday do we meet?",
    "Tell me the weekday {n} days after {d}, please.",
    "When {n} days have passed since a {d}, what day of the week is it?",
    "Move {n} days forward from {d}. Which day do you reach?",
    "A bill came on a {d} and must be paid {n} days later. What day of the week is that?",
};
constexpr const char* kLaterTest[] = {
    "Say it is {d} today. What weekday will it be after {n} days?",
    "In {n} days, counted from a {d}, what day is it?",
};
constexpr const char* kEarlierTrain[] = {
    "Today is {d}. What day of the week was it {n} days ago?",
    "If today is {d}, which weekday was it {n} days ago?",
    "What day of the week is {n} days before {d}?",
    "Which weekday was it {n} days before a {d}?",
    "Start on {d} and count {n} days back. Which weekday is it?",
    "{n} days back from {d}: which weekday?",
    "I came home on a {d}, after leaving {n} days before. On which weekday did I leave?",
    "We last met {n} days ago. If it is {d} now, on what weekday did we meet?",
    "Tell me the weekday {n} days before {d}, please.",
    "{n} days before {d} is which day?",
    "I know that it is {d}, but which weekday did we have {n} days ago?",
    "Move {n} days backward from {d}. Which day do you reach?",
    "A letter arrived on a {d}, sent {n} days before. What day of the week was it sent?",
};
constexpr const char* kEarlierTest[] = {
    "Say it is {d} today. What weekday was it {n} days earlier?",
    "Go back {n} days from a {d}. What day is it?",
};
constexpr const char* kKnownTrain[] = {
    "{a} is a {d}. What day of the week is {b}?",
    "If {a} is a {d}, which weekday is {b}?",
    "{a} falls on a {d}. On which weekday does {b} fall?",
    "Given that {a} is a {d}, find the weekday of {b}.",
    "Suppose {a} is a {d}: what day of the week is {b}?",
    "When we know that {a} is a {d}, which weekday do we get for {b}?",
    "{a} = {d}, {b} = ?",
    "It helps to know that {a} is a {d}. Please tell me the weekday of {b}.",
    "Today is {d}, {a}. I see the dentist on {b}. What weekday is that?",
    "My calendar says {d} for {a}. What does it say for {b}?",
    "We begin on {d}, {a}, and end on {b}. On what day of the week do we end?",
    "With {a} being a {d}, what day of the week do we have on {b}?",
    "We have a {d} on {a}. Work out the day of the week for {b}.",
};
constexpr const char* kKnownTest[] = {
    "Since {a} is a {d}, what weekday must {b} be?",
    "I know {a} is a {d}. What about {b}?",
};

std::string Month(int month) { return std::string(MonthName(month)); }
std::string Weekday(int weekday) { return std::string(WeekdayName(weekday)); }

// As people write it: "5 March 2025" or "March 5, 2025".
std::string Asked(Random& random, const Date& date) {
  if (!random.OneIn(3)) return Written(date);
  return Month(date.month) + " " + Text(date.day) + ", " + Text(date.year);
}

Date DrawDate(Random& random) {
  Date date{0, static_cast<int>(random.Between(1, 12)),
            static_cast<int>(random.Between(2010, 2040))};
  date.day = static_cast<int>(random.Between(1, DaysInMonth(date.month, date.year)));
  return date;
}

// What there is to know of February before its days are used.
void ThinkFebruary(Draft& draft, const Date& date) {
  if (date.month != 2) return;
  const int rest = date.year % 4;
  draft.Think(Text(date.year) + " / 4 = " + Text(date.year / 4) +
              (rest == 0 ? ", a leap year." : " remainder " + Text(rest) + ", not a leap year."));
}

// Lines that count the days from a to b (later, or the same month); returns their number.
int ThinkDays(Draft& draft, Date a, const Date& b) {
  if (a.month == b.month && a.year == b.year) {
    draft.Think("Both are in " + Month(a.month) + ": " + Text(b.day) + " - " + Text(a.day) + " = " +
                Text(b.day - a.day) + ".");
    return b.day - a.day;
  }
  ThinkFebruary(draft, a);
  int days = DaysInMonth(a.month, a.year) - a.day;
  draft.Think(Month(a.month) + " has " + Text(DaysInMonth(a.month, a.year)) + " days: " +
              Text(DaysInMonth(a.month, a.year)) + " - " + Text(a.day) + " = " + Text(days));
  while (true) {
    a = DaysLater({1, a.month, a.year}, DaysInMonth(a.month, a.year));
    if (a.month == b.month && a.year == b.year) break;
    ThinkFebruary(draft, a);
    const int more = DaysInMonth(a.month, a.year);
    draft.Think(Month(a.month) + " has " + Text(more) + " days: " + Text(days) + " + " +
                Text(more) + " = " + Text(days + more));
    days += more;
  }
  draft.Think("Then " + Count(b.day, "day|days") + " of " + Month(b.month) + ": " + Text(days) +
              " + " + Text(b.day) + " = " + Text(days + b.day));
  return days + b.day;
}

// Lines that go `days` from `weekday` on (or back), once the whole weeks are taken away.
int ThinkWeekday(Draft& draft, int weekday, int days, bool back) {
  const int rest = days % 7;
  if (days >= 7) {
    draft.Think("Whole weeks change nothing: " + Text(days / 7) + " * 7 = " + Text(days - rest) +
                ", " + Text(days) + " - " + Text(days - rest) + " = " + Text(rest) + ".");
  }
  if (rest == 0) {
    draft.Think("So it is the same weekday, " + Weekday(weekday) + ".");
    return weekday;
  }
  std::vector<std::string> steps;
  for (int i = 0; i < rest; ++i) {
    weekday = (weekday + (back ? 6 : 1)) % 7;
    steps.push_back(Text(i + 1) + " " + Weekday(weekday));
  }
  draft.Think("Count " + Count(rest, "day|days") + (back ? " back: " : " on: ") + Join(steps) +
              ".");
  return weekday;
}

}  // namespace

bool DrawDaysBetween(Draft& draft) {
  Random& random = draft.random;
  const Date a = DrawDate(random);
  const int days = static_cast<int>(draft.level == 1   ? random.Between(1, 29)
                                    : draft.level == 2 ? random.Between(15, 90)
                                                       : random.Between(91, 300));
  const Date b = DaysLater(a, days);
  if ((draft.level == 1) != (a.month == b.month)) return false;
  if (!draft.Claim(Written(a) + " - " + Written(b))) return false;
  const bool american = random.OneIn(3);
  const auto asked = [&](const Date& date) {
    return american ? Month(date.month) + " " + Text(date.day) + ", " + Text(date.year)
                    : Written(date);
  };
  draft.Ask({kBetweenTrain, kBetweenTest}, {{"a", asked(a)}, {"b", asked(b)}});
  draft.Think("Count from " + Written(a) + " to " + Written(b) + ".");
  const int counted = ThinkDays(draft, a, b);
  draft.Answer(AnswerKind::kNumber, Count(counted, "day|days"), "It is {answer}.");
  return true;
}

bool DrawDateAfter(Draft& draft) {
  Random& random = draft.random;
  const Date a = DrawDate(random);
  int days = static_cast<int>(draft.level == 1   ? random.Between(2, 30)
                              : draft.level == 2 ? random.Between(31, 99)
                                                 : random.Between(100, 300));
  const bool weeks = draft.level < 3 && random.OneIn(4);
  if (weeks) days -= days % 7;
  if (days == 0 || !draft.Claim(Written(a) + " + " + Text(days))) return false;
  draft.Ask({kAfterTrain, kAfterTest},
            {{"a", Asked(random, a)},
             {"n", weeks ? Count(days / 7, "week|weeks") : Count(days, "day|days")}});
  draft.Think("Start at " + Written(a) + ".");
  if (weeks) {
    draft.Think(Count(days / 7, "week|weeks") + " are " + Text(days / 7) + " * 7 = " + Text(days) +
                " days.");
    if (days == 7) draft.problem.thinking.replace(draft.problem.thinking.rfind(" are "), 5, " is ");
  }
  int day = a.day + days;
  draft.Think(Text(a.day) + " + " + Text(days) + " = " + Text(day));
  Date at{1, a.month, a.year};
  while (true) {
    ThinkFebruary(draft, at);
    const int length = DaysInMonth(at.month, at.year);
    if (day <= length) break;
    draft.Think(Month(at.month) + " has " + Text(length) + " days: " + Text(day) + " - " +
                Text(length) + " = " + Text(day - length));
    day -= length;
    at = DaysLater(at, length);
  }
  draft.Think(Month(at.month) + " has " + Text(DaysInMonth(at.month, at.year)) +
              " days, so it is " + Written({day, at.month, at.year}) + ".");
  draft.Answer(AnswerKind::kDate, Written({day, at.month, at.year}), "The date is {answer}.");
  return true;
}

bool DrawWeekday(Draft& draft) {
  Random& random = draft.random;
  if (draft.level == 3) {
    const Date a = DrawDate(random);
    const int days = static_cast<int>(random.Between(2, 120));
    const Date b = DaysLater(a, days);
    if (!draft.Claim(Written(a) + " - " + Written(b))) return false;
    draft.Ask({kKnownTrain, kKnownTest},
              {{"a", Written(a)}, {"b", Written(b)}, {"d", Weekday(WeekdayOf(a))}});
    draft.Think("First count the days from " + Written(a) + " to " + Written(b) + ".");
    const int counted = ThinkDays(draft, a, b);
    const int weekday = ThinkWeekday(draft, WeekdayOf(a), counted, false);
    draft.Answer(AnswerKind::kWord, Weekday(weekday), "It is a {answer}.");
    return true;
  }
  const int start = static_cast<int>(random.Between(0, 6));
  const int days =
      static_cast<int>(draft.level == 1 ? random.Between(2, 70) : random.Between(30, 400));
  const bool back = random.OneIn(draft.level == 1 ? 4 : 2);
  if (!draft.Claim(Weekday(start) + (back ? " - " : " + ") + Text(days))) return false;
  const Values values = {{"d", Weekday(start)}, {"n", Text(days)}};
  if (back) {
    draft.Ask({kEarlierTrain, kEarlierTest}, values);
  } else {
    draft.Ask({kLaterTrain, kLaterTest}, values);
  }
  draft.Think("Start on " + Weekday(start) + (back ? " and go back " : " and go on ") + Text(days) +
              " days.");
  const int weekday = ThinkWeekday(draft, start, days, back);
  draft.Answer(AnswerKind::kWord, Weekday(weekday), "It is {answer}.");
  return true;
}

}  // namespace fathom
