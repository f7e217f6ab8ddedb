// What the tests read out of questions and thinking, by code that shares nothing with the
// generators.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fathom {

// Every whole number in the text, signs included ("-5", but 3 and 5 of "3-5").
std::vector<int64_t> IntegersIn(std::string_view text);

// Runs of letters, as written.
std::vector<std::string> WordsIn(std::string_view text);

// Arithmetic in doubles: + - * / and brackets. False: the text is no expression.
bool Evaluate(std::string_view text, double& value);

// Checks each "a + b = c", "a / b = c remainder d", ... in the text. Returns how many there are;
// the first false one is put into `wrong`.
int CheckEquations(std::string_view text, std::string& wrong);

}  // namespace fathom
