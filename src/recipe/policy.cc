#include "recipe/policy.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"

namespace fathom {
namespace {

NamedTensor ViewOf(const std::string& name, std::span<const float> values,
                   std::initializer_list<int64_t> shape) {
  NamedTensor tensor;
  tensor.name = name;
  tensor.view.data = reinterpret_cast<const std::byte*>(values.data());
  tensor.view.format = Format::kF32;
  tensor.view.rank = static_cast<int>(shape.size());
  std::ranges::copy(shape, tensor.view.shape.begin());
  return tensor;
}

// The same tensors that ExportDirectory writes.
std::vector<NamedTensor> TensorsOf(const TrainableModel& model) {
  std::vector<NamedTensor> tensors;
  const ParameterSet& parameters = model.parameters();
  for (std::size_t i = 0; i < parameters.shapes().size(); ++i) {
    const ParameterShape& shape = parameters.shapes()[i];
    if (shape.kind == ParameterKind::kVector) {
      tensors.push_back(ViewOf(shape.name, parameters.values(i), {shape.columns}));
    } else {
      tensors.push_back(ViewOf(shape.name, parameters.values(i), {shape.rows, shape.columns}));
    }
  }
  for (const RouterBias& bias : model.router_biases()) {
    tensors.push_back(ViewOf(bias.name, bias.values, {static_cast<int64_t>(bias.values.size())}));
  }
  return tensors;
}

}  // namespace

Policy::Policy(const TrainableModel& model, const ModelFile& config, const PolicyOptions& options)
    : file_({}, config.metadata(), TensorsOf(model), ModelFileKind::kHuggingFace,
            "the model in training"),
      options_(options) {}

void Policy::Release() {
  engine_.reset();
  bound_.reset();
}

Engine& Policy::Refresh() {
  Release();
  bound_ = BindModel(file_);
  EngineOptions options;
  options.kernels = options_.kernels;
  options.threads = options_.threads;
  options.cache_type = options_.cache_type;
  options.max_sequences = options_.max_sequences;
  options.context_length =
      options_.context_length > 0 ? options_.context_length : bound_->spec().context_length;
  // A prompt's pages, which all its samples share, come on top of their own.
  const int64_t pages = (options.context_length + kPageTokens - 1) / kPageTokens + 1;
  options.cache_bytes =
      (options_.max_sequences + 1) * pages * bound_->cache_layout(options_.cache_type).page_bytes;
  return engine_.emplace(*bound_, options);
}

Engine& Policy::engine() {
  CHECK(engine_.has_value());
  return *engine_;
}

}  // namespace fathom
