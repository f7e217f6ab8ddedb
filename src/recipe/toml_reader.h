// TOML files (toml.io, version 1.0) read strictly: what is asked for is checked for its type and
// range, and what nobody asks for is refused, so that a key that is misspelled never means a
// default. Messages say "FILE:LINE: what is wrong". Parsing only: what a key means is for the
// caller.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace fathom {

struct TomlEntry;

struct TomlValue {
  using Array = std::vector<TomlValue>;
  using Table = std::vector<TomlEntry>;
  // Nothing: a date or a time.
  std::variant<std::monostate, bool, int64_t, double, std::string, Array, Table> value;
  int line = 0;
};

struct TomlEntry {
  std::string key;
  TomlValue value;
};

// The table that a file is. `source` is what messages call it. Throws Error(kInvalidFile) for what
// is no TOML, more than a megabyte, or has a line of more than 1,000 bytes.
TomlValue ParseToml(std::string_view text, const std::string& source);

// One table of a file. Keys that are asked for are known; Finish refuses the others.
class TomlReader {
 public:
  // `name` is the table's, "" of the file itself. `table` outlives the reader.
  TomlReader(const TomlValue& table, std::string source, std::string name = {});

  // Nothing where the key is not there. Throws Error(kInvalidArgument) with the place, the key,
  // what was expected and what was found: another type, or a value out of range (which is an error
  // for a number that is none, too).
  std::optional<int64_t> Integer(std::string_view key, int64_t least, int64_t most);
  std::optional<double> Number(std::string_view key, double least, double most);
  std::optional<bool> Boolean(std::string_view key);
  std::optional<std::string> Text(std::string_view key);  // not empty
  // The index of the choice that is there.
  std::optional<std::size_t> Choice(std::string_view key,
                                    std::initializer_list<std::string_view> choices);
  std::optional<std::vector<int64_t>> Integers(std::string_view key, int64_t least, int64_t most);
  std::optional<TomlReader> Table(std::string_view key);

  // Whether the key is there and a table; whether it is there at all.
  bool HasTable(std::string_view key) const;
  bool Has(std::string_view key) const { return Find(key) != nullptr; }
  // Every key that is there, in the order of their names.
  std::vector<std::string> Keys() const;

  // Refuses what nobody asked for, with its line and the nearest key that was asked for.
  void Finish() const;
  // Refuses what is none of these keys likewise, before any of them is read.
  void Expect(std::initializer_list<std::string_view> keys);

  // "FILE:LINE: 'table.key' MESSAGE", at the place of the key, or of the table without it.
  [[noreturn]] void Fail(std::string_view key, const std::string& message,
                         const std::string& hint = {}) const;

 private:
  const TomlValue* Find(std::string_view key) const;
  const TomlValue* Ask(std::string_view key);
  std::string NameOf(std::string_view key) const;
  [[noreturn]] void FailType(std::string_view key, std::string_view expected,
                             const TomlValue& found) const;

  const TomlValue* table_;
  std::string source_, name_;
  std::vector<std::string> known_;
};

// How many letters must be put in, left out or replaced to make one word of the other
// (Levenshtein). For texts of at most some hundred bytes.
std::size_t EditDistance(std::string_view a, std::string_view b);

}  // namespace fathom
