// Owns: the measuring loops. Each is shaped like the layer it stands for: the same split over
// threads, the same number of matrices in a loop, weights that are not in the processor's caches.
// Invariant: what is measured is a median of several stretches, so that one disturbance does not
// decide. Not for: adding up (plan.h), nor for memory and disk (bandwidth.h, machine.h).
#include "placement/speed_probe.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/system_memory.h"
#include "kernels/attention_split.h"
#include "kernels/product_split.h"

namespace fathom {
namespace {

// Bounds of the made-up weights. The last-level caches of servers hold tens of megabytes, so
// weights of the upper bound are cold as those of a large model.
constexpr double kLeastBytes = double{16 << 20};
constexpr double kMostBytes = double{192 << 20};

constexpr int kStretches = 3;
constexpr double kStretchSeconds = 0.015;

// Fewest weight rows of a loop for each thread: a few of the smallest tasks there are.
constexpr int64_t kFewestRows = 64;

// A part of a matrix has a whole number of every instruction set's panels.
constexpr int64_t kWholeRows = 32;

// Multiplications of one loop where many rows share the weights; more would only take longer.
constexpr double kLoopProducts = 4e8;

// Attention: the longest stretches of cache that are walked; time beyond grows with the keys.
constexpr int64_t kMostSequences = 4;
constexpr int64_t kMostDecodeKeys = 4096;
constexpr int64_t kMostPrefillKeys = 1024;
constexpr int64_t kCacheBytes = int64_t{64} << 20;

// The median over some stretches of the seconds of one call of `loop`, each of as many calls as
// take long enough.
template <class Body>
double MedianSeconds(Body&& loop) {
  const double first = MonotonicSeconds();
  loop();
  const double once = std::max(MonotonicSeconds() - first, 1e-9);
  const int calls = static_cast<int>(std::clamp(kStretchSeconds / once, 1.0, 10000.0));
  std::array<double, kStretches> seconds;
  for (double& stretch : seconds) {
    const double start = MonotonicSeconds();
    for (int i = 0; i < calls; ++i) loop();
    stretch = (MonotonicSeconds() - start) / calls;
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[kStretches / 2];
}

// Ordinary activations: of either sign, none of them small.
std::vector<float> Waves(int64_t count) {
  std::vector<float> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = 1.5F * std::sin(static_cast<float>(i) * 0.7F) + 0.1F;
  }
  return values;
}

// Rows in blocks over the threads, as layers/linear.h does.
template <class Body>
void ForRows(ThreadPool& pool, int64_t rows, Body&& body) {
  if (rows <= 2 || pool.threads() == 1) {
    for (int64_t row = 0; row < rows; ++row) body(row);
    return;
  }
  const int64_t block = std::clamp<int64_t>(rows / (2 * pool.threads()), 1, 8);
  pool.ParallelFor((rows + block - 1) / block, [&](int64_t task, int) {
    const int64_t end = std::min((task + 1) * block, rows);
    for (int64_t row = task * block; row < end; ++row) body(row);
  });
}

}  // namespace

// Rows of activations as a product takes them.
struct SpeedProbe::Activation {
  Activation(const KernelTable& kernels, Format format, int64_t rows, int64_t columns)
      : floats(Waves(rows * columns)) {
    x.rows = rows;
    x.columns = columns;
    x.floats = floats.data();
    if (!kernels.quantized_activations[static_cast<std::size_t>(format)]) return;
    const auto groups = static_cast<std::size_t>(rows * columns / kActivationGroup);
    values.resize(floats.size());
    scales.resize(groups);
    sums.resize(groups);
    kernels.quantize({floats.data(), rows, columns, values.data(), scales.data(), sums.data()});
    x.values = values.data();
    x.scales = scales.data();
    x.sums = sums.data();
  }

