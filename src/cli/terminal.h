// What the program writes to people and to other programs: standard output and error, colours,
// progress. Everything that a model or a file could put on a terminal passes through Harmless().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "chat/chat.h"
#include "cli/command.h"

namespace fathom::cli {

// Writes to standard output and flushes. Throws Error(kIo) when that fails (a full disk).
void Print(std::string_view text);
void PrintLine(std::string_view text);
// To standard error, as it is.
void PrintError(std::string_view text);

// Text without the power to steer a terminal: control characters other than newline and tab, and
// the C1 controls, become U+FFFD.
std::string Harmless(std::string_view text);

// One line: line breaks, tabs and other control characters as \n, \t, \x1b; quotes around it.
std::string Quoted(std::string_view text);

// "fathom: message (hint)" on standard error, in one line.
void PrintFailure(const Error& error);
int ExitCodeOf(const Error& error);

// Whether a person reads it there, and wants colours.
bool StdoutIsTerminal();
bool StderrIsTerminal();
bool StdinIsTerminal();

// Text in a faint style when `enabled`.
std::string Dim(std::string_view text, bool enabled);

// A line on standard error that is drawn again and again; plain lines now and then when it is no
// terminal.
class ProgressLine {
 public:
  ProgressLine();
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  void Show(std::string_view text);
  void Clear();

 private:
  bool shown_ = false;
  double last_plain_;
};

// "1m 05s"
std::string DurationText(double seconds);
// Three significant digits: "0.0123", "4.56", "789".
std::string Significant(double value);

// Shared shapes of --json output.
Json LogprobJson(const LogprobEntry& entry, bool scored);
Json UsageJson(const Usage& usage, int64_t reasoning_tokens);
std::string_view FinishName(FinishReason reason);
// Tokens per second of the two phases; 0 when there was nothing to measure.
double PrefillSpeed(const Usage& usage);
double DecodeSpeed(const Usage& usage);
// "prompt 41 tokens (12 cached) at 102/s, reply 80 tokens (60 thinking) at 35.1/s"
std::string UsageText(const Usage& usage, int64_t reasoning_tokens = 0);

}  // namespace fathom::cli
