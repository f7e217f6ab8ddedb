#include <string>
#include <utility>

#include "models/deepseek/deepseek.h"
#include "models/deepseek/layer.h"
#include "models/deepseek/weights.h"
#include "models/layers/attention.h"

namespace fathom::deepseek {
namespace {

struct StepBuffers {
  LayerBuffers layer;
  ActivationStore head_in;  // [logit_rows][hidden]

  template <class Arena>
  static StepBuffers Carve(Arena& arena, const Config& config, int64_t rows, int64_t logit_rows,
                           int threads) {
    StepBuffers b;
    b.layer = LayerBuffers::Carve(arena, config, rows, threads);
    b.head_in = ActivationStore::Carve(arena, logit_rows, config.hidden);
    return b;
  }
};

int64_t Elements(const Linear& layer) {
  return layer.weight.elements() + static_cast<int64_t>(layer.bias.size());
}

int64_t ScaleBytes(const Linear& layer) {
  const ScaleGrid grid = layer.scales.grid();
  if (grid.scales == nullptr) return 0;
  const int64_t rows = (layer.out_features() + grid.block_rows - 1) / grid.block_rows;
  const int64_t columns = (layer.in_features() + grid.block_columns - 1) / grid.block_columns;
  return rows * columns * static_cast<int64_t>(sizeof(float));
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
    const LayerStep step{context, batch, config_, b.layer};
    Embed(step, weights_.embedding, b.layer.hidden);
    StepAngles(rope_, batch, b.layer.cosines, b.layer.sines);
    const int64_t cache_bytes = LatentLayerCacheBytes(config_.attention, context.cache_type);
    for (int64_t index = 0; index < config_.layers; ++index) {
      const LayerWeights& layer = weights_.layers[static_cast<std::size_t>(index)];
      RunLayer(step, layer, index * cache_bytes);
      if (context.tap != nullptr) TapLayer(step, layer, "layer." + std::to_string(index));
    }
    HandOver(step);
    RunHead(step, weights_.output_norm, weights_.head, b.head_in, logits);
  }

  std::vector<NamedLinear> Linears(const ModelFile& file) const override {
    return NameLinears(file, weights_);
  }

 private:
  // Parameters, and bytes read per token, of whatever is added.
  struct Count {
    int64_t elements = 0;
    int64_t bytes = 0;
    void Add(const Linear& layer) {
      if (layer.weight.rank == 0) return;
      elements += Elements(layer);
      bytes += layer.weight.bytes() + ScaleBytes(layer);
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

  Config config_;
  Weights weights_;
  RopeTable rope_;
  ModelSpec spec_;
};

// What messages and listings call the architecture.
std::string NameOf(const ModelFile& file) {
  const bool gguf = file.kind() == ModelFileKind::kGguf;
  return file.RequireString(gguf ? "general.architecture" : "model_type");
}

DeepseekModel Make(const ModelFile& file, BindDepth depth) {
  Config config = Parse(file);
  Weights weights = BindWeights(file, config, depth);
  return DeepseekModel(NameOf(file), std::move(config), std::move(weights));
}

}  // namespace

std::unique_ptr<Model> Bind(const ModelFile& file) {
  return std::make_unique<DeepseekModel>(Make(file, BindDepth::kValues));
}

ModelSpec Describe(const ModelFile& file) { return Make(file, BindDepth::kHeaders).spec(); }

}  // namespace fathom::deepseek
