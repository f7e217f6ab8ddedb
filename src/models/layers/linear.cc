#include "models/layers/linear.h"

#include <algorithm>
#include <string>

#include "base/check.h"

namespace fathom {
namespace {

// Weight rows of one task: enough bytes that handing out tasks costs nothing beside them, few enough
// that threads finish together.
constexpr int64_t kTaskBytes = 32 << 10;
constexpr int64_t kTasksPerThread = 4;
constexpr int64_t kMinTaskRows = 8;

int64_t RowsPerTask(const Linear& layer, int threads) {
  const int64_t fair_share = layer.out_features() / (kTasksPerThread * threads);
  return std::max(std::min(kTaskBytes / layer.weight.row_bytes(), fair_share), kMinTaskRows);
}

int64_t Tasks(const Linear& layer, int threads) {
  const int64_t rows = RowsPerTask(layer, threads);
  return (layer.out_features() + rows - 1) / rows;
}

// Computes output features [begin, end) of one call for all rows of x.
void RunRange(const KernelTable& kernels, const Activations& x, const LinearCall& call,
              int64_t begin, int64_t end) {
  const Linear& layer = *call.layer;
  const auto format = static_cast<std::size_t>(layer.weight.format);
  kernels.matmul[format]({layer.weight.data, layer.weight.row_bytes(), begin, end, x, call.out,
                          call.out_stride});
  if (layer.bias.empty()) return;
  for (int64_t row = 0; row < x.rows; ++row) {
    kernels.add(layer.bias.data() + begin, end - begin, call.out + row * call.out_stride + begin);
  }
}

}  // namespace

Linear BindLinear(const ModelFile& file, std::string_view name, int64_t out, int64_t in) {
  Linear layer;
  const std::string prefix(name);
  layer.weight = file.RequireTensor(prefix + ".weight", {out, in});
  if (file.FindTensor(prefix + ".bias") != nullptr) {
    layer.bias = BindVector(file, prefix + ".bias", out);
  }
  return layer;
}

std::vector<float> BindVector(const ModelFile& file, std::string_view name, int64_t size) {
  const TensorView& view = file.RequireTensor(name, {size});
  if (RowOf(view.format).block_elements != 1) {
    file.Fail("tensor '" + std::string(name) + "' is stored as " +
              std::string(RowOf(view.format).name) + ", expected F32, F16 or BF16");
  }
  std::vector<float> values(static_cast<std::size_t>(size));
  RowOf(view.format).decode(view.data, values.data(), size);
  return values;
}

bool WantsQuantized(const KernelTable& kernels, std::initializer_list<const Linear*> layers) {
  return std::any_of(layers.begin(), layers.end(), [&](const Linear* layer) {
    return kernels.quantized_activations[static_cast<std::size_t>(layer->weight.format)];
  });
}

void QuantizeRows(const KernelTable& kernels, const ActivationStore& store, int64_t first,
                  int64_t rows, int64_t columns) {
  const int64_t groups = columns / kActivationGroup;
  kernels.quantize({store.floats + first * columns, rows, columns, store.values + first * columns,
                    store.scales + first * groups, store.sums + first * groups});
}

void ApplyLinear(ExecContext& context, const Activations& x,
                 std::initializer_list<LinearCall> calls) {
  const int threads = context.pool.threads();
  int64_t tasks = 0;
  for (const LinearCall& call : calls) tasks += Tasks(*call.layer, threads);
  context.pool.ParallelFor(tasks, [&](int64_t task, int) {
    const LinearCall* call = calls.begin();
    while (task >= Tasks(*call->layer, threads)) task -= Tasks(*call++->layer, threads);
    const int64_t rows = RowsPerTask(*call->layer, threads);
    const int64_t begin = task * rows;
    RunRange(context.kernels, x, *call, begin,
             std::min(begin + rows, call->layer->out_features()));
  });
}

}  // namespace fathom
