// What makes a file a `qwen2`: biases, the keys of windowed attention (which is refused), and that
// GGUF files have queries and keys as they were trained.
#include "models/qwen2/qwen2.h"

#include <algorithm>
#include <array>
#include <string>

#include "models/config_reader.h"
#include "models/llama/llama.h"

namespace fathom::qwen2 {
namespace {

constexpr auto kHfKeys = std::to_array<std::string_view>(
    {"layer_types", "max_window_layers", "sliding_window", "use_mrope", "use_sliding_window"});

constexpr llama::Family kFamily{.name = "qwen2",
                                .gguf_pairing = RopePairing::kHalfSplit,
                                .gguf_rope_freqs = false,
                                .hf_keys = kHfKeys};

// The size of the window and the layers it begins at mean nothing while no layer has one.
void RefuseOtherAttention(const ModelFile& file, const llama::Config& config) {
  const ConfigReader reader(file, "");
  for (const char* key : {"use_sliding_window", "use_mrope"}) {
    if (reader.BooleanOr(key, false)) {
      file.FailKeyUnsupported(key, "is true, expected false");
    }
  }
  const std::vector<std::string>* types = file.Strings("layer_types");
  if (types == nullptr) return;
  if (static_cast<int64_t>(types->size()) != config.layers) {
    file.FailKey("layer_types", "has " + std::to_string(types->size()) +
                                    " entries, expected one for each of the " +
                                    std::to_string(config.layers) + " layers");
  }
  const auto other = std::find_if(types->begin(), types->end(),
                                  [](const auto& type) { return type != "full_attention"; });
  if (other != types->end()) {
    file.FailKeyUnsupported("layer_types",
                            "has " + QuotedName(*other) + ", expected 'full_attention' only");
  }
}

// What the family's keys leave open.
void Complete(const ModelFile& file, llama::Config& config) {
  if (file.kind() == ModelFileKind::kHuggingFace) {
    // Where the key is missing, transformers takes 32 heads, whatever the others say.
    file.RequireInteger("num_key_value_heads");
    RefuseOtherAttention(file, config);
  }
  config.query_key_value_bias = llama::BiasRule::kRequired;
  config.output_bias = config.feed_forward_bias = llama::BiasRule::kNone;
}

}  // namespace

llama::Config ParseHfKeys(const ModelFile& file) {
  llama::Config config = llama::ParseHfKeys(file, kFamily);
  Complete(file, config);
  return config;
}

llama::Config ReadConfig(const ModelFile& file) {
  llama::Config config = llama::ParseConfig(file, kFamily);
  Complete(file, config);
  return config;
}

std::unique_ptr<Model> Bind(const ModelFile& file) {
  return llama::MakeModel(file, ReadConfig(file));
}

}  // namespace fathom::qwen2
