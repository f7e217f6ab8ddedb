#include "models/llama/train.h"

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "models/training/batch_angles.h"

namespace fathom::llama {
namespace {

using autograd::Tape;
using autograd::Var;

constexpr const char* kEmbedding = "model.embed_tokens.weight";
constexpr const char* kHead = "lm_head.weight";

std::string LayerName(int64_t layer) { return "model.layers." + std::to_string(layer) + "."; }

bool HasBias(BiasRule rule) { return rule == BiasRule::kRequired; }

std::vector<ParameterShape> ShapesOf(const Config& c, bool own_head) {
  std::vector<ParameterShape> shapes;
  const auto vector = [&](std::string name, int64_t size) {
    shapes.push_back({std::move(name), ParameterKind::kVector, 1, size});
  };
  const auto matrix = [&](const std::string& name, int64_t rows, int64_t columns, BiasRule bias) {
    shapes.push_back({name + ".weight", ParameterKind::kMatrix, rows, columns});
    if (HasBias(bias)) vector(name + ".bias", rows);
  };
  shapes.push_back({kEmbedding, ParameterKind::kEmbedding, c.vocabulary, c.hidden});
  for (int64_t layer = 0; layer < c.layers; ++layer) {
    const std::string name = LayerName(layer), attention = name + "self_attn.";
    vector(name + "input_layernorm.weight", c.hidden);
    matrix(attention + "q_proj", c.attention.query_size(), c.hidden, c.query_key_value_bias);
    matrix(attention + "k_proj", c.attention.kv_size(), c.hidden, c.query_key_value_bias);
    matrix(attention + "v_proj", c.attention.kv_size(), c.hidden, c.query_key_value_bias);
    matrix(attention + "o_proj", c.hidden, c.attention.query_size(), c.output_bias);
    vector(name + "post_attention_layernorm.weight", c.hidden);
    matrix(name + "mlp.gate_proj", c.feed_forward, c.hidden, c.feed_forward_bias);
    matrix(name + "mlp.up_proj", c.feed_forward, c.hidden, c.feed_forward_bias);
    matrix(name + "mlp.down_proj", c.hidden, c.feed_forward, c.feed_forward_bias);
  }
  vector("model.norm.weight", c.hidden);
  if (own_head) shapes.push_back({kHead, ParameterKind::kEmbedding, c.vocabulary, c.hidden});
  return shapes;
}

class TrainableLlama final : public TrainableModel {
 public:
  TrainableLlama(const Config& config, bool own_head)
      : config_(config),
        rope_(config.rope),
        own_head_(own_head),
        parameters_(ShapesOf(config, own_head)) {}

  ParameterSet& parameters() override { return parameters_; }
  const ParameterSet& parameters() const override { return parameters_; }
  int64_t vocabulary() const override { return config_.vocabulary; }

  TrainingPass Forward(Tape& tape, const TrainingBatch& batch,
                       const TrainingOptions& options) override {
    angles_ = BatchAngles(rope_, batch);
    const Var embedding = parameters_.Leaf(tape, kEmbedding);
    Var hidden = autograd::Embed(tape, embedding, batch.tokens);
    for (int64_t layer = 0; layer < config_.layers; ++layer) {
      const auto body = [this, &batch, layer](Tape& inner, Var x) {
        return Layer(inner, batch, x, LayerName(layer));
      };
      hidden = options.recompute ? autograd::Recomputed(tape, hidden, body) : body(tape, hidden);
    }
    const Var out = Normalized(tape, hidden, "model.norm.weight");
    return {autograd::Linear(tape, out, own_head_ ? parameters_.Leaf(tape, kHead) : embedding),
            nullptr};
  }

 private:
  Var Normalized(Tape& tape, Var x, const std::string& weight) const {
    return autograd::Normalize(tape, x, parameters_.Leaf(tape, weight), config_.rms_epsilon);
  }

  Var Multiplied(Tape& tape, Var x, const std::string& name, BiasRule bias) const {
    const Var y = autograd::Linear(tape, x, parameters_.Leaf(tape, name + ".weight"));
    return HasBias(bias) ? autograd::AddBias(tape, y, parameters_.Leaf(tape, name + ".bias")) : y;
  }

  Var Turned(Tape& tape, Var x, int64_t heads) const {
    return autograd::Rotate(tape, x,
                            {heads, config_.attention.head_dim, 0, config_.attention.pairing},
                            config_.rope.rotary_dim, angles_.cosines.data(), angles_.sines.data());
  }

  Var Layer(Tape& tape, const TrainingBatch& batch, Var x, const std::string& name) const {
    const GroupedAttentionShape& shape = config_.attention;
    const std::string attention = name + "self_attn.";
    const BiasRule bias = config_.query_key_value_bias;
    const Var in = Normalized(tape, x, name + "input_layernorm.weight");
    const Var queries = Turned(tape, Multiplied(tape, in, attention + "q_proj", bias), shape.heads);
    const Var keys = Turned(tape, Multiplied(tape, in, attention + "k_proj", bias), shape.kv_heads);
    const Var values = Multiplied(tape, in, attention + "v_proj", bias);
    const auto scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(shape.head_dim)));
    const Var attended = autograd::Attend(
        tape, queries, keys, values,
        {shape.heads, shape.kv_heads, shape.head_dim, shape.head_dim, scale}, batch.spans);
    const Var middle = autograd::Add(
        tape, x, Multiplied(tape, attended, attention + "o_proj", config_.output_bias));
    const Var block_in = Normalized(tape, middle, name + "post_attention_layernorm.weight");
    const BiasRule block_bias = config_.feed_forward_bias;
    const Var gate = Multiplied(tape, block_in, name + "mlp.gate_proj", block_bias);
    const Var up = Multiplied(tape, block_in, name + "mlp.up_proj", block_bias);
    return autograd::Add(
        tape, middle,
        Multiplied(tape, autograd::Gate(tape, gate, up), name + "mlp.down_proj", block_bias));
  }

  Config config_;
  RopeTable rope_;
  bool own_head_;
  ParameterSet parameters_;
  BatchAngles angles_;  // of the last pass
};

}  // namespace

std::unique_ptr<TrainableModel> ReadTrainable(const ModelFile& file, const Config& config) {
  const bool own_head = !config.may_tie_head || file.FindTensor(kHead) != nullptr;
  auto model = std::make_unique<TrainableLlama>(config, own_head);
  model->parameters().ReadFrom(file);
  return model;
}

}  // namespace fathom::llama
