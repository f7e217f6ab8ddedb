// Flags that several subcommands share, and what they mean to the rooms below.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "chat/chat.h"
#include "cli/command.h"

namespace fathom::cli {

// Which model, and how it is run.
struct ModelFlags {
  std::string model;  // a name or a path; empty: the default model
  std::string kernels = "auto";
  std::string cache_type;              // "f16", "bf16", "q8", "f32" or empty: the engine's choice
  std::string attention = "absorbed";  // or "naive": the form of latent attention
  int threads = 0;
  int64_t context_length = 0;
  uint64_t cache_bytes = 0;
};
void AddModelFlags(Command command, ModelFlags& flags);

LoadedModel OpenModel(const Context& context, const ModelFlags& flags);
EngineOptions ToEngineOptions(const ModelFlags& flags);

// How the next token is chosen, and when to stop.
struct SamplingFlags {
  std::optional<float> temperature;  // unset: as the model's authors advise
  int32_t top_k = 0;
  std::optional<float> top_p;  // likewise
  float min_p = 0.0f;
  float repetition_penalty = 1.0f;
  float frequency_penalty = 0.0f;
  float presence_penalty = 0.0f;
  std::optional<uint64_t> seed;
  int64_t max_tokens = -1;
  std::vector<std::string> stop;
  std::string think = "auto";    // "auto", "on" or "off"
  int64_t thinking_budget = -1;  // -1: none
};
void AddSamplingFlags(Command command, SamplingFlags& flags);
// Throws Error(kInvalidArgument) that names the first parameter out of its range.
GenerationOptions ToGenerationOptions(const SamplingFlags& flags,
                                      const RecommendedSampling& recommended);
// Throws Error(kUnsupported) when a model that does not think is told to.
void CheckThinking(const ChatService& chat, const SamplingFlags& flags);

// More text than any context holds; a wrong file is noticed before it fills the memory.
inline constexpr std::size_t kMaxTextBytes = std::size_t{256} << 20;

// Where a text comes from: -p TEXT, -f FILE, or standard input.
struct TextFlags {
  std::optional<std::string> text;  // "-": standard input
  std::string file;
};
void AddTextFlags(Command command, TextFlags& flags, const char* what);
// The text, byte for byte. Throws Error(kInvalidArgument) when none is given and standard input is
// a terminal; kNotFound, kPermission or kIo for the file.
std::string ReadText(const TextFlags& flags);

// "1,2,3" or "[1, 2, 3]" ("-": read from standard input) to ids, one comma between two of them.
// Throws Error(kInvalidArgument) that shows the part that is no id.
std::vector<TokenId> ParseTokenIds(std::string_view text);
std::vector<TokenId> ReadTokenIds(const std::string& flag);
std::string TokenIdsText(const std::vector<TokenId>& ids);

}  // namespace fathom::cli
