// One log for the program: lines on standard error, safe from any thread.
#pragma once

#include <string_view>

namespace fathom {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

void Log(LogLevel level, std::string_view message);

}  // namespace fathom
