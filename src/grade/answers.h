// Comparing answers by what they mean, kind by kind. Texts are outside input of bounded length.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "grade/task.h"

namespace fathom {

// Whether `text` says the same as the problem's answer, or is another right answer. Not for kFree.
bool IsRight(const Problem& problem, std::string_view text);

// Below: what finding answers needs, too.

// ASCII letters in lower case.
std::string Lower(std::string_view text);

// Words and numbers of a text in lower case: runs of letters, and runs of digits with the points,
// commas, colons, slashes and the sign that belong to them.
std::vector<std::string> Tokens(std::string_view text);

// Minutes of "3 hours 35 minutes" or "3:35", of "17:25" or "5:25 pm"; -1 where it is none.
int DurationMinutes(std::string_view text);
int TimeMinutes(std::string_view text);

// day + 32 month + 512 year; -1 where it is no date.
int DateKey(const std::vector<std::string>& tokens);

// The signs of other alphabets that mean + - * / = in ASCII: "×" is '*'.
std::string PlainOperators(std::string_view text);

}  // namespace fathom
