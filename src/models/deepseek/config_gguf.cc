// GGUF's `deepseek2`: keys as llama.cpp's converter and its relatives write them, in three
// vintages.
// - attn_kv_b only, and attn_kv_b with attn_k_b and attn_v_b: head_count_kv = head_count;
//   key_length and value_length are those of a head
// - attn_k_b and attn_v_b only: head_count_kv = 1; key_length and value_length are those of the
//   cached vector, and key_length_mla and value_length_mla those of a head
// Early files lack some keys: expert_gating_func (softmax was the only one), expert_weights_norm
// (false, with softmax), and the two of groups, see DefaultGroups. As in llama.cpp, without its key
// there are no dense layers, no shared experts, and the rotations' base is 10000.
#include <array>
#include <cmath>
#include <string>

#include "models/config_reader.h"
#include "models/deepseek/config.h"
#include "models/rope_config.h"

namespace fathom::deepseek {
namespace {

constexpr std::array<std::string_view, 34> kKnownKeys = {
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.key_length_mla",
    "attention.kv_lora_rank",
    "attention.layer_norm_rms_epsilon",
    "attention.q_lora_rank",
    "attention.value_length",
    "attention.value_length_mla",
    "block_count",
    "context_length",
    "embedding_length",
    "expert_count",
    "expert_feed_forward_length",
    "expert_gating_func",
    "expert_group_count",
    "expert_group_used_count",
    "expert_shared_count",
    "expert_used_count",
    "expert_weights_norm",
    "expert_weights_scale",
    "feed_forward_length",
    "leading_dense_block_count",
    "nextn_predict_layers",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scaling.factor",
    "rope.scaling.finetuned",
    "rope.scaling.original_context_length",
    "rope.scaling.type",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "rope.scaling.yarn_log_multiplier",
    "vocab_size",
};

void ParseAttention(const ConfigReader& reader, Config& config) {
  LatentAttentionShape& shape = config.attention;
  shape.heads = reader.Count("attention.head_count", kMostHeads);
  shape.latent = reader.Count("attention.kv_lora_rank", kMaxLatentWidth);
  shape.rotary = reader.Count("rope.dimension_count", kMaxLatentWidth);
  config.query_latent = reader.CountFromZeroOr("attention.q_lora_rank", 0, kMostWidth);

  const int64_t key = reader.Count("attention.key_length", kMostHeadSize);
  const int64_t value = reader.Count("attention.value_length", kMostHeadSize);
  const bool split = reader.Has("attention.key_length_mla");
  if (split && (key != shape.width() || value != shape.latent)) {
    reader.Fail("attention.key_length",
                std::to_string(key) + " (values: " + std::to_string(value) + ")",
                std::to_string(shape.width()) + " (values: " + std::to_string(shape.latent) +
                    "), those of the cached vector, where 'key_length_mla' is given");
  }
  const int64_t head = split ? reader.Count("attention.key_length_mla", kMostHeadSize) : key;
  shape.value = split ? reader.Count("attention.value_length_mla", kMostHeadSize) : value;
  shape.nope = head - shape.rotary;
  if (shape.nope < 1) {
    reader.Fail("rope.dimension_count", std::to_string(shape.rotary),
                "less than the size of a head, which is " + std::to_string(head));
  }
  const int64_t kv_heads = reader.Count("attention.head_count_kv", kMostHeads);
  if (kv_heads != (split ? 1 : shape.heads)) {
    reader.Fail("attention.head_count_kv", std::to_string(kv_heads),
                split ? "1, since 'key_length_mla' is given"
                      : std::to_string(shape.heads) + ", that of the heads");
  }
}

void ParseRope(const ConfigReader& reader, Config& config) {
  RopeSpec& rope = config.rope;
  rope.rotary_dim = config.attention.rotary;
  rope.base = ParseGgufRopeBase(reader);
  double magnitude = 1.0;
  const std::string type = ParseGgufScalingType(reader);
  if (type == "yarn") {
    ParseGgufYarn(reader, rope);
    // 0.1 mscale_all_dim. The file has no mscale of cosines and sines: it is the same number in all
    // models of this kind, so that they cancel.
    const double multiplier =
        reader.file().RequireNumber(reader.Key("rope.scaling.yarn_log_multiplier"));
    if (!(multiplier >= 0 && multiplier <= 1)) {
      reader.Fail("rope.scaling.yarn_log_multiplier", std::to_string(multiplier), "0 to 1");
    }
    rope.attention_factor = 1.0 / YarnMagnitude(rope.factor, 1.0);
    config.magnitude_all = 10.0 * multiplier;
    magnitude = YarnMagnitude(rope.factor, config.magnitude_all);
  } else if (!type.empty()) {
    reader.Refuse("rope.scaling.type", QuotedName(type), "none or yarn");
  }
  config.attention.scale = SoftmaxScale(config.attention, magnitude);
}

// Files converted before the keys of groups existed are of two published models that have groups:
// V2 (160 experts) and V3 and R1 (256 experts). Running them without groups, as some programs do,
// is another model. Anything else without the keys has no groups.
void DefaultGroups(RouterSpec& router, int64_t latent) {
  struct Published {
    int64_t experts;
    RouterScores scores;
    int64_t groups;
    int64_t groups_used;
  };
  constexpr std::array kPublished = {Published{160, RouterScores::kSoftmax, 8, 3},
                                     Published{256, RouterScores::kSigmoid, 8, 4}};
  for (const Published& model : kPublished) {
    if (router.experts == model.experts && router.scores == model.scores && latent == 512) {
      router.groups = model.groups;
      router.groups_used = model.groups_used;
    }
  }
}

void ParseRouter(const ConfigReader& reader, Config& config) {
  RouterSpec& router = config.router;
  router.experts = reader.Count("expert_count", kMaxExperts);
  router.used = reader.Count("expert_used_count", kMaxExpertsUsed);
  router.scale = reader.Positive("expert_weights_scale");
  const auto gating = reader.file().Integer(reader.Key("expert_gating_func"));
  if (!gating && reader.file().FindTensor("blk." + std::to_string(config.dense_layers) +
                                          ".exp_probs_b.bias") != nullptr) {
    reader.Fail("expert_gating_func", "missing", "it, since the router has a bias for choosing");
  }
  if (gating.value_or(1) == 1) {
    router.scores = RouterScores::kSoftmax;
    router.group_score = GroupScore::kBest;
  } else if (*gating == 2) {
    router.scores = RouterScores::kSigmoid;
    router.group_score = GroupScore::kBestTwo;
  } else {
    reader.Refuse("expert_gating_func", std::to_string(*gating), "1 (softmax) or 2 (sigmoid)");
  }
  const auto normalize = reader.file().Boolean(reader.Key("expert_weights_norm"));
  if (!normalize && router.scores == RouterScores::kSigmoid) {
    reader.Fail("expert_weights_norm", "missing", "it, since the scores are sigmoid");
  }
  router.normalize = normalize.value_or(false);
  if (reader.Has("expert_group_count") || reader.Has("expert_group_used_count")) {
    router.groups = reader.Count("expert_group_count", kMaxExperts);
    router.groups_used = reader.Count("expert_group_used_count", kMaxExperts);
  } else {
    DefaultGroups(router, config.attention.latent);
  }
}

}  // namespace

Config ParseGguf(const ModelFile& file) {
  const ConfigReader reader(file, "deepseek2.");
  reader.RefuseUnknownKeys(kKnownKeys, {}, "deepseek2");
  Config config;
  const int64_t blocks = reader.Count("block_count", kMostLayers);
  config.mtp_layers = reader.CountFromZeroOr("nextn_predict_layers", 0, blocks - 1);
  config.layers = blocks - config.mtp_layers;
  config.hidden = reader.Count("embedding_length", kMostHidden);
  config.context_length = reader.Count("context_length", kMostContext);
  config.rms_epsilon = reader.Epsilon("attention.layer_norm_rms_epsilon");
  ParseAttention(reader, config);
  ParseRope(reader, config);

  config.dense_layers = reader.CountFromZeroOr("leading_dense_block_count", 0, kMostLayers);
  config.dense_width = reader.Count("feed_forward_length", kMostWidth);
  config.expert_width = reader.Count("expert_feed_forward_length", kMostHidden);
  config.shared_width =
      config.expert_width * reader.CountFromZeroOr("expert_shared_count", 0, kMaxExperts);
  ParseRouter(reader, config);
  config.vocabulary = EmbeddingRows(file, "token_embd.weight");
  const int64_t declared = reader.CountOr("vocab_size", config.vocabulary, kMostVocabulary);
  CheckVocabulary(reader, "vocab_size", declared, config.vocabulary);
  Validate(file, config);
  return config;
}

}  // namespace fathom::deepseek
