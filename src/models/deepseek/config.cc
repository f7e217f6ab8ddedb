#include "models/deepseek/config.h"

#include <cmath>
#include <string>

#include "base/error.h"

namespace fathom::deepseek {

Config Parse(const ModelFile& file) {
  return file.kind() == ModelFileKind::kGguf ? ParseGguf(file) : ParseHf(file);
}

void Validate(const ModelFile& file, const Config& config) {
  const LatentAttentionShape& shape = config.attention;
  const auto key = [&](const char* in_directory, const char* in_gguf) {
    return file.kind() == ModelFileKind::kGguf ? std::string("deepseek2.") + in_gguf
                                               : std::string(in_directory);
  };
  if (shape.latent % 4 != 0 || shape.width() > kMaxLatentWidth) {
    file.FailKeyUnsupported(key("kv_lora_rank", "attention.kv_lora_rank"),
                            "is " + std::to_string(shape.latent) + ", with " +
                                std::to_string(shape.rotary) +
                                " rotated values: expected a multiple of 4 and at most " +
                                std::to_string(kMaxLatentWidth) + " in all");
  }
  if (shape.rotary % 2 != 0) {
    file.FailKey(key("qk_rope_head_dim", "rope.dimension_count"),
                 "is " + std::to_string(shape.rotary) + ", expected an even number");
  }
  if (config.dense_layers > config.layers) {
    file.FailKey(key("first_k_dense_replace", "leading_dense_block_count"),
                 "is " + std::to_string(config.dense_layers) + ", expected at most the " +
                     std::to_string(config.layers) + " layers");
  }
  if (const std::string problem = ProblemOf(config.router); !problem.empty()) {
    const auto named = [&](const char* in_directory, const char* in_gguf, int64_t value) {
      return ", " + QuotedName(key(in_directory, in_gguf)) + " " + std::to_string(value);
    };
    const RouterSpec& router = config.router;
    file.FailKey(key("num_experts_per_tok", "expert_used_count"),
                 "is " + std::to_string(router.used) +
                     named("n_routed_experts", "expert_count", router.experts) +
                     named("n_group", "expert_group_count", router.groups) +
                     named("topk_group", "expert_group_used_count", router.groups_used) + ": " +
                     problem);
  }
}

float SoftmaxScale(const LatentAttentionShape& shape, double magnitude) {
  return static_cast<float>(magnitude * magnitude /
                            std::sqrt(static_cast<double>(shape.query_head())));
}

}  // namespace fathom::deepseek
