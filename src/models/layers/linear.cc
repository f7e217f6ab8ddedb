#include "models/layers/linear.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "formats/weight_check.h"
#include "kernels/product_split.h"

namespace fathom {
namespace {

int64_t Blocks(int64_t values) { return (values + kScaleBlock - 1) / kScaleBlock; }

BlockScales BindScales(const ModelFile& file, const std::string& tensor, int64_t out, int64_t in) {
  const TensorView& view = file.RequireTensor(tensor, {Blocks(out), Blocks(in)});
  if (view.format != Format::kF32) {
    file.FailTensor(tensor,
                    "is stored as " + std::string(RowOf(view.format).name) + ", expected F32");
  }
  BlockScales scales;
  if (reinterpret_cast<std::uintptr_t>(view.data) % alignof(float) == 0) {
    scales.mapped = reinterpret_cast<const float*>(view.data);
  } else {
    scales.owned.resize(static_cast<std::size_t>(view.elements()));
    RowOf(view.format).decode(view.data, scales.owned.data(), view.elements());
  }
  return scales;
}

}  // namespace

int64_t FeaturesPerTask(const Linear& layer, int threads) {
  return ProductTaskRows(layer.weight.row_bytes(), layer.out_features(), threads);
}

int64_t TasksOf(const Linear& layer, int threads) {
  const int64_t rows = FeaturesPerTask(layer, threads);
  return (layer.out_features() + rows - 1) / rows;
}

void MultiplyFeatures(const KernelTable& kernels, const ActivationStore& x, int64_t rows,
                      const LinearCall& call, int64_t begin, int64_t end) {
  const Linear& layer = *call.layer;
  MatMulArgs args{};
  args.weights = layer.weight.data;
  args.row_bytes = layer.weight.row_bytes();
  args.row_begin = begin;
  args.row_end = end;
  args.x.rows = rows;
  args.x.columns = layer.in_features();
  args.x.floats = x.floats;
  args.x.values = x.values;
  args.x.scales = x.scales;
  args.x.sums = x.sums;
  args.out = call.out;
  args.out_stride = call.out_stride;
  args.scale_grid = layer.scales.grid();
  kernels.matmul[static_cast<std::size_t>(layer.weight.format)](args);
  if (layer.bias.empty()) return;
  for (int64_t row = 0; row < rows; ++row) {
    kernels.add(layer.bias.data() + begin, end - begin, call.out + row * call.out_stride + begin);
  }
}

Linear BindLinear(const ModelFile& file, std::string_view name, int64_t out, int64_t in) {
  Linear layer;
  const std::string prefix(name);
  layer.weight = file.RequireTensor(prefix + ".weight", {out, in});
  if (file.FindTensor(prefix + ".bias") != nullptr) {
    layer.bias = BindVector(file, prefix + ".bias", out);
  }
  if (layer.weight.format == Format::kF8_E4M3) {
    layer.scales = BindScales(file, prefix + std::string(kScaleSuffix), out, in);
  }
  return layer;
}

std::vector<float> BindVector(const ModelFile& file, std::string_view name, int64_t size) {
  const TensorView& view = file.RequireTensor(name, {size});
  if (view.format != Format::kF32 && view.format != Format::kF16 && view.format != Format::kBF16) {
    file.FailTensor(name, "is stored as " + std::string(RowOf(view.format).name) +
                              ", expected F32, F16 or BF16");
  }
  std::vector<float> values(static_cast<std::size_t>(size));
  RowOf(view.format).decode(view.data, values.data(), size);
  for (const float value : values) {
    if (!std::isfinite(value)) {
      file.FailTensor(name, "holds " + std::to_string(value) + ", expected finite numbers");
    }
  }
  return values;
}

void DecodeRow(const Linear& layer, int64_t row, float* to) {
  RowOf(layer.weight.format).decode(layer.weight.row(row), to, layer.in_features());
  const ScaleGrid grid = layer.scales.grid();
  if (grid.scales == nullptr) return;
  const int64_t width = (layer.in_features() + grid.block_columns - 1) / grid.block_columns;
  const float* scales = grid.scales + row / grid.block_rows * width;
  for (int64_t k = 0; k < layer.in_features(); ++k) to[k] *= scales[k / grid.block_columns];
}

bool WantsQuantized(const KernelTable& kernels, std::initializer_list<const Linear*> layers) {
  return std::any_of(layers.begin(), layers.end(), [&](const Linear* layer) {
    return kernels.quantized_activations[static_cast<std::size_t>(layer->weight.format)];
  });
}

void QuantizeRows(const KernelTable& kernels, const ActivationStore& store, int64_t first,
                  int64_t count, int64_t columns) {
  const int64_t groups = columns / kActivationGroup;
  kernels.quantize({store.floats + first * columns, count, columns, store.values + first * columns,
                    store.scales + first * groups, store.sums + first * groups});
}

void ApplyLinear(ExecContext& context, const ActivationStore& x, int64_t rows,
                 std::initializer_list<LinearCall> calls) {
  if (context.observer != nullptr) {
    for (const LinearCall& call : calls) {
      context.observer->Observe(*call.layer, x.floats, rows, call.layer->in_features());
    }
  }
  const int threads = context.pool.threads();
  int64_t tasks = 0;
  for (const LinearCall& call : calls) tasks += TasksOf(*call.layer, threads);
  context.pool.ParallelFor(tasks, [&](int64_t task, int) {
    const LinearCall* call = calls.begin();
    while (task >= TasksOf(*call->layer, threads)) task -= TasksOf(*call++->layer, threads);
    const int64_t size = FeaturesPerTask(*call->layer, threads);
    const int64_t begin = task * size;
    MultiplyFeatures(context.kernels, x, rows, *call, begin,
                     std::min(begin + size, call->layer->out_features()));
  });
}

}  // namespace fathom
