#include "grade/families/calendar.h"

namespace fathom {

bool IsLeapYear(int year) { return year % 4 == 0; }

int DaysInMonth(int month, int year) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && IsLeapYear(year) ? 29 : kDays[month - 1];
}

std::string_view MonthName(int month) {
  constexpr std::string_view kNames[] = {"January",   "February", "March",    "April",
                                         "May",       "June",     "July",     "August",
                                         "September", "October",  "November", "December"};
  return kNames[month - 1];
}

std::string_view WeekdayName(int weekday) {
  constexpr std::string_view kNames[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                         "Friday", "Saturday", "Sunday"};
  return kNames[weekday];
}

int WeekdayOf(const Date& date) {
  // 1 January 1901 was a Tuesday.
  int days = 1 + (date.year - 1901) * 365 + (date.year - 1901) / 4 + date.day - 1;
  for (int month = 1; month < date.month; ++month) days += DaysInMonth(month, date.year);
  return days % 7;
}

Date DaysLater(Date date, int days) {
  date.day += days;
  while (date.day > DaysInMonth(date.month, date.year)) {
    date.day -= DaysInMonth(date.month, date.year);
    if (++date.month > 12) {
      date.month = 1;
      ++date.year;
    }
  }
  return date;
}

std::string Written(const Date& date) {
  return std::to_string(date.day) + " " + std::string(MonthName(date.month)) + " " +
         std::to_string(date.year);
}

}  // namespace fathom
