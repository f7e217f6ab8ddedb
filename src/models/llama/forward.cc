#include <algorithm>
#include <string>
#include <utility>

#include "models/llama/llama.h"
#include "models/llama/weights.h"

namespace fathom::llama {
namespace {

// Everything Forward writes to, for a step of `rows` rows; shapes beside the names.
struct StepBuffers {
  float* hidden;                  // [rows][hidden]: the residual stream
  float* projected;               // [rows][hidden]: what a block adds to it
  ActivationStore attention_in;   // [rows][hidden]
  float* queries;                 // [rows][heads * head_dim]
  float* keys;                    // [rows][kv_heads * head_dim]
  float* values;                  // [rows][kv_heads * head_dim]
  ActivationStore attention_out;  // [rows][heads * head_dim]
  float* gate;                    // [rows][feed_forward]
  float* up;                      // [rows][feed_forward]
  ActivationStore feed_forward;   // [rows][feed_forward]
  float* cosines;                 // [rows][rotary_dim / 2]
  float* sines;                   // [rows][rotary_dim / 2]
  ActivationStore head_in;        // [logit_rows][hidden]

  template <class Arena>
  static StepBuffers Carve(Arena& arena, const Config& config, int64_t rows, int64_t logit_rows) {
    StepBuffers b;
    b.hidden = arena.template Take<float>(rows * config.hidden);
    b.projected = arena.template Take<float>(rows * config.hidden);
    b.attention_in = ActivationStore::Carve(arena, rows, config.hidden);
    b.queries = arena.template Take<float>(rows * config.attention.query_size());
    b.keys = arena.template Take<float>(rows * config.attention.kv_size());
    b.values = arena.template Take<float>(rows * config.attention.kv_size());
    b.attention_out = ActivationStore::Carve(arena, rows, config.attention.query_size());
    b.gate = arena.template Take<float>(rows * config.feed_forward);
    b.up = arena.template Take<float>(rows * config.feed_forward);
    b.feed_forward = ActivationStore::Carve(arena, rows, config.feed_forward);
    b.cosines = arena.template Take<float>(rows * config.rope.rotary_dim / 2);
    b.sines = arena.template Take<float>(rows * config.rope.rotary_dim / 2);
    b.head_in = ActivationStore::Carve(arena, logit_rows, config.hidden);
    return b;
  }
};

class LlamaModel final : public Model {
 public:
  LlamaModel(const ModelFile& file, Config config)
      : config_(std::move(config)), weights_(BindWeights(file, config_)), rope_(config_.rope) {
    FillSpec(file);
  }

  const ModelSpec& spec() const override { return spec_; }

  CacheLayout cache_layout(CacheType type) const override {
    return {config_.layers * LayerCacheBytes(config_.attention, type)};
  }

  std::size_t ScratchBytes(int64_t rows, int64_t logit_rows, int /*threads*/) const override {
    ScratchMeter meter;
    StepBuffers::Carve(meter, config_, rows, logit_rows);
    return meter.bytes();
  }

  void Forward(ExecContext& context, const StepBatch& batch, float* logits) const override {
    context.scratch.Reset();
    const auto rows = static_cast<int64_t>(batch.tokens.size());
    const auto logit_rows = static_cast<int64_t>(batch.logit_rows.size());
    const StepBuffers b = StepBuffers::Carve(context.scratch, config_, rows, logit_rows);
    Embed(context, batch, b);
    StepAngles(rope_, batch, b.cosines, b.sines);
    for (int64_t index = 0; index < config_.layers; ++index) {
      Attention(context, batch, b, index);
      FeedForward(context, b, rows, index);
      Tap(context, index, b.hidden, rows);
    }
    if (context.hidden_out != nullptr) {
      std::copy_n(b.hidden, rows * config_.hidden, context.hidden_out);
    }
    if (logit_rows > 0) Head(context, batch, b, logits);
  }

  std::vector<NamedLinear> Linears(const ModelFile& /*file*/) const override {
    return NameLinears(weights_);
  }

