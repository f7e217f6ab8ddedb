// For tests: a model file with metadata and the names and shapes of tensors, but no weights: the
// views have no memory, and reading one would end the test.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "formats/model_file.h"

namespace fathom {

class InMemoryFile {
 public:
  explicit InMemoryFile(ModelFileKind kind) : kind_(kind) {}

  void Tensor(const std::string& name, std::initializer_list<int64_t> shape, Format format) {
    NamedTensor tensor;
    tensor.name = name;
    tensor.view.format = format;
    for (const int64_t size : shape) {
      tensor.view.shape[static_cast<std::size_t>(tensor.view.rank++)] = size;
    }
    tensors.push_back(std::move(tensor));
  }

  ModelFile Open() const {
    // Any file will do for a shard.
    std::vector<MappedFile> shards;
    shards.push_back(MappedFile::Open(std::filesystem::path(FATHOM_SOURCE_DIR) / "CMakeLists.txt"));
    return ModelFile(std::move(shards), metadata, tensors, kind_, "in-memory");
  }

  ModelFile::Metadata metadata;
  std::vector<NamedTensor> tensors;

 private:
  ModelFileKind kind_;
};

// The sizes of DeepSeek-R1's config.json, and the names, shapes and types of its tensors, with so
// many layers and experts; a layer that predicts a second token comes behind them.
inline InMemoryFile LikeR1(int layers, int experts) {
  InMemoryFile file(ModelFileKind::kHuggingFace);
  file.metadata = {{"model_type", std::string("deepseek_v3")},
                   {"hidden_size", int64_t{7168}},
                   {"intermediate_size", int64_t{18432}},
                   {"moe_intermediate_size", int64_t{2048}},
                   {"num_hidden_layers", int64_t{layers}},
                   {"num_nextn_predict_layers", int64_t{1}},
                   {"num_attention_heads", int64_t{128}},
                   {"num_key_value_heads", int64_t{128}},
                   {"q_lora_rank", int64_t{1536}},
                   {"kv_lora_rank", int64_t{512}},
                   {"qk_nope_head_dim", int64_t{128}},
                   {"qk_rope_head_dim", int64_t{64}},
                   {"v_head_dim", int64_t{128}},
                   {"n_routed_experts", int64_t{experts}},
                   {"num_experts_per_tok", int64_t{8}},
                   {"max_position_embeddings", int64_t{163840}},
                   {"rope_theta", int64_t{10000}}};
  const auto scaled = [&](const std::string& name, int64_t out, int64_t in) {
    file.Tensor(name + ".weight", {out, in}, Format::kF8_E4M3);
    file.Tensor(name + ".weight_scale_inv", {(out + 127) / 128, (in + 127) / 128}, Format::kF32);
  };
  const auto vector = [&](const std::string& name, int64_t size) {
    file.Tensor(name, {size}, Format::kBF16);
  };
  const auto gated = [&](const std::string& name, int64_t width) {
    scaled(name + ".gate_proj", width, 7168);
    scaled(name + ".up_proj", width, 7168);
    scaled(name + ".down_proj", 7168, width);
  };
  const auto table = [&](const std::string& name) {
    file.Tensor(name, {129280, 7168}, Format::kBF16);
  };
  table("model.embed_tokens.weight");
  for (int layer = 0; layer <= layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    vector(prefix + "input_layernorm.weight", 7168);
    vector(prefix + "post_attention_layernorm.weight", 7168);
    scaled(prefix + "self_attn.q_a_proj", 1536, 7168);
    vector(prefix + "self_attn.q_a_layernorm.weight", 1536);
    scaled(prefix + "self_attn.q_b_proj", 24576, 1536);
    scaled(prefix + "self_attn.kv_a_proj_with_mqa", 576, 7168);
    vector(prefix + "self_attn.kv_a_layernorm.weight", 512);
    scaled(prefix + "self_attn.kv_b_proj", 32768, 512);
    scaled(prefix + "self_attn.o_proj", 7168, 16384);
    if (layer < 3) {
      gated(prefix + "mlp", 18432);
    } else {
      file.Tensor(prefix + "mlp.gate.weight", {experts, 7168}, Format::kBF16);
      file.Tensor(prefix + "mlp.gate.e_score_correction_bias", {experts}, Format::kF32);
      for (int expert = 0; expert < experts; ++expert) {
        gated(prefix + "mlp.experts." + std::to_string(expert), 2048);
      }
      gated(prefix + "mlp.shared_experts", 2048);
    }
    if (layer < layers) continue;
    vector(prefix + "enorm.weight", 7168);
    vector(prefix + "hnorm.weight", 7168);
    file.Tensor(prefix + "eh_proj.weight", {7168, 14336}, Format::kBF16);
    table(prefix + "embed_tokens.weight");
    vector(prefix + "shared_head.norm.weight", 7168);
    table(prefix + "shared_head.head.weight");
  }
  vector("model.norm.weight", 7168);
  table("lm_head.weight");
  return file;
}

// As it was published: 91,991 tensors.
inline InMemoryFile PublishedR1() { return LikeR1(61, 256); }

}  // namespace fathom
