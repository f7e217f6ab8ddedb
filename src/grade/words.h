// The words that problems are made of: common English words in groups whose members nobody would
// dispute, names, and invented nouns. All in lower case but the names; letters a to z only.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fathom {

struct WordGroup {
  std::string_view noun;  // "fruit|fruits"
  std::span<const char* const> words;
  bool animals;  // groups of animals are not mixed: an eagle is one too
};

// No word is in two groups.
std::span<const WordGroup> WordGroups();

// The words of the groups and some hundred others, each once.
std::span<const char* const> Words();

std::span<const char* const> Names();

// "wug|wugs": nouns without a meaning, so that only the premises count.
std::span<const char* const> InventedNouns();

// "baker|bakers": what one person can be several of.
std::span<const char* const> People();

// The same as strings.
std::vector<std::string> Strings(std::span<const char* const> words);

}  // namespace fathom
