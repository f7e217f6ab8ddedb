// What each file in families/ gives to the table in families.cc: one Draw function per family.
#pragma once

#include "grade/draft.h"

namespace fathom {

bool DrawAddition(Draft& draft);
bool DrawSubtraction(Draft& draft);
bool DrawMultiplication(Draft& draft);
bool DrawDivision(Draft& draft);
bool DrawCompareDecimals(Draft& draft);
bool DrawOrderDecimals(Draft& draft);
bool DrawPercent(Draft& draft);
bool DrawWordProblem(Draft& draft);
bool DrawUnits(Draft& draft);
bool DrawDaysBetween(Draft& draft);
bool DrawDateAfter(Draft& draft);
bool DrawWeekday(Draft& draft);
bool DrawClock(Draft& draft);
bool DrawCountLetters(Draft& draft);
bool DrawReverse(Draft& draft);
bool DrawSortNumbers(Draft& draft);
bool DrawSortWords(Draft& draft);
bool DrawEquation(Draft& draft);
bool DrawSequence(Draft& draft);
bool DrawSyllogism(Draft& draft);
bool DrawTruthTellers(Draft& draft);
bool DrawOddOneOut(Draft& draft);
bool DrawSetMembers(Draft& draft);
bool DrawMaze(Draft& draft);
bool DrawCountdown(Draft& draft);
bool DrawSmalltalk(Draft& draft);

}  // namespace fathom
