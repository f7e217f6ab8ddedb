// The shortest decimal text that reads as the number.
#pragma once

#include <array>
#include <charconv>
#include <string>

namespace fathom {

template <class Number>
std::string NumberText(Number number) {
  std::array<char, 64> text;
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr};
}

}  // namespace fathom
