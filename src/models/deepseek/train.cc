#include "models/deepseek/train.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "models/layers/router.h"
#include "models/training/batch_angles.h"

namespace fathom::deepseek {
namespace {

using autograd::Tape;
using autograd::Var;

std::string LayerName(int64_t layer) { return "model.layers." + std::to_string(layer) + "."; }

std::string ExpertName(const std::string& layer, int64_t expert) {
  return layer + "mlp.experts." + std::to_string(expert);
}

// Names and shapes, in the order of the official files.
class ShapeList {
 public:
  explicit ShapeList(const Config& config) : c_(config) {
    Embedding("model.embed_tokens.weight");
    for (int64_t layer = 0; layer < c_.layers; ++layer) Layer(layer);
    Vector("model.norm.weight", c_.hidden);
    Embedding("lm_head.weight");
    for (int64_t layer = c_.layers; layer < c_.layers + c_.mtp_layers; ++layer) {
      // Embedding and head are the model's.
      const std::string name = LayerName(layer);
      Vector(name + "enorm.weight", c_.hidden);
      Vector(name + "hnorm.weight", c_.hidden);
      Matrix(name + "eh_proj.weight", c_.hidden, 2 * c_.hidden);
      Layer(layer);
      Vector(name + "shared_head.norm.weight", c_.hidden);
    }
  }

  std::vector<ParameterShape> Take() { return std::move(shapes_); }

 private:
  void Vector(std::string name, int64_t size) {
    shapes_.push_back({std::move(name), ParameterKind::kVector, 1, size});
  }
  void Matrix(std::string name, int64_t rows, int64_t columns) {
    shapes_.push_back({std::move(name), ParameterKind::kMatrix, rows, columns});
  }
  void Embedding(std::string name) {
    shapes_.push_back({std::move(name), ParameterKind::kEmbedding, c_.vocabulary, c_.hidden});
  }
  void Gated(const std::string& name, int64_t width) {
    Matrix(name + ".gate_proj.weight", width, c_.hidden);
    Matrix(name + ".up_proj.weight", width, c_.hidden);
    Matrix(name + ".down_proj.weight", c_.hidden, width);
  }

  void Layer(int64_t layer) {
    const std::string name = LayerName(layer), attention = name + "self_attn.";
    const LatentAttentionShape& shape = c_.attention;
    Vector(name + "input_layernorm.weight", c_.hidden);
    if (c_.query_latent > 0) {
      Matrix(attention + "q_a_proj.weight", c_.query_latent, c_.hidden);
      Vector(attention + "q_a_layernorm.weight", c_.query_latent);
      Matrix(attention + "q_b_proj.weight", shape.query_size(), c_.query_latent);
    } else {
      Matrix(attention + "q_proj.weight", shape.query_size(), c_.hidden);
    }
    Matrix(attention + "kv_a_proj_with_mqa.weight", shape.width(), c_.hidden);
    Vector(attention + "kv_a_layernorm.weight", shape.latent);
    Matrix(attention + "kv_b_proj.weight", shape.heads * (shape.nope + shape.value), shape.latent);
    Matrix(attention + "o_proj.weight", c_.hidden, shape.out_size());
    Vector(name + "post_attention_layernorm.weight", c_.hidden);
    if (layer < c_.dense_layers) return Gated(name + "mlp", c_.dense_width);
    Matrix(name + "mlp.gate.weight", c_.router.experts, c_.hidden);
    for (int64_t e = 0; e < c_.router.experts; ++e) Gated(ExpertName(name, e), c_.expert_width);
    if (c_.shared_width > 0) Gated(name + "mlp.shared_experts", c_.shared_width);
  }

  const Config& c_;
  std::vector<ParameterShape> shapes_;
};

class TrainableDeepseek final : public TrainableModel {
 public:
  explicit TrainableDeepseek(const Config& config)
      : config_(config), rope_(config.rope), parameters_(ShapeList(config).Take()) {
    const int64_t mixtures = config.layers + config.mtp_layers - config.dense_layers;
    loads_.resize(static_cast<std::size_t>(mixtures));
    if (config.router.scores != RouterScores::kSigmoid) return;
    for (int64_t i = 0; i < mixtures; ++i) {
      biases_.emplace_back(static_cast<std::size_t>(experts()) * sizeof(float), "router biases");
    }
  }

  ParameterSet& parameters() override { return parameters_; }
  const ParameterSet& parameters() const override { return parameters_; }
  int64_t vocabulary() const override { return config_.vocabulary; }
  std::span<const ExpertLoad> expert_loads() const override { return loads_; }
  std::vector<RouterBias> router_biases() const override {
    std::vector<RouterBias> result;
    for (std::size_t i = 0; i < biases_.size(); ++i) {
      result.push_back({LayerName(config_.dense_layers + static_cast<int64_t>(i)) +
                            "mlp.gate.e_score_correction_bias",
                        biases_[i].as<float>().first(static_cast<std::size_t>(experts()))});
    }
    return result;
  }

