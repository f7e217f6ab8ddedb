// Parts of the names that tensors have in files. Not for: which names an architecture has.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace fathom {

// Takes "NUMBER." from the front of a name, a number as files write it: "01" is none.
inline std::optional<int64_t> TakeNumber(std::string_view& name) {
  int64_t number = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const auto digits = static_cast<std::size_t>(end - name.data());
  if (error != std::errc() || number < 0 || digits >= name.size() || name[digits] != '.') {
    return std::nullopt;
  }
  if (name.substr(0, digits) != std::to_string(number)) return std::nullopt;
  name.remove_prefix(digits + 1);
  return number;
}

}  // namespace fathom
