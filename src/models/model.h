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

struct Linear;  // layers/linear.h

// Sees what the layers' weights are multiplied with; null unless that is what a model is run for.
class InputObserver {
 public:
  virtual ~InputObserver() = default;
  // `layer` multiplies these rows, `stride` floats apart, as they are before any quantisation; they
  // are valid during the call only. Rows of a layer come in the order of the step, from one thread
  // at a time; different layers may come from several threads at once.
  virtual void Observe(const Linear& layer, const float* x, int64_t rows,
                       int64_t stride) noexcept = 0;
};

// One matrix of a tensor, under the name that the tensor has in GGUF, whatever the model's file.
struct NamedLinear {
  std::string tensor;    // "blk.0.ffn_down_exps.weight"
  int64_t matrix = 0;    // which of the tensor's ...
  int64_t matrices = 1;  // ... so many, the outermost dimension of a stack
  const Linear* layer = nullptr;
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
  // Where Forward leaves the residual stream behind the last layer, before the last norm, of every
  // row: [rows][hidden]. Null: nowhere.
  float* hidden_out = nullptr;
  InputObserver* observer = nullptr;
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
  // The layers that an observer should look at. Gate and up that are one tensor are there once,
  // since their input is the same; matrices of heads that are one in the file are that one several
  // times. `file` is the one that the model was bound from.
  virtual std::vector<NamedLinear> Linears(const ModelFile& file) const = 0;
};

// On which side of the model's last norm a module that predicts further takes the hidden state. The
// norm is the module's affair: what it is given is always the state before it.
enum class HiddenSide : uint8_t { kBeforeNorm, kAfterNorm };

// Predicts one token further than its model (multi-token prediction): a layer that takes the state
// in which the model left a token, and the token that follows it, to the logits of the token behind
// that one. It has a cache of its own with the same positions, and keeps nothing of a step either.
class MtpModule {
 public:
  virtual ~MtpModule() = default;
  virtual CacheLayout cache_layout(CacheType type) const = 0;
  virtual std::size_t ScratchBytes(int64_t rows, int64_t logit_rows, int threads) const = 0;
  // As Model::Forward, but the token of a row is the one that follows the row's position, and
  // `hidden` holds the state of every row, [rows][hidden], as ExecContext::hidden_out has it. With
  // the context's hidden_out the module's own state, from which it predicts still further.
  virtual void Forward(ExecContext& context, const StepBatch& batch, const float* hidden,
                       float* logits) const = 0;
};

// Binds the architecture named by the file ("general.architecture", or "model_type" of a
// config.json): every semantic key is used or refused. The file must outlive the model. Throws
// Error(kInvalidFile) or Error(kUnsupported) naming key or tensor, expected and found.
std::unique_ptr<Model> BindModel(const ModelFile& file);

// What the bound model would say of itself, with the same checks and errors, from the headers: no
// matrix and no table of scales is read, and no memory taken that grows with them.
ModelSpec DescribeModel(const ModelFile& file);

// The module that predicts one token further than the file's model; null where the file has none or
// its architecture knows none. The model does not touch the module's weights, so that it costs
// nothing until it is bound. Throws as BindModel.
std::unique_ptr<MtpModule> BindMtpModule(const ModelFile& file,
                                         HiddenSide side = HiddenSide::kBeforeNorm);

// Throws what binding the module would, but for what is wrong with values, and reads as little for
// it as DescribeModel. A file without one passes, and one with several, which are none's to run.
void CheckMtpModule(const ModelFile& file);

}  // namespace fathom
