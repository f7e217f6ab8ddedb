// One decoder layer of DeepSeek-V2 and V3 over the rows of a step, and what stands before the first
// and behind the last: for the model itself and for the module that predicts further tokens. Owns
// no weights and no memory.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "models/deepseek/config.h"
#include "models/deepseek/weights.h"
#include "models/model.h"

namespace fathom::deepseek {

// Everything a layer writes to, for a step of `rows` rows; shapes beside the names.
struct LayerBuffers {
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
  float* cosines;  // [rows][rotary / 2]
  float* sines;    // [rows][rotary / 2]

  template <class Arena>
  static LayerBuffers Carve(Arena& arena, const Config& config, int64_t rows, int threads) {
    const LatentAttentionShape& shape = config.attention;
    LayerBuffers b;
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
    return b;
  }
};

// What the parts of one step share.
struct LayerStep {
  ExecContext& context;
  const StepBatch& batch;
  const Config& config;
  const LayerBuffers& b;

  int64_t rows() const { return static_cast<int64_t>(batch.tokens.size()); }
};

// to[rows][hidden] = the embeddings of the step's tokens.
void Embed(const LayerStep& step, const TensorView& embedding, float* to);

// Adds the layer's two halves to the residual stream. Cosines and sines must be there; the layer's
// part of a cache page begins at cache_offset.
void RunLayer(const LayerStep& step, const LayerWeights& layer, int64_t cache_offset);

// Reports the residual stream behind a layer, and the choices of its router.
void TapLayer(const LayerStep& step, const LayerWeights& layer, const std::string& name);

// logits[logit_rows][vocabulary] = head(norm(residual stream)) of the step's wanted rows; head_in
// is [logit_rows][hidden].
void RunHead(const LayerStep& step, const std::vector<float>& norm, const Linear& head,
             const ActivationStore& head_in, float* logits);

// Copies the residual stream to where the context wants it, if anywhere.
void HandOver(const LayerStep& step);

}  // namespace fathom::deepseek