  TrainingPass Forward(Tape& tape, const TrainingBatch& batch,
                       const TrainingOptions& options) override {
    angles_ = BatchAngles(rope_, batch);
    const Step step{batch, options};
    const Var embedding = Leaf(tape, "model.embed_tokens.weight");
    Var hidden = autograd::Embed(tape, embedding, batch.tokens);
    for (int64_t layer = 0; layer < config_.layers; ++layer) {
      hidden = Layer(tape, step, hidden, layer);
    }
    const Var head = Leaf(tape, "lm_head.weight");
    TrainingPass pass;
    pass.logits = autograd::Linear(
        tape,
        autograd::Normalize(tape, hidden, Leaf(tape, "model.norm.weight"), config_.rms_epsilon),
        head);
    if (config_.mtp_layers > 0 && options.predict_further) {
      FollowTokens(batch);
      pass.mtp_logits = Predict(tape, step, hidden, embedding, head);
    } else if (config_.mtp_layers > 0) {
      loads_.back() = {};
    }
    return pass;
  }

  void Read(const ModelFile& file) {
    parameters_.ReadFrom(file);
    for (const RouterBias& bias : router_biases()) {
      std::ranges::copy(BindVector(file, bias.name, experts()), bias.values.begin());
    }
  }

 private:
  struct Step {
    const TrainingBatch& batch;
    const TrainingOptions& options;
  };

  int64_t experts() const { return config_.router.experts; }

  Var Leaf(Tape& tape, const std::string& name) const { return parameters_.Leaf(tape, name); }
  Var Normalized(Tape& tape, Var x, const std::string& weight, float epsilon) const {
    return autograd::Normalize(tape, x, Leaf(tape, weight), epsilon);
  }
  Var Multiplied(Tape& tape, Var x, const std::string& weight) const {
    return autograd::Linear(tape, x, Leaf(tape, weight));
  }

  // The token behind each row's; a sequence's last row, which has none, keeps its own.
  void FollowTokens(const TrainingBatch& batch) {
    following_ = batch.tokens;
    for (int64_t i = 0; i < batch.spans.count(); ++i) {
      const auto first = static_cast<std::size_t>(batch.spans.begins[static_cast<std::size_t>(i)]);
      const auto last = first + static_cast<std::size_t>(batch.spans.tokens(i)) - 1;
      for (std::size_t r = first; r < last; ++r) following_[r] = batch.tokens[r + 1];
    }
  }

  // The layer that predicts one token further (arXiv 2412.19437, section 2.2). The hidden state is
  // taken before the model's last norm.
  Var Predict(Tape& tape, const Step& step, Var hidden, Var embedding, Var head) {
    const std::string name = LayerName(config_.layers);
    const float epsilon = config_.rms_epsilon;
    const Var next = autograd::Embed(tape, embedding, following_);
    const Var joined = autograd::Join(tape, Normalized(tape, next, name + "enorm.weight", epsilon),
                                      Normalized(tape, hidden, name + "hnorm.weight", epsilon));
    const Var in = Multiplied(tape, joined, name + "eh_proj.weight");
    const Var out = Layer(tape, step, in, config_.layers);
    return autograd::Linear(tape, Normalized(tape, out, name + "shared_head.norm.weight", epsilon),
                            head);
  }

  Var Layer(Tape& tape, const Step& step, Var hidden, int64_t layer) {
    const auto body = [this, &step_batch = step.batch, options = step.options, layer](Tape& inner,
                                                                                      Var x) {
      const Step here{step_batch, options};
      const std::string name = LayerName(layer);
      const Var attended = autograd::Add(
          inner, x,
          Attention(inner, here,
                    Normalized(inner, x, name + "input_layernorm.weight", config_.rms_epsilon),
                    name + "self_attn."));
      const Var block_in = Normalized(inner, attended, name + "post_attention_layernorm.weight",
                                      config_.rms_epsilon);
      const Var made = layer < config_.dense_layers ? Gated(inner, block_in, name + "mlp")
                                                    : Experts(inner, here, block_in, layer);
      return autograd::Add(inner, attended, made);
    };
    return step.options.recompute ? autograd::Recomputed(tape, hidden, body) : body(tape, hidden);
  }

  Var Attention(Tape& tape, const Step& step, Var x, const std::string& name) const {
    const LatentAttentionShape& shape = config_.attention;
    Var query;
    if (config_.query_latent > 0) {
      const Var latent = Multiplied(tape, x, name + "q_a_proj.weight");
      query =
          Multiplied(tape, Normalized(tape, latent, name + "q_a_layernorm.weight", kLatentEpsilon),
                     name + "q_b_proj.weight");
    } else {
      query = Multiplied(tape, x, name + "q_proj.weight");
    }
    const Var both = Multiplied(tape, x, name + "kv_a_proj_with_mqa.weight");
    const Var latent = Normalized(tape, autograd::Columns(tape, both, 0, shape.latent),
                                  name + "kv_a_layernorm.weight", kLatentEpsilon);
    const Var shared = Turned(tape, autograd::Columns(tape, both, shape.latent, shape.rotary),
                              {1, shape.rotary, 0, RopePairing::kInterleaved});
    const Var joint = Multiplied(tape, latent, name + "kv_b_proj.weight");
    const Var queries = Turned(
        tape, query, {shape.heads, shape.query_head(), shape.nope, RopePairing::kInterleaved});
    const Var out = autograd::Attend(
        tape, queries, autograd::LatentKeys(tape, joint, shared, shape.heads, shape.nope),
        autograd::LatentValues(tape, joint, shape.heads, shape.nope),
        {shape.heads, shape.heads, shape.query_head(), shape.value, shape.scale}, step.batch.spans);
    return Multiplied(tape, out, name + "o_proj.weight");
  }

