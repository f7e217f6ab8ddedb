// The one interface the engine sees of an architecture: constant weights, a cache layout and
// Forward. A model allocates nothing in Forward, owns no cache, samples nothing and starts no
// thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "formats/model_file.h"
#include "kernels/kernels.h"
#include "models/scratch.h"

namespace fathom {

// What every architecture can say of itself, validated when the model is bound.
struct ModelSpec {
  std::string architecture;  // "llama"
  int64_t vocabulary = 0;
  int64_t layers = 0;
  int64_t hidden = 0;
  int64_t context_length = 0;          // trained positions, rope scaling included
  int64_t parameters = 0;              // all weights
  int64_t active_parameters = 0;       // multiplied per token, output head included
  int64_t weight_bytes_per_token = 0;  // read once per decoded token
};

// How many bytes one page (kPageTokens tokens, all layers) of the cache takes.
struct CacheLayout {
  int64_t page_bytes = 0;
  int64_t bytes_per_token() const { return page_bytes / kPageTokens; }
};

// Rows of one sequence inside a step: consecutive positions.
struct SequenceSlice {
  int64_t first_row = 0;
  int64_t tokens = 0;
  int64_t start_position = 0;
  std::span<std::byte* const> pages;  // page table, long enough for start_position + tokens
};

// One step of many sequences, as plain arrays. Rows of a sequence are consecutive.
struct StepBatch {
  std::span<const int32_t> tokens;  // [rows]
  std::span<const SequenceSlice> sequences;
  std::span<const int32_t> logit_rows;  // rows whose logits are wanted, ascending
};

// Records intermediate results for tests; null in production.
class DebugTap {
 public:
  virtual ~DebugTap() = default;
  // `name` as "layer.3.hidden"; rows x columns floats, valid during the call only.
  virtual void Record(const std::string& name, const float* data, int64_t rows,
                      int64_t columns) = 0;
};

// How multi-head latent attention is computed (layers/latent_attention.h); no other attention looks
// at it.
enum class LatentForm : uint8_t {
  kAbsorbed,  // over the cached latents themselves
  kNaive,     // keys and values decompressed, in double: the slow oracle
};

// Everything Forward works with besides its arguments. Belongs to one thread at a time.
struct ExecContext {
  const KernelTable& kernels;
  ThreadPool& pool;
  Scratch& scratch;
  CacheType cache_type;
  DebugTap* tap = nullptr;
  LatentForm latent_form = LatentForm::kAbsorbed;
};

class Model {
 public:
  virtual ~Model() = default;
  virtual const ModelSpec& spec() const = 0;
  virtual CacheLayout cache_layout(CacheType type) const = 0;
  // Scratch that Forward needs at most for a step of that many rows and wanted logits.
  virtual std::size_t ScratchBytes(int64_t rows, int64_t logit_rows, int threads) const = 0;
  // Evaluates the step: writes keys and values into the pages, and the logits of the wanted rows,
  // [logit_rows][vocabulary], to `logits`. Token ids must be inside the vocabulary.
  virtual void Forward(ExecContext& context, const StepBatch& batch, float* logits) const = 0;
};

// Binds the architecture named by the file ("general.architecture", or "model_type" of a
// config.json): every semantic key is used or refused. The file must outlive the model. Throws
// Error(kInvalidFile) or Error(kUnsupported) naming key or tensor, expected and found.
std::unique_ptr<Model> BindModel(const ModelFile& file);

}  // namespace fathom
