#include <algorithm>
#include <string>
#include <utility>

#include "models/deepseek/deepseek.h"
#include "models/deepseek/weights.h"
#include "models/layers/attention.h"

namespace fathom::deepseek {
namespace {

// Everything Forward writes to, for a step of `rows` rows; shapes beside the names.
struct StepBuffers {
  float* hidden;                  // [rows][hidden]: the residual stream
  float* projected;               // [rows][hidden]: what a block adds to it
  float* shared;                  // [rows][hidden]: what shared experts add to the mixture
  ActivationStore block_in;       // [rows][hidden]
  float* query_latent;            // [rows][query_latent]
  ActivationStore query_in;       // [rows][query_latent]
  float* queries;                 // [rows][heads * (nope + rotary)]
  float* latents;                 // [rows][latent + rotary]
  ActivationStore attention_out;  // [rows][heads * value]
  LatentBuffers attention;
  FeedForwardBuffers feed_forward;  // of dense layers and of shared experts
  MixtureBuffers mixture;
  float* cosines;           // [rows][rotary / 2]
  float* sines;             // [rows][rotary / 2]
  ActivationStore head_in;  // [logit_rows][hidden]

  template <class Arena>
  static StepBuffers Carve(Arena& arena, const Config& config, int64_t rows, int64_t logit_rows,
                           int threads) {
    const LatentAttentionShape& shape = config.attention;
    StepBuffers b;
    b.hidden = arena.template Take<float>(rows * config.hidden);
    b.projected = arena.template Take<float>(rows * config.hidden);
    b.shared = arena.template Take<float>(rows * config.hidden);
    b.block_in = ActivationStore::Carve(arena, rows, config.hidden);
    b.query_latent = arena.template Take<float>(rows * config.query_latent);
    b.query_in = ActivationStore::Carve(arena, rows, config.query_latent);
    b.queries = arena.template Take<float>(rows * shape.query_size());
    b.latents = arena.template Take<float>(rows * shape.width());
    b.attention_out = ActivationStore::Carve(arena, rows, shape.out_size());
    b.attention = LatentBuffers::Carve(arena, shape, rows, threads);
    b.feed_forward =
        FeedForwardBuffers::Carve(arena, rows, std::max(config.dense_width, config.shared_width));
    b.mixture =
        MixtureBuffers::Carve(arena, config.router, config.hidden, config.expert_width, rows);
    b.cosines = arena.template Take<float>(rows * shape.rotary / 2);
    b.sines = arena.template Take<float>(rows * shape.rotary / 2);
    b.head_in = ActivationStore::Carve(arena, logit_rows, config.hidden);
    return b;
  }
};

int64_t Elements(const Linear& layer) {
  return layer.weight.elements() + static_cast<int64_t>(layer.bias.size());
}

class DeepseekModel final : public Model {
 public:
  DeepseekModel(std::string architecture, Config config, Weights weights)
      : config_(std::move(config)), weights_(std::move(weights)), rope_(config_.rope) {
    FillSpec(std::move(architecture));
  }

  const ModelSpec& spec() const override { return spec_; }

  CacheLayout cache_layout(CacheType type) const override {
    return {config_.layers * LatentLayerCacheBytes(config_.attention, type)};
  }

  std::size_t ScratchBytes(int64_t rows, int64_t logit_rows, int threads) const override {
    ScratchMeter meter;
    StepBuffers::Carve(meter, config_, rows, logit_rows, threads);
    return meter.bytes();
  }

  void Forward(ExecContext& context, const StepBatch& batch, float* logits) const override {
    context.scratch.Reset();
    const auto rows = static_cast<int64_t>(batch.tokens.size());
    const auto logit_rows = static_cast<int64_t>(batch.logit_rows.size());
    const StepBuffers b =
        StepBuffers::Carve(context.scratch, config_, rows, logit_rows, context.pool.threads());
    Embed(context, batch, b);
    StepAngles(rope_, batch, b.cosines, b.sines);
    for (int64_t index = 0; index < config_.layers; ++index) {
      const LayerWeights& layer = weights_.layers[static_cast<std::size_t>(index)];
      Attention(context, batch, b, layer, index);
      Block(context, b, layer, rows);
      Tap(context, b, layer, index, rows);
    }
    if (logit_rows > 0) Head(context, batch, b, logits);
  }

 private:
  // Parameters, and bytes read per token, of whatever is added.
  struct Count {
    int64_t elements = 0;
    int64_t bytes = 0;
    void Add(const Linear& layer) {
      if (!layer.weight) return;
      elements += Elements(layer);
      bytes += layer.weight.bytes();
    }
    void Add(const std::vector<float>& vector) {
      elements += static_cast<int64_t>(vector.size());
      bytes += static_cast<int64_t>(vector.size() * sizeof(float));
    }
    void Add(const GatedLinears& layers) {
      Add(layers.gate);
      Add(layers.up);
      Add(layers.down);
    }
  };

