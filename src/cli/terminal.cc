// Owns: every byte that goes to standard output and error. Not for: reading input.
#include "cli/terminal.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cmath>
#include <cstdio>

#include "base/bytes_json.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/reply.h"

namespace fathom::cli {
namespace {

// All of it, also when an interrupt comes in between; only the end that SIGTERM asks for does not
// wait for a reader that does not read. False when it fails; errno says why.
bool WriteTo(int file, std::string_view text) {
  constexpr int kLookMilliseconds = 200;  // for a signal that came just before the wait
  while (!text.empty()) {
    pollfd room{file, POLLOUT, 0};
    if (::poll(&room, 1, kLookMilliseconds) <= 0) {
      if (TerminationAsked()) {
        errno = EINTR;
        return false;
      }
      continue;
    }
    // A pipe that has room has it for so many bytes, so this does not wait.
    const ssize_t written =
        ::write(file, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

bool IsControl(unsigned char c) { return c < 0x20 || c == 0x7f; }

}  // namespace

void Print(std::string_view text) {
  std::fflush(stdout);  // the line editor's
  if (WriteTo(STDOUT_FILENO, text)) return;
  // A terminal that is closed takes nothing more.
  if (errno == EINTR || TerminationAsked())
    throw Error(ErrorCode::kCancelled, "ended while nobody read the output");
  throw SystemError(errno, "cannot write the output");
}

void PrintLine(std::string_view text) {
  std::string line(text);
  line.push_back('\n');
  Print(line);
}

void PrintError(std::string_view text) { WriteTo(STDERR_FILENO, text); }

std::string Harmless(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    const bool c1 = c == 0xc2 && i + 1 < text.size() &&
                    static_cast<unsigned char>(text[i + 1]) >= 0x80 &&
                    static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (c1) ++i;
    if (c1 || (IsControl(c) && c != '\n' && c != '\t')) {
      safe += "\xef\xbf\xbd";
    } else {
      safe.push_back(text[i]);
    }
  }
  return safe;
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    switch (c) {
      case '\n':
        quoted += "\\n";
        break;
      case '\t':
        quoted += "\\t";
        break;
      case '\r':
        quoted += "\\r";
        break;
      case '"':
        quoted += "\\\"";
        break;
      case '\\':
        quoted += "\\\\";
        break;
      default:
        if (IsControl(static_cast<unsigned char>(c))) {
          char hex[8];
          std::snprintf(hex, sizeof hex, "\\x%02x", static_cast<unsigned char>(c));
          quoted += hex;
        } else {
          quoted.push_back(c);
        }
    }
  }
  quoted.push_back('"');
  return Harmless(quoted);
}

void PrintFailure(const Error& error) {
  std::string line = std::string("fathom: ") + error.what();
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  PrintError(Harmless(line) + "\n");
}

int ExitCodeOf(const Error& error) {
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kInvalidFile:
    case ErrorCode::kUnsupported:
    case ErrorCode::kNotFound:
    case ErrorCode::kContextOverflow:
      return kExitBadInput;
    case ErrorCode::kCancelled:
      return kExitInterrupted;
    default:
      return kExitFailure;
  }
}

bool StdoutIsTerminal() { return ::isatty(STDOUT_FILENO) != 0; }
bool StderrIsTerminal() { return ::isatty(STDERR_FILENO) != 0; }
bool StdinIsTerminal() { return ::isatty(STDIN_FILENO) != 0; }

std::string Dim(std::string_view text, bool enabled) {
  if (!enabled) return std::string(text);
  std::string styled = "\x1b[2m";
  styled.append(text).append("\x1b[0m");
  return styled;
}

ProgressLine::ProgressLine() : last_plain_(MonotonicSeconds()) {}
ProgressLine::~ProgressLine() { Clear(); }

void ProgressLine::Show(std::string_view text) {
  constexpr double kPlainSeconds = 10;
  std::string line = Harmless(text);
  if (StderrIsTerminal()) {
    winsize size{};
    if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 &&
        line.size() >= size.ws_col) {
      line.resize(size.ws_col - 1u);  // a wrapped line could not be drawn over
    }
    PrintError("\r" + line + "\x1b[K");
    shown_ = true;
    return;
  }
  const double now = MonotonicSeconds();
  if (now - last_plain_ < kPlainSeconds) return;
  last_plain_ = now;
  PrintError(line + "\n");
}

