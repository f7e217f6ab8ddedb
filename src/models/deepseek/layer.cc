#include "models/deepseek/layer.h"

#include <initializer_list>

namespace fathom::deepseek {
namespace {

// Normalises rows of x into `store`, ready for `layers`.
void Normalize(const LayerStep& s, const float* x, const std::vector<float>& weight, float epsilon,
               const ActivationStore& store, std::initializer_list<const Linear*> layers) {
  const KernelTable& kernels = s.context.kernels;
  const bool quantize = WantsQuantized(kernels, layers);
  const auto n = static_cast<int64_t>(weight.size());
  ForRowBlocks(s.context.pool, s.rows(), [&](int64_t first, int64_t count) {
    for (int64_t row = first; row < first + count; ++row) {
      kernels.rms_norm(x + row * n, weight.data(), epsilon, n, store.floats + row * n);
    }
    if (quantize) QuantizeRows(kernels, store, first, count, n);
  });
}

// to += x, both [rows][hidden].
void AddRows(const LayerStep& s, const float* x, float* to) {
  const int64_t n = s.config.hidden;
  ForRowBlocks(s.context.pool, s.rows(), [&](int64_t first, int64_t count) {
    s.context.kernels.add(x + first * n, count * n, to + first * n);
  });
}

// queries and latents from the normalised hidden state.
void Project(const LayerStep& s, const LayerWeights& layer) {
  const LayerBuffers& b = s.b;
  const LatentAttentionShape& shape = s.config.attention;
  const int64_t query_latent = s.config.query_latent;
  const LinearCall latents{&layer.latent, b.latents, shape.width()};
  if (query_latent == 0) {
    Normalize(s, b.hidden, layer.attention_norm, s.config.rms_epsilon, b.block_in,
              {&layer.query, &layer.latent});
    ApplyLinear(s.context, b.block_in, s.rows(),
                {{&layer.query, b.queries, shape.query_size()}, latents});
  } else {
    Normalize(s, b.hidden, layer.attention_norm, s.config.rms_epsilon, b.block_in,
              {&layer.query_down, &layer.latent});
    ApplyLinear(s.context, b.block_in, s.rows(),
                {{&layer.query_down, b.query_latent, query_latent}, latents});
    Normalize(s, b.query_latent, layer.query_norm, kLatentEpsilon, b.query_in, {&layer.query});
    ApplyLinear(s.context, b.query_in, s.rows(), {{&layer.query, b.queries, shape.query_size()}});
  }
  ForRowBlocks(s.context.pool, s.rows(), [&](int64_t first, int64_t count) {
    for (int64_t row = first; row < first + count; ++row) {
      float* latent = b.latents + row * shape.width();
      s.context.kernels.rms_norm(latent, layer.latent_norm.data(), kLatentEpsilon, shape.latent,
                                 latent);
    }
  });
  if (s.context.observer != nullptr && layer.joint.weight.rank > 0) {
    s.context.observer->Observe(layer.joint, b.latents, s.rows(), shape.width());
  }
}

void Attention(const LayerStep& s, const LayerWeights& layer, int64_t cache_offset) {
  const LayerBuffers& b = s.b;
  const LatentAttentionShape& shape = s.config.attention;
  Project(s, layer);
  LatentAttention(
      s.context, shape, s.batch,
      {layer.heads, b.queries, b.latents, b.attention_out.floats, b.cosines, b.sines, cache_offset},
      b.attention);
  if (WantsQuantized(s.context.kernels, {&layer.output})) {
    ForRowBlocks(s.context.pool, s.rows(), [&](int64_t first, int64_t count) {
      QuantizeRows(s.context.kernels, b.attention_out, first, count, shape.out_size());
    });
  }
  ApplyLinear(s.context, b.attention_out, s.rows(),
              {{&layer.output, b.projected, s.config.hidden}});
  AddRows(s, b.projected, b.hidden);
}

// The feed-forward half of a layer: dense, or routed and shared experts.
void Block(const LayerStep& s, const LayerWeights& layer) {
  const LayerBuffers& b = s.b;
  if (layer.dense) {
    Normalize(s, b.hidden, layer.feed_forward_norm, s.config.rms_epsilon, b.block_in,
              {&layer.dense->gate, &layer.dense->up});
    FeedForward(s.context, *layer.dense, b.block_in, s.rows(), b.feed_forward, b.projected);
  } else {
    const GatedLinears& like = layer.mixture->experts.front();
    const GatedLinears& shared = layer.shared ? *layer.shared : like;
    Normalize(s, b.hidden, layer.feed_forward_norm, s.config.rms_epsilon, b.block_in,
              {&like.gate, &like.up, &shared.gate, &shared.up});
    Mixture(s.context, s.config.router, *layer.mixture, b.block_in, s.rows(), b.mixture,
            b.projected);
    if (layer.shared) {
      FeedForward(s.context, *layer.shared, b.block_in, s.rows(), b.feed_forward, b.shared);
      AddRows(s, b.shared, b.projected);
    }
  }
  AddRows(s, b.projected, b.hidden);
}

}  // namespace

void Embed(const LayerStep& step, const TensorView& embedding, float* to) {
  const DecodeFunction decode =
      step.context.kernels.decode[static_cast<std::size_t>(embedding.format)];
  const int64_t n = step.config.hidden;
  ForRowBlocks(step.context.pool, step.rows(), [&](int64_t first, int64_t count) {
    for (int64_t row = first; row < first + count; ++row) {
      decode(embedding.row(step.batch.tokens[static_cast<std::size_t>(row)]), to + row * n, n);
    }
  });
}

void RunLayer(const LayerStep& step, const LayerWeights& layer, int64_t cache_offset) {
  Attention(step, layer, cache_offset);
  Block(step, layer);
}

void TapLayer(const LayerStep& step, const LayerWeights& layer, const std::string& name) {
  DebugTap* tap = step.context.tap;
  if (tap == nullptr) return;
  const int64_t rows = step.rows();
  tap->Record(name + ".hidden", step.b.hidden, rows, step.config.hidden);
  if (!layer.mixture) return;
  const MixtureBuffers& mixture = step.b.mixture;
  const int64_t used = step.config.router.used;
  const std::vector<float> experts(mixture.chosen, mixture.chosen + rows * used);
  tap->Record(name + ".router.experts", experts.data(), rows, used);
  tap->Record(name + ".router.weights", mixture.weights, rows, used);
}

void RunHead(const LayerStep& step, const std::vector<float>& norm, const Linear& head,
             const ActivationStore& head_in, float* logits) {
  const auto rows = static_cast<int64_t>(step.batch.logit_rows.size());
  if (rows == 0) return;
  const KernelTable& kernels = step.context.kernels;
  const int64_t n = step.config.hidden;
  const bool quantize = WantsQuantized(kernels, {&head});
  ForRowBlocks(step.context.pool, rows, [&](int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; ++i) {
      const float* x = step.b.hidden + step.batch.logit_rows[static_cast<std::size_t>(i)] * n;
      kernels.rms_norm(x, norm.data(), step.config.rms_epsilon, n, head_in.floats + i * n);
    }
    if (quantize) QuantizeRows(kernels, head_in, first, count, n);
  });
  ApplyLinear(step.context, head_in, rows, {{&head, logits, step.config.vocabulary}});
}

void HandOver(const LayerStep& step) {
  if (step.context.hidden_out == nullptr) return;
  std::copy_n(step.b.hidden, step.rows() * step.config.hidden, step.context.hidden_out);
}

}  // namespace fathom::deepseek
