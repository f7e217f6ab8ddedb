#include "kernels/train/attention_grad.h"

#include <algorithm>
#include <cmath>

#include "kernels/train/gemm.h"
#include "kernels/train/vector_grad.h"

namespace fathom {
namespace {

// A block of queries and the keys that at least one of them sees.
struct Block {
  int64_t first;
  int64_t queries;
  int64_t keys() const { return first + queries; }
};

float* RowOf(const HeadRows& rows, int64_t row) { return rows.data + row * rows.stride; }

// scores[q][k] = scale * query . key, [queries][keys].
void Scores(const AttentionHead& head, const Block& block, float* scores) {
  Gemm(block.queries, block.keys(), head.queries.size, head.scale,
       {RowOf(head.queries, block.first), head.queries.stride},
       Transposed(head.keys.data, head.keys.stride), 0.0F, scores, block.keys());
}

template <class Function>
void ForBlocks(int64_t tokens, Function&& function) {
  for (int64_t first = 0; first < tokens; first += kQueryBlock) {
    function(Block{first, std::min(kQueryBlock, tokens - first)});
  }
}

}  // namespace

void AttendCausally(const AttentionHead& head, float* scratch) noexcept {
  ForBlocks(head.tokens, [&](const Block& block) {
    Scores(head, block, scratch);
    for (int64_t q = 0; q < block.queries; ++q) {
      float* row = scratch + q * block.keys();
      const int64_t seen = block.first + q + 1;
      const float largest = *std::max_element(row, row + seen);
      double sum = 0;
      for (int64_t k = 0; k < seen; ++k) {
        row[k] = std::exp(row[k] - largest);
        sum += row[k];
      }
      const auto inverse = static_cast<float>(1.0 / sum);
      for (int64_t k = 0; k < seen; ++k) row[k] *= inverse;
      std::fill(row + seen, row + block.keys(), 0.0F);
      head.log_sums[(block.first + q) * head.log_sum_stride] =
          largest + static_cast<float>(std::log(sum));
    }
    Gemm(block.queries, head.values.size, block.keys(), 1.0F, {scratch, block.keys()},
         {head.values.data, head.values.stride}, 0.0F, RowOf(head.out, block.first),
         head.out.stride);
  });
}

void AttendCausallyBackward(const AttentionHead& head, const AttentionHeadGrads& grads,
                            float* scratch) noexcept {
  ForBlocks(head.tokens, [&](const Block& block) {
    const int64_t keys = block.keys();
    float* probabilities = scratch;                          // [queries][keys]
    float* gradients = scratch + kQueryBlock * head.tokens;  // of them, then of the scores
    Scores(head, block, probabilities);
    for (int64_t q = 0; q < block.queries; ++q) {
      float* row = probabilities + q * keys;
      const int64_t seen = block.first + q + 1;
      const float log_sum = head.log_sums[(block.first + q) * head.log_sum_stride];
      for (int64_t k = 0; k < seen; ++k) row[k] = std::exp(row[k] - log_sum);
      std::fill(row + seen, row + keys, 0.0F);
    }
    const MatrixView dout{RowOf(grads.out, block.first), grads.out.stride};
    if (grads.values.data != nullptr) {
      Gemm(keys, head.values.size, block.queries, 1.0F, Transposed(probabilities, keys), dout, 1.0F,
           grads.values.data, grads.values.stride);
    }
    Gemm(block.queries, keys, head.values.size, 1.0F, dout,
         Transposed(head.values.data, head.values.stride), 0.0F, gradients, keys);
    for (int64_t q = 0; q < block.queries; ++q) {
      // The sum over keys of probability times gradient is output times its gradient.
      const auto mean = static_cast<float>(DotRow(
          RowOf(head.out, block.first + q), RowOf(grads.out, block.first + q), head.values.size));
      const float* p = probabilities + q * keys;
      float* g = gradients + q * keys;
      for (int64_t k = 0; k < keys; ++k) g[k] = p[k] * (g[k] - mean);
    }
    if (grads.queries.data != nullptr) {
      Gemm(block.queries, head.queries.size, keys, head.scale, {gradients, keys},
           {head.keys.data, head.keys.stride}, 1.0F, RowOf(grads.queries, block.first),
           grads.queries.stride);
    }
    if (grads.keys.data != nullptr) {
      Gemm(keys, head.keys.size, block.queries, head.scale, Transposed(gradients, keys),
           {RowOf(head.queries, block.first), head.queries.stride}, 1.0F, grads.keys.data,
           grads.keys.stride);
    }
  });
}

}  // namespace fathom