void ProgressLine::Clear() {
  if (shown_) PrintError("\r\x1b[K");
  shown_ = false;
}

std::string DurationText(double seconds) {
  const int64_t whole = std::llround(std::max(0.0, seconds));
  char text[64];
  if (whole < 60) {
    std::snprintf(text, sizeof text, "%llds", static_cast<long long>(whole));
  } else if (whole < 3600) {
    std::snprintf(text, sizeof text, "%lldm %02llds", static_cast<long long>(whole / 60),
                  static_cast<long long>(whole % 60));
  } else {
    std::snprintf(text, sizeof text, "%lldh %02lldm", static_cast<long long>(whole / 3600),
                  static_cast<long long>(whole / 60 % 60));
  }
  return text;
}

std::string Significant(double value) {
  if (!std::isfinite(value)) return value > 0 ? "inf" : value < 0 ? "-inf" : "nan";
  const double size = std::fabs(value);
  const int decimals = size >= 99.95 || size == 0 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3;
  char text[64];
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  return text;
}

Json LogprobJson(const LogprobEntry& entry, bool scored) {
  Json json{{"id", entry.id}, {"token", entry.token}};
  // Not UTF-8 by itself: its text does not say it all.
  if (entry.token != entry.bytes) json["bytes"] = BytesJson(entry.bytes);
  json["logprob"] = scored ? Json(entry.logprob) : Json();
  if (!entry.top.empty()) {
    Json& top = json["top"] = Json::array();
    for (const LogprobEntry::Alternative& alternative : entry.top) {
      top.push_back(Json{
          {"id", alternative.id}, {"token", alternative.token}, {"logprob", alternative.logprob}});
    }
  }
  return json;
}

Json UsageJson(const Usage& usage, int64_t reasoning_tokens) {
  return Json{{"prompt_tokens", usage.prompt_tokens},
              {"cached_tokens", usage.cached_tokens},
              {"completion_tokens", usage.completion_tokens},
              {"reasoning_tokens", reasoning_tokens},
              {"prefill_seconds", usage.prefill_seconds},
              {"decode_seconds", usage.decode_seconds},
              {"prefill_tokens_per_second", PrefillSpeed(usage)},
              {"decode_tokens_per_second", DecodeSpeed(usage)}};
}

std::string_view FinishName(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop:
      return "stop";
    case FinishReason::kLength:
      return "length";
    case FinishReason::kCancelled:
      return "cancelled";
    case FinishReason::kError:
      return "error";
  }
  return "error";
}

double PrefillSpeed(const Usage& usage) {
  const int64_t evaluated = usage.prompt_tokens - usage.cached_tokens;
  return usage.prefill_seconds > 0 ? static_cast<double>(evaluated) / usage.prefill_seconds : 0;
}

double DecodeSpeed(const Usage& usage) {
  // The first token comes with the prefill.
  if (usage.completion_tokens < 2 || usage.decode_seconds <= 0) return 0;
  return static_cast<double>(usage.completion_tokens - 1) / usage.decode_seconds;
}

std::string UsageText(const Usage& usage, int64_t reasoning_tokens) {
  std::string text = "prompt " + std::to_string(usage.prompt_tokens) + " tokens";
  if (usage.cached_tokens > 0) text += " (" + std::to_string(usage.cached_tokens) + " cached)";
  if (PrefillSpeed(usage) > 0) text += " at " + Significant(PrefillSpeed(usage)) + "/s";
  text += ", reply " + std::to_string(usage.completion_tokens) + " tokens";
  if (reasoning_tokens > 0) text += " (" + std::to_string(reasoning_tokens) + " thinking)";
  if (DecodeSpeed(usage) > 0) text += " at " + Significant(DecodeSpeed(usage)) + "/s";
  return text;
}

}  // namespace fathom::cli
