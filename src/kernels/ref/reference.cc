// The plain reference table: every operation in the most direct form, float32 activations, sums and
// functions in double, weights decoded by their format's own decoder. It owns what "right" means
// for the other tables and stays simple enough to be checked by eye; speed is not its business.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "kernels/kernels.h"
#include "tensor/format.h"

namespace fathom {
namespace {

// Weights decoded at a time: a whole number of blocks of every format.
constexpr int64_t kDecodeChunk = 1024;
// Activation rows that share one decoding.
constexpr int64_t kRowTile = 16;

double Dot(const float* a, const float* b, int64_t n) {
  // Four chains let the compiler use two-lane doubles.
  double sums[4] = {};
  int64_t i = 0;
  for (; i + 4 <= n; i += 4) {
    for (int64_t j = 0; j < 4; ++j) sums[j] += static_cast<double>(a[i + j]) * b[i + j];
  }
  for (; i < n; ++i) sums[0] += static_cast<double>(a[i]) * b[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

// weights . x over columns first .. first + count - 1 of weight row n, with the scales of their
// blocks.
double ScaledDot(const ScaleGrid& grid, int64_t columns, int64_t n, int64_t first,
                 const float* weights, const float* x, int64_t count) {
  if (grid.scales == nullptr) return Dot(weights, x, count);
  const int64_t width = (columns + grid.block_columns - 1) / grid.block_columns;
  const float* scales = grid.scales + n / grid.block_rows * width;
  double sum = 0.0;
  for (int64_t k = 0; k < count;) {
    const int64_t column = (first + k) / grid.block_columns;
    const int64_t end = std::min(count, (column + 1) * grid.block_columns - first);
    sum += scales[column] * Dot(weights + k, x + k, end - k);
    k = end;
  }
  return sum;
}

template <Format kFormat>
void MatMul(const MatMulArgs& args) noexcept {
  const FormatRow& format = RowOf(kFormat);
  const int64_t columns = args.x.columns;
  float decoded[kDecodeChunk];
  for (int64_t n = args.row_begin; n < args.row_end; ++n) {
    const std::byte* row = args.weights + n * args.row_bytes;
    for (int64_t tile = 0; tile < args.x.rows; tile += kRowTile) {
      const int64_t rows = std::min(kRowTile, args.x.rows - tile);
      double sums[kRowTile] = {};
      for (int64_t k = 0; k < columns; k += kDecodeChunk) {
        const int64_t count = std::min(kDecodeChunk, columns - k);
        format.decode(row + BytesOf(kFormat, k), decoded, count);
        for (int64_t r = 0; r < rows; ++r) {
          sums[r] += ScaledDot(args.scale_grid, columns, n, k, decoded,
                               args.x.floats + (tile + r) * columns + k, count);
        }
      }
      for (int64_t r = 0; r < rows; ++r) {
        args.out[(tile + r) * args.out_stride + n] = static_cast<float>(sums[r]);
      }
    }
  }
}

void QuantizeGroup(const float* x, int16_t* values, float* scale, float* sum) {
  float largest = 0.0F;
  bool finite = true;
  for (int i = 0; i < kActivationGroup; ++i) {
    const float magnitude = std::fabs(x[i]);
    finite = finite && std::isfinite(magnitude);
    largest = std::max(largest, magnitude);
  }
  if (!finite || largest < kSmallestActivation) {
    // 0 * NaN: a group with an infinity or a NaN makes every sum it enters a NaN.
    *scale = finite ? 0.0F : std::numeric_limits<float>::quiet_NaN();
    *sum = 0.0F;
    std::fill_n(values, kActivationGroup, int16_t{0});
    return;
  }
  constexpr float kMax = kActivationMax;
  const float inverse = kMax / largest;
  int total = 0;
  for (int i = 0; i < kActivationGroup; ++i) {
    // nearbyint rounds halves to even in the default rounding mode.
    const int value = static_cast<int>(std::nearbyint(x[i] * inverse));
    values[ActivationSlot(i)] = static_cast<int16_t>(value);
    total += value;
  }
  *scale = largest / kMax;
  *sum = static_cast<float>(total);
}

void Quantize(const QuantizeArgs& args) noexcept {
  const int64_t groups = args.rows * args.columns / kActivationGroup;
  for (int64_t g = 0; g < groups; ++g) {
    QuantizeGroup(args.x + g * kActivationGroup, args.values + g * kActivationGroup,
                  args.scales + g, args.sums + g);
  }
}

void RmsNorm(const float* x, const float* weight, float eps, int64_t n, float* out) noexcept {
  const double inverse = 1.0 / std::sqrt(Dot(x, x, n) / static_cast<double>(n) + eps);
  for (int64_t i = 0; i < n; ++i) out[i] = static_cast<float>(x[i] * inverse * weight[i]);
}

void Rope(const RopeArgs& args) noexcept {
  const int64_t half = args.rotary_dim / 2;
  const bool interleaved = args.pairing == RopePairing::kInterleaved;
  for (int64_t h = 0; h < args.heads; ++h) {
    float* head = args.x + h * args.head_dim;
    for (int64_t i = 0; i < half; ++i) {
      float& first = head[interleaved ? 2 * i : i];
      float& second = head[interleaved ? 2 * i + 1 : i + half];
      const double a = first;
      const double b = second;
      first = static_cast<float>(a * args.cosines[i] - b * args.sines[i]);
      second = static_cast<float>(a * args.sines[i] + b * args.cosines[i]);
    }
  }
}

void SiluMul(const float* gate, const float* up, int64_t n, float* out) noexcept {
  for (int64_t i = 0; i < n; ++i) {
    const double g = gate[i];
    out[i] = static_cast<float>(g / (1.0 + std::exp(-g)) * up[i]);
  }
}

void Add(const float* x, int64_t n, float* accumulator) noexcept {
  for (int64_t i = 0; i < n; ++i) accumulator[i] += x[i];
}

void AddScaled(const float* x, float scale, int64_t n, float* accumulator) noexcept {
  for (int64_t i = 0; i < n; ++i) {
    accumulator[i] = static_cast<float>(accumulator[i] + static_cast<double>(scale) * x[i]);
  }
}

// ---- The paged cache
// -----------------------------------------------------------------------------

void CacheStore(const CacheStoreArgs& args) noexcept {
  for (int64_t t = 0; t < args.tokens; ++t) {
    const int64_t position = args.first_position + t;
    const int64_t slot = position % kPageTokens;
    std::byte* slice = args.pages[position / kPageTokens] + args.slice_offset;
    StoreKey(args.type, slice, args.head_dim, slot, args.keys + t * args.key_stride);
    StoreValue(args.type, slice, args.head_dim, slot, args.values + t * args.value_stride);
  }
}

double Score(const AttentionArgs& args, const float* q, int64_t position) {
  const std::byte* slice = args.pages[position / kPageTokens] + args.slice_offset;
  const int64_t slot = position % kPageTokens;
  double sum = 0.0;
  for (int64_t d = 0; d < args.head_dim; ++d) {
    sum += static_cast<double>(q[d]) * CachedKey(args.type, slice, args.head_dim, slot, d);
  }
  return sum * args.scale;
}

// Two passes, the second scoring again, so that nothing as long as the context is held.
void AttendOne(const AttentionArgs& args, const float* q, int64_t last, float* out) {
  double largest = -std::numeric_limits<double>::infinity();
  for (int64_t p = 0; p <= last; ++p) largest = std::max(largest, Score(args, q, p));
  double total = 0.0;
  double sums[kMaxHeadDim] = {};
  for (int64_t p = 0; p <= last; ++p) {
    const double weight = std::exp(Score(args, q, p) - largest);
    const std::byte* slice = args.pages[p / kPageTokens] + args.slice_offset;
    total += weight;
    for (int64_t d = 0; d < args.head_dim; ++d) {
      sums[d] += weight * CachedValue(args.type, slice, args.head_dim, p % kPageTokens, d);
    }
  }
  for (int64_t d = 0; d < args.head_dim; ++d) out[d] = static_cast<float>(sums[d] / total);
}

void Attention(const AttentionArgs& args) noexcept {
  for (int64_t t = 0; t < args.tokens; ++t) {
    for (int64_t h = 0; h < args.group; ++h) {
      AttendOne(args, args.q + t * args.q_stride + h * args.head_dim, args.first_position + t,
                args.out + t * args.out_stride + h * args.head_dim);
    }
  }
}

void LatentStore(const LatentStoreArgs& args) noexcept {
  for (int64_t t = 0; t < args.tokens; ++t) {
    const int64_t position = args.first_position + t;
    std::byte* slice = args.pages[position / kPageTokens] + args.slice_offset;
    StoreLatent(args.type, slice, args.width, position % kPageTokens, args.x + t * args.x_stride);
  }
}

double LatentScore(const LatentAttentionArgs& args, const float* q, int64_t position) {
  const std::byte* slice = args.pages[position / kPageTokens] + args.slice_offset;
  double sum = 0.0;
  for (int64_t d = 0; d < args.width; ++d) {
    sum += static_cast<double>(q[d]) *
           CachedLatent(args.type, slice, args.width, position % kPageTokens, d);
  }
  return sum * args.scale;
}

// Two passes, as in AttendOne.
void AttendLatents(const LatentAttentionArgs& args, const float* q, int64_t last, float* out) {
  double largest = -std::numeric_limits<double>::infinity();
  for (int64_t p = 0; p <= last; ++p) largest = std::max(largest, LatentScore(args, q, p));
  double total = 0.0;
  double sums[kMaxLatentWidth] = {};
  for (int64_t p = 0; p <= last; ++p) {
    const double weight = std::exp(LatentScore(args, q, p) - largest);
    const std::byte* slice = args.pages[p / kPageTokens] + args.slice_offset;
    total += weight;
    for (int64_t d = 0; d < args.value_width; ++d) {
      sums[d] += weight * CachedLatent(args.type, slice, args.width, p % kPageTokens, d);
    }
  }
  for (int64_t d = 0; d < args.value_width; ++d) out[d] = static_cast<float>(sums[d] / total);
}

void LatentAttention(const LatentAttentionArgs& args) noexcept {
  for (int64_t t = 0; t < args.tokens; ++t) {
    for (int64_t h = 0; h < args.heads; ++h) {
      AttendLatents(args, args.q + t * args.q_token_stride + h * args.q_head_stride,
                    args.first_position + t,
                    args.out + t * args.out_token_stride + h * args.out_head_stride);
    }
  }
}

int64_t ArgMax(const float* x, int64_t n) noexcept {
  int64_t best = -1;
  for (int64_t i = 0; i < n; ++i) {
    if (std::isnan(x[i])) continue;
    if (best < 0 || x[i] > x[best]) best = i;
  }
  return std::max<int64_t>(best, 0);
}

float LogSumExp(const float* x, int64_t n) noexcept {
  float largest = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < n; ++i) largest = std::max(largest, x[i]);
  if (std::isinf(largest)) return largest;
  double total = 0.0;
  for (int64_t i = 0; i < n; ++i) total += std::exp(static_cast<double>(x[i]) - largest);
  return static_cast<float>(largest + std::log(total));
}

// ---- The table
// -----------------------------------------------------------------------------------

template <Format kFormat>
void SetFormat(KernelTable& table) {
  constexpr auto kIndex = static_cast<std::size_t>(kFormat);
  table.quantized_activations[kIndex] = false;
  table.matmul[kIndex] = MatMul<kFormat>;
  table.decode[kIndex] = RowOf(kFormat).decode;
}

template <std::size_t... kIndices>
void SetFormats(KernelTable& table, std::index_sequence<kIndices...>) {
  (SetFormat<static_cast<Format>(kIndices)>(table), ...);
}

KernelTable MakeTable() {
  KernelTable table{};
  table.name = "ref";
  SetFormats(table, std::make_index_sequence<kFormatCount>());
  table.quantize = Quantize;
  table.rms_norm = RmsNorm;
  table.rope = Rope;
  table.silu_mul = SiluMul;
  table.add = Add;
  table.add_scaled = AddScaled;
  table.cache_store = CacheStore;
  table.attention = Attention;
  table.latent_store = LatentStore;
  table.latent_attention = LatentAttention;
  table.argmax = ArgMax;
  table.log_sum_exp = LogSumExp;
  return table;
}

}  // namespace

const KernelTable& ReferenceKernels() {
  static const KernelTable table = MakeTable();
  return table;
}

}  // namespace fathom
