// The Gregorian calendar as far as the tasks need it: years 1901 to 2099, where every fourth year
// is a leap year.
#pragma once

#include <string>
#include <string_view>

namespace fathom {

struct Date {
  int day, month, year;  // month 1 ... 12
  bool operator==(const Date&) const = default;
};

bool IsLeapYear(int year);
int DaysInMonth(int month, int year);
std::string_view MonthName(int month);

// 0 is Monday.
std::string_view WeekdayName(int weekday);
int WeekdayOf(const Date& date);

Date DaysLater(Date date, int days);  // days >= 0

// "5 March 2025"
std::string Written(const Date& date);

}  // namespace fathom