  void FillSpec(std::string architecture) {
    spec_.architecture = std::move(architecture);
    spec_.vocabulary = config_.vocabulary;
    spec_.layers = config_.layers;
    spec_.hidden = config_.hidden;
    spec_.context_length = config_.context_length;
    Count always, experts;
    always.Add(weights_.head);
    always.Add(weights_.output_norm);
    for (const LayerWeights& layer : weights_.layers) {
      for (const Linear* linear : {&layer.query_down, &layer.query, &layer.latent, &layer.output}) {
        always.Add(*linear);
      }
      for (const auto* vector : {&layer.attention_norm, &layer.query_norm, &layer.latent_norm,
                                 &layer.feed_forward_norm}) {
        always.Add(*vector);
      }
      for (const Linear& key : layer.heads.keys) always.Add(key);
      for (const Linear& value : layer.heads.values) always.Add(value);
      if (layer.dense) always.Add(*layer.dense);
      if (layer.shared) always.Add(*layer.shared);
      if (!layer.mixture) continue;
      always.Add(layer.mixture->router);
      always.Add(layer.mixture->router_bias);
      for (const GatedLinears& expert : layer.mixture->experts) experts.Add(expert);
    }
    const int64_t embedding = weights_.tied_head ? 0 : weights_.embedding.elements();
    const auto active = [&](int64_t all) {
      return all / config_.router.experts * config_.router.used;
    };
    spec_.parameters = always.elements + experts.elements + embedding;
    spec_.active_parameters = always.elements + active(experts.elements);
    spec_.weight_bytes_per_token = always.bytes + active(experts.bytes);
  }

  void Embed(ExecContext& context, const StepBatch& batch, const StepBuffers& b) const {
    const auto format = static_cast<std::size_t>(weights_.embedding.format);
    const auto rows = static_cast<int64_t>(batch.tokens.size());
    ForRowBlocks(context.pool, rows, [&](int64_t first, int64_t count) {
      for (int64_t row = first; row < first + count; ++row) {
        context.kernels.decode[format](
            weights_.embedding.row(batch.tokens[static_cast<std::size_t>(row)]),
            b.hidden + row * config_.hidden, config_.hidden);
      }
    });
  }

  // Normalises rows of x into `store`, ready for `layers`.
  static void Normalize(ExecContext& context, const float* x, const std::vector<float>& weight,
                        float epsilon, const ActivationStore& store, int64_t rows,
                        std::initializer_list<const Linear*> layers) {
    const bool quantize = WantsQuantized(context.kernels, layers);
    const auto n = static_cast<int64_t>(weight.size());
    ForRowBlocks(context.pool, rows, [&](int64_t first, int64_t count) {
      for (int64_t row = first; row < first + count; ++row) {
        context.kernels.rms_norm(x + row * n, weight.data(), epsilon, n, store.floats + row * n);
      }
      if (quantize) QuantizeRows(context.kernels, store, first, count, n);
    });
  }

  // hidden += x.
  void AddToResidual(ExecContext& context, const StepBuffers& b, const float* x,
                     int64_t rows) const {
    const int64_t n = config_.hidden;
    ForRowBlocks(context.pool, rows, [&](int64_t first, int64_t count) {
      context.kernels.add(x + first * n, count * n, b.hidden + first * n);
    });
  }

  // queries and latents from the normalised hidden state.
  void Project(ExecContext& context, const StepBuffers& b, const LayerWeights& layer,
               int64_t rows) const {
    const LatentAttentionShape& shape = config_.attention;
    const LinearCall latents{&layer.latent, b.latents, shape.width()};
    if (config_.query_latent == 0) {
      Normalize(context, b.hidden, layer.attention_norm, config_.rms_epsilon, b.block_in, rows,
                {&layer.query, &layer.latent});
      ApplyLinear(context, b.block_in, rows,
                  {{&layer.query, b.queries, shape.query_size()}, latents});
    } else {
      Normalize(context, b.hidden, layer.attention_norm, config_.rms_epsilon, b.block_in, rows,
                {&layer.query_down, &layer.latent});
      ApplyLinear(context, b.block_in, rows,
                  {{&layer.query_down, b.query_latent, config_.query_latent}, latents});
      Normalize(context, b.query_latent, layer.query_norm, kLatentEpsilon, b.query_in, rows,
                {&layer.query});
      ApplyLinear(context, b.query_in, rows, {{&layer.query, b.queries, shape.query_size()}});
    }
    ForRowBlocks(context.pool, rows, [&](int64_t first, int64_t count) {
      for (int64_t row = first; row < first + count; ++row) {
        float* latent = b.latents + row * shape.width();
        context.kernels.rms_norm(latent, layer.latent_norm.data(), kLatentEpsilon, shape.latent,
                                 latent);
      }
    });
  }

