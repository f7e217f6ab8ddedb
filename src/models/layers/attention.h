// Grouped-query attention over the paged cache (arXiv 2305.13245): rotate, store, attend, for all
// sequences of a step.
#pragma once

#include "models/layers/rope.h"
#include "models/model.h"

namespace fathom {

struct GroupedAttentionShape {
  int64_t heads = 0;
  int64_t kv_heads = 0;
  int64_t head_dim = 0;
  RopePairing pairing = RopePairing::kInterleaved;

  int64_t query_size() const { return heads * head_dim; }
  int64_t kv_size() const { return kv_heads * head_dim; }
};

// Bytes of one layer inside a cache page: kv_heads slices one after the other.
int64_t LayerCacheBytes(const GroupedAttentionShape& shape, CacheType type);

// Fills cosines and sines, [rows][rotary_dim / 2] each, for every row of the step.
void StepAngles(const RopeTable& rope, const StepBatch& batch, float* cosines, float* sines);

struct GroupedAttentionCall {
  float* queries;       // [rows][heads * head_dim], rotated in place
  float* keys;          // [rows][kv_heads * head_dim], rotated in place, then stored
  const float* values;  // [rows][kv_heads * head_dim], stored
  float* out;           // [rows][heads * head_dim]
  int64_t rotary_dim;
  const float* cosines;  // [rows][rotary_dim / 2]
  const float* sines;
  int64_t layer_offset;  // of the layer inside a page, in bytes
};

void GroupedAttention(ExecContext& context, const GroupedAttentionShape& shape,
                      const StepBatch& batch, const GroupedAttentionCall& call);

}  // namespace fathom