  Var Turned(Tape& tape, Var x, const autograd::RotatedHeads& heads) const {
    return autograd::Rotate(tape, x, heads, config_.attention.rotary, angles_.cosines.data(),
                            angles_.sines.data());
  }

  Var Gated(Tape& tape, Var x, const std::string& name) const {
    const Var gate = Multiplied(tape, x, name + ".gate_proj.weight");
    const Var up = Multiplied(tape, x, name + ".up_proj.weight");
    return Multiplied(tape, autograd::Gate(tape, gate, up), name + ".down_proj.weight");
  }

  Var Experts(Tape& tape, const Step& step, Var x, int64_t layer) {
    const std::string name = LayerName(layer);
    const auto at = static_cast<std::size_t>(layer - config_.dense_layers);
    const RouterSpec& router = config_.router;
    const ExpertWeighting weighting{
        router.scores == RouterScores::kSigmoid ? ExpertScores::kSigmoid : ExpertScores::kSoftmax,
        router.experts, router.used, router.normalize, static_cast<float>(router.scale)};
    const Var logits = Multiplied(tape, x, name + "mlp.gate.weight");
    const auto routing = Choose(logits, at);
    Var scores = autograd::ExpertScoresOf(tape, logits, weighting);
    scores = autograd::Balanced(tape, scores, weighting, routing, step.batch.spans,
                                step.options.balance_factor, &loads_[at].balance);
    std::vector<autograd::ExpertLeaves> experts;
    for (int64_t e = 0; e < router.experts; ++e) {
      const std::string expert = ExpertName(name, e);
      experts.push_back({Leaf(tape, expert + ".gate_proj.weight"),
                         Leaf(tape, expert + ".up_proj.weight"),
                         Leaf(tape, expert + ".down_proj.weight")});
    }
    const Var routed =
        autograd::Mixture(tape, x, autograd::ExpertWeights(tape, scores, weighting, routing),
                          routing, std::move(experts));
    if (config_.shared_width == 0) return routed;
    return autograd::Add(tape, routed, Gated(tape, x, name + "mlp.shared_experts"));
  }

  // The experts of each row, as the engine chooses them.
  std::shared_ptr<const autograd::Routing> Choose(Var logits, std::size_t mixture) {
    const RouterSpec& router = config_.router;
    const auto routing = std::make_shared<autograd::Routing>();
    routing->used = router.used;
    routing->chosen.resize(static_cast<std::size_t>(logits->rows * router.used));
    std::vector<float> weights(static_cast<std::size_t>(router.used));
    const float* bias = biases_.empty() ? nullptr : biases_[mixture].as<float>().data();
    for (int64_t r = 0; r < logits->rows; ++r) {
      Route(router, logits->row(r), bias, routing->chosen.data() + r * router.used, weights.data());
    }
    routing->GroupByExpert(router.experts);
    std::vector<int64_t>& tokens = loads_[mixture].tokens;
    tokens.clear();
    for (std::size_t e = 0; e + 1 < routing->begins.size(); ++e) {
      tokens.push_back(routing->begins[e + 1] - routing->begins[e]);
    }
    return routing;
  }

  Config config_;
  RopeTable rope_;
  ParameterSet parameters_;
  std::vector<Buffer> biases_;  // [experts] of each layer that has some
  std::vector<ExpertLoad> loads_;
  BatchAngles angles_;              // of the last pass
  std::vector<int32_t> following_;  // likewise
};

}  // namespace

std::unique_ptr<TrainableModel> MakeTrainable(const Config& config) {
  CHECK(config.mtp_layers <= 1);
  return std::make_unique<TrainableDeepseek>(config);
}

std::unique_ptr<TrainableModel> ReadTrainable(const ModelFile& file) {
  const Config config = ParseHf(file);
  if (config.mtp_layers > 1) {
    file.FailKeyUnsupported("num_nextn_predict_layers", "is " + std::to_string(config.mtp_layers) +
                                                            ", expected 0 or 1 for training");
  }
  if (config.may_tie_head && file.FindTensor("lm_head.weight") == nullptr) {
    file.FailKeyUnsupported(
        "tie_word_embeddings",
        "is true and there is no lm_head.weight, expected a head of its own for "
        "training");
  }
  auto model = std::make_unique<TrainableDeepseek>(config);
  model->Read(file);
  return model;
}

}  // namespace fathom::deepseek
