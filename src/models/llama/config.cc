#include "models/llama/config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "base/error.h"
#include "models/layers/linear.h"

namespace fathom::llama {
namespace {

constexpr std::string_view kPrefix = "llama.";

// Keys of this architecture that ParseConfig reads, and two that do not change what is computed.
constexpr std::array<std::string_view, 23> kKnownKeys = {
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.layer_norm_rms_epsilon",
    "attention.value_length",
    "block_count",
    "context_length",
    "embedding_length",
    "expert_count",
    "expert_used_count",
    "feed_forward_length",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scaling.attn_factor",
    "rope.scaling.factor",
    "rope.scaling.finetuned",
    "rope.scaling.original_context_length",
    "rope.scaling.type",
    "rope.scaling.yarn_attn_factor",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "tensor_data_layout",
    "vocab_size",
};

class Reader {
 public:
  explicit Reader(const ModelFile& file) : file_(file) {}

  int64_t Count(std::string_view key, int64_t most) const {
    return InRange(key, file_.RequireInteger(Key(key)), most);
  }
  int64_t CountOr(std::string_view key, int64_t absent, int64_t most) const {
    const auto found = file_.Integer(Key(key));
    return found ? InRange(key, *found, most) : absent;
  }
  double PositiveOr(std::string_view key, double absent) const {
    const double value = file_.Number(Key(key)).value_or(absent);
    if (!std::isfinite(value) || value <= 0) {
      file_.Fail("'" + Key(key) + "' is " + std::to_string(value) + ", expected a positive number");
    }
    return value;
  }
  static std::string Key(std::string_view key) { return std::string(kPrefix) + std::string(key); }

 private:
  int64_t InRange(std::string_view key, int64_t value, int64_t most) const {
    if (value < 1 || value > most) {
      file_.Fail("'" + Key(key) + "' is " + std::to_string(value) + ", expected 1 to " +
                 std::to_string(most));
    }
    return value;
  }

