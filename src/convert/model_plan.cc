// Both sides of every tensor in one place, one function per family.
#include "convert/model_plan.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace fathom {
namespace {

// Random models: a linear layer of n inputs gets 1 / sqrt(n), so that normed inputs of size 1 give
// outputs of size 1. Layers that write into the residual stream get the part of it that keeps their
// sum over 2 x layers near 1 (as GPT-2 was initialised).
constexpr double kEmbeddingDeviation = 1.0;  // that of a head where the embedding is one
constexpr double kNormDeviation = 0.1;       // around 1
constexpr double kBiasDeviation = 0.05;

class Planner {
 public:
  explicit Planner(const ModelShape& shape) : shape_(shape) {}

  ModelPlan Take() { return std::move(plan_); }

  void Globals(bool with_head) {
    const std::vector<int64_t> table = {shape_.vocabulary, shape_.hidden};
    Both("token_embd.weight", "model.embed_tokens.weight", table, TensorKind::kEmbedding,
         shape_.tied_head ? Spread(shape_.hidden) : kEmbeddingDeviation);
    Norm("output_norm", "model.norm", shape_.hidden);
    if (with_head) {
      Both("output.weight", "lm_head.weight", table, TensorKind::kHead, Spread(shape_.hidden));
    }
    if (!shape_.rope.frequency_divisors.empty()) {
      plan_.file.push_back({.name = "rope_freqs.weight",
                            .shape = {shape_.rope.rotary_dim / 2},
                            .kind = TensorKind::kRopeFrequencies});
    }
  }

  void GroupedLayer(int64_t index) {
    Enter(index);
    const int64_t queries = shape_.heads * shape_.head_dim;
    const int64_t keys = shape_.kv_heads * shape_.head_dim;
    const bool bias = shape_.query_key_value_bias;
    const bool pairs = shape_.architecture == Architecture::kLlama;
    Norm("attn_norm", "input_layernorm", shape_.hidden);
    Linear("attn_q", "self_attn.q_proj", queries, shape_.hidden, bias, pairs ? shape_.heads : 0);
    Linear("attn_k", "self_attn.k_proj", keys, shape_.hidden, bias, pairs ? shape_.kv_heads : 0);
    Linear("attn_v", "self_attn.v_proj", keys, shape_.hidden, bias);
    Linear("attn_output", "self_attn.o_proj", shape_.hidden, queries, shape_.output_bias);
    Norm("ffn_norm", "post_attention_layernorm", shape_.hidden);
    Gated("", "mlp.", shape_.feed_forward, shape_.feed_forward_bias);
  }

  void LatentLayer(int64_t index) {
    Enter(index);
    Norm("attn_norm", "input_layernorm", shape_.hidden);
    const int64_t queries = shape_.heads * (shape_.nope + shape_.rotary);
    if (shape_.query_latent > 0) {
      Linear("attn_q_a", "self_attn.q_a_proj", shape_.query_latent, shape_.hidden);
      Norm("attn_q_a_norm", "self_attn.q_a_layernorm", shape_.query_latent);
      Linear("attn_q_b", "self_attn.q_b_proj", queries, shape_.query_latent);
    } else {
      Linear("attn_q", "self_attn.q_proj", queries, shape_.hidden);
    }
    Linear("attn_kv_a_mqa", "self_attn.kv_a_proj_with_mqa", shape_.latent + shape_.rotary,
           shape_.hidden);
    Norm("attn_kv_a_norm", "self_attn.kv_a_layernorm", shape_.latent);
    HeadMatrices();
    Linear("attn_output", "self_attn.o_proj", shape_.hidden, shape_.heads * shape_.value);
    Norm("ffn_norm", "post_attention_layernorm", shape_.hidden);
    if (index < shape_.dense_layers) {
      Gated("", "mlp.", shape_.feed_forward, false);
    } else {
      Mixture();
    }
  }

