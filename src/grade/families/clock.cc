// Times of day: when something ends, how long it lasts, when it began, and the two ways to write an
// hour.
#include <string>

#include "grade/families.h"

namespace fathom {
namespace {

constexpr const char* kEndTrain[] = {
    "A film starts at {a} and lasts {d}. When does it end?",
    "What time is it {d} after {a}?",
    "It is {a}. What time will it be in {d}?",
    "A train leaves at {a} and travels for {d}. When does it arrive?",
    "Add {d} to {a}.",
    "A lesson begins at {a} and takes {d}. At what time is it over?",
    "{a} plus {d}: what time is that?",
    "I start at {a} and need {d}. When am I done?",
    "The bread goes into the oven at {a} for {d}. When is it ready?",
    "Please tell me the time {d} after {a}.",
    "If it is {a} now, what will the clock show in {d}?",
    "A game starts at {a} and is over after {d}. When is that?",
    "{a} + {d} = which time?",
    "time {d} after {a}",
    "We set off at {a} and walk for {d}. When do we get there?",
    "I came at {a} and stayed for {d}. What time was it when I went?",
    "My alarm should ring {d} after {a}. What time do I set?",
    "In {d} I have to leave, and it is {a} now. When do I leave?",
    "Move a clock that shows {a} forward by {d}. What does it show?",
    "The washing takes {d} and I turn the machine on at {a}. At what time is it finished?",
    "If you wait for {d} from {a} on, what time is it then?",
};
constexpr const char* kEndTest[] = {
    "A concert begins at {a} and goes on for {d}. At what time does it finish?",
    "Starting at {a}, what time is it {d} later?",
    "When is it {d} past {a}?",
};
constexpr const char* kLengthTrain[] = {
    "How long is it from {a} to {b}?",
    "How much time passes from {a} to {b}?",
    "A film starts at {a} and ends at {b}. How long is it?",
    "A train leaves at {a} and arrives at {b}. How long does the trip take?",
    "I worked from {a} to {b}. How long was that?",
    "What is the time between {a} and {b}?",
    "From {a} until {b}: how many hours and minutes?",
    "The shop is open from {a} to {b}. How long is that?",
    "time from {a} to {b} in hours and minutes?",
    "I fell asleep at {a} and woke up at {b}. How long did I sleep?",
    "If we leave at {a} and are back at {b}, how long are we away?",
    "It is {a}. How long is it until {b}?",
    "Please tell me how many hours and minutes lie between {a} and {b}.",
    "Between {a} and {b}, how much time is there?",
    "My shift begins at {a} and is over at {b}. How long do I work?",
};
constexpr const char* kLengthTest[] = {
    "How long do I wait if I come at {a} and the bus comes at {b}?",
    "Find the length of a meeting from {a} to {b}.",
};
constexpr const char* kStartTrain[] = {
    "A film ends at {b} after {d}. When did it start?",
    "What time was it {d} before {b}?",
    "It is {b}. What time was it {d} ago?",
    "A train arrives at {b} after a trip of {d}. When did it leave?",
    "I must be there at {b} and the way takes {d}. When do I have to go?",
    "Take {d} away from {b}. What time is it?",
    "{b} minus {d} = which time?",
    "time {d} before {b}",
    "We got home at {b} after walking for {d}. At what time did we set off?",
    "Please tell me what time it was {d} earlier than {b}.",
    "If a lesson takes {d} and is over at {b}, when does it begin?",
    "Turn a clock that shows {b} back by {d}. What does it show?",
    "I have been waiting for {d}, and now it is {b}. Since when have I been waiting?",
    "The soup was done at {b} and cooked for {d}. When was it put on the stove?",
};
constexpr const char* kStartTest[] = {
    "A concert finishes at {b} and went on for {d}. When did it begin?",
    "The cake must be ready at {b} and needs {d}. When do I start?",
};
constexpr const char* kTo24Train[] = {
    "What is {t} in 24-hour time?",
    "Write {t} as 24-hour time.",
    "Convert {t} to the 24-hour clock.",
    "How does a 24-hour clock show {t}?",
    "{t} in 24-hour time?",
    "Please change {t} to 24-hour time.",
    "My watch counts 24 hours. What does it show at {t}?",
    "If a clock runs from 0:00 to 23:59, how is {t} written?",
    "I want to write {t} without am or pm, the 24-hour way.",
    "Can you turn {t} into 24-hour time for me?",
    "We meet at {t}. What is that on a 24-hour clock?",
    "On the 24-hour clock, {t} is what?",
    "The train table uses 24-hour times. How does it write {t}?",
};
constexpr const char* kTo24Test[] = {"Give {t} in the 24-hour format."};
constexpr const char* kTo12Train[] = {
    "What is {t} with am or pm?",
    "Write {t} with am or pm.",
    "Convert {t} to the 12-hour clock.",
    "How does a 12-hour clock show {t}? Say am or pm.",
    "{t} with am or pm?",
    "Please change {t} to 12-hour time, am or pm.",
    "My watch only knows am and pm. What does it show at {t}?",
    "If I have to use am or pm, how do I write {t}?",
    "I want to write {t} the 12-hour way, with am or pm.",
    "Can you turn {t} into am or pm time for me?",
    "We meet at {t}. What is that on a 12-hour clock, with am or pm?",
    "On the 12-hour clock, {t} is what? Add am or pm.",
    "The clock says {t} in 24-hour time. What is that with am or pm?",
};
constexpr const char* kTo12Test[] = {"Give {t} in the 12-hour format with am or pm."};

std::string Clock(int64_t minutes) {
  const std::string rest = Text(minutes % 60);
  return Text(minutes / 60 % 24) + ":" + (rest.size() < 2 ? "0" : "") + rest;
}

std::string Duration(int64_t minutes) {
  const std::string hours = Count(minutes / 60, "hour|hours");
  if (minutes % 60 == 0) return hours;
  const std::string rest = Count(minutes % 60, "minute|minutes");
  return minutes < 60 ? rest : hours + " " + rest;
}

bool DrawEnd(Draft& draft) {
  Random& random = draft.random;
  const int64_t a =
      random.Between(0, 24 * 60 / 5 - 1) * 5 + (random.OneIn(3) ? random.Between(0, 4) : 0);
  const int64_t d = random.Between(3, draft.level == 1 ? 40 : 110) * 5;
  if (!draft.Claim(Clock(a) + " + " + Text(d))) return false;
  draft.Ask({kEndTrain, kEndTest}, {{"a", Clock(a)}, {"d", Duration(d)}});
  int64_t hours = a / 60;
  draft.Think("Start at " + Clock(a) + " and add " + Duration(d) + ".");
  if (d >= 60) {
    draft.Think("Hours: " + Text(hours) + " + " + Text(d / 60) + " = " + Text(hours + d / 60));
    hours += d / 60;
  }
  if (d % 60 > 0) {
    int64_t minutes = a % 60 + d % 60;
    std::string line = "Minutes: " + Text(a % 60) + " + " + Text(d % 60) + " = " + Text(minutes);
    if (minutes >= 60) {
      line += ", an hour more: " + Text(minutes) + " - 60 = " + Text(minutes - 60) + " and " +
              Text(hours) + " + 1 = " + Text(hours + 1);
      ++hours;
    }
    draft.Think(line);
  }
  if (hours >= 24) {
    draft.Think("After midnight: " + Text(hours) + " - 24 = " + Text(hours - 24));
  }
  draft.Think("So " + Clock(a + d) + ".");
  draft.Answer(AnswerKind::kTime, Clock(a + d), "The time is {answer}.");
  return true;
}

bool DrawLength(Draft& draft) {
  Random& random = draft.random;
  const int64_t a = random.Between(0, 22 * 60), b = random.Between(a + 5, 24 * 60 - 1);
  if (!draft.Claim(Clock(a) + " - " + Clock(b))) return false;
  draft.Ask({kLengthTrain, kLengthTest}, {{"a", Clock(a)}, {"b", Clock(b)}});
  const int64_t hours = b / 60 - a / 60, from = a % 60, to = b % 60;
  draft.Think("From " + Clock(a) + " to " + Clock(b) + ".");
  draft.Think("Hours: " + Text(b / 60) + " - " + Text(a / 60) + " = " + Text(hours));
  if (to >= from) {
    draft.Think("Minutes: " + Text(to) + " - " + Text(from) + " = " + Text(to - from));
  } else {
    draft.Think("Minutes: " + Text(to) + " is less than " + Text(from) +
                ", take an hour: " + Text(hours) + " - 1 = " + Text(hours - 1) + " and " +
                Text(to) + " + 60 - " + Text(from) + " = " + Text(to + 60 - from));
  }
  draft.Answer(AnswerKind::kDuration, Duration(b - a), "It is {answer}.");
  return true;
}

bool DrawStart(Draft& draft) {
  Random& random = draft.random;
  const int64_t d = random.Between(2, 60) * 5;
  const int64_t b = random.Between(d + 1, 24 * 60 - 1), a = b - d;
  if (!draft.Claim(Clock(b) + " back " + Text(d))) return false;
  draft.Ask({kStartTrain, kStartTest}, {{"b", Clock(b)}, {"d", Duration(d)}});
  int64_t hours = b / 60;
  draft.Think("Start at " + Clock(b) + " and take away " + Duration(d) + ".");
  if (d >= 60) {
    draft.Think("Hours: " + Text(hours) + " - " + Text(d / 60) + " = " + Text(hours - d / 60));
    hours -= d / 60;
  }
  const int64_t minutes = b % 60, less = d % 60;
  if (less > minutes) {
    draft.Think("Minutes: " + Text(minutes) + " is less than " + Text(less) +
                ", take an hour: " + Text(hours) + " - 1 = " + Text(hours - 1) + " and " +
                Text(minutes) + " + 60 - " + Text(less) + " = " + Text(minutes + 60 - less));
  } else if (less > 0) {
    draft.Think("Minutes: " + Text(minutes) + " - " + Text(less) + " = " + Text(minutes - less));
  }
  draft.Think("So " + Clock(a) + ".");
  draft.Answer(AnswerKind::kTime, Clock(a), "The time is {answer}.");
  return true;
}

bool DrawNotation(Draft& draft) {
  Random& random = draft.random;
  const int64_t time = random.Between(0, 24 * 60 - 1), hour = time / 60;
  if (!draft.Claim(Clock(time))) return false;
  const std::string half = hour < 12 ? "am" : "pm";
  const int64_t twelve = hour % 12 == 0 ? 12 : hour % 12;
  const std::string written = Clock(twelve * 60 + time % 60) + " " + half;
  const bool to24 = random.OneIn(2);
  if (to24) {
    draft.Ask({kTo24Train, kTo24Test}, {{"t", written}});
  } else {
    draft.Ask({kTo12Train, kTo12Test}, {{"t", Clock(time)}});
  }
  if (hour == 0) {
    draft.Think("The hour after midnight is 12 am, or 0.");
  } else if (hour < 12) {
    draft.Think("Before noon it is am, and the hour stays " + Text(hour) + ".");
  } else if (hour == 12) {
    draft.Think("The hour after noon is 12 pm, or 12.");
  } else if (to24) {
    draft.Think("After noon, pm: " + Text(twelve) + " + 12 = " + Text(hour));
  } else {
    draft.Think("After noon, pm: " + Text(hour) + " - 12 = " + Text(twelve));
  }
  draft.Answer(AnswerKind::kTime, to24 ? Clock(time) : written, "That is {answer}.");
  return true;
}

}  // namespace

bool DrawClock(Draft& draft) {
  if (draft.level == 1) return DrawEnd(draft);
  if (draft.level == 2) return draft.random.OneIn(2) ? DrawEnd(draft) : DrawLength(draft);
  return draft.random.OneIn(4) ? DrawNotation(draft) : DrawStart(draft);
}

}  // namespace fathom
