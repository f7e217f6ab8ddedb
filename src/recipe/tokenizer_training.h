// The tokenizer of a model that is trained from nothing: a small byte-level BPE learned on the text
// of tasks, R1's special tokens and chat template, and the files that carry them. The same for the
// same input, byte for byte. Not for: how merges are learned (text/bpe_trainer.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "recipe/task_mixture.h"
#include "text/tokenizer.h"

namespace fathom {

// Template of a conversation as DeepSeek-R1's does it, without tools: what the system says in
// front, thinking of earlier turns dropped, and the thinking opened where a reply is asked for.
std::string_view ReasonerChatTemplate();

struct TokenizerTrainingOptions {
  int64_t vocabulary = 2048;  // tokens, special ones and the 256 bytes among them
  int64_t problems = 40000;   // whose questions, thinking and replies are learned from
  // Called now and then with the problems that are read; may throw to end it. May be empty.
  std::function<void(int64_t)> progress;
};

// Each digit is a token of its own. Throws Error(kInvalidArgument) for a vocabulary that the
// problems do not fill or that the bytes do not fit in.
TokenizerSpec TrainTokenizer(const TaskMixture& mixture, const TokenizerTrainingOptions& options);

// Names and texts of the files that carry it: tokenizer.json and tokenizer_config.json, as
// transformers and our loader read them.
std::vector<std::pair<std::string, std::string>> TokenizerFiles(const TokenizerSpec& spec);

// Writes them as a folder that appears when it is complete. Throws Error kAlreadyExists where there
// is something of that name, kPermission, kNoSpace or kIo.
void WriteTokenizer(const TokenizerSpec& spec, const std::filesystem::path& folder);

// Whether the folder is there and holds this very tokenizer.
bool HasTokenizer(const TokenizerSpec& spec, const std::filesystem::path& folder);

// The one in a folder, with its roles and its chat template. Throws Error kNotFound where there is
// none, else as the loader does.
TokenizerSpec ReadTokenizer(const std::filesystem::path& folder);

}  // namespace fathom