 private:
  void FillSpec(const ModelFile& file) {
    spec_.architecture = config_.architecture;
    spec_.vocabulary = config_.vocabulary;
    spec_.layers = config_.layers;
    spec_.hidden = config_.hidden;
    spec_.context_length = config_.context_length;
    int64_t total = 0, total_bytes = 0;
    for (const NamedTensor& tensor : file.tensors()) {
      total += tensor.view.elements();
      total_bytes += tensor.view.bytes();
    }
    // Of the embedding one row is read per token, unless it is also the head.
    const int64_t skipped = weights_.tied_head ? 0 : 1;
    spec_.parameters = total;
    spec_.active_parameters = total - skipped * weights_.embedding.elements();
    spec_.weight_bytes_per_token = total_bytes - skipped * weights_.embedding.bytes();
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

  // Normalises rows of the residual stream into `store`, ready for `layers`.
  void Normalize(ExecContext& context, const float* x, const std::vector<float>& weight,
                 const ActivationStore& store, int64_t rows,
                 std::initializer_list<const Linear*> layers) const {
    const bool quantize = WantsQuantized(context.kernels, layers);
    const int64_t n = config_.hidden;
    ForRowBlocks(context.pool, rows, [&](int64_t first, int64_t count) {
      for (int64_t row = first; row < first + count; ++row) {
        context.kernels.rms_norm(x + row * n, weight.data(), config_.rms_epsilon, n,
                                 store.floats + row * n);
      }
      if (quantize) QuantizeRows(context.kernels, store, first, count, n);
    });
  }

  // hidden += projected.
  void AddToResidual(ExecContext& context, const StepBuffers& b, int64_t rows) const {
    const int64_t n = config_.hidden;
    ForRowBlocks(context.pool, rows, [&](int64_t first, int64_t count) {
      context.kernels.add(b.projected + first * n, count * n, b.hidden + first * n);
    });
  }

  void Attention(ExecContext& context, const StepBatch& batch, const StepBuffers& b,
                 int64_t index) const {
    const LayerWeights& layer = weights_.layers[static_cast<std::size_t>(index)];
    const GroupedAttentionShape& shape = config_.attention;
    const auto rows = static_cast<int64_t>(batch.tokens.size());
    Normalize(context, b.hidden, layer.attention_norm, b.attention_in, rows,
              {&layer.query, &layer.key, &layer.value});
    ApplyLinear(context, b.attention_in, rows,
                {{&layer.query, b.queries, shape.query_size()},
                 {&layer.key, b.keys, shape.kv_size()},
                 {&layer.value, b.values, shape.kv_size()}});
    GroupedAttention(context, shape, batch,
                     {b.queries, b.keys, b.values, b.attention_out.floats, config_.rope.rotary_dim,
                      b.cosines, b.sines, index * LayerCacheBytes(shape, context.cache_type)});
    if (WantsQuantized(context.kernels, {&layer.output})) {
      ForRowBlocks(context.pool, rows, [&](int64_t first, int64_t count) {
        QuantizeRows(context.kernels, b.attention_out, first, count, shape.query_size());
      });
    }
    ApplyLinear(context, b.attention_out, rows, {{&layer.output, b.projected, config_.hidden}});
    AddToResidual(context, b, rows);
  }

  void FeedForward(ExecContext& context, const StepBuffers& b, int64_t rows, int64_t index) const {
    const LayerWeights& layer = weights_.layers[static_cast<std::size_t>(index)];
    const int64_t wide = config_.feed_forward;
    Normalize(context, b.hidden, layer.feed_forward_norm, b.attention_in, rows,
              {&layer.gate, &layer.up});
    ApplyLinear(context, b.attention_in, rows,
                {{&layer.gate, b.gate, wide}, {&layer.up, b.up, wide}});
    const bool quantize = WantsQuantized(context.kernels, {&layer.down});
    ForRowBlocks(context.pool, rows, [&](int64_t first, int64_t count) {
      context.kernels.silu_mul(b.gate + first * wide, b.up + first * wide, count * wide,
                               b.feed_forward.floats + first * wide);
      if (quantize) QuantizeRows(context.kernels, b.feed_forward, first, count, wide);
    });
    ApplyLinear(context, b.feed_forward, rows, {{&layer.down, b.projected, config_.hidden}});
    AddToResidual(context, b, rows);
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

  void Tap(ExecContext& context, int64_t index, const float* hidden, int64_t rows) const {
    if (context.tap == nullptr) return;
    context.tap->Record("layer." + std::to_string(index) + ".hidden", hidden, rows, config_.hidden);
  }

  Config config_;
  Weights weights_;
  RopeTable rope_;
  ModelSpec spec_;
};

}  // namespace

std::unique_ptr<Model> MakeModel(const ModelFile& file, Config config) {
  return std::make_unique<LlamaModel>(file, std::move(config));
}

}  // namespace fathom::llama
