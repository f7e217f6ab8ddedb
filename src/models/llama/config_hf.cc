// The keys of a config.json, as transformers' LlamaConfig and its relatives read them, to Config.
#include <array>
#include <string>
#include <vector>

#include "base/error.h"
#include "models/config_reader.h"
#include "models/llama/config.h"
#include "models/rope_config.h"

namespace fathom::llama {
namespace {

// Keys that are read here, and two that do not change what is computed.
constexpr auto kKnownKeys = std::to_array<std::string_view>({
    "head_dim",
    "hidden_act",
    "hidden_size",
    "intermediate_size",
    "max_sequence_length",  // of a trainer
    "num_attention_heads",
    "num_hidden_layers",
    "num_key_value_heads",
    "rms_norm_eps",
    "tie_word_embeddings",
    "vocab_size",
});

void RefuseQuantization(const ModelFile& file) {
  for (const std::string_view object : {"quantization_config.", "compression_config."}) {
    const auto first = file.metadata().lower_bound(object);
    if (first == file.metadata().end() || !first->first.starts_with(object)) continue;
    const std::string method = std::string(object) + "quant_method";
    const std::string* name = file.String(method);
    if (name == nullptr) file.FailKeyUnsupported(first->first, "asks for quantised weights");
    file.FailKeyUnsupported(method, "is " + QuotedName(*name) + ", which is not supported here",
                            "weights in F32, F16 and BF16 are read");
  }
}

void ParseAttention(const ConfigReader& reader, Config& config) {
  GroupedAttentionShape& shape = config.attention;
  shape.heads = reader.Count("num_attention_heads", kMaxHeads);
  shape.kv_heads = reader.CountOr("num_key_value_heads", shape.heads, kMaxHeads);
  shape.head_dim = HeadSize(reader, "head_dim", "hidden_size", config);
  CheckHeads(reader, "num_attention_heads", "num_key_value_heads", config);
  shape.pairing = RopePairing::kHalfSplit;
}

}  // namespace

Config ParseHfKeys(const ModelFile& file, const Family& family) {
  const ConfigReader reader(file, "");
  RefuseQuantization(file);
  std::vector<std::string_view> known(kKnownKeys.begin(), kKnownKeys.end());
  known.insert(known.end(), family.hf_keys.begin(), family.hf_keys.end());
  known.insert(known.end(), HfRopeKeys().begin(), HfRopeKeys().end());
  reader.RefuseUnknownKeys(known, HfKeysWithoutMeaning(), family.name);

  Config config;
  config.architecture = family.name;
  config.layers = reader.Count("num_hidden_layers", kMaxLayers);
  config.hidden = reader.Count("hidden_size", kMaxHidden);
  config.feed_forward = reader.Count("intermediate_size", kMaxFeedForward);
  config.rms_epsilon = reader.Epsilon("rms_norm_eps");
  config.may_tie_head = reader.BooleanOr("tie_word_embeddings", false);
  const std::string* activation = file.String("hidden_act");
  if (activation != nullptr && *activation != "silu") {
    reader.Refuse("hidden_act", QuotedName(*activation), "'silu'");
  }
  ParseAttention(reader, config);
  const int64_t positions = reader.Count("max_position_embeddings", kMaxContext);
  HfRope rope = ParseHfRope(reader, config.attention.head_dim, positions);
  config.rope = std::move(rope.spec);
  config.context_length = rope.context_length;

  config.vocabulary = reader.Count("vocab_size", kMaxVocabulary);
  return config;
}

Config ParseHfConfig(const ModelFile& file, const Family& family) {
  Config config = ParseHfKeys(file, family);
  const int64_t rows = EmbeddingRows(file, "model.embed_tokens.weight");
  CheckVocabulary(ConfigReader(file, ""), "vocab_size", config.vocabulary, rows);
  return config;
}

}  // namespace fathom::llama
