#include "models/config_reader.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace fathom {

void ConfigReader::RefuseUnknownKeys(std::span<const std::string_view> known,
                                     std::string_view architecture) const {
  for (const auto& [key, value] : file_.metadata()) {
    if (!key.starts_with(prefix_)) continue;
    const std::string_view name = std::string_view(key).substr(prefix_.size());
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    throw Error(ErrorCode::kUnsupported,
                file_.path().string() + ": key " + QuotedName(key) + " is not known to the " +
                    std::string(architecture) + " architecture here",
                "it may change the result, so the file is not run");
  }
}

int64_t ConfigReader::Count(std::string_view key, int64_t most) const {
  return InRange(key, file_.RequireInteger(Key(key)), 1, most);
}

int64_t ConfigReader::CountOr(std::string_view key, int64_t absent, int64_t most) const {
  const auto found = file_.Integer(Key(key));
  return found ? InRange(key, *found, 1, most) : absent;
}

int64_t ConfigReader::CountFromZero(std::string_view key, int64_t most) const {
  return InRange(key, file_.RequireInteger(Key(key)), 0, most);
}

int64_t ConfigReader::CountFromZeroOr(std::string_view key, int64_t absent, int64_t most) const {
  const auto found = file_.Integer(Key(key));
  return found ? InRange(key, *found, 0, most) : absent;
}

double ConfigReader::Positive(std::string_view key) const {
  return Finite(key, file_.RequireNumber(Key(key)), false);
}

double ConfigReader::PositiveOr(std::string_view key, double absent) const {
  const auto found = file_.Number(Key(key));
  return found ? Finite(key, *found, false) : absent;
}

double ConfigReader::FromZeroOr(std::string_view key, double absent) const {
  const auto found = file_.Number(Key(key));
  return found ? Finite(key, *found, true) : absent;
}

float ConfigReader::Epsilon(std::string_view key) const {
  const double value = file_.RequireNumber(Key(key));
  if (!(value >= 0 && value < 1)) Fail(key, std::to_string(value), "0 to 1");
  return static_cast<float>(value);
}

void ConfigReader::Fail(std::string_view key, const std::string& found,
                        const std::string& expected) const {
  file_.Fail("'" + Key(key) + "' is " + found + ", expected " + expected);
}

void ConfigReader::Refuse(std::string_view key, const std::string& found,
                          const std::string& known) const {
  throw Error(ErrorCode::kUnsupported,
              file_.path().string() + ": '" + Key(key) + "' is " + found + ", expected " + known,
              "another value would change the result, so the file is not run");
}

int64_t ConfigReader::InRange(std::string_view key, int64_t value, int64_t least,
                              int64_t most) const {
  if (value < least || value > most) {
    Fail(key, std::to_string(value), std::to_string(least) + " to " + std::to_string(most));
  }
  return value;
}

double ConfigReader::Finite(std::string_view key, double value, bool zero_allowed) const {
  if (!std::isfinite(value) || value < 0 || (value == 0 && !zero_allowed)) {
    Fail(key, std::to_string(value), zero_allowed ? "a number from 0 on" : "a positive number");
  }
  return value;
}

}  // namespace fathom
