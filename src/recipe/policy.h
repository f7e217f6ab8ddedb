// The parameters that are being trained, run by the inference engine as they are: its weights are
// views of them, so nothing is copied through a file. Owns the model file without shards, the bound
// model and the engine over it.
//
// Invariant: an engine belongs to the values it was made for. What binding derives from weights
// (transposed keys of latent attention, norms, router biases) and what the engine's cache holds
// would be stale after a step of training, so Refresh makes both anew; the large matrices are read
// in place. Not for: models from files (loader).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "engine/engine.h"
#include "formats/model_file.h"
#include "models/training/trainable.h"

namespace fathom {

struct PolicyOptions {
  int threads = 0;                       // 0: one per physical core
  int64_t max_sequences = 64;            // that run at once
  int64_t context_length = 0;            // of prompt and reply; 0: the model's own
  const KernelTable* kernels = nullptr;  // null: the best for this processor
  CacheType cache_type = CacheType::kF32;
};

class Policy {
 public:
  // `config` has the metadata of the config.json that the model was made from: the directory that
  // it was read from, or OpenShape's. The model outlives the policy; `config` need not.
  Policy(const TrainableModel& model, const ModelFile& config, const PolicyOptions& options);

  // An engine over the parameters as they are now, with an empty cache that holds max_sequences
  // whole contexts. The engine before it ends, and what it was running is cancelled. Parameters
  // must not change while the engine works. Throws what BindModel and Engine throw: a tensor of
  // another shape than the configuration says, values of a norm or a router bias that are no
  // numbers (both kInvalidFile), kOutOfMemory.
  Engine& Refresh();

  // Ends the engine and gives its memory back.
  void Release();

  // The engine of the last Refresh, of which there must have been one.
  Engine& engine();
  // The file that models are bound from.
  const ModelFile& file() const { return file_; }

 private:
  ModelFile file_;
  PolicyOptions options_;
  std::unique_ptr<Model> bound_;
  std::optional<Engine> engine_;
};

}  // namespace fathom
