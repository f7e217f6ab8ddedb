// Samples of a policy: several replies to each of many prompts, through the engine like anyone
// else's requests. A reply is a function of the engine's weights, the prompt and its seed alone,
// whatever is sampled beside it and on however many threads.
//
// Not for: what a reply is worth (grpo.h, evaluation.h).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/cancel.h"
#include "engine/engine.h"

namespace fathom {

struct RolloutOptions {
  int64_t samples = 16;      // of each prompt: G of GRPO
  int64_t max_tokens = 512;  // of a reply, what ends it included
  float temperature = 1.0F;  // 0: greedy
  float top_p = 1.0F;
  uint64_t seed = 0;
};

struct Rollout {
  std::vector<int32_t> tokens;   // with the one that ended it, if one did
  std::vector<float> log_probs;  // of each, by the engine's own model: before temperature and top_p
  bool truncated = false;        // max_tokens or the context's end came first

  bool operator==(const Rollout&) const = default;
};

// How far sampling is. Called on the thread that waits for it.
struct RolloutProgress {
  int64_t done = 0;
  int64_t total = 0;   // replies
  int64_t tokens = 0;  // of those done
  double seconds = 0;
  // That the rest takes if it goes on like this; 0 before the first.
  double RemainingSeconds() const {
    return done == 0 ? 0 : seconds / static_cast<double>(done) * static_cast<double>(total - done);
  }
};

// `samples` replies to each prompt, [prompt][sample]. A reply ends with one of the `stops`. The
// seed of a draw is RolloutSeed of options.seed, `step`, the prompt's index and the sample's. Of
// several samples the prompt is evaluated first and once: they find it in the cache. Throws
// Error(kCancelled) once `cancelled` (may be null) is set, and the first error of the engine (an
// empty or too long prompt, weights that compute no numbers); nothing runs any more then.
std::vector<std::vector<Rollout>> SampleRollouts(
    Engine& engine, std::span<const std::vector<int32_t>> prompts, std::span<const int32_t> stops,
    const RolloutOptions& options, int64_t step, const CancelFlag* cancelled = nullptr,
    const std::function<void(const RolloutProgress&)>& progress = {});

// 64 bits that depend on all four.
uint64_t RolloutSeed(uint64_t seed, int64_t step, int64_t prompt, int64_t sample);

}  // namespace fathom
