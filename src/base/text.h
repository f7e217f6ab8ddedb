// Small questions about text that every room has. Bytes, not characters: what is white space here
// is the same in every locale. Not for: UTF-8, numbers, tokenizing.
#pragma once

#include <string_view>

namespace fathom {

// What JSON calls white space, and what HTTP puts around the value of a header.
inline constexpr std::string_view kWhitespace = " \t\r\n";

// The text without white space at its ends.
constexpr std::string_view Trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kWhitespace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kWhitespace) - begin + 1);
}

}  // namespace fathom
