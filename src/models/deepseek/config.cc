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
  if (shape.latent % 4 != 0 || shape.width() > kMaxLatentWidth) {
    throw Error(ErrorCode::kUnsupported,
                file.path().string() + ": latents of " + std::to_string(shape.latent) + " and " +
                    std::to_string(shape.rotary) +
                    " rotated values, expected a multiple of 4 and at most " +
                    std::to_string(kMaxLatentWidth) + " in all");
  }
  if (shape.rotary % 2 != 0) {
    file.Fail("there are " + std::to_string(shape.rotary) +
              " rotated values per head, expected an even number");
  }
  if (config.dense_layers > config.layers) {
    file.Fail("there are " + std::to_string(config.dense_layers) +
              " dense layers, expected at most " + std::to_string(config.layers));
  }
  if (const std::string problem = ProblemOf(config.router); !problem.empty()) {
    file.Fail("its router makes no sense: " + std::to_string(config.router.experts) +
              " experts in " + std::to_string(config.router.groups) + " groups, of which " +
              std::to_string(config.router.groups_used) + " are open, and " +
              std::to_string(config.router.used) + " experts per token; " + problem);
  }
}

float SoftmaxScale(const LatentAttentionShape& shape, double magnitude) {
  return static_cast<float>(magnitude * magnitude /
                            std::sqrt(static_cast<double>(shape.query_head())));
}

}  // namespace fathom::deepseek