  void Attention(ExecContext& context, const StepBatch& batch, const StepBuffers& b,
                 const LayerWeights& layer, int64_t index) const {
    const LatentAttentionShape& shape = config_.attention;
    const auto rows = static_cast<int64_t>(batch.tokens.size());
    Project(context, b, layer, rows);
    LatentAttention(context, shape, batch,
                    {layer.heads, b.queries, b.latents, b.attention_out.floats, b.cosines, b.sines,
                     index * LatentLayerCacheBytes(shape, context.cache_type)},
                    b.attention);
    if (WantsQuantized(context.kernels, {&layer.output})) {
      ForRowBlocks(context.pool, rows, [&](int64_t first, int64_t count) {
        QuantizeRows(context.kernels, b.attention_out, first, count, shape.out_size());
      });
    }
    ApplyLinear(context, b.attention_out, rows, {{&layer.output, b.projected, config_.hidden}});
    AddToResidual(context, b, b.projected, rows);
  }

  // The feed-forward half of a layer: dense, or routed and shared experts.
  void Block(ExecContext& context, const StepBuffers& b, const LayerWeights& layer,
             int64_t rows) const {
    if (layer.dense) {
      Normalize(context, b.hidden, layer.feed_forward_norm, config_.rms_epsilon, b.block_in, rows,
                {&layer.dense->gate, &layer.dense->up});
      FeedForward(context, *layer.dense, b.block_in, rows, b.feed_forward, b.projected);
    } else {
      const GatedLinears& like = layer.mixture->experts.front();
      const GatedLinears& shared = layer.shared ? *layer.shared : like;
      Normalize(context, b.hidden, layer.feed_forward_norm, config_.rms_epsilon, b.block_in, rows,
                {&like.gate, &like.up, &shared.gate, &shared.up});
      Mixture(context, config_.router, *layer.mixture, b.block_in, rows, b.mixture, b.projected);
      if (layer.shared) {
        FeedForward(context, *layer.shared, b.block_in, rows, b.feed_forward, b.shared);
        const int64_t n = config_.hidden;
        ForRowBlocks(context.pool, rows, [&](int64_t first, int64_t count) {
          context.kernels.add(b.shared + first * n, count * n, b.projected + first * n);
        });
      }
    }
    AddToResidual(context, b, b.projected, rows);
  }

  void Head(ExecContext& context, const StepBatch& batch, const StepBuffers& b,
            float* logits) const {
    const int64_t n = config_.hidden;
    const auto rows = static_cast<int64_t>(batch.logit_rows.size());
    const bool quantize = WantsQuantized(context.kernels, {&weights_.head});
    ForRowBlocks(context.pool, rows, [&](int64_t first, int64_t count) {
      for (int64_t i = first; i < first + count; ++i) {
        const float* x = b.hidden + batch.logit_rows[static_cast<std::size_t>(i)] * n;
        context.kernels.rms_norm(x, weights_.output_norm.data(), config_.rms_epsilon, n,
                                 b.head_in.floats + i * n);
      }
      if (quantize) QuantizeRows(context.kernels, b.head_in, first, count, n);
    });
    ApplyLinear(context, b.head_in, rows, {{&weights_.head, logits, config_.vocabulary}});
  }

  void Tap(ExecContext& context, const StepBuffers& b, const LayerWeights& layer, int64_t index,
           int64_t rows) const {
    if (context.tap == nullptr) return;
    const std::string name = "layer." + std::to_string(index);
    context.tap->Record(name + ".hidden", b.hidden, rows, config_.hidden);
    if (!layer.mixture) return;
    const int64_t used = config_.router.used;
    const std::vector<float> experts(b.mixture.chosen, b.mixture.chosen + rows * used);
    context.tap->Record(name + ".router.experts", experts.data(), rows, used);
    context.tap->Record(name + ".router.weights", b.mixture.weights, rows, used);
  }

  Config config_;
  Weights weights_;
  RopeTable rope_;
  ModelSpec spec_;
};

}  // namespace

std::unique_ptr<Model> BindGgufModel(const ModelFile& file) {
  Config config = ParseGguf(file);
  Weights weights = BindGguf(file, config);
  return std::make_unique<DeepseekModel>("deepseek2", std::move(config), std::move(weights));
}

}  // namespace fathom::deepseek
