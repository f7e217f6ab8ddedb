// A model that can be trained: its parameters, and a forward pass on a tape. The same equations as
// Model::Forward, in float32 and over whole sequences; nothing here is linked by inference.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "autograd/ops.h"
#include "formats/model_file.h"
#include "models/training/parameters.h"

namespace fathom {

// Sequences of tokens behind each other; each begins at position 0.
struct TrainingBatch {
  std::vector<int32_t> tokens;
  autograd::Spans spans;
};

// What happened to the experts of one layer in one pass.
struct ExpertLoad {
  std::vector<int64_t> tokens;  // by expert
  double balance = 0;           // mean over sequences; 1 when even (arXiv 2412.19437, eq. 17)
};

struct TrainingOptions {
  double balance_factor = 0;  // alpha of the sequence-wise balance loss (eq. 17)
  bool recompute = true;      // keep no more of a layer than what goes into it
  // Whether layers that predict further run; without, they have no logits and no loads.
  bool predict_further = true;
};

// What one pass leaves; logits belong to the tape.
struct TrainingPass {
  autograd::Var logits = nullptr;      // [rows][vocabulary]: of the token that follows the row's
  autograd::Var mtp_logits = nullptr;  // of the token behind that one; null without such a layer.
                                       // A sequence's last row means nothing there.
};

// The bias that is added to an expert's score when it is chosen (arXiv 2412.19437, section 2.1.2):
// no parameter, for it has no gradient, but moved towards balance.
struct RouterBias {
  std::string name;  // in model files
  std::span<float> values;
};

class TrainableModel {
 public:
  virtual ~TrainableModel() = default;
  virtual ParameterSet& parameters() = 0;
  virtual const ParameterSet& parameters() const = 0;
  virtual int64_t vocabulary() const = 0;  // tokens are below it
  // `batch` must outlive the tape.
  virtual TrainingPass Forward(autograd::Tape& tape, const TrainingBatch& batch,
                               const TrainingOptions& options) = 0;
  // One entry a layer with experts, of the last pass; those that predict further come last.
  virtual std::span<const ExpertLoad> expert_loads() const { return {}; }
  // Of each of those layers; empty where the architecture has none.
  virtual std::vector<RouterBias> router_biases() const { return {}; }
};

// A trainable copy of the model in a Hugging Face directory. Throws what BindModel does, and
// Error(kUnsupported) for what training does not know: a tied head of DeepSeek's, several layers
// that predict further.
std::unique_ptr<TrainableModel> ReadTrainable(const ModelFile& file);

}  // namespace fathom
