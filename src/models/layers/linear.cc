#include "models/layers/linear.h"

#include <algorithm>
#include <string>

#include "base/check.h"

namespace fathom {
namespace {

// Weight rows of one task: enough bytes that handing out tasks costs nothing beside them, few
// enough that threads finish together.
constexpr int64_t kTaskBytes = 32 << 10;
constexpr int64_t kTasksPerThread = 4;

// One call's part of the work: output features [begin, end) of all rows.
struct Range {
  const LinearCall& call;
  int64_t begin;
  int64_t end;
};

// Weights that are multiplied by float32 activations.
void RunFloat(const KernelTable& kernels, const ActivationStore& x, int64_t rows,
              const Range& range) {
  const Linear& layer = *range.call.layer;
  kernels.matmul[static_cast<std::size_t>(layer.weight.format)](
      {layer.weight.data,
       layer.weight.row_bytes(),
       range.begin,
       range.end,
       {.rows = rows, .columns = layer.in_features(), .floats = x.floats},
       range.call.out,
       range.call.out_stride});
}

// Weights that are multiplied by quantised activations: both digits of all rows in one product,
// then the sum of the two.
void RunQuantized(const KernelTable& kernels, const ActivationStore& x, int64_t rows, int worker,
                  const Range& range) {
  const Linear& layer = *range.call.layer;
  const Activations digits{.rows = 2 * rows,
                           .columns = layer.in_features(),
                           .values = x.values,
                           .scales = x.scales,
                           .sums = x.sums};
  float* products = x.products + worker * 2 * x.capacity * kProductBlock;
  for (int64_t begin = range.begin; begin < range.end; begin += kProductBlock) {
    const int64_t count = std::min(kProductBlock, range.end - begin);
    kernels.matmul[static_cast<std::size_t>(layer.weight.format)](
        {layer.weight.row(begin), layer.weight.row_bytes(), 0, count, digits, products,
         kProductBlock});
    for (int64_t row = 0; row < rows; ++row) {
      const float* first = products + row * kProductBlock;
      const float* second = products + (rows + row) * kProductBlock;
      float* out = range.call.out + row * range.call.out_stride + begin;
      for (int64_t n = 0; n < count; ++n) out[n] = first[n] + second[n];
    }
  }
}

}  // namespace

int64_t FeaturesPerTask(const Linear& layer, int threads) {
  const int64_t fair_share = layer.out_features() / (kTasksPerThread * threads);
  const int64_t rows = std::min(kTaskBytes / layer.weight.row_bytes(), fair_share);
  return std::max(rows / kProductBlock, int64_t{1}) * kProductBlock;
}

int64_t TasksOf(const Linear& layer, int threads) {
  const int64_t rows = FeaturesPerTask(layer, threads);
  return (layer.out_features() + rows - 1) / rows;
}

void MultiplyFeatures(const KernelTable& kernels, const ActivationStore& x, int64_t rows,
                      int worker, const LinearCall& call, int64_t begin, int64_t end) {
  const Range range{call, begin, end};
  const Linear& layer = *call.layer;
  if (kernels.quantized_activations[static_cast<std::size_t>(layer.weight.format)]) {
    RunQuantized(kernels, x, rows, worker, range);
  } else {
    RunFloat(kernels, x, rows, range);
  }
  if (layer.bias.empty()) return;
  for (int64_t row = 0; row < rows; ++row) {
    kernels.add(layer.bias.data() + range.begin, range.end - range.begin,
                range.call.out + row * range.call.out_stride + range.begin);
  }
}

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

void DecodeRow(const Linear& layer, int64_t row, float* to) {
  RowOf(layer.weight.format).decode(layer.weight.row(row), to, layer.in_features());
}

bool WantsQuantized(const KernelTable& kernels, std::initializer_list<const Linear*> layers) {
  return std::any_of(layers.begin(), layers.end(), [&](const Linear* layer) {
    return kernels.quantized_activations[static_cast<std::size_t>(layer->weight.format)];
  });
}

void QuantizeRows(const KernelTable& kernels, const ActivationStore& store, int64_t rows,
                  int64_t first, int64_t count, int64_t columns) {
  const int64_t groups = columns / kActivationGroup;
  const float* x = store.floats + first * columns;
  float* residue = store.residue + first * columns;
  int8_t* values = store.values + first * columns;
  float* scales = store.scales + first * groups;
  kernels.quantize({x, count, columns, values, scales, store.sums + first * groups});
  for (int64_t group = 0; group < count * groups; ++group) {
    for (int64_t i = group * kActivationGroup; i < (group + 1) * kActivationGroup; ++i) {
      residue[i] = x[i] - scales[group] * static_cast<float>(values[i]);
    }
  }
  const int64_t second = rows + first;
  kernels.quantize({residue, count, columns, store.values + second * columns,
                    store.scales + second * groups, store.sums + second * groups});
}

void ApplyLinear(ExecContext& context, const ActivationStore& x, int64_t rows,
                 std::initializer_list<LinearCall> calls) {
  const int threads = context.pool.threads();
  int64_t tasks = 0;
  for (const LinearCall& call : calls) tasks += TasksOf(*call.layer, threads);
  context.pool.ParallelFor(tasks, [&](int64_t task, int worker) {
    const LinearCall* call = calls.begin();
    while (task >= TasksOf(*call->layer, threads)) task -= TasksOf(*call++->layer, threads);
    const int64_t size = FeaturesPerTask(*call->layer, threads);
    const int64_t begin = task * size;
    MultiplyFeatures(context.kernels, x, rows, worker, *call, begin,
                     std::min(begin + size, call->layer->out_features()));
  });
}

}  // namespace fathom
