// From one row of logits to one token. Deterministic: a draw depends on the seed, the position and
// the logits alone, and equal logits are ordered by id.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/engine.h"
#include "kernels/kernels.h"

namespace fathom {

class Sampler {
 public:
  // Allocates everything that sampling from `vocabulary` logits needs.
  Sampler(const KernelTable& kernels, int64_t vocabulary);

  // The next id after `context` (prompt and reply so far), of which the first `prompt_size` ids are
  // the prompt. `logits` is changed. Position of the draw: context.size(). Allocates nothing.
  int32_t Sample(const SamplingParams& params, std::span<const int32_t> context,
                 int64_t prompt_size, float* logits);

  // Log-probability of `id` under the softmax of unchanged logits, and the `count` most probable
  // ids (most probable first, ties by id) into `top`, which is reused.
  float Logprob(const float* logits, int32_t id, int32_t count, std::vector<TokenLogprob>& top);

 private:
  void Penalize(const SamplingParams& params, std::span<const int32_t> context, int64_t prompt_size,
                float* logits);
  void Heat(float temperature, float* logits) const;
  int64_t SelectCandidates(const SamplingParams& params, const float* logits);
  // Sorts the `count` best ids to the front of candidates_, best first.
  void SortBest(const float* logits, int64_t count);
  // The same for all ids whose logit is at least `floor`; returns how many.
  int64_t SortAbove(const float* logits, double floor);

  const KernelTable& kernels_;
  int64_t vocabulary_;
  std::vector<int32_t> candidates_;  // [vocabulary]
  std::vector<int32_t> counts_;      // [vocabulary], all zero between calls
  std::vector<double> weights_;      // [vocabulary]
};

}  // namespace fathom
