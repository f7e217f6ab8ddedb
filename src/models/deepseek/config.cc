#include "models/deepseek/config.h"

#include <cmath>
#include <string>

#include "base/error.h"

namespace fathom::deepseek {

namespace {

struct Key {
  const char* in_directory;
  const char* in_gguf;
};

Key KeyOf(RouterPart part) {
  switch (part) {
    case RouterPart::kExperts:
      return {"n_routed_experts", "expert_count"};
    case RouterPart::kUsed:
      return {"num_experts_per_tok", "expert_used_count"};
    case RouterPart::kGroups:
      return {"n_group", "expert_group_count"};
    case RouterPart::kGroupsUsed:
      return {"topk_group", "expert_group_used_count"};
    case RouterPart::kScale:
      return {"routed_scaling_factor", "expert_weights_scale"};
  }
  return {};
}

std::string NameIn(const ModelFile& file, const Key& key) {
  return file.kind() == ModelFileKind::kGguf ? std::string("deepseek2.") + key.in_gguf
                                             : std::string(key.in_directory);
}

}  // namespace

Config Parse(const ModelFile& file) {
  return file.kind() == ModelFileKind::kGguf ? ParseGguf(file) : ParseHf(file);
}

void Validate(const ModelFile& file, const Config& config) {
  const LatentAttentionShape& shape = config.attention;
  if (shape.latent % 4 != 0 || shape.width() > kMaxLatentWidth) {
    file.FailKeyUnsupported(NameIn(file, {"kv_lora_rank", "attention.kv_lora_rank"}),
                            "is " + std::to_string(shape.latent) + ", with " +
                                std::to_string(shape.rotary) +
                                " rotated values: expected a multiple of 4 and at most " +
                                std::to_string(kMaxLatentWidth) + " in all");
  }
  if (shape.rotary % 2 != 0) {
    file.FailKey(NameIn(file, {"qk_rope_head_dim", "rope.dimension_count"}),
                 "is " + std::to_string(shape.rotary) + ", expected an even number");
  }
  if (config.dense_layers > config.layers) {
    file.FailKey(NameIn(file, {"first_k_dense_replace", "leading_dense_block_count"}),
                 "is " + std::to_string(config.dense_layers) + ", expected at most the " +
                     std::to_string(config.layers) + " layers");
  }
  const RouterSpec& router = config.router;
  if (const RouterProblem problem = ProblemOf(router); *problem.expected != '\0') {
    file.FailKey(NameIn(file, KeyOf(problem.part)),
                 "makes no sense: " + std::to_string(router.experts) + " experts in " +
                     std::to_string(router.groups) + " groups, of which " +
                     std::to_string(router.groups_used) + " are open, and " +
                     std::to_string(router.used) + " experts per token; " + problem.expected);
  }
}

float SoftmaxScale(const LatentAttentionShape& shape, double magnitude) {
  return static_cast<float>(magnitude * magnitude /
                            std::sqrt(static_cast<double>(shape.query_head())));
}

}  // namespace fathom::deepseek
