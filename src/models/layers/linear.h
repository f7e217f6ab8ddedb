// Linear layers over many rows at once: the activations are prepared once (normalised, quantised
// where the weights' kernels want it) and multiplied by one or several weight matrices in a single
// parallel loop.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "kernels/kernels.h"
#include "models/model.h"

namespace fathom {

// Blocks of FP8 checkpoints that have a scale each: "weight_block_size" of every published one.
inline constexpr int64_t kScaleBlock = 128;

// The scales of a weight that has them apart from it, one per block; what a weight stands for is
// the stored value times its block's scale. They lie in the file, or here where the file's cannot
// be read in place.
struct BlockScales {
  const float* mapped = nullptr;  // [ceil(rows / block_rows)][ceil(columns / block_columns)]
  std::vector<float> owned;       // instead of it unless empty
  int64_t block_rows = kScaleBlock;
  int64_t block_columns = kScaleBlock;

  // Its scales are null where there are none.
  ScaleGrid grid() const {
    return {owned.empty() ? mapped : owned.data(), block_rows, block_columns};
  }
};

// y = W x + b. Weight shape {out_features, in_features}.
struct Linear {
  TensorView weight;
  std::vector<float> bias;  // empty: none
  BlockScales scales;

  int64_t out_features() const { return weight.shape[0]; }
  int64_t in_features() const { return weight.shape[1]; }
};

// Binds "NAME.weight" with that shape; when the file has it, "NAME.bias"; and for a weight in
// F8_E4M3 "NAME.weight_scale_inv", whose values are left unread.
Linear BindLinear(const ModelFile& file, std::string_view name, int64_t out, int64_t in);

// A vector of float32 parameters (norm weights, biases), decoded from any unquantised format; all
// of them must be finite.
std::vector<float> BindVector(const ModelFile& file, std::string_view name, int64_t size);

// Room for the prepared activations of up to `rows` rows, carved from a scratch arena.
struct ActivationStore {
  float* floats = nullptr;    // [rows][columns]
  int16_t* values = nullptr;  // [rows][columns]
  float* scales = nullptr;    // [rows][columns / 32]
  float* sums = nullptr;      // [rows][columns / 32]

  // `Arena` is Scratch or ScratchMeter.
  template <class Arena>
  static ActivationStore Carve(Arena& arena, int64_t rows, int64_t columns) {
    ActivationStore store;
    const int64_t groups = (columns + kActivationGroup - 1) / kActivationGroup;
    store.floats = arena.template Take<float>(rows * columns);
    store.values = arena.template Take<int16_t>(rows * columns);
    store.scales = arena.template Take<float>(rows * groups);
    store.sums = arena.template Take<float>(rows * groups);
    return store;
  }

  // The rows from `first` on as a store of their own.
  ActivationStore From(int64_t first, int64_t columns) const {
    const int64_t groups = columns / kActivationGroup;
    ActivationStore store = *this;
    store.floats += first * columns;
    store.values += first * columns;
    store.scales += first * groups;
    store.sums += first * groups;
    return store;
  }
};

// One row of a weight matrix as float32: for what is prepared once, not for products.
void DecodeRow(const Linear& layer, int64_t row, float* to);

// True when any of the weights' kernels takes quantised activations.
bool WantsQuantized(const KernelTable& kernels, std::initializer_list<const Linear*> layers);

// Quantises rows first .. first + count - 1 of store.floats into the store.
void QuantizeRows(const KernelTable& kernels, const ActivationStore& store, int64_t first,
                  int64_t count, int64_t columns);

// Calls body(first_row, row_count) over all rows, in parallel when there is enough of them.
template <class Body>
void ForRowBlocks(ThreadPool& pool, int64_t rows, Body&& body) {
  // One or two rows are done before another thread has noticed; long runs of rows amortise the
  // call.
  constexpr int64_t kSerialRows = 2;
  constexpr int64_t kMostRowsPerTask = 8;
  if (rows <= kSerialRows || pool.threads() == 1) {
    body(int64_t{0}, rows);
    return;
  }
  const int64_t block = std::clamp<int64_t>(rows / (2 * pool.threads()), 1, kMostRowsPerTask);
  pool.ParallelFor((rows + block - 1) / block, [&](int64_t task, int) {
    const int64_t first = task * block;
    body(first, std::min(block, rows - first));
  });
}

// One product: out[r * out_stride + n] for all rows of the activations.
struct LinearCall {
  const Linear* layer;
  float* out;
  int64_t out_stride;
};

// The part [begin, end) of a product's output features, inside a parallel loop.
void MultiplyFeatures(const KernelTable& kernels, const ActivationStore& x, int64_t rows,
                      const LinearCall& call, int64_t begin, int64_t end);

// Output features of one task when a product is split over threads, and how many such tasks it has.
int64_t FeaturesPerTask(const Linear& layer, int threads);
int64_t TasksOf(const Linear& layer, int threads);

// Multiplies the same `rows` prepared activations by several layers, in one parallel loop over
// output features.
void ApplyLinear(ExecContext& context, const ActivationStore& x, int64_t rows,
                 std::initializer_list<LinearCall> calls);

}  // namespace fathom