  // The layers behind the last one predict further tokens.
  void PredictionLayer(int64_t index) {
    LatentLayer(index);
    const std::vector<int64_t> table = {shape_.vocabulary, shape_.hidden};
    Both("nextn.embed_tokens.weight", "embed_tokens.weight", table, TensorKind::kEmbedding,
         kEmbeddingDeviation);
    Norm("nextn.enorm", "enorm", shape_.hidden);
    Norm("nextn.hnorm", "hnorm", shape_.hidden);
    Both("nextn.eh_proj.weight", "eh_proj.weight", {shape_.hidden, 2 * shape_.hidden},
         TensorKind::kEmbedding, Spread(2 * shape_.hidden));
    Norm("nextn.shared_head_norm", "shared_head.norm", shape_.hidden);
    Both("nextn.shared_head_head.weight", "shared_head.head.weight", table, TensorKind::kHead,
         Spread(shape_.hidden));
  }

 private:
  static double Spread(int64_t inputs) { return 1.0 / std::sqrt(static_cast<double>(inputs)); }

  double Residual(int64_t inputs) const {
    return Spread(inputs) / std::sqrt(2.0 * static_cast<double>(shape_.layers));
  }

  void Enter(int64_t index) {
    file_prefix_ = "blk." + std::to_string(index) + ".";
    directory_prefix_ = "model.layers." + std::to_string(index) + ".";
  }

  void Add(const std::string& name, std::vector<int64_t> shape, TensorKind kind, double deviation) {
    plan_.directory.push_back({directory_prefix_ + name, std::move(shape), kind, deviation});
  }

  void AddFile(PlannedTensor tensor) {
    tensor.name.insert(0, file_prefix_);
    for (std::string& source : tensor.sources) source.insert(0, directory_prefix_);
    plan_.file.push_back(std::move(tensor));
  }

  void Both(const std::string& file_name, const std::string& name, std::vector<int64_t> shape,
            TensorKind kind, double deviation, int64_t paired_heads = 0) {
    Add(name, shape, kind, deviation);
    AddFile({.name = file_name,
             .shape = std::move(shape),
             .kind = kind,
             .deviation = deviation,
             .sources = {name},
             .arrangement = paired_heads > 0 ? Arrangement::kPairs : Arrangement::kAsIs,
             .heads = std::max<int64_t>(paired_heads, 1)});
  }

  void Norm(const std::string& file_name, const std::string& name, int64_t size) {
    Both(file_name + ".weight", name + ".weight", {size}, TensorKind::kNorm, kNormDeviation);
  }

  void Linear(const std::string& file_name, const std::string& name, int64_t out, int64_t in,
              bool bias = false, int64_t paired_heads = 0) {
    const bool residual = name.ends_with("o_proj") || name.ends_with("down_proj");
    Both(file_name + ".weight", name + ".weight", {out, in}, TensorKind::kMatrix,
         residual ? Residual(in) : Spread(in), paired_heads);
    if (bias) {
      Both(file_name + ".bias", name + ".bias", {out}, TensorKind::kBias, kBiasDeviation,
           paired_heads);
    }
  }

  void Gated(const std::string& suffix, const std::string& prefix, int64_t width, bool bias) {
    Linear("ffn_gate" + suffix, prefix + "gate_proj", width, shape_.hidden, bias);
    Linear("ffn_up" + suffix, prefix + "up_proj", width, shape_.hidden, bias);
    Linear("ffn_down" + suffix, prefix + "down_proj", shape_.hidden, width, bias);
  }

  void HeadMatrices() {
    const std::string source = "self_attn.kv_b_proj.weight";
    const double deviation = Spread(shape_.latent);
    Add(source, {shape_.heads * (shape_.nope + shape_.value), shape_.latent}, TensorKind::kMatrix,
        deviation);
    AddFile({.name = "attn_k_b.weight",
             .shape = {shape_.heads, shape_.latent, shape_.nope},
             .kind = TensorKind::kHeadMatrix,
             .deviation = deviation,
             .sources = {source},
             .arrangement = Arrangement::kKeysByHead,
             .heads = shape_.heads});
    AddFile({.name = "attn_v_b.weight",
             .shape = {shape_.heads, shape_.value, shape_.latent},
             .kind = TensorKind::kHeadMatrix,
             .deviation = deviation,
             .sources = {source},
             .arrangement = Arrangement::kValuesByHead,
             .heads = shape_.heads});
  }

