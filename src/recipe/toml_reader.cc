// The one file that knows toml++. Its tree becomes one of our own, which remembers lines and
// nothing of the library.
#include "recipe/toml_reader.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

#include "base/check.h"
#include "base/error.h"
#include "formats/model_file.h"

namespace fathom {
namespace {
// What toml++ holds for impossible and some texts reach all the same ("[# a]").
[[noreturn]] void FailOfParser() {
  throw Error(ErrorCode::kInvalidFile, "its structure cannot be followed");
}
}  // namespace
}  // namespace fathom

// Without its checks (NDEBUG) it tells the compiler that they hold, and goes on where they do not.
#undef NDEBUG
#define TOML_ASSERT(expression) ((expression) ? static_cast<void>(0) : ::fathom::FailOfParser())
#include <toml++/toml.h>

namespace fathom {
namespace {

// Far beyond any configuration. Each point of a dotted key is a level of tables, and levels are
// walked recursively: short lines bound them.
constexpr std::size_t kMostBytes = std::size_t{1} << 20;
constexpr std::size_t kMostLineBytes = 1000;

std::string Place(const std::string& source, int line) {
  return source + ":" + std::to_string(line) + ": ";
}

TomlValue Own(const toml::node& node) {
  TomlValue result;
  result.line = static_cast<int>(node.source().begin.line);
  if (const auto* flag = node.as_boolean()) result.value = flag->get();
  if (const auto* integer = node.as_integer()) result.value = integer->get();
  if (const auto* number = node.as_floating_point()) result.value = number->get();
  if (const auto* text = node.as_string()) result.value = text->get();
  if (const auto* array = node.as_array()) {
    TomlValue::Array items;
    for (const toml::node& item : *array) items.push_back(Own(item));
    result.value = std::move(items);
  }
  if (const auto* table = node.as_table()) {
    TomlValue::Table entries;
    for (const auto& [key, value] : *table) {
      entries.push_back({std::string(key.str()), Own(value)});
      // What a user looks for is the line of the key.
      if (key.source().begin.line > 0) {
        entries.back().value.line = static_cast<int>(key.source().begin.line);
      }
    }
    result.value = std::move(entries);
  }
  return result;
}

// The library's own words, without what could steer a terminal or break a line.
std::string Plain(std::string_view text) {
  const std::string quoted = QuotedName(text);
  return quoted.substr(1, quoted.size() - 2);
}

std::string_view TypeName(const TomlValue& value) {
  constexpr std::string_view kNames[] = {"a date or time", "a boolean", "an integer", "a number",
                                         "a text",         "an array",  "a table"};
  return kNames[value.value.index()];
}

// The end of the text in quotes that begins at text[at], or of the line where it is not closed.
std::size_t QuotesEnd(std::string_view text, std::size_t at) {
  const char quote = text[at];
  const std::string three(3, quote);
  const bool of_lines = text.substr(at).starts_with(three);
  const std::string_view close = of_lines ? std::string_view(three) : text.substr(at, 1);
  for (at += close.size(); at < text.size(); ++at) {
    if (text[at] == '\n' && !of_lines) return at;
    if (text[at] == '\\' && quote == '"') {
      ++at;  // and what it escapes
    } else if (text.substr(at).starts_with(close)) {
      return at + close.size();
    }
  }
  return text.size();
}

// Refuses what is not ASCII outside comments and texts in quotes, where TOML has none of it: toml++
// 3.3 asks whether such a character is white space, and for U+00A1 to U+0499 that function runs off
// its end.
void RefuseStrayCharacters(std::string_view text, const std::string& source) {
  int line = 1;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 1;
    if (text[at] == '#') end = std::min(text.find('\n', at), text.size());
    if (text[at] == '"' || text[at] == '\'') end = QuotesEnd(text, at);
    if (static_cast<unsigned char>(text[at]) >= 0x80) {
      throw Error(ErrorCode::kInvalidFile,
                  Place(source, line) +
                      "is no TOML: it has a character outside ASCII that is "
                      "neither in a comment nor in quotes");
    }
    line += static_cast<int>(std::ranges::count(text.substr(at, end - at), '\n'));
    at = end;
  }
}

std::string NumberText(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.10g", value);
  return text;
}

}  // namespace

TomlValue ParseToml(std::string_view text, const std::string& source) {
  if (text.size() > kMostBytes) {
    throw Error(ErrorCode::kInvalidFile, source + ": has " + std::to_string(text.size()) +
                                             " bytes, expected at most " +
                                             std::to_string(kMostBytes));
  }
  int line = 1;
  for (std::size_t at = 0; at < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (end - at > kMostLineBytes) {
      throw Error(ErrorCode::kInvalidFile, Place(source, line) + "has " + std::to_string(end - at) +
                                               " bytes, expected lines of at most " +
                                               std::to_string(kMostLineBytes));
    }
    at = end + 1;
  }
  RefuseStrayCharacters(text, source);
  try {
    const toml::table table = toml::parse(text);
    TomlValue root = Own(table);
    root.line = 1;
    return root;
  } catch (const toml::parse_error& error) {
    throw Error(ErrorCode::kInvalidFile,
                Place(source, static_cast<int>(error.source().begin.line)) +
                    "is no TOML: " + Plain(error.description()));
  } catch (const Error& error) {
    throw Error(ErrorCode::kInvalidFile, source + ": is no TOML: " + error.message());
  }
}

TomlReader::TomlReader(const TomlValue& table, std::string source, std::string name)
    : table_(&table), source_(std::move(source)), name_(std::move(name)) {
  CHECK(std::holds_alternative<TomlValue::Table>(table.value));
}

