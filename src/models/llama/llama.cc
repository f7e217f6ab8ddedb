// What makes a file a `llama`: how it is stored, and which layers have biases.
#include "models/llama/llama.h"

#include <array>

#include "models/config_reader.h"

namespace fathom::llama {
namespace {

constexpr auto kHfKeys = std::to_array<std::string_view>({"attention_bias", "mlp_bias"});

// Converters to GGUF reorder the rows of queries and keys so that neighbours are rotated.
constexpr Family kFamily{.name = "llama",
                         .gguf_pairing = RopePairing::kInterleaved,
                         .gguf_rope_freqs = true,
                         .hf_keys = kHfKeys};

void TakeBiases(const ModelFile& file, Config& config) {
  const ConfigReader reader(file, "");
  const auto rule = [&](std::string_view key) {
    return reader.BooleanOr(key, false) ? BiasRule::kRequired : BiasRule::kNone;
  };
  config.query_key_value_bias = config.output_bias = rule("attention_bias");
  config.feed_forward_bias = rule("mlp_bias");
}

}  // namespace

Config ParseHfKeys(const ModelFile& file) {
  Config config = ParseHfKeys(file, kFamily);
  TakeBiases(file, config);
  return config;
}

Config ReadConfig(const ModelFile& file) {
  Config config = ParseConfig(file, kFamily);
  if (file.kind() == ModelFileKind::kHuggingFace) TakeBiases(file, config);
  return config;
}

std::unique_ptr<Model> Bind(const ModelFile& file) { return MakeModel(file, ReadConfig(file)); }

}  // namespace fathom::llama