  const ModelFile& file_;
};

void RefuseUnknownKeys(const ModelFile& file) {
  for (const auto& [key, value] : file.metadata()) {
    if (!key.starts_with(kPrefix)) continue;
    const std::string_view name = std::string_view(key).substr(kPrefix.size());
    if (std::find(kKnownKeys.begin(), kKnownKeys.end(), name) == kKnownKeys.end()) {
      throw Error(
          ErrorCode::kUnsupported,
          file.path().string() + ": key '" + key + "' is not known to the llama architecture here",
          "it may change the result, so the file is not run");
    }
  }
  if (const auto experts = file.Integer(Reader::Key("expert_count")); experts.value_or(0) != 0) {
    throw Error(ErrorCode::kUnsupported, file.path().string() + ": llama with " +
                                             std::to_string(*experts) +
                                             " experts (mixture of experts) is not supported");
  }
}

void ParseAttention(const ModelFile& file, const Reader& reader, Config& config) {
  GroupedAttentionShape& shape = config.attention;
  shape.heads = reader.Count("attention.head_count", 1024);
  shape.kv_heads = reader.CountOr("attention.head_count_kv", shape.heads, 1024);
  if (shape.heads % shape.kv_heads != 0) {
    file.Fail("'llama.attention.head_count' is " + std::to_string(shape.heads) +
              ", expected a multiple of 'llama.attention.head_count_kv', which is " +
              std::to_string(shape.kv_heads));
  }
  const auto explicit_size = file.Integer("llama.attention.key_length");
  if (!explicit_size && config.hidden % shape.heads != 0) {
    file.Fail("'llama.embedding_length' is " + std::to_string(config.hidden) +
              ", expected a multiple of 'llama.attention.head_count', which is " +
              std::to_string(shape.heads));
  }
  shape.head_dim = reader.CountOr("attention.key_length", config.hidden / shape.heads, kMaxHeadDim);
  const int64_t value_length =
      reader.CountOr("attention.value_length", shape.head_dim, kMaxHeadDim);
  if (value_length != shape.head_dim || shape.head_dim % 8 != 0) {
    throw Error(ErrorCode::kUnsupported, file.path().string() + ": head sizes of " +
                                             std::to_string(shape.head_dim) + " (keys) and " +
                                             std::to_string(value_length) +
                                             " (values), expected equal multiples of 8");
  }
  shape.pairing = RopePairing::kInterleaved;  // GGUF stores llama's q and k permuted for this
}

void ParseRopeScaling(const ModelFile& file, const Reader& reader, Config& config) {
  RopeSpec& rope = config.rope;
  const std::string* type = file.String("llama.rope.scaling.type");
  if (type == nullptr || *type == "none") return;
  rope.factor = reader.PositiveOr("rope.scaling.factor", 1.0);
  if (*type == "linear") {
    rope.scaling = RopeScaling::kLinear;
  } else if (*type == "yarn") {
    rope.scaling = RopeScaling::kYarn;
    rope.original_context = reader.Count("rope.scaling.original_context_length", int64_t{1} << 40);
    rope.beta_fast = reader.PositiveOr("rope.scaling.yarn_beta_fast", 32.0);
    rope.beta_slow = reader.PositiveOr("rope.scaling.yarn_beta_slow", 1.0);
    rope.attention_factor = reader.PositiveOr("rope.scaling.yarn_attn_factor",
                                              reader.PositiveOr("rope.scaling.attn_factor", 1.0));
    if (rope.factor < 1.0) file.Fail("'llama.rope.scaling.factor' is below 1 with yarn");
  } else {
    throw Error(ErrorCode::kUnsupported,
                file.path().string() + ": rope scaling '" + *type + "' is not supported",
                "known: none, linear, yarn");
  }
}

void ParseRope(const ModelFile& file, const Reader& reader, Config& config) {
  RopeSpec& rope = config.rope;
  rope.rotary_dim =
      reader.CountOr("rope.dimension_count", config.attention.head_dim, config.attention.head_dim);
  if (rope.rotary_dim % 2 != 0) {
    file.Fail("'llama.rope.dimension_count' is " + std::to_string(rope.rotary_dim) +
              ", expected an even number");
  }
  rope.base = reader.PositiveOr("rope.freq_base", 10000.0);
  ParseRopeScaling(file, reader, config);
  if (file.FindTensor("rope_freqs.weight") == nullptr) return;
  rope.frequency_divisors = BindVector(file, "rope_freqs.weight", rope.rotary_dim / 2);
  for (const float divisor : rope.frequency_divisors) {
    if (!std::isfinite(divisor) || divisor <= 0) {
      file.Fail("tensor 'rope_freqs.weight' holds " + std::to_string(divisor) +
                ", expected positive numbers");
    }
  }
}

}  // namespace

Config ParseConfig(const ModelFile& file) {
  RefuseUnknownKeys(file);
  const Reader reader(file);
  Config config;
  config.layers = reader.Count("block_count", 4096);
  config.hidden = reader.Count("embedding_length", 1 << 20);
  config.feed_forward = reader.Count("feed_forward_length", 1 << 24);
  config.context_length = reader.Count("context_length", int64_t{1} << 31);
  config.rms_epsilon =
      static_cast<float>(file.RequireNumber("llama.attention.layer_norm_rms_epsilon"));
  if (!(config.rms_epsilon >= 0 && config.rms_epsilon < 1)) {
    file.Fail("'llama.attention.layer_norm_rms_epsilon' is " + std::to_string(config.rms_epsilon) +
              ", expected 0 to 1");
  }
  ParseAttention(file, reader, config);
  ParseRope(file, reader, config);

  const NamedTensor* embedding = file.FindTensor("token_embd.weight");
  if (embedding == nullptr) file.Fail("tensor 'token_embd.weight' is missing");
  config.vocabulary = embedding->view.shape[0];
  const int64_t declared = reader.CountOr("vocab_size", config.vocabulary, int64_t{1} << 31);
  if (declared != config.vocabulary) {
    file.Fail("'llama.vocab_size' is " + std::to_string(declared) +
              " but 'token_embd.weight' has " + std::to_string(config.vocabulary) + " rows");
  }
  return config;
}

}  // namespace fathom::llama