  Activations x;
  std::vector<float> floats;
  std::vector<int16_t> values;
  std::vector<float> scales, sums;
};

SpeedProbe::SpeedProbe(const KernelTable& kernels, ThreadPool& pool, double step_bytes)
    : kernels_(kernels), pool_(pool) {
  const double affordable = std::max(static_cast<double>(AvailableMemoryBytes()) / 4, kLeastBytes);
  const double bytes = std::clamp(step_bytes, kLeastBytes, std::min(kMostBytes, affordable));
  // Weights are read from mapped files, at whose page borders prefetching ends.
  weights_ =
      Buffer(static_cast<std::size_t>(bytes), "the measurement of kernels", Buffer::Pages::kSmall);
  // Bytes of 0x20 to 0x3f: as whatever scale or value they are read, it is an ordinary number. Each
  // page is written, since pages that never were may all be one.
  constexpr int64_t kPiece = 1 << 20;
  const auto size = static_cast<int64_t>(weights_.size());
  pool_.ParallelFor((size + kPiece - 1) / kPiece, [&](int64_t piece, int) {
    auto state = static_cast<uint32_t>(piece) * 2654435761U + 1;
    std::byte* to = weights_.data();
    for (int64_t at = piece * kPiece; at < std::min(size, (piece + 1) * kPiece); ++at) {
      state = state * 1664525U + 1013904223U;  // Knuth's and Lewis' generator
      to[at] = static_cast<std::byte>(0x20U | (state >> 27));
    }
  });
}

// Seconds of one loop over `together` matrices of `weight_rows` rows.
double SpeedProbe::Loop(const WeightGroup& group, int64_t weight_rows, int64_t rows,
                        int64_t together) {
  const int64_t row_bytes = BytesOf(group.format, group.columns);
  const auto matrix_bytes = static_cast<std::size_t>(row_bytes * weight_rows);
  const int64_t size = ProductTaskRows(row_bytes, weight_rows, pool_.threads());
  const int64_t tasks = (weight_rows + size - 1) / size;

  const Activation activation(kernels_, group.format, rows, group.columns);
  std::vector<float> out(static_cast<std::size_t>(together * rows * weight_rows));
  const std::vector<float> ones(
      static_cast<std::size_t>((weight_rows / 128 + 1) * (group.columns / 128 + 1)), 1.0F);
  const auto multiply = kernels_.matmul[static_cast<std::size_t>(group.format)];
  return MedianSeconds([&] {
    const std::size_t bytes = matrix_bytes * static_cast<std::size_t>(together);
    if (at_ + bytes > weights_.size()) at_ = 0;
    const std::byte* begin = weights_.data() + at_;
    at_ += bytes;
    pool_.ParallelFor(tasks * together, [&](int64_t task, int) {
      const int64_t matrix = task / tasks;
      MatMulArgs args{};
      args.weights = begin + static_cast<std::size_t>(matrix) * matrix_bytes;
      args.row_bytes = row_bytes;
      args.row_begin = task % tasks * size;
      args.row_end = std::min(args.row_begin + size, weight_rows);
      args.x = activation.x;
      args.out = out.data() + matrix * rows * weight_rows;
      args.out_stride = weight_rows;
      if (group.format == Format::kF8_E4M3) args.scale_grid.scales = ones.data();
      multiply(args);
    });
  });
}

double SpeedProbe::MatrixSeconds(const WeightGroup& group, int64_t rows, int64_t together) {
  const int64_t row_bytes = BytesOf(group.format, group.columns);
  const auto room = static_cast<int64_t>(weights_.size());
  if (row_bytes > room) {
    throw Error(ErrorCode::kUnsupported, "a matrix with rows of " + std::to_string(row_bytes) +
                                             " bytes is too wide to be measured");
  }
  const int64_t least = std::min(group.rows, kFewestRows * pool_.threads());
  // Fewer matrices, and then fewer of their rows, where a loop would be longer than needed.
  const double products = static_cast<double>(rows * group.columns);
  const auto most_rows =
      std::min(static_cast<int64_t>(kLoopProducts / products), room / 2 / row_bytes);
  together = std::clamp(most_rows / group.rows, int64_t{1}, together);
  int64_t weight_rows = std::min(std::max(most_rows, least), room / row_bytes);
  if (weight_rows > kWholeRows) weight_rows = weight_rows / kWholeRows * kWholeRows;
  weight_rows = std::min(weight_rows, group.rows);
  const auto key = std::make_tuple(group.format, weight_rows, group.columns, rows, together);
  auto known = known_.find(key);
  if (known == known_.end()) {
    known = known_.emplace(key, Loop(group, weight_rows, rows, together)).first;
  }
  return known->second / static_cast<double>(together) * static_cast<double>(group.rows) /
         static_cast<double>(weight_rows);
}

double SpeedProbe::PairSeconds(const AttentionOutline& attention, CacheType type, int64_t tokens,
                               int64_t sequences, int64_t position) {
  const int64_t block = attention.latent ? kLatentRows : kGroupedRows;
  const int64_t count = std::min(tokens, kLatentRows);
  const int64_t users = std::min(sequences, kMostSequences);
  const int64_t first = std::min(position, count == 1 ? kMostDecodeKeys : kMostPrefillKeys);
  const int64_t pages = (first + count + kPageTokens - 1) / kPageTokens;
  // A page has several layers one behind the other; loops take them in turn, so that keys are cold.
  const int64_t layer_bytes = attention.layer_page_bytes(type);
  const int64_t layers =
      std::clamp(kCacheBytes / (users * pages * layer_bytes), int64_t{1}, int64_t{64});
  const Buffer memory(static_cast<std::size_t>(users * pages * layers * layer_bytes),
                      "the measurement of attention");
  std::fill_n(memory.data(), memory.size(), std::byte{0x2c});  // 0.065 as half, 2e-12 as float
  std::vector<std::byte*> table;
  for (int64_t i = 0; i < users * pages; ++i) {
    table.push_back(memory.data() + i * layers * layer_bytes);
  }
  const int64_t head = attention.latent ? attention.width : attention.head_dim;
  const int64_t stride = attention.heads * head;
  const std::vector<float> q = Waves(users * count * stride);
  std::vector<float> out(q.size());
  const int64_t blocks = (count + block - 1) / block;
  int64_t layer = 0;

  const auto latent = [&] {
    const int64_t wanted = (2 * pool_.threads() + users * blocks - 1) / (users * blocks);
    const int64_t heads = std::clamp(attention.heads / wanted, int64_t{1}, kLatentHeads);
    const int64_t parts = (attention.heads + heads - 1) / heads;
    pool_.ParallelFor(users * parts, [&](int64_t task, int) {
      const int64_t user = task / parts, begin = task % parts * heads;
      const int64_t at = user * count * stride + begin * head;
      kernels_.latent_attention({type, q.data() + at, stride, head, out.data() + at, stride, head,
                                 count, first, std::min(heads, attention.heads - begin),
                                 attention.width, attention.value_width, 0.1F,
                                 table.data() + user * pages, layer * layer_bytes});
    });
  };
  const auto grouped = [&] {
    const int64_t group = attention.heads / attention.kv_heads;
    const int64_t tasks = users * blocks * attention.kv_heads;
    const int64_t parts = group > 1 && tasks < 4 * pool_.threads() ? group : 1;
    const int64_t slice = CacheSliceBytes(type, head);
    pool_.ParallelFor(tasks * parts, [&](int64_t task, int) {
      const int64_t kv_head = task / parts % attention.kv_heads;
      const int64_t row = task / parts / attention.kv_heads % blocks * block;
      const int64_t user = task / parts / attention.kv_heads / blocks;
      const int64_t at =
          (user * count + row) * stride + (kv_head * group + task % parts * (group / parts)) * head;
      kernels_.attention({type, q.data() + at, stride, out.data() + at, stride,
                          std::min(block, count - row), first + row, group / parts, head, 0.1F,
                          table.data() + user * pages, layer * layer_bytes + kv_head * slice});
    });
  };
  const double seconds = MedianSeconds([&] {
    layer = (layer + 1) % layers;
    if (attention.latent) {
      latent();
    } else {
      grouped();
    }
  });
  const double pairs = static_cast<double>(users) * static_cast<double>(count) *
                       (static_cast<double>(first) + static_cast<double>(count + 1) / 2);
  return seconds / pairs;
}

double SpeedProbe::LayerSeconds(const ModelOutline& model, int64_t rows) {
  const int64_t n = model.hidden;
  const int64_t wide = std::max<int64_t>(model.feed_forward_width, 1);
  const int64_t measured = std::min<int64_t>(rows, 64);
  const std::vector<float> weight = Waves(n);
  const std::vector<float> gate = Waves(measured * wide), x = Waves(measured * n);
  const int64_t size = std::max(n, wide);
  std::vector<float> to(static_cast<std::size_t>(measured * size));
  std::vector<int16_t> values(to.size());
  const auto groups = static_cast<std::size_t>(measured * (size / kActivationGroup + 1));
  std::vector<float> scales(groups), sums(groups);
  const auto quantize = [&](const float* from, int64_t columns, int64_t row) {
    const int64_t whole = columns / kActivationGroup * kActivationGroup;
    if (whole == 0) return;
    const int64_t group = row * (size / kActivationGroup + 1);
    kernels_.quantize(
        {from, 1, whole, values.data() + row * size, scales.data() + group, sums.data() + group});
  };
  const double seconds = MedianSeconds([&] {
    // Before attention, before its output matrix, before the feed-forward half; each with the sum
    // that ends the half before.
    for (int part = 0; part < 3; ++part) {
      ForRows(pool_, measured, [&](int64_t row) {
        float* result = to.data() + row * size;
        kernels_.rms_norm(x.data() + row * n, weight.data(), 1e-6F, n, result);
        quantize(result, n, row);
        kernels_.add(x.data() + row * n, n, result);
      });
    }
    ForRows(pool_, measured, [&](int64_t row) {
      float* result = to.data() + row * size;
      const float* in = gate.data() + row * wide;
      kernels_.silu_mul(in, in, wide, result);
      quantize(result, wide, row);
    });
  });
  return seconds * static_cast<double>(rows) / static_cast<double>(measured);
}

double SpeedProbe::ChoiceSeconds(const ModelOutline& model) {
  const std::vector<float> logits = Waves(model.vocabulary);
  int64_t sum = 0;
  const double seconds =
      MedianSeconds([&] { sum += kernels_.argmax(logits.data(), model.vocabulary); });
  // The sum is part of the answer, in a way that cannot change it.
  return sum < 0 ? seconds * (1 + 1e-15) : seconds;
}

}  // namespace fathom