const TomlValue* TomlReader::Find(std::string_view key) const {
  for (const TomlEntry& entry : std::get<TomlValue::Table>(table_->value)) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

const TomlValue* TomlReader::Ask(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  return Find(key);
}

std::string TomlReader::NameOf(std::string_view key) const {
  return name_.empty() ? std::string(key) : name_ + "." + std::string(key);
}

void TomlReader::Fail(std::string_view key, const std::string& message,
                      const std::string& hint) const {
  const TomlValue* value = Find(key);
  throw Error(ErrorCode::kInvalidArgument,
              Place(source_, value == nullptr ? table_->line : value->line) +
                  QuotedName(NameOf(key)) + " " + message,
              hint);
}

void TomlReader::FailType(std::string_view key, std::string_view expected,
                          const TomlValue& found) const {
  Fail(key, "is " + std::string(TypeName(found)) + ", expected " + std::string(expected));
}

std::optional<int64_t> TomlReader::Integer(std::string_view key, int64_t least, int64_t most) {
  const TomlValue* found = Ask(key);
  if (found == nullptr) return std::nullopt;
  const auto* value = std::get_if<int64_t>(&found->value);
  if (value == nullptr) FailType(key, "an integer", *found);
  if (*value < least || *value > most) {
    Fail(key, "is " + std::to_string(*value) + ", expected " + std::to_string(least) + " to " +
                  std::to_string(most));
  }
  return *value;
}

std::optional<double> TomlReader::Number(std::string_view key, double least, double most) {
  const TomlValue* found = Ask(key);
  if (found == nullptr) return std::nullopt;
  double number;
  if (const auto* integer = std::get_if<int64_t>(&found->value)) {
    number = static_cast<double>(*integer);
  } else if (const auto* value = std::get_if<double>(&found->value)) {
    number = *value;
  } else {
    FailType(key, "a number", *found);
  }
  if (!(number >= least && number <= most)) {
    Fail(key, "is " + NumberText(number) + ", expected " + NumberText(least) + " to " +
                  NumberText(most));
  }
  return number;
}

std::optional<bool> TomlReader::Boolean(std::string_view key) {
  const TomlValue* found = Ask(key);
  if (found == nullptr) return std::nullopt;
  const auto* value = std::get_if<bool>(&found->value);
  if (value == nullptr) FailType(key, "true or false", *found);
  return *value;
}

std::optional<std::string> TomlReader::Text(std::string_view key) {
  const TomlValue* found = Ask(key);
  if (found == nullptr) return std::nullopt;
  const auto* value = std::get_if<std::string>(&found->value);
  if (value == nullptr) FailType(key, "a text in quotes", *found);
  if (value->empty()) Fail(key, "is empty");
  return *value;
}

std::optional<std::size_t> TomlReader::Choice(std::string_view key,
                                              std::initializer_list<std::string_view> choices) {
  const std::optional<std::string> text = Text(key);
  if (!text) return std::nullopt;
  const auto* const found = std::find(choices.begin(), choices.end(), *text);
  if (found == choices.end()) {
    std::string names;
    for (const std::string_view choice : choices) {
      names += (names.empty() ? "\"" : " or \"") + std::string(choice) + "\"";
    }
    Fail(key, "is " + QuotedName(*text) + ", expected " + names);
  }
  return static_cast<std::size_t>(found - choices.begin());
}

std::optional<std::vector<int64_t>> TomlReader::Integers(std::string_view key, int64_t least,
                                                         int64_t most) {
  const TomlValue* found = Ask(key);
  if (found == nullptr) return std::nullopt;
  const auto* array = std::get_if<TomlValue::Array>(&found->value);
  if (array == nullptr) FailType(key, "an array of integers", *found);
  std::vector<int64_t> values;
  for (const TomlValue& item : *array) {
    const auto* value = std::get_if<int64_t>(&item.value);
    if (value == nullptr) {
      Fail(key, "has " + std::string(TypeName(item)) + " in it, expected integers");
    }
    if (*value < least || *value > most) {
      Fail(key, "has " + std::to_string(*value) + " in it, expected " + std::to_string(least) +
                    " to " + std::to_string(most));
    }
    values.push_back(*value);
  }
  if (values.empty()) Fail(key, "is empty");
  return values;
}

std::optional<TomlReader> TomlReader::Table(std::string_view key) {
  const TomlValue* found = Ask(key);
  if (found == nullptr) return std::nullopt;
  if (!std::holds_alternative<TomlValue::Table>(found->value)) FailType(key, "a table", *found);
  return TomlReader(*found, source_, NameOf(key));
}

bool TomlReader::HasTable(std::string_view key) const {
  const TomlValue* found = Find(key);
  return found != nullptr && std::holds_alternative<TomlValue::Table>(found->value);
}

std::vector<std::string> TomlReader::Keys() const {
  std::vector<std::string> keys;
  for (const TomlEntry& entry : std::get<TomlValue::Table>(table_->value)) {
    keys.push_back(entry.key);
  }
  return keys;
}

void TomlReader::Finish() const {
  for (const std::string& key : Keys()) {
    if (std::find(known_.begin(), known_.end(), key) != known_.end()) continue;
    std::string nearest;
    std::size_t least = SIZE_MAX;
    for (const std::string& known : known_) {
      const std::size_t distance = EditDistance(key, known);
      if (distance >= least) continue;
      least = distance;
      nearest = known;
    }
    Fail(key, HasTable(key) ? "is a table that is not known" : "is a key that is not known",
         nearest.empty() ? "none is expected here" : "the nearest that is: " + NameOf(nearest));
  }
}

void TomlReader::Expect(std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) Ask(key);
  Finish();
}

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t corner = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = corner + (a[i] == b[j] ? 0 : 1);
      corner = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, corner + 1});
    }
  }
  return row.back();
}

}  // namespace fathom
