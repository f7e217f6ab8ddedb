// The multi-token-prediction module of DeepSeek-V3 (arXiv 2412.19437, section 2.2), in the
// published weights the layer behind the model's: what enters it is M [norm(embedding);
// norm(hidden)], with the embedding first as eh_proj is stored (the report writes it second).
#include <string>
#include <utility>

#include "models/deepseek/deepseek.h"
#include "models/deepseek/layer.h"
#include "models/deepseek/weights.h"
#include "models/layers/attention.h"

namespace fathom::deepseek {
namespace {

struct MtpBuffers {
  LayerBuffers layer;
  float* embedded;          // [rows][hidden]
  ActivationStore joined;   // [rows][2 * hidden]: embedding, then hidden state
  ActivationStore head_in;  // [logit_rows][hidden]

  template <class Arena>
  static MtpBuffers Carve(Arena& arena, const Config& config, int64_t rows, int64_t logit_rows,
                          int threads) {
    MtpBuffers b;
    b.layer = LayerBuffers::Carve(arena, config, rows, threads);
    b.embedded = arena.template Take<float>(rows * config.hidden);
    b.joined = ActivationStore::Carve(arena, rows, 2 * config.hidden);
    b.head_in = ActivationStore::Carve(arena, logit_rows, config.hidden);
    return b;
  }
};

class DeepseekMtp final : public MtpModule {
 public:
  DeepseekMtp(Config config, MtpWeights weights, HiddenSide side)
      : config_(std::move(config)),
        weights_(std::move(weights)),
        rope_(config_.rope),
        side_(side) {}

  CacheLayout cache_layout(CacheType type) const override {
    return {LatentLayerCacheBytes(config_.attention, type)};
  }

  std::size_t ScratchBytes(int64_t rows, int64_t logit_rows, int threads) const override {
    ScratchMeter meter;
    MtpBuffers::Carve(meter, config_, rows, logit_rows, threads);
    return meter.bytes();
  }

  void Forward(ExecContext& context, const StepBatch& batch, const float* hidden,
               float* logits) const override {
    context.scratch.Reset();
    const auto rows = static_cast<int64_t>(batch.tokens.size());
    const auto logit_rows = static_cast<int64_t>(batch.logit_rows.size());
    const MtpBuffers b =
        MtpBuffers::Carve(context.scratch, config_, rows, logit_rows, context.pool.threads());
    const LayerStep step{context, batch, config_, b.layer};
    Join(step, b, hidden);
    StepAngles(rope_, batch, b.layer.cosines, b.layer.sines);
    RunLayer(step, weights_.layer, 0);
    if (context.tap != nullptr) TapLayer(step, weights_.layer, "mtp");
    HandOver(step);
    RunHead(step, weights_.head_norm, weights_.head, b.head_in, logits);
  }

 private:
  // The residual stream's beginning from the embeddings of the step's tokens and the hidden states.
  void Join(const LayerStep& step, const MtpBuffers& b, const float* hidden) const {
    ExecContext& context = step.context;
    const int64_t n = config_.hidden;
    const float epsilon = config_.rms_epsilon;
    const bool quantize = WantsQuantized(context.kernels, {&weights_.join});
    Embed(step, weights_.embedding, b.embedded);
    ForRowBlocks(context.pool, step.rows(), [&](int64_t first, int64_t count) {
      const auto norm = [&](const float* x, const std::vector<float>& weight, float* to) {
        context.kernels.rms_norm(x, weight.data(), epsilon, n, to);
      };
      for (int64_t row = first; row < first + count; ++row) {
        float* embedded = b.embedded + row * n;
        float* joined = b.joined.floats + row * 2 * n;
        norm(embedded, weights_.embedding_norm, joined);
        const float* state = hidden + row * n;
        if (side_ == HiddenSide::kAfterNorm) {
          norm(state, weights_.model_norm, embedded);  // no longer needed
          state = embedded;
        }
        norm(state, weights_.hidden_norm, joined + n);
      }
      if (quantize) QuantizeRows(context.kernels, b.joined, first, count, 2 * n);
    });
    ApplyLinear(context, b.joined, step.rows(), {{&weights_.join, b.layer.hidden, n}});
    if (context.tap != nullptr) context.tap->Record("mtp.joined", b.layer.hidden, step.rows(), n);
  }

  Config config_;
  MtpWeights weights_;
  RopeTable rope_;
  HiddenSide side_;
};

}  // namespace

std::unique_ptr<MtpModule> BindMtp(const ModelFile& file, HiddenSide side) {
  Config config = Parse(file);
  if (!HasMtpWeights(file, config)) return nullptr;
  MtpWeights weights = BindMtpWeights(file, config, BindDepth::kValues);
  return std::make_unique<DeepseekMtp>(std::move(config), std::move(weights), side);
}

void CheckMtp(const ModelFile& file) {
  const Config config = Parse(file);
  if (config.mtp_layers == 1 && HasMtpWeights(file, config)) {
    BindMtpWeights(file, config, BindDepth::kHeaders);
  }
}

}  // namespace fathom::deepseek
