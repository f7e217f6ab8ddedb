// The decompressed form of latent attention, as plainly as it can be said: every cached latent is
// turned into the head's key and value, sums in double, softmax taken online. It owns what the
// absorbed form is compared with; speed is not its business.
#include <cmath>
#include <cstring>
#include <limits>

#include "models/layers/latent_attention.h"
#include "tensor/format.h"

namespace fathom {
namespace {

// Carves the oracle's scratch, or measures it.
struct NaiveScratch {
  float* key_matrix;    // [latent][nope]
  float* value_matrix;  // [value][latent]
  float* latent;        // [width]: one cached vector
  double* key;          // [nope]
  double* value;        // [value]
  double* sums;         // [rows][value]
  double* largest;      // [rows]
  double* total;        // [rows]
  int64_t bytes;

  NaiveScratch(const LatentAttentionShape& shape, int64_t rows, std::byte* memory) : bytes(0) {
    key_matrix = Take<float>(memory, shape.latent * shape.nope);
    value_matrix = Take<float>(memory, shape.value * shape.latent);
    latent = Take<float>(memory, shape.width());
    key = Take<double>(memory, shape.nope);
    value = Take<double>(memory, shape.value);
    sums = Take<double>(memory, rows * shape.value);
    largest = Take<double>(memory, rows);
    total = Take<double>(memory, rows);
  }

 private:
  template <class T>
  T* Take(std::byte* memory, int64_t count) {
    T* taken = memory == nullptr ? nullptr : reinterpret_cast<T*>(memory + bytes);
    bytes += static_cast<int64_t>(RoundUpToAlignment(static_cast<std::size_t>(count) * sizeof(T)));
    return taken;
  }
};

void Decode(const Linear& layer, float* to) {
  for (int64_t row = 0; row < layer.out_features(); ++row) {
    DecodeRow(layer, row, to + row * layer.in_features());
  }
}

void LoadLatent(const NaiveLatentArgs& args, int64_t position, float* to) {
  const int64_t width = args.shape.width();
  const std::byte* slice = args.pages[position / kPageTokens] + args.layer_offset;
  for (int64_t d = 0; d < width; ++d) {
    to[d] = CachedLatent(args.type, slice, width, position % kPageTokens, d);
  }
}

// key and value of one token, from its latent.
void Decompress(const LatentAttentionShape& shape, const NaiveScratch& s) {
  for (int64_t d = 0; d < shape.nope; ++d) {
    s.key[d] = 0.0;
    for (int64_t c = 0; c < shape.latent; ++c) {
      s.key[d] += static_cast<double>(s.latent[c]) * s.key_matrix[c * shape.nope + d];
    }
  }
  for (int64_t d = 0; d < shape.value; ++d) {
    s.value[d] = 0.0;
    for (int64_t c = 0; c < shape.latent; ++c) {
      s.value[d] += static_cast<double>(s.latent[c]) * s.value_matrix[d * shape.latent + c];
    }
  }
}

double Score(const LatentAttentionShape& shape, const NaiveScratch& s, const float* query) {
  double score = 0.0;
  for (int64_t d = 0; d < shape.nope; ++d) score += query[d] * s.key[d];
  for (int64_t d = 0; d < shape.rotary; ++d) {
    score += static_cast<double>(query[shape.nope + d]) * s.latent[shape.latent + d];
  }
  return score * shape.scale;
}

}  // namespace

int64_t LatentBuffers::NaiveBytes(const LatentAttentionShape& shape, int64_t task_rows) {
  return NaiveScratch(shape, task_rows, nullptr).bytes;
}

void AttendNaively(const NaiveLatentArgs& args) {
  const LatentAttentionShape& shape = args.shape;
  const NaiveScratch s(shape, args.rows, args.scratch);
  Decode(args.key, s.key_matrix);
  Decode(args.value, s.value_matrix);
  for (int64_t row = 0; row < args.rows; ++row) {
    s.largest[row] = -std::numeric_limits<double>::infinity();
    s.total[row] = 0.0;
    std::fill_n(s.sums + row * shape.value, shape.value, 0.0);
  }
  for (int64_t position = 0; position < args.first_position + args.rows; ++position) {
    LoadLatent(args, position, s.latent);
    Decompress(shape, s);
    const int64_t first = std::max<int64_t>(position - args.first_position, 0);
    for (int64_t row = first; row < args.rows; ++row) {
      const double score = Score(shape, s, args.queries + row * args.query_stride);
      const double largest = std::max(s.largest[row], score);
      const double rescale = std::exp(s.largest[row] - largest);
      const double weight = std::exp(score - largest);
      s.largest[row] = largest;
      s.total[row] = s.total[row] * rescale + weight;
      double* sums = s.sums + row * shape.value;
      for (int64_t d = 0; d < shape.value; ++d) {
        sums[d] = sums[d] * rescale + weight * s.value[d];
      }
    }
  }
  for (int64_t row = 0; row < args.rows; ++row) {
    for (int64_t d = 0; d < shape.value; ++d) {
      args.out[row * args.out_stride + d] =
          static_cast<float>(s.sums[row * shape.value + d] / s.total[row]);
    }
  }
}

}  // namespace fathom
