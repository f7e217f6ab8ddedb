// Owns: the hyper-parameters that conversion and synthesis need of an architecture, read from a
// config.json or one of the built-in ones. Every key that changes what a model computes is used or
// refused. Not for: running models (models) or names of tensors (model_plan.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "formats/model_file.h"
#include "models/layers/rope.h"
#include "models/layers/router.h"

namespace fathom {

enum class Architecture : uint8_t { kLlama, kQwen2, kDeepSeek };

struct ModelShape {
  Architecture architecture = Architecture::kLlama;
  int64_t layers = 0;
  int64_t hidden = 0;
  int64_t feed_forward = 0;  // of dense layers
  int64_t heads = 0;
  int64_t vocabulary = 0;
  int64_t context_length = 0;
  float rms_epsilon = 0;
  bool tied_head = false;  // a file without a head means the embedding
  RopeSpec rope;
  int64_t bos = -1, eos = -1;  // -1: none

  // Llama and Qwen2.
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  bool query_key_value_bias = false, output_bias = false, feed_forward_bias = false;

  // DeepSeek.
  int64_t query_latent = 0;  // 0: queries are not compressed
  int64_t latent = 0, rotary = 0, nope = 0, value = 0;
  double magnitude_all = 0;  // "mscale_all_dim"
  int64_t dense_layers = 0;
  int64_t expert_width = 0;
  int64_t shared_experts = 0;
  int64_t mtp_layers = 0;  // layers behind the others that predict further tokens
  RouterSpec router;
  int64_t scale_block = 0;    // side of the square of FP8 weights under one scale; 0: no FP8
  bool power_scales = false;  // those scales are powers of two ("scale_fmt": "ue8m0", V3.1's)

  // As "general.architecture" has it, and the prefix of its keys.
  std::string_view GgufName() const;
};

// Reads config.json's keys from the metadata of a directory. Throws Error(kInvalidFile) or
// Error(kUnsupported) that names file, key, expected and found.
ModelShape ParseShape(const ModelFile& config);

// The metadata of a config.json alone, with no tensors. `name` is a built-in shape ("r1",
// "v2-lite", ...) or the path of a file. Throws Error(kNotFound) for a name that is neither, with
// the names there are.
ModelFile OpenShape(const std::string& name);
// The text of that config.json.
std::string ShapeText(const std::string& name);
std::string ShapeNames();  // "r1, v2-lite, ...": for help texts and messages

}  // namespace fathom