  void Mixture() {
    const int64_t experts = shape_.router.experts;
    Both("ffn_gate_inp.weight", "mlp.gate.weight", {experts, shape_.hidden}, TensorKind::kRouter,
         Spread(shape_.hidden));
    if (shape_.router.scores == RouterScores::kSigmoid) {
      Both("exp_probs_b.bias", "mlp.gate.e_score_correction_bias", {experts},
           TensorKind::kRouterBias, kBiasDeviation);
    }
    struct Part {
      const char* file_name;
      const char* name;
      int64_t out, in;
      double deviation;
    };
    const int64_t width = shape_.expert_width, hidden = shape_.hidden;
    const Part parts[] = {
        {"ffn_gate_exps.weight", "gate_proj.weight", width, hidden, Spread(hidden)},
        {"ffn_up_exps.weight", "up_proj.weight", width, hidden, Spread(hidden)},
        {"ffn_down_exps.weight", "down_proj.weight", hidden, width, Residual(width)},
    };
    const auto name = [](int64_t expert, const Part& part) {
      return "mlp.experts." + std::to_string(expert) + "." + part.name;
    };
    for (int64_t expert = 0; expert < experts; ++expert) {
      for (const Part& part : parts) {
        Add(name(expert, part), {part.out, part.in}, TensorKind::kMatrix, part.deviation);
      }
    }
    for (const Part& part : parts) {
      PlannedTensor stack{.name = part.file_name,
                          .shape = {experts, part.out, part.in},
                          .kind = TensorKind::kMatrix,
                          .deviation = part.deviation};
      for (int64_t expert = 0; expert < experts; ++expert) {
        stack.sources.push_back(name(expert, part));
      }
      AddFile(std::move(stack));
    }
    if (shape_.shared_experts > 0) {
      Gated("_shexp", "mlp.shared_experts.", shape_.shared_experts * width, false);
    }
  }

  const ModelShape& shape_;
  ModelPlan plan_;
  std::string file_prefix_, directory_prefix_;
};

}  // namespace

bool StaysFloat(TensorKind kind) {
  switch (kind) {
    case TensorKind::kNorm:
    case TensorKind::kBias:
    case TensorKind::kRouter:
    case TensorKind::kRouterBias:
    case TensorKind::kRopeFrequencies:
      return true;
    case TensorKind::kEmbedding:
    case TensorKind::kHead:
    case TensorKind::kHeadMatrix:
    case TensorKind::kMatrix:
      return false;
  }
  return true;
}

ModelPlan PlanModel(const ModelShape& shape, bool with_head) {
  Planner planner(shape);
  planner.Globals(with_head);
  const bool latent = shape.architecture == Architecture::kDeepSeek;
  for (int64_t index = 0; index < shape.layers; ++index) {
    if (latent) {
      planner.LatentLayer(index);
    } else {
      planner.GroupedLayer(index);
    }
  }
  for (int64_t index = 0; index < shape.mtp_layers; ++index) {
    planner.PredictionLayer(shape.layers + index);
  }
  return planner.Take();
}

TensorKind KindOfGgufTensor(std::string_view name, int rank) {
  if (name == "rope_freqs.weight") return TensorKind::kRopeFrequencies;
  if (name.ends_with(".exp_probs_b.bias")) return TensorKind::kRouterBias;
  if (name.ends_with(".bias")) return TensorKind::kBias;
  if (name.ends_with(".ffn_gate_inp.weight")) return TensorKind::kRouter;
  if (rank < 2) return TensorKind::kNorm;
  if (name == "token_embd.weight" || name.ends_with(".nextn.embed_tokens.weight") ||
      name.ends_with(".nextn.eh_proj.weight")) {
    return TensorKind::kEmbedding;
  }
  if (name == "output.weight" || name.ends_with(".nextn.shared_head_head.weight")) {
    return TensorKind::kHead;
  }
  for (const std::string_view suffix :
       {".attn_k_b.weight", ".attn_v_b.weight", ".attn_kv_b.weight"}) {
    if (name.ends_with(suffix)) return TensorKind::kHeadMatrix;
  }
  return TensorKind::kMatrix;
}

}  // namespace fathom
