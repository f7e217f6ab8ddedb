// Hyper-parameters of the `llama` architecture and of those that differ from it in names and biases
// only (`qwen2`), read from GGUF metadata or from a config.json. Every semantic key is used or
// refused; nothing is guessed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "formats/model_file.h"
#include "models/config_reader.h"
#include "models/layers/attention.h"
#include "models/layers/rope.h"

namespace fathom::llama {

// Whether linear layers have a bias.
enum class BiasRule : uint8_t {
  kNone,
  kRequired,
  kAsInFile,  // where the file has one
};

struct Config {
  std::string architecture;  // for ModelSpec and messages: "llama"
  int64_t vocabulary = 0;
  int64_t layers = 0;
  int64_t hidden = 0;
  int64_t feed_forward = 0;
  int64_t context_length = 0;
  float rms_epsilon = 0;
  bool may_tie_head = false;  // a file without a head means the embedding
  BiasRule query_key_value_bias = BiasRule::kAsInFile;
  BiasRule output_bias = BiasRule::kAsInFile;
  BiasRule feed_forward_bias = BiasRule::kAsInFile;
  GroupedAttentionShape attention;
  RopeSpec rope;
};

// What an architecture of this family has of its own.
struct Family {
  std::string_view name;     // of "general.architecture", of its GGUF keys, and of "model_type"
  RopePairing gguf_pairing;  // how converters store queries and keys
  bool gguf_rope_freqs;      // "rope_freqs.weight" may divide the frequencies
  std::span<const std::string_view> hf_keys;  // of config.json, besides those of the whole family
};

// They throw Error(kInvalidFile) or Error(kUnsupported) naming file, key, expected and found.
// Biases are left as they stand above.
Config ParseGgufConfig(const ModelFile& file, const Family& family);  // config_gguf.cc
Config ParseHfConfig(const ModelFile& file, const Family& family);    // config_hf.cc
// The same of a config.json whose tensors are not there: the vocabulary is what the key says.
Config ParseHfKeys(const ModelFile& file, const Family& family);
// The one of them that fits the file.
Config ParseConfig(const ModelFile& file, const Family& family);

// ---- For the two: limits far beyond any model, and checks, whatever the keys are called
// ----------

inline constexpr int64_t kMaxHeads = 1024;
inline constexpr int64_t kMaxLayers = 4096;
inline constexpr int64_t kMaxHidden = 1 << 20;
inline constexpr int64_t kMaxFeedForward = 1 << 24;
inline constexpr int64_t kMaxContext = int64_t{1} << 31;
inline constexpr int64_t kMaxVocabulary = int64_t{1} << 31;

// The explicit size of a head, or what the hidden size leaves for each.
int64_t HeadSize(const ConfigReader& reader, std::string_view size_key, std::string_view hidden_key,
                 const Config& config);
void CheckHeads(const ConfigReader& reader, std::string_view heads_key,
                std::string_view kv_heads_key, const Config& config);

}  // namespace fathom::llama
