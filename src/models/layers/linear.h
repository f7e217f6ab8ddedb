// Linear layers over many rows at once: the activations are prepared once (normalised, quantised
// where the weights' kernels want it) and multiplied by one or several weight matrices in a single
// parallel loop.
//
// Activations are quantised to two 8-bit digits: the row, and then what the first digit left over.
// One digit alone moves the log-probabilities of a small model by 0.06 on average and changes
// greedy replies; two of them stay within float32's own noise of the unquantised result. The digits
// are two activation rows to the kernels, so a weight is read and unpacked once for both.
#pragma once

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "kernels/kernels.h"
#include "models/model.h"

namespace fathom {

// y = W x + b. Weight shape {out_features, in_features}.
struct Linear {
  TensorView weight;
  std::vector<float> bias;  // empty: none

  int64_t out_features() const { return weight.shape[0]; }
  int64_t in_features() const { return weight.shape[1]; }
};

// Binds "NAME.weight" with that shape and, when the file has it, "NAME.bias".
Linear BindLinear(const ModelFile& file, std::string_view name, int64_t out, int64_t in);

// A vector of float32 parameters (norm weights, biases), decoded from any unquantised format.
std::vector<float> BindVector(const ModelFile& file, std::string_view name, int64_t size);

// Output features whose two products lie side by side before they are added up: few enough to stay
// in the cache, and a whole number of the kernels' panels.
inline constexpr int64_t kProductBlock = 32;

// Room for the prepared activations of up to `rows` rows, carved from a scratch arena.
struct ActivationStore {
  float* floats = nullptr;    // [rows][columns]
  float* residue = nullptr;   // [rows][columns]: what the first digit leaves
  int8_t* values = nullptr;   // [2 * rows in use][columns]: first digits, then second digits
  float* scales = nullptr;    // [2 * rows in use][columns / 32]
  float* sums = nullptr;      // [2 * rows in use][columns / 32]
  float* products = nullptr;  // [threads][2 * capacity][kProductBlock]
  int64_t capacity = 0;       // rows of a product

  // `Arena` is Scratch or ScratchMeter. No product takes more than `product_rows` of the rows.
  template <class Arena>
  static ActivationStore Carve(Arena& arena, int64_t rows, int64_t columns, int threads,
                               int64_t product_rows) {
    ActivationStore store;
    const int64_t groups = (columns + kActivationGroup - 1) / kActivationGroup;
    store.floats = arena.template Take<float>(rows * columns);
    store.residue = arena.template Take<float>(rows * columns);
    store.values = arena.template Take<int8_t>(2 * rows * columns);
    store.scales = arena.template Take<float>(2 * rows * groups);
    store.sums = arena.template Take<float>(2 * rows * groups);
    store.products = arena.template Take<float>(threads * 2 * product_rows * kProductBlock);
    store.capacity = product_rows;
    return store;
  }
  template <class Arena>
  static ActivationStore Carve(Arena& arena, int64_t rows, int64_t columns, int threads) {
    return Carve(arena, rows, columns, threads, rows);
  }

  // The rows from `first` on as a store of their own. A store may hold several groups of rows, each
  // quantised and multiplied by itself: a group of n rows has its 2 n rows of digits where the
  // first row of the group would have its own.
  ActivationStore From(int64_t first, int64_t columns) const {
    const int64_t groups = columns / kActivationGroup;
    ActivationStore store = *this;
    store.floats += first * columns;
    if (residue != nullptr) store.residue += first * columns;
    store.values += 2 * first * columns;
    store.scales += 2 * first * groups;
    store.sums += 2 * first * groups;
    return store;
  }
};

// One row of a weight matrix as float32: for what is prepared once, not for products.
void DecodeRow(const Linear& layer, int64_t row, float* to);

// True when any of the weights' kernels takes quantised activations.
bool WantsQuantized(const KernelTable& kernels, std::initializer_list<const Linear*> layers);

// Quantises rows first .. first + count - 1 of store.floats, of `rows` rows in all, into the store.
void QuantizeRows(const KernelTable& kernels, const ActivationStore& store, int64_t rows,
                  int64_t first, int64_t count, int64_t columns);

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

// The part [begin, end) of a product's output features, computed by `worker` inside a parallel
// loop.
void MultiplyFeatures(const KernelTable& kernels, const ActivationStore& x, int64_t rows,
                      int worker, const LinearCall& call, int64_t begin, int64_t end);

// Output features of one task when a product is split over threads, and how many such tasks it has.
int64_t FeaturesPerTask(const Linear& layer, int threads);
int64_t TasksOf(const Linear& layer, int threads);

// Multiplies the same `rows` prepared activations by several layers, in one parallel loop over
// output features.
void ApplyLinear(ExecContext& context, const ActivationStore& x, int64_t rows,
                 std::initializer_list<LinearCall> calls);

}  // namespace fathom
